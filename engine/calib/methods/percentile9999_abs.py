"""percentile9999_abs: percentile9999 of |x| with the true range, as two searches take it (spec B.5, B.11, B.17)."""

from ..extremes import MagnitudePercentile, Percentile
from ..sample import Reading, Setting, View
from .contract import Method


class MagnitudeCollector:
    """Keeps the K largest magnitudes."""

    def __init__(self, setting: Setting) -> None:
        self._end = MagnitudePercentile(Percentile.of(setting))

    def add(self, view: View) -> None:
        """Take in one sample."""
        self._end.add(view.x)

    def reading(self) -> Reading:
        """The upper end; the row keeps the observed range."""
        return Reading(self._end.value())


METHOD = Method(
    "percentile9999_abs",
    (),
    "percentile9999 of the magnitudes, with the true range",
    MagnitudeCollector,
)
