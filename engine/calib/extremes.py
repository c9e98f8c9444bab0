"""The K largest values of a stream, and the percentiles read from them (spec B.5)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ops_c import kernels
from .sample import Setting

Array = NDArray[Any]
PERCENTILE_FIRST, PERCENTILE_LAST = 99.99, 99.999999


@dataclass(frozen=True, slots=True)
class Percentile:
    """Which order statistic: the last *keep* values matter, *ratio* interpolates between the first two."""

    keep: int
    ratio: float

    @classmethod
    def of(cls, setting: Setting) -> "Percentile":
        """The rule of the original rises along the network; the exact variant is the plain linear 99.99 %."""
        total = setting.samples * setting.size
        if setting.exact:
            place = max(total - 1, 0) * (PERCENTILE_FIRST / 100)
            return cls(total - int(place) if total else 1, place - int(place))
        percent = PERCENTILE_FIRST + setting.position * (
            (PERCENTILE_LAST - PERCENTILE_FIRST) / setting.positions
        )
        place = (percent / 100) * (total - 1)
        return cls(int(total * (1 - percent / 100)) + 1, place - int(place))


class Largest:
    """Keeps the largest *keep* values of everything added; float32."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._kept: Array = np.zeros(0, np.float32)
        self._bound = -np.inf

    @property
    def bound(self) -> float:
        """Values up to here change nothing any more."""
        return self._bound

    def add(self, values: Array) -> None:
        """Take in flat float32 values."""
        if not values.size:
            return
        self._kept = _top(np.concatenate([self._kept, _top(values, self._keep)]), self._keep)
        if self._kept.size == self._keep:
            self._bound = float(self._kept.min())

    def ends(self) -> tuple[float, float]:
        """The two smallest of the kept values (the same one twice where only one is kept)."""
        if not self._kept.size:
            return 0.0, 0.0
        ordered = np.sort(self._kept)
        return float(ordered[0]), float(ordered[min(1, ordered.size - 1)])


def _top(values: Array, keep: int) -> Array:
    return values if values.size <= keep else np.partition(values, values.size - keep)[-keep:]


class SignedPercentile:
    """Both ends of the distribution: every sample gives its K smallest and K largest values to one pool."""

    def __init__(self, percentile: Percentile) -> None:
        self._percentile = percentile
        self._high, self._low = Largest(percentile.keep), Largest(percentile.keep)

    def add(self, x: Array) -> None:
        """Take in flat float32 values."""
        keep = self._percentile.keep
        if 2 * keep > x.size:  # the two selections overlap, and what lies in both counts twice
            ordered = np.sort(x)
            pool = np.concatenate([ordered[:keep], ordered[-keep:]])
            self._high.add(pool)
            self._low.add(-pool)
            return
        self._high.add(kernels.above(x, self._high.bound))
        self._low.add(-kernels.below(x, -self._low.bound))

    def range(self) -> tuple[float, float]:
        """Interpolated lower and upper end."""
        first, second = self._high.ends()
        low, lower = (-value for value in self._low.ends())
        ratio = self._percentile.ratio
        return low + ratio * (lower - low), first + ratio * (second - first)


class MagnitudePercentile:
    """The upper end of the distribution of |x|."""

    def __init__(self, percentile: Percentile) -> None:
        self._percentile = percentile
        self._high = Largest(percentile.keep)

    def add(self, x: Array) -> None:
        """Take in flat float32 values."""
        self._high.add(kernels.above(x, self._high.bound, absolute=True))

    def value(self) -> float:
        """The interpolated percentile."""
        first, second = self._high.ends()
        return first + self._percentile.ratio * float(np.float32(second) - np.float32(first))
