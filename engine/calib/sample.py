"""One tensor in one sample, as the collectors of the methods see it."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..ops_c import kernels
from ..ops_c.params import Moments

Array = NDArray[Any]
FLOOR = 1e-5
"""Smallest threshold of a table (spec B.4), in the tensor's units."""


@dataclass(frozen=True, slots=True)
class View:
    """Values of a tensor in one sample, batch included.

    x: flat contiguous float32, all finite, mask values taken out. moments: of x. Min and max are those of x,
    0 where x is empty.
    """

    x: Array
    moments: Moments

    @property
    def min(self) -> float:
        """Smallest value."""
        return self.moments.min if self.x.size else 0.0

    @property
    def max(self) -> float:
        """Largest value."""
        return self.moments.max if self.x.size else 0.0

    @property
    def largest(self) -> float:
        """max|x|."""
        return max(abs(self.min), abs(self.max))

    @classmethod
    def of(cls, x: Array) -> "View":
        """Sweep the array once. NaN and infinities only show up in the counts of the moments."""
        flat = np.ascontiguousarray(x, np.float32).reshape(-1)
        return cls(flat, kernels.moments(flat))


@dataclass(frozen=True, slots=True)
class Setting:
    """What a method may know before the first sample.

    position: index of the tensor among *positions* calibrated ones (graph inputs first). samples: how many
    will come. size: elements of the tensor in one sample. bins: histogram bins. exact: the variant that
    does not depend on order and position; *top* then holds max|x| over all samples, from a pass of its own.
    """

    position: int
    positions: int
    samples: int
    size: int
    bins: int = 2048
    exact: bool = False
    top: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a method makes of a tensor: a raw threshold, and the range where the method replaces it.

    NaN stands for "this method says nothing about these samples".
    """

    value: float
    min: float | None = None
    max: float | None = None


class Collector(Protocol):
    """Gathers what one method needs of one tensor, in memory that the number of samples does not raise."""

    def add(self, view: View) -> None:
        """Take in one sample."""
        ...

    def reading(self) -> Reading:
        """The threshold from all samples so far."""
        ...
