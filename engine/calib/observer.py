"""The observer's histogram (spec B.9).

It spans [min, max], is resampled when the range grows, and gives the range in which 256 affine levels leave
the least squared error.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
F32 = np.float32
_UPSAMPLE = 128
_LEVELS = 256
_STEP = 1e-5
_LARGEST_GROWTH = 2.0**31


class ResampledHistogram:
    """float32 counts of *bins* equal bins over [low, high]."""

    def __init__(self, bins: int) -> None:
        self.bins = bins
        self.counts: Array = np.zeros(bins, np.float32)
        self.low = self.high = F32(0)
        self._empty = True

    def add(self, x: Array, low: float, high: float) -> None:
        """Count flat float32 values whose range is [low, high]."""
        if self._empty or self.low == self.high:
            self._empty = False
            self.low, self.high = F32(low), F32(high)
            self.counts = self._count(x, self.low, self.high)
            return
        new_low, new_high = min(F32(low), self.low), max(F32(high), self.high)
        span = F32(self.high - self.low)
        growth = F32(F32(F32(new_high - new_low) * F32(_UPSAMPLE)) / span)
        if growth > _LARGEST_GROWTH:  # the old range is a point in the new one
            self._restart_around(x, new_low, new_high)
            return
        ratio = math.ceil(growth)
        slack = F32(F32(F32(F32(ratio) * span) / F32(_UPSAMPLE)) - F32(new_high - new_low))
        shift = F32(F32(F32(F32(self.low - new_low) * F32(self.bins)) * F32(_UPSAMPLE)) / span)
        new_high = F32(new_high + slack)
        counts = self._count(x, new_low, new_high)
        if new_low == self.low and new_high == self.high:
            self.counts = counts + self.counts
        else:
            self.counts = counts + self._resampled(int(np.round(shift)), ratio)
        self.low, self.high = new_low, new_high

    def _restart_around(self, x: Array, low: np.float32, high: np.float32) -> None:
        place = int((self.low - low) / (high - low) * F32(self.bins))
        counts = self._count(x, low, high)
        counts[min(place, self.bins - 1)] += self.counts.sum(dtype=np.float32)
        self.counts, self.low, self.high = counts, low, high

    def _count(self, x: Array, low: np.float32, high: np.float32) -> Array:
        if low == high:
            low, high = F32(low - 1), F32(high + 1)
        used = x[(x >= low) & (x <= high)]
        place = ((used - low) / (high - low) * F32(self.bins)).astype(np.int64)
        return np.bincount(np.minimum(place, self.bins - 1), minlength=self.bins).astype(np.float32)

    def _resampled(self, start: int, ratio: int) -> Array:
        """The old counts in the new bins.

        Each old bin is thought of as 128 equal ones that begin at fine bin *start*; a new bin holds *ratio*
        of them. Only the running sum at the new borders is needed, so the fine bins are never made.
        """
        fine = np.clip((np.arange(self.bins) + 1) * ratio - start, 0, self.bins * _UPSAMPLE)
        whole, rest = fine // _UPSAMPLE, fine % _UPSAMPLE
        counts = np.append(self.counts.astype(np.float64), 0.0)
        below = np.concatenate([[0.0], np.cumsum(counts)])
        running = _UPSAMPLE * below[whole] + rest * counts[whole]
        before = np.concatenate([[0.0], running[:-1]]).astype(np.float32).astype(np.float64)
        return ((running - before) / _UPSAMPLE).astype(np.float32)

    def best_range(self) -> tuple[np.float32, np.float32]:
        """Move the bound that gains more bins inwards by 0.001 % of the values, until the error rises."""
        if self.low == self.high:
            return self.low, self.high
        width = F32((self.high - self.low) / F32(self.bins))
        total = float(self.counts.sum(dtype=np.float32))
        running = np.cumsum(self.counts, dtype=np.float32)
        last = self.bins - 1
        lower, upper = _quantile_bins(running, total)
        first, end, a, b, best = 0, last, 0, 0, math.inf
        while a < lower.size and b < upper.size and _below(a, b):
            left = min(max(int(lower[a]), first), end)
            right = max(min(int(upper[b]), end), first)
            new_first, new_end = first, end
            if left - first > end - right:
                new_first, a = left, a + 1
            else:
                new_end, b = right, b + 1
            if (new_first, new_end) == (first, end):
                continue
            error = self._error(new_first, new_end)
            if error > best:
                break
            best, first, end = error, new_first, new_end
        return F32(self.low + width * F32(first)), F32(self.low + width * F32(end + 1))

    def _error(self, first: int, end: int) -> float:
        """Squared rounding error when the bins first..end become the range of 256 levels."""
        width = (float(self.high) - float(self.low)) / self.bins
        level = width * (end - first + 1) / _LEVELS
        if level == 0.0:
            return 0.0
        step, half = F32(level), F32(level / 2)
        begin = (np.arange(self.bins) - first).astype(np.float32) * F32(width)
        stop = begin + F32(width)
        level_of_begin = np.clip(np.floor(begin / step), 0, _LEVELS - 1)
        level_of_stop = np.clip(np.floor(stop / step), 0, _LEVELS - 1)
        density = self.counts / F32(width)
        whole = (half * half * half - -half * -half * -half) / F32(3)
        head = _cubes(begin - (level_of_begin + F32(0.5)) * step, half)
        tail = _cubes(-half, stop - (level_of_stop * step + half))
        error = density * head + (level_of_stop - level_of_begin - 1) * (density * whole) + density * tail
        return float(np.sum(error, dtype=np.float32))


def _cubes(start: Any, stop: Any) -> Any:
    """Integral of the squared distance from *start* to *stop*."""
    return (stop * stop * stop - start * start * start) / F32(3)


_LOWER = np.cumsum(np.concatenate([[0.0], np.full(100_001, _STEP)]))
_UPPER = np.subtract.accumulate(np.concatenate([[1.0], np.full(100_001, _STEP)]))


def _quantile_bins(running: Array, total: float) -> tuple[Array, Array]:
    """First bin whose running sum reaches each lower quantile, last one that stays below each upper one."""
    lower = np.searchsorted(running, (_LOWER[1:] * total).astype(np.float32), "left")
    upper = np.searchsorted(running, (_UPPER[1:] * total).astype(np.float32), "right") - 1
    return lower, upper


def _below(a: int, b: int) -> bool:
    return bool(_LOWER[a] < _UPPER[b])


def affine(low: np.float32, high: np.float32) -> tuple[np.float32, int]:
    """Scale and zero point of int8 for a range, 0 included."""
    low, high = min(low, F32(0)), max(high, F32(0))
    scale = max(F32((high - low) / F32(255)), np.finfo(np.float32).eps)
    return scale, int(np.clip(-128 - int(np.round(low / scale)), -128, 127))
