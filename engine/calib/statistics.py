"""What is known of every tensor after one pass over the samples, whatever the number of methods (spec B.2).

A sample's activations are looked at and let go; what stays is of fixed size, save for the K extreme values
that a percentile needs (spec B.5).
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import QuantdeckError
from ..graph.model import Graph
from ..graph.vocabulary import (
    Add,
    AddConst,
    Concat,
    Max,
    MaxConst,
    Min,
    MinConst,
    Mul,
    MulConst,
    Permute,
    Reshape,
    Slice,
    Squeeze,
    Sub,
    SubConst,
    Unsqueeze,
    Where,
)
from ..text import visible
from .display import DisplayHistogram
from .extremes import MagnitudePercentile, Percentile
from .methods import KNOWN
from .sample import FLOOR, Array, Collector, Reading, Setting, View

Progress = Callable[[int, int], None]
_CARRIERS = (
    Add, AddConst, Concat, Max, MaxConst, Min, MinConst, Mul, MulConst, Permute, Reshape, Slice, Squeeze, Sub,
    SubConst, Unsqueeze, Where,
)  # fmt: skip
"""Layers that hand an infinity on; what others make of one is an error."""
MASK = 1e30
"""Magnitudes from here on are mask values ("minus huge"), not data: they are left out of every statistic."""

LEAST_MASK = -1000.0
"""The smallest magnitude at which a constant is looked at as a mask."""
_LAST_OUTPUTS = 5


class Runner(Protocol):
    """The part of FloatRunner that the pass needs."""

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Values by tensor name."""
        ...


@dataclass(frozen=True, slots=True)
class TensorStatistics:
    """One tensor over all samples, in its own units; mask values are not part of any figure.

    samples, size: number of samples, elements of one. zero_share: share of exact zeros. histogram: float32
    counts of 256 bins over [histogram_lo, histogram_hi]. readings: what each method says, raw. masked: mask
    values were met. tail_is_maximum: the percentile of |x| equals max|x| (asked of the last five tensors
    only). warning: why the tensor is degenerate, or None.
    """

    name: str
    samples: int
    size: int
    min: float
    max: float
    mean: float
    std: float
    zero_share: float
    histogram: NDArray[np.float32]
    histogram_lo: float
    histogram_hi: float
    readings: Mapping[str, Reading] = field(default_factory=dict[str, Reading])
    masked: bool = False
    tail_is_maximum: bool = False
    warning: str | None = None

    @property
    def largest(self) -> float:
        """max|x| over all samples."""
        return max(abs(self.min), abs(self.max))


def collect(
    graph: Graph,
    samples: Iterable[Mapping[str, Array]],
    runner: Runner,
    *,
    methods: Sequence[str],
    bins: int = 2048,
    count: int,
    label: Callable[[int], str] = "sample {}".format,
    tops: Mapping[str, float] | None = None,
    progress: Progress | None = None,
) -> dict[str, TensorStatistics]:
    """One pass over *samples*; statistics by tensor in the order of ``graph.calibrated``.

    methods: names of the registry. count: number of samples that will come (percentiles need it beforehand).
    label: the files of sample i, for messages. tops: max|x| of every tensor from a pass before; with it the
    methods take their exact variant. Errors: QuantdeckError for a NaN or infinity, naming sample and layer.
    """
    names = graph.calibrated
    gatherers = {
        name: _Gatherer(
            Setting(
                position,
                len(names),
                count,
                graph.tensors[name].size,
                bins,
                tops is not None,
                None if tops is None else tops[name],
            ),
            methods,
            last=position >= len(names) - _LAST_OUTPUTS,
        )
        for position, name in enumerate(names)
    }
    masked = masked_by_constants(graph)
    for index, feeds in enumerate(samples):
        values = runner.run(feeds)
        for name, gatherer in gatherers.items():
            gatherer.add(_view(name, values.pop(name), index, label, masked))
        if progress is not None:
            progress(index + 1, count)
    return {name: gatherer.finish(name) for name, gatherer in gatherers.items()}


def find_tops(
    graph: Graph,
    samples: Iterable[Mapping[str, Array]],
    runner: Runner,
    *,
    count: int,
    label: Callable[[int], str] = "sample {}".format,
    progress: Progress | None = None,
) -> dict[str, float]:
    """max|x| of every tensor: the first pass of the exact variant. Arguments and errors as in ``collect``."""
    masked = masked_by_constants(graph)
    tops = dict.fromkeys(graph.calibrated, 0.0)
    for index, feeds in enumerate(samples):
        values = runner.run(feeds)
        for name in tops:
            tops[name] = max(tops[name], _view(name, values.pop(name), index, label, masked)[0].largest)
        if progress is not None:
            progress(index + 1, count)
    return tops


