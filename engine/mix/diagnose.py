"""Why a layer hurts, in words (features C9).

Its error split into parts, the figures that point to a cause, and the repair that they suggest with the gain that the
ledger predicts. Pure functions on weights, statistics of calibration, thresholds and the ledger; nothing is run.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..calib.equalize import find_pairs
from ..calib.statistics import TensorStatistics
from ..graph.model import Graph, Layer
from ..plan import Plan, Threshold
from ..text import visible
from .ledger import Ledger
from .ledger_sources import SourceMap
from .trial import Source

Array = NDArray[Any]

SPREAD = 16.0
"""Channels whose ranges differ by more than this waste four of seven bits on the quiet ones."""
OUTLIER = 4.0
"""A maximum this many times the 99.9 % point makes most values share few steps."""
SATURATED = 1e-3
"""Share of clipped values from which a threshold is called too low."""
JOINED = 4.0
"""Parts under one threshold whose own ranges differ by more than this."""
UNSIGNED = 255.0
SIGNED = 127.0


class Repair(StrEnum):
    """What the figures suggest."""

    THRESHOLD = "another threshold"
    EQUALIZE = "equalize this pair"
    BIAS = "correct the bias"
    FLOAT = "float this block"
    SPLIT = "give the parts thresholds of their own"
    NOTHING = "leave it"


@dataclass(frozen=True, slots=True)
class Parts:
    """Error of a layer's output as mean squares in its own units squared.

    weights: from rounding the weights, by channel scales; clipping: from values beyond the threshold; rounding: the
    twelfth of a squared step; joined: what of the rounding comes from a step that another tensor made wider.
    """

    weights: float
    clipping: float
    rounding: float
    joined: float

    @property
    def total(self) -> float:
        """All parts; ``joined`` is part of ``rounding``."""
        return self.weights + self.clipping + self.rounding

    def share(self, part: str) -> float:
        """A part by name as share of the total."""
        return float(getattr(self, part)) / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One layer: figures, sentences, and the repair with its predicted gain in dB at the outputs.

    channel_spread: largest over median range of the weights' output channels (1 without weights). outlier: maximum
    over the 99.9 % point of the output. saturated: share of values beyond the threshold. negative: share of values
    below zero. share: part of the plan's noise. gain: dB that the repair brings to the whole plan.
    """

    layer: str
    parts: Parts
    channel_spread: float
    outlier: float
    saturated: float
    negative: float
    share: float
    reasons: tuple[str, ...]
    repair: Repair
    block: tuple[str, ...]
    gain: float


def diagnose(
    graph: Graph,
    layer: Layer,
    plan: Plan,
    statistics: Mapping[str, TensorStatistics],
    ledger: Ledger,
    floats: frozenset[str] = frozenset(),
    stored: Threshold | None = None,
) -> Diagnosis:
    """Why *layer* hurts in the plan whose float layers are *floats*.

    stored: the range under which the chip really keeps the output, where that is not the plan's own row (two tensors
    under one threshold). Shapes: weights as the graph has them, output channels first.
    """
    row = plan.thresholds.get(layer.name)
    found = statistics.get(layer.name)
    real = stored or row
    parts = split(graph, layer, row, real, found, statistics)
    spread = channel_spread(graph, layer)
    outlier = outlier_ratio(found) if found is not None else 1.0
    saturated = beyond(found, real.value) if found is not None and real is not None else 0.0
    negative = below_zero(found) if found is not None else 0.0
    share = _share(ledger, layer.name, floats)
    repair, block = _repair(graph, layer, parts, spread, outlier, saturated, ledger.map)
    gain = _gain(ledger, layer.name, floats, repair, block, parts)
    reasons = tuple(
        _reasons(
            layer, parts, spread, outlier, saturated, negative, real, joined_parts(graph, layer, statistics)
        )
    )
    return Diagnosis(
        layer.name, parts, spread, outlier, saturated, negative, share, reasons, repair, block, gain
    )


# -------------------------------------------------------------------- the parts


