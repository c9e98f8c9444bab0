"""The KL histogram: magnitudes counted over a range that grows with the samples (spec B.3)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..ops_c import kernels

Array = NDArray[Any]
BIN_LIMIT = 8_000_000
_DENSE = 1 << 16  # above, only the bins that hold something are kept


@dataclass(frozen=True, slots=True)
class Counts:
    """A histogram of *bins* bins of *width*; only non-empty bins are listed, in order.

    Bin k holds the magnitudes around k * width.
    """

    index: Array  # int64
    count: Array  # int64
    bins: int
    width: float


class GrowingHistogram:
    """Histogram of |x| without zeros, accumulated over samples as the original does.

    ``top`` is the end of the range. A sample beyond it adds whole steps of top / bins; the old counts stay in
    their bins, so the result depends on the order of samples. Past 8 million bins the history is dropped.
    Samples that are all zero are passed over (the original loses every later one after a first such, B.19).

    fixed_top: with it the range never grows and the order of samples does not matter (the two-pass variant).
    """

    def __init__(self, bins: int, fixed_top: float | None = None) -> None:
        self._start_bins = bins
        self._fixed = fixed_top
        self.bins, self.top, self.width = bins, 0.0, 0.0
        self._extreme = np.float32(0)
        self._dense: Array = np.zeros(0, np.int64)
        self._index: Array = np.zeros(0, np.int64)
        self._count: Array = np.zeros(0, np.int64)
        self.dropped = 0

    def add(self, x: Array, largest: float) -> None:
        """Count one sample: float32 values, finite; *largest* is its max|x|."""
        if largest == 0 or self._fixed == 0:
            return
        self._extreme = max(self._extreme, np.float32(largest))
        if self.top == 0:
            self._restart(float(self._extreme) if self._fixed is None else self._fixed)
        elif float(self._extreme) > self.top and self._fixed is None:
            self._grow()
        self._merge(x)

    def counts(self) -> Counts:
        """What was counted so far."""
        if self.bins <= _DENSE:
            index = np.flatnonzero(self._dense)
            return Counts(index, self._dense[index], self.bins, self.width)
        return Counts(self._index, self._count, self.bins, self.width)

    def _restart(self, top: float) -> None:
        self.bins, self.top = self._start_bins, top
        self.width = top / (self.bins - 1)
        self._dense = np.zeros(self.bins if self.bins <= _DENSE else 0, np.int64)
        self._index = self._count = np.zeros(0, np.int64)

    def _grow(self) -> None:
        step = self.top / self.bins
        raw = float(np.float32(self.top)) == self.top  # top is still a float32 maximum: a float32 difference
        beyond = float(self._extreme - np.float32(self.top)) if raw else float(self._extreme) - self.top
        extra = int(beyond // step + 1)
        bins = self.bins + extra
        if bins > BIN_LIMIT:
            self.dropped += 1
            self._restart(float(self._extreme))
            return
        if bins > _DENSE and self.bins <= _DENSE:
            self._index = np.flatnonzero(self._dense)
            self._count = self._dense[self._index]
            self._dense = np.zeros(0, np.int64)
        elif bins <= _DENSE:
            self._dense = np.concatenate([self._dense, np.zeros(extra, np.int64)])
        self.bins = bins
        self.top = extra * step + self.top
        self.width = self.top / (bins - 1)

    def _merge(self, x: Array) -> None:
        if self.bins <= _DENSE:
            counted = kernels.histogram(x, self.width, self.bins)
            used = np.flatnonzero(counted[_FIRST_SHIFTED:]) + _FIRST_SHIFTED
            moved = used[_moves_up(used, self.bins)]
            taken = counted[moved]  # out of all bins before any is put back: a bin may lose and gain
            counted[moved] = 0
            counted[moved + 1] += taken
            self._dense += counted
            return
        magnitude = np.abs(x.reshape(-1))
        magnitude = magnitude[magnitude != 0]
        place = np.floor(magnitude / np.float32(self.width) + np.float32(0.5))
        index, count = np.unique(place[place < self.bins].astype(np.int64), return_counts=True)
        index += _moves_up(index, self.bins)
        together = np.concatenate([self._index, index])
        self._index, inverse = np.unique(together, return_inverse=True)
        self._count = np.bincount(inverse, np.concatenate([self._count, count])).astype(np.int64)


_FIRST_SHIFTED = 2048


def _moves_up(index: Array, bins: int) -> Array:
    """Whether the original's float32 bin edges put *index* into the next bin.

    Its edge number k + 1 lies at (k + 1)(bins - 1)/bins; above 2048 bins that may round down to k itself.
    """
    edges = ((index + 1) * ((bins - 1) / bins)).astype(np.float32)
    return (edges <= index) & (index < bins - 1)