def masked_by_constants(graph: Graph) -> frozenset[str]:
    """Tensors that hold infinities because a constant of the model does: masks added before a softmax."""
    infinite = {
        name for name, array in graph.weights.items() if array.dtype.kind == "f" and np.isinf(array).any()
    }
    found: set[str] = set()
    if infinite:
        for layer in graph.layers:
            carries = isinstance(layer.attributes, _CARRIERS) and not found.isdisjoint(layer.inputs)
            if carries or not infinite.isdisjoint(layer.inputs):
                found.update(layer.outputs)
    return frozenset(found)


def _view(
    name: str, value: Array, index: int, label: Callable[[int], str], masked: frozenset[str]
) -> tuple[View, int]:
    """The values without masks, and how many masks there were. An infinity is one only in the tensors *masked*."""
    view = View.of(value)
    if view.moments.nans or (view.moments.infs and name not in masked):
        kind = "NaN" if view.moments.nans else "infinite"
        raise QuantdeckError(
            f"{visible(name)} becomes {kind} with {visible(label(index))}; take this sample out, or mend the "
            "model or its preprocessing."
        )
    if view.largest < MASK and not view.moments.infs:
        return view, 0
    kept = view.x[np.abs(view.x) < MASK]
    return View.of(kept), view.x.size - kept.size


class _Gatherer:
    """Collects one tensor."""

    def __init__(self, setting: Setting, methods: Sequence[str], *, last: bool) -> None:
        self._setting = setting
        self._collectors: dict[str, Collector] = {name: KNOWN[name].start(setting) for name in methods}
        wanted = last and any(KNOWN[name].small_tensors for name in methods)
        self._tail = MagnitudePercentile(Percentile.of(setting)) if wanted else None
        self._display = DisplayHistogram()
        self._min, self._max = math.inf, -math.inf
        self._sum = self._sum_sq = 0.0
        self._values = self._zeros = self._samples = self._masks = 0

    def add(self, found: tuple[View, int]) -> None:
        view, masks = found
        self._samples += 1
        self._masks += masks
        if not view.x.size:
            return
        self._min, self._max = min(self._min, view.min), max(self._max, view.max)
        self._sum += view.moments.sum
        self._sum_sq += view.moments.sum_sq
        self._values += view.x.size
        self._zeros += view.moments.zeros
        self._display.add(view.x, view.min, view.max)
        for collector in self._collectors.values():
            collector.add(view)
        if self._tail is not None:
            self._tail.add(view.x)

    def finish(self, name: str) -> TensorStatistics:
        low, high = (self._min, self._max) if self._values else (0.0, 0.0)
        number = max(self._values, 1)
        mean = self._sum / number
        histogram, left, right = self._display.spread()
        largest = max(abs(low), abs(high))
        return TensorStatistics(
            name=name,
            samples=self._samples,
            size=self._setting.size,
            min=low,
            max=high,
            mean=mean,
            std=math.sqrt(max(self._sum_sq / number - mean * mean, 0.0)),
            zero_share=self._zeros / number,
            histogram=histogram,
            histogram_lo=left,
            histogram_hi=right,
            readings={method: collector.reading() for method, collector in self._collectors.items()},
            masked=self._masks > 0,
            tail_is_maximum=self._tail is not None and self._tail.value() == largest,
            warning=self._warning(low, high) or _mask_warning(low, high, histogram),
        )

    def _warning(self, low: float, high: float) -> str | None:
        share = f"in {self._samples} of {self._samples} samples"
        if self._masks:
            return f"{self._masks} mask values beyond {MASK:g} are left out of its range"
        if low == high == 0:
            return f"all zero {share}"
        if low == high and self._values > 1:
            return f"constant ({low:.7g}) {share}"
        if max(abs(low), abs(high)) < FLOOR:
            return f"all values under {FLOOR:g} {share}"
        if high <= 0:
            return f"one sign: never positive {share}"
        return None


def _mask_warning(low: float, high: float, histogram: Array) -> str | None:
    """A sentence where a mask such as -10000 or -1e9 sets the range: all other values fall below one int8 step.

    histogram: counts over [low, high]. The values are masks where they fill the lower half of the range and the
    top of it, with nothing between.
    """
    if not (low <= LEAST_MASK and abs(high) < -low / 127):
        return None
    half, top = len(histogram) // 2, len(histogram) - 2
    if histogram[half:top].any() or not histogram[top:].any() or histogram[1 : half // 2].any():
        return None
    return (
        f"a mask of {low:.7g} sets its range and all other values fall below one int8 step: keep the layer float "
        "(F16 or F32 in the quantize table), or let the model use a smaller mask"
    )
