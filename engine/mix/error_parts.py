"""What a layer in int8 adds to the error of its output, part by part, from weights, statistics and thresholds alone.

Every figure is a mean square in the output's own units squared. Nothing is run: weights are those that the chip
really uses, activations are known by their mean, deviation and histogram over the calibration samples.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..calib.statistics import TensorStatistics
from ..graph.model import Graph, Layer
from ..graph.vocabulary import MatMul
from ..hw.program import Program, Step, TensorType

Array = NDArray[Any]
Rows = NDArray[np.float64]
Figures = Mapping[str, TensorStatistics]

MOVERS = frozenset(
    {
        "Concat", "Depth2Space", "MaxPool", "Pad", "Permute", "Relu", "Reshape", "Slice", "Squeeze", "Tile",
        "Unsqueeze", "Upsample",
    }
)  # fmt: skip
"""Ops that add nothing of their own where input and output are stored alike."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Error of a layer's output as mean squares in its own units squared.

    weights: from rounding the weights; shift: what of it moves a whole channel by a constant, so that a bias can take
    it back; clipping: from values beyond the threshold; rounding: the twelfth of a squared step, for values that are
    not zero; joined: what of the rounding comes from a step that another tensor made wider.
    """

    weights: float = 0.0
    shift: float = 0.0
    clipping: float = 0.0
    rounding: float = 0.0
    joined: float = 0.0

    @property
    def total(self) -> float:
        """All parts; ``shift`` is part of ``weights``, ``joined`` of ``rounding``."""
        return self.weights + self.clipping + self.rounding

    def share(self, part: str) -> float:
        """A part by name as share of the total."""
        return float(getattr(self, part)) / self.total if self.total else 0.0


def split(graph: Graph, layer: Layer, program: Program, figures: Figures, own: TensorType | None) -> Parts:
    """The error that the layer itself adds in a program.

    own: how its output would be stored if no other tensor had a say. A float layer has only what is lost where int8
    layers read it.
    """
    weights = shift = 0.0
    if program.modes.get(layer.name) == "INT8":
        weights, shift = weight_error(graph, layer, program, figures)
    found, kind = heard(graph, figures, layer.name), stored(program, layer.name)
    if found is None or kind is None or _moves(graph, layer, program):
        return Parts(weights, shift)
    rounding = rounding_error(found, kind)
    joined = max(rounding - rounding_error(found, own), 0.0) if own is not None else 0.0
    return Parts(weights, shift, clipping_error(found, kind), rounding, joined)


def heard(graph: Graph, figures: Figures, tensor: str) -> TensorStatistics | None:
    """The statistics of a tensor as its readers take it: what is negative is zero where a ReLU alone reads it."""
    readers = graph.consumers(tensor)
    if len(readers) == 1 and readers[0].op == "Relu" and tensor not in graph.output_tensors:
        return figures.get(readers[0].name) or figures.get(tensor)
    return figures.get(tensor)


def stored(program: Program, tensor: str) -> TensorType | None:
    """How int8 layers see a tensor; None where it stays float."""
    for key in (tensor, (tensor, "INT8")):
        kind = program.types.get(key)
        if kind is not None and kind.quantized:
            return kind
    return None


def _moves(graph: Graph, layer: Layer, program: Program) -> bool:
    """Whether the layer only moves integers."""
    made = program.types.get(layer.name)
    names = graph.activations(layer)
    return layer.op in MOVERS and made is not None and made.quantized and all(
        program.types.get(name) == made for name in names
    )  # fmt: skip


# -------------------------------------------------------------------- weights


def weight_error(graph: Graph, layer: Layer, program: Program, figures: Figures) -> tuple[float, float]:
    """Mean square at the output of rounding the weights, and what of it is constant in each channel.

    Inputs count as independent of each other, all with the mean and deviation of their tensor; behind a fused ReLU
    only values that are not zero show it.
    """
    step = next(
        (one for one in program.steps if one.layer == layer.name and "weight" in one.parameters), None
    )
    source = figures.get(layer.inputs[0]) if layer.inputs else None
    error = _row_errors(graph, layer, program, step) if step is not None else None
    if source is None or error is None or not error.size:
        return 0.0, 0.0
    found = figures.get(layer.name)
    shown = 1 - found.zero_share if found is not None else 1.0
    moved = float(np.square(error.sum(axis=1)).mean()) * source.mean**2
    spread = float(np.square(error).sum(axis=1).mean()) * source.std**2
    return (spread + moved) * shown, moved * shown


def weight_rows(graph: Graph, layer: Layer) -> Rows | None:
    """The network's constant weights, one row for each output channel; None where there are none."""
    if layer.op not in ("Conv", "Deconv", "MatMul", "Scale") or len(layer.inputs) < 2:
        return None
    weight = graph.weights.get(layer.inputs[1])
    if weight is None or not weight.size or weight.dtype.kind != "f":
        return None
    if isinstance(layer.attributes, MatMul):
        if weight.ndim != 2:
            return None
        weight = weight if layer.attributes.right_transpose else weight.T
    count = weight.size if layer.op == "Scale" else len(weight)
    return np.asarray(weight.reshape(count, -1), np.float64)


