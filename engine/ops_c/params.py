"""Parameter and result types that the C kernels and their numpy twins share."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
ByteArray: TypeAlias = NDArray[np.int8 | np.uint8]
Float32Array: TypeAlias = NDArray[np.float32]
Int32Array: TypeAlias = NDArray[np.int32]
ByteType: TypeAlias = type[np.int8] | type[np.uint8]

Form: TypeAlias = Literal["multiplier_shift", "qdm", "half_away"]
Rounding: TypeAlias = Literal["half_away", "half_even", "half_up"]
Via: TypeAlias = Literal["F32", "F16", "BF16", "BF16_TRUNCATED"]
PadMode: TypeAlias = Literal["constant", "reflect", "edge"]

FORMS: tuple[str, ...] = ("multiplier_shift", "qdm", "half_away")
ROUNDINGS: tuple[str, ...] = ("half_away", "half_even", "half_up")
VIAS: tuple[str, ...] = ("F32", "F16", "BF16", "BF16_TRUNCATED")

SHIFT_MIN, SHIFT_MAX = -32, 62
"""Right shifts that every kernel takes; a negative one shifts left and saturates."""

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1


@dataclass(frozen=True, slots=True)
class Requant:
    """How an int32 accumulator becomes a byte (spec C.1.1).

    ``multiplier`` and ``shift`` are int32 arrays of one element or one per output channel. Forms:
    "multiplier_shift": ``clamp((acc * m) >> n)``, rounded half up; "qdm": ``t = (acc * m) >> 31`` half up and
    saturated to int32, then ``t >> n`` half away from zero; "half_away": the first with half away from zero.
    The product has 64 bits; shifts lie in -32..62 and a negative one shifts left. ``relu`` cuts at zero.
    """

    multiplier: Int32Array
    shift: Int32Array
    relu: bool = False
    out_dtype: ByteType = np.int8
    form: Form = "multiplier_shift"


@dataclass(frozen=True, slots=True)
class Moments:
    """Range and sums of the finite elements of a float32 tensor, and what is not finite.

    ``min`` and ``max`` are +inf and -inf where no element is finite. The sums are float64 and do not depend
    on the instruction set: element i belongs to stripe i mod 16, the 16 stripes are added in order.
    """

    min: float
    max: float
    sum: float
    sum_abs: float
    sum_sq: float
    zeros: int
    nans: int
    infs: int


def limits(dtype: ByteType) -> tuple[int, int]:
    """Smallest and largest value of int8 or uint8."""
    return (0, 255) if np.dtype(dtype) == np.uint8 else (-128, 127)
