"""Numpy twins of pooling and reduction (spec C.5)."""

from collections.abc import Iterator, Sequence
from itertools import product as cartesian

import numpy as np

from .params import Array, ByteArray, ByteType, Rounding
from .rounding import saturate, shift_round


def _windows(
    x: Array, kernel: Sequence[int], strides: Sequence[int], ends: Sequence[tuple[int, int]], fill: int
) -> Iterator[Array]:
    wide = np.pad(x, [(0, 0), (0, 0), *ends], constant_values=fill)
    sizes = [(n - k) // s + 1 for n, k, s in zip(wide.shape[2:], kernel, strides, strict=True)]
    for tap in cartesian(*(range(k) for k in kernel)):
        window = tuple(slice(t, t + (n - 1) * s + 1, s) for t, n, s in zip(tap, sizes, strides, strict=True))
        yield wide[(slice(None), slice(None), *window)]


def _sum(parts: Iterator[Array]) -> Array:
    return np.sum(np.stack(list(parts)), axis=0)


def max_pool(
    x: ByteArray, kernel: Sequence[int], strides: Sequence[int], pads: Sequence[int], relu: bool = False
) -> ByteArray:
    """Largest integer of each window; padding never wins (padding alone gives the lowest value)."""
    rank = len(kernel)
    low = -128 if x.dtype == np.int8 else 0
    ends = list(zip(pads[:rank], pads[rank:], strict=True))
    parts = _windows(x.astype(np.int64), kernel, strides, ends, low)
    return saturate(np.max(np.stack(list(parts)), axis=0), relu, x.dtype.type)


def avg_pool(
    x: ByteArray,
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int],
    multiplier: int,
    shift: int,
    out_dtype: ByteType = np.int8,
    count_include_pad: bool = False,
    *,
    overhang: Sequence[int] = (),
    rounding: Rounding = "half_away",
    relu: bool = False,
) -> ByteArray:
    """``round(mean * kernel size) * m >> n`` of each window.

    A window that is full (all its elements count) has its exact integer sum; else the mean is a float32
    quotient over what counts, multiplied by one kernel side after the other in float32 and rounded.
    ``overhang``: extra elements at the end of each spatial axis that never count (ceil_mode).
    """
    rank = len(kernel)
    over = tuple(overhang) or (0,) * rank
    begins, finals = pads[:rank], pads[rank:]
    ends = [(b, e + o) for b, e, o in zip(begins, finals, over, strict=True)]
    total = _sum(_windows(x.astype(np.int64), kernel, strides, ends, 0))
    if count_include_pad:
        sides = [n + b + e for n, b, e in zip(x.shape[2:], begins, finals, strict=True)]
        inside = np.ones((1, 1, *sides), int)
        ends = [(0, o) for o in over]
    else:
        inside = np.ones((1, 1, *x.shape[2:]), int)
    count = _sum(_windows(inside, kernel, strides, ends, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(count > 0, total.astype(np.float32) / count.astype(np.float32), np.float32(0))
    spread = mean.astype(np.float32)
    for side in kernel:
        spread = spread * np.float32(side)
    whole = np.trunc(spread)
    nearest = whole + (spread - whole >= 0.5) - (spread - whole <= -0.5)
    value = np.floor(spread + np.float32(0.5)) if rounding == "half_up" else nearest
    value = np.where(count == np.prod(kernel), total, value.astype(np.int64))
    return saturate(shift_round(value * multiplier, shift), relu, out_dtype)


def reduce_sum(
    x: ByteArray,
    axes: Sequence[int],
    keepdims: bool,
    multiplier: int,
    shift: int,
    out_dtype: ByteType = np.int8,
) -> ByteArray:
    """``sum * m >> n`` half up over ``axes``; the sum saturates to int32."""
    total = np.clip(x.astype(np.int64).sum(tuple(axes), keepdims=keepdims), -(2**31), 2**31 - 1)
    return saturate(shift_round(total * multiplier, shift), False, out_dtype)


def reduce_max(
    x: ByteArray,
    axes: Sequence[int],
    keepdims: bool,
    multiplier: int = 1,
    shift: int = 0,
    out_dtype: ByteType | None = None,
) -> ByteArray:
    """``max * m >> n`` half up over ``axes``."""
    top = x.astype(np.int64).max(tuple(axes), keepdims=keepdims)
    return saturate(shift_round(top * multiplier, shift), False, out_dtype or x.dtype.type)


def reduce_min(
    x: ByteArray,
    axes: Sequence[int],
    keepdims: bool,
    multiplier: int = 1,
    shift: int = 0,
    out_dtype: ByteType | None = None,
) -> ByteArray:
    """``min * m >> n`` half up over ``axes``."""
    bottom = x.astype(np.int64).min(tuple(axes), keepdims=keepdims)
    return saturate(shift_round(bottom * multiplier, shift), False, out_dtype or x.dtype.type)
