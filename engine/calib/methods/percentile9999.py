"""percentile9999: both ends of the distribution, 0.01 % cut off and less along the network (spec B.5)."""

from ..extremes import Percentile, SignedPercentile
from ..sample import Reading, Setting, View
from .contract import Method


class PercentileCollector:
    """Keeps the K smallest and K largest values, K from the number of values that will come."""

    def __init__(self, setting: Setting) -> None:
        self._ends = SignedPercentile(Percentile.of(setting))

    def add(self, view: View) -> None:
        """Take in one sample."""
        self._ends.add(view.x)

    def reading(self) -> Reading:
        """The wider end; the ends replace the range of the row."""
        low, high = self._ends.range()
        return Reading(max(abs(high), abs(low)), low, high)


METHOD = Method(
    "percentile9999",
    ("use_percentile9999",),
    "99.99 % of the values, rising to 99.999999 % along the network",
    PercentileCollector,
)