def split(
    graph: Graph,
    layer: Layer,
    own: Threshold | None,
    stored: Threshold | None,
    found: TensorStatistics | None,
    statistics: Mapping[str, TensorStatistics],
) -> Parts:
    """The error of the layer's output, part by part, from figures alone."""
    weights = weight_error(graph, layer, statistics)
    if found is None or stored is None:
        return Parts(weights, 0.0, 0.0, 0.0)
    rounding = step(stored) ** 2 / 12
    joined = max(rounding - step(own) ** 2 / 12, 0.0) if own is not None else 0.0
    return Parts(weights, clipping_error(found, stored.value), rounding, joined)


def step(row: Threshold) -> float:
    """The distance of two neighbouring int8 values: 255 steps where nothing is negative, else 127."""
    return row.value / (UNSIGNED if row.min >= 0 else SIGNED)


def weight_error(graph: Graph, layer: Layer, statistics: Mapping[str, TensorStatistics]) -> float:
    """Mean square at the output of rounding weights by channel, for inputs without correlation."""
    weight = _weight(graph, layer)
    source = statistics.get(layer.inputs[0]) if layer.inputs else None
    if weight is None or source is None or weight.ndim < 2 or not weight.size:
        return 0.0
    rows = cast("NDArray[np.float64]", weight.reshape(weight.shape[0], -1).astype(np.float64))
    scale = np.abs(rows).max(axis=1, keepdims=True) / SIGNED
    scale = np.where(scale > 0, scale, 1.0)
    error = rows - np.round(rows / scale) * scale
    power = source.std**2 + source.mean**2
    return float(np.square(error).sum()) / len(rows) * power


def clipping_error(found: TensorStatistics, threshold: float) -> float:
    """Mean square of what lies beyond the threshold, from the histogram."""
    centres, counts = _bins(found)
    total = float(counts.sum())
    excess = np.maximum(np.abs(centres) - threshold, 0)
    return float((counts * excess**2).sum()) / total if total else 0.0


def _bins(found: TensorStatistics) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    counts = found.histogram.astype(np.float64)
    borders = np.linspace(found.histogram_lo, found.histogram_hi, len(counts) + 1)
    return (borders[1:] + borders[:-1]) / 2, counts


# -------------------------------------------------------------------- figures


def channel_spread(graph: Graph, layer: Layer) -> float:
    """Largest over median range of the weight's output channels; 1 without weights."""
    weight = _weight(graph, layer)
    if weight is None or weight.ndim < 2 or not weight.size:
        return 1.0
    ranges: Array = np.abs(weight.reshape(weight.shape[0], -1)).max(axis=1)
    middle = float(np.median(ranges))
    return float(ranges.max()) / middle if middle > 0 else 1.0


def _weight(graph: Graph, layer: Layer) -> Array | None:
    if layer.op not in ("Conv", "Deconv", "MatMul", "Scale") or len(layer.inputs) < 2:
        return None
    return graph.weights.get(layer.inputs[1])


def outlier_ratio(found: TensorStatistics, share: float = 0.999) -> float:
    """The largest magnitude over the one that this share of the values stays below."""
    centres, counts = _bins(found)
    order = np.argsort(np.abs(centres), kind="stable")
    sums = np.cumsum(counts[order])
    if not len(sums) or sums[-1] <= 0:
        return 1.0
    place = min(int(np.count_nonzero(sums < share * float(sums[-1]))), len(order) - 1)
    width = (found.histogram_hi - found.histogram_lo) / len(counts)
    point = abs(float(centres[order[place]])) + width / 2
    return max(found.largest / point, 1.0) if point > 0 else 1.0


def beyond(found: TensorStatistics, threshold: float) -> float:
    """Share of values whose magnitude exceeds the threshold."""
    centres, counts = _bins(found)
    total = float(counts.sum())
    return float(counts[np.abs(centres) > threshold].sum()) / total if total else 0.0


def below_zero(found: TensorStatistics) -> float:
    """Share of negative values."""
    centres, counts = _bins(found)
    total = float(counts.sum())
    return float(counts[centres < 0].sum()) / total if total and found.min < 0 else 0.0


def joined_parts(graph: Graph, layer: Layer, statistics: Mapping[str, TensorStatistics]) -> float:
    """How much the ranges differ that one threshold must serve: operands of a Concat, results of Slices.

    1 where the layer joins and splits nothing.
    """
    names: Iterable[str] = ()
    if layer.op == "Concat":
        names = graph.activations(layer)
    else:
        cuts = [user for user in graph.consumers(layer.name) if user.op == "Slice"]
        if len(cuts) > 1:
            names = [cut.name for cut in cuts]
    ranges = [statistics[name].largest for name in names if name in statistics]
    ranges = [value for value in ranges if value > 0]
    return max(ranges) / min(ranges) if len(ranges) > 1 else 1.0


