"""Makes a layer's close-up (insight.py) of what the assessing process holds; nothing is run for it."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..engine.graph.model import Graph, Layer
from ..engine.mix.diagnose import causes
from ..engine.mix.error_parts import weight_rows
from ..engine.mix.repairs import Action
from ..engine.mix.repairs import Repair as Found
from ..engine.run.score import Similarity
from .insight import Insight, Repair

if TYPE_CHECKING:
    from ..engine.mix.ledger import Ledger
    from ..sessions.reasons import Reasons

WORST = 12  # samples that are told
LEAST_GAIN = 0.05  # dB below which a repair is not offered


def closeup(
    number: int,
    layer: Layer,
    why: "Reasons",
    samples: tuple[tuple[str, float, float], ...] | None,
    local: Similarity | None = None,
) -> Insight:
    """The close-up of *layer* under the plan of *why*, which has this number in the session.

    local: its figures alone in int8, where they are known: what makes no error is offered no repair.
    """
    found, evidence = why.of_layer(layer.name), why.evidence
    silent = found.share == 0  # measured at the outputs
    exact = (local is not None and not any(local.noise)) or (silent and found.parts.total <= 0)
    offered = [
        told_repair(one, evidence.plan.fp_type, evidence.ledger)
        for one in found.repairs
        if one.gain >= LEAST_GAIN and not (silent or exact)
    ]
    return Insight(
        plan=number,
        layer=layer.name,
        channels=channel_ranges(evidence.graph, layer),
        samples=samples,
        share=None if math.isnan(found.share) else found.share,
        reasons=("it makes no error of its own",) if exact else tuple(causes(found)),
        repairs=tuple(offered),
        complete=evidence.ledger is not None,
    )


def told_repair(found: Found, mode: str, ledger: "Ledger | None") -> Repair:
    """A repair as the workbench shows and applies it; *mode*: the plan's float type."""
    rough = not found.at_outputs
    row = found.threshold
    if row is not None:
        return Repair(
            found.words,
            "threshold",
            row.method,
            found.layers,
            found.gain,
            rough=rough,
            row=(row.value, row.min, row.max),
        )
    if found.action is Action.FLOAT:
        beside = f" with {', '.join(found.layers[1:])}" if len(found.layers) > 1 else ""
        error = None
        if ledger is not None and found.plan is not None:
            then = ledger.predict(found.plan)
            error = (then.high - then.low) / 2
        return Repair(
            f"run it in {mode}{beside}", "modes", mode, found.layers, found.gain, error, rough=rough
        )
    return Repair(found.words, "stage", str(found.action), found.layers, found.gain, rough=rough)


def worst_samples(names: Sequence[str], figures: Similarity | None) -> tuple[tuple[str, float, float], ...]:
    """The samples on which a tensor is worst: name, cosine, SQNR in dB."""
    if figures is None:
        return ()
    rows = [
        (name, cosine, decibels(signal, noise))
        for name, cosine, signal, noise in zip(
            names, figures.cosine, figures.signal, figures.noise, strict=False
        )
    ]
    return tuple(sorted(rows, key=lambda row: row[2])[:WORST])


def decibels(signal: float, noise: float) -> float:
    """SQNR of two energies."""
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal > 0 else -math.inf


def channel_ranges(graph: Graph, layer: Layer) -> tuple[float, ...]:
    """Largest magnitude of each output channel's weights; empty without weights."""
    rows = weight_rows(graph, layer)
    return () if rows is None else tuple(float(value) for value in np.abs(rows).max(axis=1))
