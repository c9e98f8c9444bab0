"""The histogram that is drawn: 256 signed bins over the final range, gathered in one pass.

While samples come, values are counted in bins whose width is a power of two and whose borders are whole
multiples of it. When the range outgrows them, pairs of bins are merged and the width doubles, which loses
nothing but resolution and does not depend on the order of samples. At the end the bins, some thousands over
the range as far as float32 resolves it, are spread over the 256.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ops_c import kernels

Array = NDArray[Any]
BINS = 256
_MOST = 4096
_LEAST_EXPONENT = -120


class DisplayHistogram:
    """Counts of signed values."""

    def __init__(self) -> None:
        self._exponent = _LEAST_EXPONENT
        self._first = 0  # border of the first bin, in bin widths
        self._counts: Array = np.zeros(0, np.int64)
        self._low, self._high = math.inf, -math.inf

    def add(self, x: Array, low: float, high: float) -> None:
        """Count flat float32 values that lie in [low, high]."""
        if not x.size:
            return
        self._low, self._high = min(self._low, low), max(self._high, high)
        self._make_room()
        width = math.ldexp(1.0, self._exponent)
        start = math.floor(low / width) - self._first
        stop = math.floor(high / width) - self._first + 1
        found = kernels.signed_histogram(
            x, (self._first + start) * width, (self._first + stop) * width, stop - start
        )
        self._counts[start:stop] += found

    def _make_room(self) -> None:
        largest = max(abs(self._low), abs(self._high))
        exponent = max(
            self._exponent,
            _LEAST_EXPONENT if largest == 0 else math.frexp(largest)[1] - 20,  # borders exact in float32
            _LEAST_EXPONENT if self._high == self._low else math.frexp((self._high - self._low) / _MOST)[1],
        )
        while self._exponent < exponent:
            if not self._counts.size:
                self._exponent = exponent
                break
            self._halve()
        width = math.ldexp(1.0, self._exponent)
        first, stop = math.floor(self._low / width), math.floor(self._high / width) + 1
        if not self._counts.size:
            self._first = first
        counts = np.zeros(stop - first, np.int64)
        offset = self._first - first
        counts[offset : offset + self._counts.size] = self._counts
        self._first, self._counts = first, counts

    def _halve(self) -> None:
        lead = self._first % 2
        size = lead + self._counts.size
        padded = np.pad(self._counts, (lead, size % 2))
        self._counts = padded.reshape(-1, 2).sum(axis=1)
        self._first //= 2
        self._exponent += 1

    def spread(self) -> tuple[Array, float, float]:
        """Counts (float32 [256], their sum is the number of values) and the ends of the range they cover.

        A range without width is widened to one that has the value in its middle.
        """
        if not self._counts.size:
            return np.zeros(BINS, np.float32), -1.0, 1.0
        low, high = self._low, self._high
        if low == high:
            half = abs(low) / 2 or 1.0
            counts = np.zeros(BINS, np.float32)
            counts[BINS // 2] = self._counts.sum()
            return counts, low - half, high + half
        width = math.ldexp(1.0, self._exponent)
        borders = np.clip((self._first + np.arange(self._counts.size + 1)) * width, low, high)
        below = np.concatenate([[0], np.cumsum(self._counts)])
        at = np.interp(np.linspace(low, high, BINS + 1), borders, below)
        at[0], at[-1] = 0, below[-1]
        return np.diff(at).astype(np.float32), low, high