def _row_errors(graph: Graph, layer: Layer, program: Program, step: Step) -> Rows | None:
    """The chip's weights, multipliers included, minus the network's."""
    rows = weight_rows(graph, layer)
    given, made = stored(program, layer.inputs[0]), stored(program, layer.name)
    if rows is None or given is None or made is None or not given.scale:
        return None
    requant = step.parameters.get("requant", step.parameters)
    multiplier, shift = (
        (requant["multiplier"], requant["shift"])
        if isinstance(requant, Mapping)
        else (requant.multiplier, requant.shift)
    )
    factor = np.asarray(multiplier, np.float64) * 2.0 ** -np.asarray(shift, np.float64)
    whole: Array = step.parameters["weight"]
    whole = (whole.T if layer.op == "MatMul" else whole).reshape(rows.shape).astype(np.float64)
    return np.asarray(whole * factor.reshape(-1, 1) * (made.scale or 0.0) / given.scale - rows, np.float64)


def channel_spread(graph: Graph, layer: Layer) -> float:
    """Largest over median range of the weight's output channels; 1 without weights."""
    rows = weight_rows(graph, layer)
    if rows is None or rows.shape[1] < 2:
        return 1.0
    ranges: Array = np.abs(rows).max(axis=1)
    middle = float(np.median(ranges))
    return float(ranges.max()) / middle if middle > 0 else 1.0


# -------------------------------------------------------------------- activations


def rounding_error(found: TensorStatistics, kind: TensorType) -> float:
    """The twelfth of a squared step for values within reach that are not zero, and never more than they hold."""
    inside = 1 - found.zero_share - beyond(found, kind)
    power = found.std**2 + found.mean**2
    return min(max(inside, 0.0) * (kind.scale or 0.0) ** 2 / 12, power)


def clipping_error(found: TensorStatistics, kind: TensorType) -> float:
    """Mean square of what lies beyond the reach, values being spread evenly within a bin of the histogram."""
    low, high, counts = _bins(found)
    top = reach(kind)
    bottom = 0.0 if kind.storage == "uint8" else top
    excess = _excess(low, high, top) + _excess(-high, -low, bottom)
    total = float(counts.sum())
    return float((counts * excess).sum()) / total if total else 0.0


def _excess(low: Rows, high: Rows, top: float) -> Rows:
    """Mean over each bin of the square of what exceeds *top*."""
    width = np.maximum(high - low, 1e-300)
    upper, lower = np.maximum(high - top, 0.0), np.maximum(low - top, 0.0)
    return (upper**3 - lower**3) / (3 * width)


def reach(kind: TensorType) -> float:
    """The largest magnitude that a type holds."""
    return (kind.scale or 0.0) * (255 if kind.storage == "uint8" else 127)


def outlier_ratio(found: TensorStatistics, share: float = 0.999) -> float:
    """The largest magnitude over the one that this share of the values stays below."""
    low, high, counts = _bins(found)
    centres: Rows = np.abs(low + high) / 2
    order = np.argsort(centres, kind="stable")
    sums = np.cumsum(counts[order])
    if not len(sums) or sums[-1] <= 0:
        return 1.0
    place = min(int(np.count_nonzero(sums < share * float(sums[-1]))), len(order) - 1)
    point = float(centres[order[place]] + (high[0] - low[0]) / 2)
    return max(found.largest / point, 1.0) if point > 0 else 1.0


def beyond(found: TensorStatistics, kind: TensorType) -> float:
    """Share of values that the type cannot hold."""
    low, high, counts = _bins(found)
    total = float(counts.sum())
    top = reach(kind)
    bottom = 0.0 if kind.storage == "uint8" else -top
    width = np.maximum(high - low, 1e-300)
    out = np.clip((high - top) / width, 0, 1) + np.clip((bottom - low) / width, 0, 1)
    return float((counts * out).sum()) / total if total and found.largest > top * (1 - 1e-9) else 0.0


def below_zero(found: TensorStatistics) -> float:
    """Share of negative values."""
    low, high, counts = _bins(found)
    total = float(counts.sum())
    return float(counts[low + high < 0].sum()) / total if total and found.min < 0 else 0.0


def _bins(found: TensorStatistics) -> tuple[Rows, Rows, Rows]:
    """Lower borders, upper borders, counts."""
    counts = found.histogram.astype(np.float64)
    borders = np.linspace(found.histogram_lo, found.histogram_hi, len(counts) + 1)
    return borders[:-1], borders[1:], counts


def joined_parts(graph: Graph, layer: Layer, figures: Figures) -> tuple[float, tuple[str, ...]]:
    """How much the ranges differ that one threshold must serve, and whose they are; 1 and none where it serves one.

    Operands of a Concat, or results of the Slices that cut the layer's output (a Split).
    """
    names: tuple[str, ...] = ()
    if layer.op == "Concat":
        names = graph.activations(layer)
    else:
        cuts = tuple(user.name for user in graph.consumers(layer.name) if user.op == "Slice")
        names = cuts if len(cuts) > 1 else ()
    ranges = {name: figures[name].largest for name in names if name in figures}
    ranges = {name: value for name, value in ranges.items() if value > 0}
    if len(ranges) < 2:
        return 1.0, ()
    return max(ranges.values()) / min(ranges.values()), tuple(ranges)
