"""aciq_laplace: the best clipping of a Laplace distribution (spec B.8)."""

import math

import numpy as np

from ...ops_c import kernels
from ..sample import Reading, Setting, View
from .contract import Method

_BETA = 9.89675982  # 8 bits


class LaplaceCollector:
    """Mean of the samples' clipping values, each from the mean distance to the mean."""

    def __init__(self, setting: Setting) -> None:
        self._sum, self._samples = 0.0, 0

    def add(self, view: View) -> None:
        """Take in one batched sample."""
        if view.x.size:
            mean = np.float32(view.moments.sum / view.x.size)
            distance = kernels.moments(view.x - mean).sum_abs / view.x.size
            self._sum += _BETA * float(np.float32(distance))
            self._samples += 1

    def reading(self) -> Reading:
        """The mean, NaN without any sample."""
        return Reading(self._sum / self._samples if self._samples else math.nan)


METHOD = Method(
    "aciq_laplace",
    ("use_aciq_laplace",),
    "best clipping of a Laplace distribution, averaged over batched samples",
    LaplaceCollector,
    tunable=True,
    small_tensors=True,
)
