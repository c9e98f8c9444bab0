"""From readings to rows of the table: floors, caps, the rules for inputs and last outputs (spec B.4 to B.6).

Where the original writes 0, NaN or the floor for a tensor that has larger values (a constant under aciq, a
single element, all samples undefined), the row takes max|x| instead (spec B.19).
"""

import math
from collections.abc import Iterator, Mapping

from ...graph.model import Graph
from ...plan import Threshold
from ..sample import FLOOR
from ..statistics import TensorStatistics
from . import KNOWN

MASK_MARGIN = 8.0
"""How far below the real scores a mask value is kept, in the tensor's units: exp(-8) is under 1/255."""

_LAST_OUTPUTS = 5


def rows(graph: Graph, statistics: Mapping[str, TensorStatistics], method: str) -> dict[str, Threshold]:
    """The row of every tensor by one method, in the order of the statistics; numbers are not rounded yet."""
    found = {name: _row(item, method) for name, item in statistics.items()}
    if KNOWN[method].small_tensors:
        for name in _taking_their_maximum(graph, statistics):
            item = statistics[name]
            if item.largest > FLOOR and not item.masked:
                found[name] = Threshold(item.largest, item.min, item.max, method)
    return found


def _row(item: TensorStatistics, method: str) -> Threshold:
    low, high = item.min, item.max
    if item.masked:
        value = item.largest + MASK_MARGIN
        return Threshold(value, -value, high, method)
    if item.largest <= FLOOR:
        return Threshold(FLOOR, -FLOOR if low < 0 else 0.0, FLOOR, method)
    reading = item.readings[method]
    if math.isnan(reading.value) or reading.value <= FLOOR or low == high:
        return Threshold(item.largest, low, high, method)
    if reading.min is not None and reading.max is not None:
        return Threshold(reading.value, reading.min, reading.max, method)
    return Threshold(min(reading.value, item.largest), low, high, method)


def _taking_their_maximum(graph: Graph, statistics: Mapping[str, TensorStatistics]) -> Iterator[str]:
    """Graph inputs, and from the last five tensors backwards those too small to have a percentile of |x|.

    The walk stops at the first tensor whose percentile is below its maximum, and after a Conv or MatMul.
    """
    yield from (name for name in graph.inputs if name in statistics)
    for name in list(statistics)[: -_LAST_OUTPUTS - 1 : -1]:
        if not statistics[name].tail_is_maximum:
            return
        yield name
        layer = graph.producer(name)
        if layer is not None and layer.op in ("Conv", "MatMul"):
            return
