"""Wrappers of pooling and reduction; rules and signatures as in :mod:`.twin_pool`."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from .native import (
    channels_first,
    channels_last,
    cut,
    ffi,
    flip,
    lib,
    need_axis,
    need_byte_type,
    need_bytes,
    need_scaling,
    pointer,
)
from .params import ByteArray, ByteType, Rounding


def _geometry(
    x: ByteArray,
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int],
    overhang: Sequence[int],
    relu: bool,
    out_dtype: ByteType,
) -> tuple[Any, list[int]]:
    """The C structure and the spatial sizes of the result."""
    rank = len(kernel)
    if not 1 <= rank <= 3 or x.ndim != rank + 2:
        raise ValueError(f"x: {x.ndim} axes do not go with a kernel of {rank} (1 to 3 spatial axes)")
    if len(strides) != rank or len(pads) != 2 * rank or len(overhang) != rank:
        raise ValueError(f"strides, pads, overhang: {rank}, {2 * rank} and {rank} values are wanted")
    if min(kernel) < 1 or min(strides) < 1 or min(pads) < 0 or min(overhang) < 0:
        raise ValueError("kernel and strides are positive, pads and overhang not negative")
    sizes = x.shape[2:]
    reach = [n + pads[i] + pads[rank + i] + overhang[i] for i, n in enumerate(sizes)]
    out = [(n - k) // s + 1 for n, k, s in zip(reach, kernel, strides, strict=True)]
    if min(out) < 1:
        raise ValueError(f"kernel: {tuple(kernel)} is larger than the padded input {tuple(reach)}")
    front = [1] * (3 - rank)
    ends = [n + pads[rank + i] for i, n in enumerate(sizes)]
    low, high = cut(relu, out_dtype)
    pool = ffi.new(
        "qd_pool *",
        (
            *(
                x.shape[0],
                x.shape[1],
                [*front, *sizes],
                [*front, *out],
                [*front, *kernel],
                [*front, *strides],
            ),
            *([0] * len(front) + list(pads[:rank]), [*front, *ends], flip(x), low, high),
        ),
    )
    return pool, out


def max_pool(
    x: ByteArray, kernel: Sequence[int], strides: Sequence[int], pads: Sequence[int], relu: bool = False
) -> ByteArray:
    """Largest integer of each window; padding never wins (padding alone gives the lowest value)."""
    need_bytes("x", x)
    pool, sizes = _geometry(x, kernel, strides, pads, [0] * len(kernel), relu, x.dtype.type)
    memory = channels_last(x)
    out = np.empty((x.shape[0], *sizes, x.shape[1]), x.dtype)
    lib.qd_max_pool(pool, pointer(memory), pointer(out))
    return channels_first(out)


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
    """``round(mean * kernel size) * m >> n`` of each window (spec C.5).

    A window that is full (all its elements count) has its exact integer sum; else the mean is a float32
    quotient over what counts, multiplied by one kernel side after the other in float32 and rounded.
    ``overhang``: extra elements at the end of each spatial axis that never count (ceil_mode).
    """
    need_bytes("x", x)
    need_scaling(multiplier, shift)
    need_byte_type(out_dtype)
    if rounding not in ("half_away", "half_up"):
        raise ValueError(f"rounding: {rounding!r} is neither half_away nor half_up")
    if prod(kernel) >= 2**23:
        raise ValueError(f"kernel: a window of {prod(kernel)} elements is too large")
    pool, sizes = _geometry(x, kernel, strides, pads, overhang or [0] * len(kernel), relu, out_dtype)
    memory = channels_last(x)
    out = np.empty((x.shape[0], *sizes, x.shape[1]), out_dtype)
    half_up = rounding == "half_up"
    lib.qd_avg_pool(pool, pointer(memory), count_include_pad, half_up, multiplier, shift, pointer(out))
    return channels_first(out)


def _reduce(
    kind: int,
    x: ByteArray,
    axes: Sequence[int],
    keepdims: bool,
    multiplier: int,
    shift: int,
    out_dtype: ByteType | None,
) -> ByteArray:
    need_bytes("x", x)
    need_scaling(multiplier, shift)
    dtype: ByteType = x.dtype.type if out_dtype is None else out_dtype
    need_byte_type(dtype)
    gone = [need_axis(axis, x.ndim) for axis in axes]
    if len(set(gone)) != len(gone):
        raise ValueError(f"axes: {tuple(axes)} names an axis twice")
    kept = [axis for axis in range(x.ndim) if axis not in gone]
    inner = prod(x.shape[axis] for axis in gone)
    if inner == 0 and kind:
        raise ValueError("x: an empty range has no largest or smallest value")
    rows = np.ascontiguousarray(x.transpose([*kept, *gone]))
    out = np.empty([x.shape[axis] for axis in kept], dtype)
    low, high = cut(False, dtype)
    lib.qd_reduce(pointer(rows), flip(x), out.size, inner, kind, multiplier, shift, low, high, pointer(out))
    return out.reshape([1 if i in gone else n for i, n in enumerate(x.shape)]) if keepdims else out


def reduce_sum(
    x: ByteArray,
    axes: Sequence[int],
    keepdims: bool,
    multiplier: int,
    shift: int,
    out_dtype: ByteType = np.int8,
) -> ByteArray:
    """``sum * m >> n`` half up over ``axes``; the sum saturates to int32 (spec C.5, V)."""
    return _reduce(0, x, axes, keepdims, multiplier, shift, out_dtype)


def reduce_max(
    x: ByteArray,
    axes: Sequence[int],
    keepdims: bool,
    multiplier: int = 1,
    shift: int = 0,
    out_dtype: ByteType | None = None,
) -> ByteArray:
    """``max * m >> n`` half up over ``axes``."""
    return _reduce(1, x, axes, keepdims, multiplier, shift, out_dtype)


def reduce_min(
    x: ByteArray,
    axes: Sequence[int],
    keepdims: bool,
    multiplier: int = 1,
    shift: int = 0,
    out_dtype: ByteType | None = None,
) -> ByteArray:
    """``min * m >> n`` half up over ``axes``."""
    return _reduce(2, x, axes, keepdims, multiplier, shift, out_dtype)
