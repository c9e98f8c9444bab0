"""aciq_gauss: the best clipping of a normal distribution whose width the range tells (spec B.7)."""

import math

from ..sample import Reading, Setting, View
from .contract import Method

_ALPHA = 3.92403337  # 8 bits
_WIDTH = (0.5 * 0.35) * (1 + (math.pi * math.log(4)) ** 0.5)


class GaussCollector:
    """Mean of the samples' clipping values; a sample of one element has none."""

    def __init__(self, setting: Setting) -> None:
        self._sum, self._samples = 0.0, 0

    def add(self, view: View) -> None:
        """Take in one batched sample."""
        if view.x.size > 1:
            deviation = float(view.max - view.min) * _WIDTH / (2 * math.log(view.x.size)) ** 0.5
            self._sum += _ALPHA * deviation
            self._samples += 1

    def reading(self) -> Reading:
        """The mean, NaN without any sample that says something."""
        return Reading(self._sum / self._samples if self._samples else math.nan)


METHOD = Method(
    "aciq_gauss",
    ("use_aciq_gauss",),
    "best clipping of a normal distribution, averaged over batched samples",
    GaussCollector,
    tunable=True,
    small_tensors=True,
)
