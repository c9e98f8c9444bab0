"""Makes a layer's close-up (insight.py) of what the assessing process holds; nothing is run for it."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..engine.graph.model import Graph, Layer
from ..engine.mix.diagnose import causes
from ..engine.mix.error_parts import weight_rows
from ..engine.mix.repairs import Action, Evidence
from ..engine.mix.repairs import Repair as Found
from ..engine.mix.threshold_moves import threshold_moves
from ..engine.run.score import Similarity
from .insight import Insight, Repair

if TYPE_CHECKING:
    from ..sessions.expectation import Expected
    from ..sessions.reasons import Reasons

WORST = 12  # samples that are told
LEAST_GAIN = 0.05  # dB below which a repair is not offered


def closeup(
    number: int,
    layer: Layer,
    why: "Reasons",
    samples: tuple[tuple[str, float, float], ...] | None,
    local: Similarity | None = None,
    expected: "Expected | None" = None,
    corrected: bool = False,
) -> Insight:
    """The close-up of *layer* under the plan of *why*, which has this number in the session.

    expected: predicts float layers as the header and the table do, from the runs that are known. local: its figures
    alone in int8, where they are known: what makes no error is offered no repair. corrected: the plan is one of
    corrected biases: nothing is predicted at the outputs, and no constant shift is left to be mended.
    """
    found, evidence = why.of_layer(layer.name), why.evidence
    if corrected:
        found = replace(
            found,
            parts=replace(found.parts, weights=found.parts.weights - found.parts.shift, shift=0.0),
            repairs=tuple(one for one in found.repairs if one.action is not Action.BIAS),
        )
    told = [told_repair(one, evidence, expected) for one in found.repairs]
    silent = found.share == 0  # measured at the outputs
    exact = (local is not None and not any(local.noise)) or (silent and found.parts.total <= 0)
    offered = [one for one in told if one.gain >= LEAST_GAIN and not (silent or exact)]
    return Insight(
        plan=number,
        layer=layer.name,
        channels=channel_ranges(evidence.graph, layer),
        samples=samples,
        share=None if math.isnan(found.share) else found.share,
        reasons=("it makes no error of its own",) if exact else tuple(causes(found)),
        repairs=tuple(sorted(offered, key=lambda one: -one.gain)),
        complete=evidence.ledger is not None,
        alone=corrected,
    )


def told_repair(found: Found, evidence: Evidence, expected: "Expected | None" = None) -> Repair:
    """A repair as the workbench shows and applies it; its gain is what the header will say of the plan."""
    mode, row, gain, error = evidence.plan.fp_type, found.threshold, found.gain, None
    measured = False
    if expected is not None and found.at_outputs and found.plan is not None:
        moves = threshold_moves(evidence, found.plan) if row is not None else None
        if row is None or moves is not None:
            gain, error = expected.gain(evidence.plan, found.plan, moves)
            measured = error is None
    kind, value, title, ends = "stage", str(found.action), found.words, None
    if row is not None:
        kind, value, ends = "threshold", row.method, (row.value, row.min, row.max)
    elif found.action is Action.FLOAT:
        kind, value = "modes", mode
        title = f"run it in {mode}" + (f" with {', '.join(found.layers[1:])}" if found.layers[1:] else "")
    return Repair(
        title, kind, value, found.layers, gain, error, not found.at_outputs, measured=measured, row=ends
    )


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
