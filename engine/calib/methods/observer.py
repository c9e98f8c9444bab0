"""observer: torch's histogram observer, an affine int8 range (spec B.9)."""

from ..observer import ResampledHistogram, affine
from ..sample import FLOOR, Reading, Setting, View
from .contract import Method


class ObserverCollector:
    """The resampled histogram."""

    def __init__(self, setting: Setting) -> None:
        self._histogram = ResampledHistogram(setting.bins)

    def add(self, view: View) -> None:
        """Count one sample."""
        if view.x.size:
            self._histogram.add(view.x, view.min, view.max)

    def reading(self) -> Reading:
        """The symmetric threshold that covers the affine range, and that range."""
        step, zero = affine(*self._histogram.best_range())
        scale = float(step)
        value = max(scale * max(128 + zero, 127 - zero), FLOOR)
        return Reading(value, scale * (-128 - zero), scale * (127 - zero))


METHOD = Method(
    "observer",
    ("use_torch_observer_for_cali", "use_torch_observer", "torch_observer", "use_observer"),
    "torch's histogram observer: affine range with the least squared error",
    ObserverCollector,
)
