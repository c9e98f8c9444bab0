"""mse: the clipping value with the least expected squared error (OCTAV), averaged over samples (spec B.6)."""

import math

from ...ops_c import kernels
from ..sample import Reading, Setting, View
from .contract import Method

_BITS = 8
_STEPS = 20
_CLOSE = 1e-6


class MseCollector:
    """Mean of the samples' clipping values.

    A sample without any value but zero has none and is left out; the original gets NaN for the tensor (B.19).
    """

    def __init__(self, setting: Setting) -> None:
        self._sum, self._samples = 0.0, 0

    def add(self, view: View) -> None:
        """Take in one batched sample."""
        value = octav(view)
        if not math.isnan(value):
            self._sum += value
            self._samples += 1

    def reading(self) -> Reading:
        """The mean, NaN without any sample that says something."""
        return Reading(self._sum / self._samples if self._samples else math.nan)


def octav(view: View) -> float:
    """Newton iteration for one sample; NaN where all is zero.

    s' = sum(|x| above s) / (c * count(|x| <= s) + count(|x| > s)), c = 4^-8 / 3, and / 4 more for one-sided
    tensors. It stops when a step is smaller than 1e-6 and gives the value before that step.
    """
    total, above = kernels.octav_step(view.x, 0.0)
    if above == 0:
        return math.nan
    sided = 4 if abs(view.min) < 1e-6 else 1
    noise = 1 / (4**_BITS) / 3 / sided
    clip = total / above
    for _ in range(_STEPS):
        total, above = kernels.octav_step(view.x, clip)
        following = total / (noise * (view.x.size - above) + above)
        if abs(following - clip) < _CLOSE:
            break
        clip = following
    return clip


METHOD = Method(
    "mse",
    ("use_mse", "octav"),
    "least squared error of clipping and rounding (OCTAV), averaged over batched samples",
    MseCollector,
    small_tensors=True,
)
