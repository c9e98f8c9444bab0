"""kl: the range whose 128 levels diverge least from the observed distribution (spec B.3)."""

from ..divergence import best_range
from ..growing import GrowingHistogram
from ..sample import FLOOR, Reading, Setting, View
from .contract import Method


class KlCollector:
    """The growing histogram, or the histogram over the known range in the exact variant."""

    def __init__(self, setting: Setting) -> None:
        known = max(setting.top or 0.0, FLOOR) if setting.exact else None
        self._histogram = GrowingHistogram(setting.bins, known)

    def add(self, view: View) -> None:
        """Count the magnitudes of one sample."""
        self._histogram.add(view.x, view.largest)

    def reading(self) -> Reading:
        """The range with the least divergence; 0 where every value was zero."""
        return Reading(best_range(self._histogram.counts()))


METHOD = Method(
    "kl",
    ("use_kl",),
    "least KL divergence between the distribution and its 128 levels; depends on the order of samples",
    KlCollector,
    tunable=True,
)
