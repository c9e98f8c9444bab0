"""Why a layer hurts, in words (features C9).

Its error split into parts, the figures that point to a cause, and every repair with its predicted gain. Nothing is
run: weights, statistics of calibration, thresholds and, where there is one, the noise ledger.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..graph.model import Layer
from ..text import percent, visible
from .error_parts import Parts, below_zero, beyond, channel_spread, heard, joined_parts, outlier_ratio, stored
from .repairs import SCATTER, Action, Evidence, Repair, repairs
from .trial import Source

SPREAD = 16.0
"""Channels whose ranges differ by more than this waste four of seven bits on the quiet ones."""
OUTLIER = 4.0
"""A maximum this many times the 99.9 % point makes most values share few steps."""
SATURATED = 1e-3
"""Share of clipped values from which a threshold is called too low."""
JOINED = 4.0
"""Parts under one threshold whose own ranges differ by more than this."""
RARE = 1e-3
"""Share of negative values up to which a sign is called wasted."""
MOST = 0.5
"""Share of the error from which a part is called its cause."""
CHEAP = 0.5
"""Share of the best gain with which a repair that keeps int8 is suggested before floating."""
HALVED = 3.0
"""dB: half of the error."""
PLENTY = 6.0
"""dB: a best gain beyond it does not raise what is asked of a repair that keeps int8."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One layer: figures, sentences, and repairs, the largest predicted gain first.

    mode: as the chip runs it. channel_spread: largest over median range of the weights' output channels (1 without
    weights). outlier: maximum over the 99.9 % point of the output. saturated: share of values beyond the threshold.
    negative: share of values below zero. joined: how much the ranges differ that one threshold serves (1: one range),
    ``under_one``: whose they are. arrived: share of the error at the layer's output that is not its own (nan:
    unknown). share: part of the plan's noise at the outputs (nan without a ledger).
    """

    layer: str
    op: str
    mode: str
    parts: Parts
    channel_spread: float
    outlier: float
    saturated: float
    negative: float
    signed: bool
    joined: float
    under_one: tuple[str, ...]
    arrived: float
    share: float
    reasons: tuple[str, ...]
    repairs: tuple[Repair, ...]

    @property
    def suggested(self) -> Repair | None:
        """The repair that the figures point to; None where none gains more than runs scatter.

        One that keeps int8 goes before floating where it gains half as much. A better threshold costs nothing: it is
        suggested, too, where it halves the layer's own error while nothing shows at the outputs.
        """
        worth = [one for one in self.repairs if one.sure or (not one.at_outputs and one.gain >= SCATTER)]
        kept = [one for one in worth if one.action is not Action.FLOAT]
        if worth:
            enough = CHEAP * min(worth[0].gain, PLENTY)
            return kept[0] if kept and kept[0].gain >= enough else worth[0]
        rows = [one for one in self.repairs if one.threshold is not None and one.own >= HALVED]
        return rows[0] if rows else None


def diagnose(evidence: Evidence, layer: Layer, *, repair: bool = True) -> Diagnosis:
    """Why *layer* hurts in the evidence's plan; *repair* False leaves the repairs out, which cost the most."""
    kind, found = stored(evidence.program, layer.name), heard(evidence.graph, evidence.statistics, layer.name)
    parts = evidence.parts(layer)
    joined, under_one = joined_parts(evidence.graph, layer, evidence.statistics)
    known = found is not None and kind is not None
    found_here = Diagnosis(
        layer=layer.name,
        op=layer.op,
        mode=evidence.program.modes.get(layer.name, ""),
        parts=parts,
        channel_spread=channel_spread(evidence.graph, layer),
        outlier=outlier_ratio(found) if found is not None else 1.0,
        saturated=beyond(found, kind) if found is not None and kind is not None else 0.0,
        negative=below_zero(found) if found is not None else 0.0,
        signed=known and kind is not None and kind.storage == "int8",
        joined=joined,
        under_one=under_one,
        arrived=_arrived(evidence, layer, parts),
        share=_share(evidence, layer.name),
        reasons=(),
        repairs=repairs(evidence, layer) if repair else (),
    )
    words = tuple(reasons(found_here)) or ("nothing in its figures stands out",)
    return replace(found_here, reasons=words)


def _arrived(evidence: Evidence, layer: Layer, parts: Parts) -> float:
    whole = evidence.arrived.get(layer.name)
    if whole is None or whole <= 0:
        return math.nan
    return max(1 - parts.total / whole, 0.0)


def _share(evidence: Evidence, layer: str) -> float:
    """Part of the plan's loss at the outputs that is the layer's own."""
    ledger = evidence.ledger
    if ledger is None:
        return math.nan
    losses = ledger.losses({})
    total = float(losses @ ledger.map.weights(evidence.floats))
    index = ledger.map.index.get(Source("layer", layer))
    if index is None or layer in evidence.floats or total <= 0:
        return 0.0
    return float(losses[index]) / total


# -------------------------------------------------------------------- words


def reasons(found: Diagnosis) -> Iterable[str]:
    """Sentences that the figures carry, without the layer's name: the causes, and how much it matters."""
    yield from causes(found)
    if found.share >= 0:
        yield f"it makes {percent(found.share)} of the noise at the outputs"


def causes(found: Diagnosis) -> Iterable[str]:
    """Why the layer's own output is wrong, without the layer's name."""
    parts = found.parts
    if parts.share("weights") > MOST:
        yield f"{percent(parts.share('weights'))} of its own error comes from rounding its weights"
    if parts.share("shift") > MOST / 2:
        yield f"{percent(parts.share('shift'))} of its own error moves whole channels by a constant"
    if found.channel_spread > SPREAD:
        yield f"its widest output channel has {found.channel_spread:.0f} times the range of the median one"
    if parts.share("clipping") > MOST or found.saturated > SATURATED:
        yield (
            f"{percent(found.saturated)} of its values lie beyond the threshold, "
            f"{percent(parts.share('clipping'))} of its own error is clipping"
        )
    if found.outlier > OUTLIER:
        yield f"its largest value is {found.outlier:.1f} times the one that 99.9 % stay below"
    if found.signed and found.negative < RARE:
        few = percent(found.negative)
        yield f"it is stored with a sign, but only {few} of its values are negative: one bit is lost"
    if parts.share("joined") > MOST / 2:
        joined = percent(parts.share("joined"))
        yield f"{joined} of its own error comes from a step that it shares with a wider tensor"
    if found.joined > JOINED:
        names = ", ".join(visible(name) for name in found.under_one[:4])
        yield f"one threshold serves parts whose ranges differ {found.joined:.1f} times: {names}"
    if found.arrived > MOST:
        yield f"{percent(found.arrived)} of the error at its output came from layers before it"