# -------------------------------------------------------------------- words and repairs


def _reasons(
    layer: Layer,
    parts: Parts,
    spread: float,
    outlier: float,
    saturated: float,
    negative: float,
    row: Threshold | None,
    joined: float,
) -> Iterable[str]:
    name = visible(layer.name)
    if parts.share("weights") > 0.5:
        yield f"{name}: {parts.share('weights'):.0%} of its error comes from its weights"
    if spread > SPREAD:
        yield f"its widest output channel has {spread:.0f} times the range of the median one"
    if parts.share("clipping") > 0.5 or saturated > SATURATED:
        clipped = parts.share("clipping")
        yield f"{saturated:.2%} of its values lie beyond the threshold; {clipped:.0%} of its error is clipping"
    if outlier > OUTLIER:
        yield f"its largest value is {outlier:.1f} times the one that 99.9 % stay below"
    if row is not None and row.min < 0 and negative < 1e-3:
        yield f"it is stored with a sign, but only {negative:.2%} of its values are negative: one bit is lost"
    if parts.share("joined") > 0.3:
        yield f"{parts.share('joined'):.0%} of its error comes from a scale that it shares with a wider tensor"
    if joined > JOINED:
        yield f"one threshold serves parts whose ranges differ {joined:.0f} times"


def _repair(
    graph: Graph,
    layer: Layer,
    parts: Parts,
    spread: float,
    outlier: float,
    saturated: float,
    found: SourceMap,
) -> tuple[Repair, tuple[str, ...]]:
    """The repair that the figures point to and the layers it concerns."""
    partner = next((pair for pair in find_pairs(graph) if layer.name in (pair.first, pair.second)), None)
    if parts.total == 0:
        return Repair.NOTHING, (layer.name,)
    if parts.share("joined") > 0.3:
        return Repair.SPLIT, (layer.name,)
    if parts.share("clipping") > 0.5 or saturated > SATURATED or outlier > OUTLIER:
        return Repair.THRESHOLD, (layer.name,)
    if spread > SPREAD and partner is not None:
        return Repair.EQUALIZE, (partner.first, partner.second)
    if parts.share("weights") > 0.5 and layer.op == "Conv":
        return Repair.BIAS, (layer.name,)
    block = (layer.name, *found.neighbours(layer.name)) if layer.name in found.by_name else (layer.name,)
    return Repair.FLOAT, block


def _share(ledger: Ledger, layer: str, floats: frozenset[str]) -> float:
    """Part of the plan's loss that is the layer's own."""
    losses = ledger.losses({})
    total = float(losses @ ledger.map.weights(floats))
    index = ledger.map.index.get(Source("layer", layer))
    if index is None or layer in floats or total <= 0:
        return 0.0
    return float(losses[index]) / total


def _gain(
    ledger: Ledger, layer: str, floats: frozenset[str], repair: Repair, block: tuple[str, ...], parts: Parts
) -> float:
    """The repair's gain at the worst output, in dB.

    Floating is predicted as any plan is; another repair takes away the part of the layer's own noise that it mends:
    clipping and half of the rounding for a threshold, the joined part for a split, the weights for the others.
    """
    before = ledger.predict_floats(floats)
    if repair is Repair.FLOAT:
        return _difference(ledger.predict_floats(floats | frozenset(block)).sqnr, before.sqnr)
    mended = {
        Repair.THRESHOLD: parts.share("clipping") + parts.share("rounding") / 2,
        Repair.SPLIT: parts.share("joined"),
        Repair.EQUALIZE: parts.share("weights") * 0.75,
        Repair.BIAS: parts.share("weights") * 0.25,
    }.get(repair, 0.0)
    share = min(mended * _share(ledger, layer, floats), 1 - 1e-9)
    return -10 * math.log10(1 - share)


def _difference(after: float, before: float) -> float:
    return after - before if math.isfinite(after) and math.isfinite(before) else math.inf
