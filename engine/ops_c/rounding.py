"""Integer and float roundings of the chips in numpy: what every kernel is held to (spec C.1)."""

import numpy as np

from .params import (
    INT32_MAX,
    INT32_MIN,
    Array,
    ByteArray,
    ByteType,
    Float32Array,
    Form,
    Rounding,
    Via,
    limits,
)


def shift_round(values: Array, shift: Array | int, *, away: bool = False) -> Array:
    """``values * 2**-shift`` in int64, rounded half up, or half away from zero where ``away``.

    A negative shift shifts left; what is shifted left saturates to int32 first, which no clamp to a byte can
    see.
    """
    product = np.asarray(values, np.int64)
    n = np.asarray(shift, np.int64)
    right, left = np.maximum(n, 0), np.maximum(-n, 0)
    half = np.where(right > 0, np.int64(1) << np.maximum(right - 1, 0), 0)
    if away:
        half = half - ((product < 0) & (right > 0))
    shifted = (product + half) >> right
    return np.where(left > 0, np.clip(shifted, INT32_MIN, INT32_MAX) << left, shifted)


def qdm(values: Array, multiplier: Array | int, shift: Array | int) -> Array:
    """The two-stage form of the cv18xx family: half up at 31 bits, then half away from zero at ``shift``."""
    product = np.asarray(values, np.int64) * np.asarray(multiplier, np.int64)
    doubled = np.clip(shift_round(product, 31), INT32_MIN, INT32_MAX)
    return shift_round(doubled, shift, away=True)


def scale_integers(values: Array, multiplier: Array | int, shift: Array | int, form: Form) -> Array:
    """The integers ``values * multiplier * 2**-shift`` in one of the three forms, not clamped."""
    if form == "qdm":
        return qdm(values, multiplier, shift)
    product = np.asarray(values, np.int64) * np.asarray(multiplier, np.int64)
    return shift_round(product, shift, away=form == "half_away")


def saturate(values: Array, relu: bool, out_dtype: ByteType) -> ByteArray:
    """Cut at zero where ``relu``, clamp to the range of the type, narrow."""
    low, high = limits(out_dtype)
    return np.asarray(np.clip(values, max(low, 0) if relu else low, high)).astype(out_dtype)


def round_float(x: Float32Array, via: Via) -> Float32Array:
    """float32 values rounded to the grid of another float type and kept as float32 (spec C.8).

    F16 and BF16 round half to even (overflow becomes infinity); BF16_TRUNCATED drops the low bits.
    """
    x = np.asarray(x, np.float32)
    if via == "F32":
        return x.copy()
    if via == "F16":
        with np.errstate(over="ignore"):
            return x.astype(np.float16).astype(np.float32)
    bits = np.ascontiguousarray(x).view(np.uint32)
    if via == "BF16":
        bits = np.where(np.isnan(x), bits, bits + np.uint32(0x7FFF) + ((bits >> 16) & np.uint32(1)))
    return (bits & np.uint32(0xFFFF0000)).view(np.float32).reshape(x.shape)


def to_integer(values: Float32Array, rounding: Rounding, out_dtype: ByteType) -> ByteArray:
    """float32 to a byte: rounded, clamped; NaN becomes the lowest value of the type."""
    low, high = limits(out_dtype)
    v = np.clip(np.where(np.isnan(values), np.float32(low), values), np.float32(-1024), np.float32(1024))
    if rounding == "half_even":
        rounded = np.rint(v)
    elif rounding == "half_up":
        rounded = np.floor(v + np.float32(0.5))
    else:
        whole = np.trunc(v)
        rounded = whole + (v - whole >= 0.5) - (v - whole <= -0.5)
    return np.clip(rounded, low, high).astype(out_dtype)
