"""Numpy twins of the element-wise kernels (spec C.4) and of requantization (spec C.1.1)."""

from collections.abc import Sequence
from functools import reduce

import numpy as np

from .params import INT32_MAX, INT32_MIN, ByteArray, ByteType, Float32Array, Form, Int32Array
from .rounding import saturate, scale_integers, shift_round, to_integer


def add(
    xs: Sequence[ByteArray],
    multipliers: Sequence[int],
    shifts: Sequence[int],
    *,
    signs: Sequence[int] | None = None,
    relu: bool = False,
    out_dtype: ByteType = np.int8,
) -> ByteArray:
    """Sum of the inputs, each scaled by m >> n (half up) on its own; sign -1 subtracts. Broadcasts."""
    parts = [
        np.clip(shift_round(x.astype(np.int64) * m, n), INT32_MIN, INT32_MAX) * sign
        for x, m, n, sign in zip(xs, multipliers, shifts, signs or [1] * len(xs), strict=True)
    ]
    return saturate(reduce(np.add, parts), relu, out_dtype)


def mul(
    a: ByteArray,
    b: ByteArray,
    multiplier: int,
    shift: int,
    relu: bool = False,
    out_dtype: ByteType = np.int8,
    form: Form = "multiplier_shift",
) -> ByteArray:
    """``(a * b) * m >> n`` in the given form; broadcasts as numpy."""
    product = a.astype(np.int64) * b.astype(np.int64)
    return saturate(scale_integers(product, multiplier, shift, form), relu, out_dtype)


def add_const(
    x: ByteArray,
    multiplier: int,
    constant: int,
    shift: int,
    relu: bool = False,
    out_dtype: ByteType = np.int8,
    reverse: bool = False,
) -> ByteArray:
    """``(x * m + c) >> n`` half up; reverse: ``(c - x * m) >> n``. A SubConst is the first with -c."""
    product = x.astype(np.int64) * multiplier
    total = constant - product if reverse else product + constant
    return saturate(shift_round(total, shift), relu, out_dtype)


def mul_shift(
    x: ByteArray, multiplier: int, shift: int, relu: bool = False, out_dtype: ByteType = np.int8
) -> ByteArray:
    """``x * m >> n`` half up."""
    return saturate(shift_round(x.astype(np.int64) * multiplier, shift), relu, out_dtype)


def maximum(xs: Sequence[ByteArray], out_dtype: ByteType | None = None) -> ByteArray:
    """Largest of the raw integers, clamped to ``out_dtype`` (default: the type of the first). Broadcasts."""
    wide = reduce(np.maximum, [x.astype(np.int64) for x in xs])
    return saturate(wide, False, out_dtype or xs[0].dtype.type)


def minimum(xs: Sequence[ByteArray], out_dtype: ByteType | None = None) -> ByteArray:
    """Smallest of the raw integers, clamped to ``out_dtype`` (default: the type of the first). Broadcasts."""
    wide = reduce(np.minimum, [x.astype(np.int64) for x in xs])
    return saturate(wide, False, out_dtype or xs[0].dtype.type)


def max_const(
    x: ByteArray,
    constant: int,
    out_dtype: ByteType | None = None,
    multiplier: int = 1,
    shift: int = 0,
) -> ByteArray:
    """``max(x, c) * m >> n`` half up; the constant is an int32."""
    wide = np.maximum(x.astype(np.int64), constant) * multiplier
    return saturate(shift_round(wide, shift), False, out_dtype or x.dtype.type)


def min_const(
    x: ByteArray,
    constant: int,
    out_dtype: ByteType | None = None,
    multiplier: int = 1,
    shift: int = 0,
) -> ByteArray:
    """``min(x, c) * m >> n`` half up; the constant is an int32."""
    wide = np.minimum(x.astype(np.int64), constant) * multiplier
    return saturate(shift_round(wide, shift), False, out_dtype or x.dtype.type)


def absolute(x: ByteArray, out_dtype: ByteType | None = None) -> ByteArray:
    """``|x|``, clamped."""
    return saturate(np.abs(x.astype(np.int64)), False, out_dtype or x.dtype.type)


def relu(x: ByteArray, out_dtype: ByteType | None = None) -> ByteArray:
    """``max(x, 0)``, clamped."""
    return saturate(x.astype(np.int64), True, out_dtype or x.dtype.type)


def leaky_relu(
    x: ByteArray,
    multiplier: int,
    shift: int,
    out_dtype: ByteType | None = None,
    *,
    positive: tuple[int, int] = (1, 0),
) -> ByteArray:
    """X >= 0: ``x * m_p >> n_p`` (``positive``, unscaled unless given), else ``x * m >> n``, half up."""
    wide = x.astype(np.int64)
    above = shift_round(wide * positive[0], positive[1])
    return saturate(
        np.where(wide >= 0, above, shift_round(wide * multiplier, shift)), False, out_dtype or x.dtype.type
    )


def prelu(
    x: ByteArray,
    slope: ByteArray,
    shift: int,
    out_dtype: ByteType | None = None,
    *,
    positive: tuple[int, int] = (1, 0),
) -> ByteArray:
    """As leaky_relu with an int8 slope that broadcasts against x (shape 1,C,1,1 or one element)."""
    wide = x.astype(np.int64)
    above = shift_round(wide * positive[0], positive[1])
    below = shift_round(wide * slope.astype(np.int64), shift)
    return saturate(np.where(wide >= 0, above, below), False, out_dtype or x.dtype.type)


def lookup(x: ByteArray, table: ByteArray) -> ByteArray:
    """``table[x mod 256]``: 256 entries, a negative input reads the upper half. The type is the table's."""
    return table.reshape(-1)[x.view(np.uint8)]


def softmax(
    x: ByteArray,
    table: Float32Array,
    axis: int = 1,
    *,
    out_scale: float = 1 / 255,
    out_dtype: ByteType = np.uint8,
) -> ByteArray:
    """Softmax by a table of 256 float32 (``table[i] = exp(-i * scale)``), spec C.5.

    ``e = table[max - x]``; float32 sum in index order along ``axis``; ``round(e / (sum * out_scale))`` half
    away from zero, each operation rounded to float32.
    """
    wide = x.astype(np.int64)
    e = table.reshape(-1)[wide.max(axis, keepdims=True) - wide]
    total = np.take(np.cumsum(e, axis=axis, dtype=np.float32), [-1], axis)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio: Float32Array = e / (total * np.float32(out_scale)).astype(np.float32)
        return to_integer(ratio, "half_away", out_dtype)


def requant(
    x: Int32Array,
    multiplier: int,
    shift: int,
    out_dtype: ByteType = np.int8,
    relu: bool = False,
    form: Form = "multiplier_shift",
) -> ByteArray:
    """int32 to a byte with one multiplier and shift."""
    return saturate(scale_integers(x, multiplier, shift, form), relu, out_dtype)


def requant_axis(
    x: Int32Array,
    multiplier: Int32Array,
    shift: Int32Array,
    out_dtype: ByteType = np.int8,
    relu: bool = False,
    *,
    axis: int = 1,
    form: Form = "multiplier_shift",
) -> ByteArray:
    """int32 to a byte with a multiplier and a right shift per index of ``axis`` (or one for all)."""
    shape = [1] * x.ndim
    shape[axis] = -1
    scaled = scale_integers(x, multiplier.reshape(shape), shift.reshape(shape), form)
    return saturate(scaled, relu, out_dtype)


def scale(
    x: ByteArray,
    weight: ByteArray,
    bias: Int32Array | None,
    multiplier: Int32Array,
    shift: Int32Array,
    relu: bool = False,
    out_dtype: ByteType = np.int8,
    *,
    form: Form = "multiplier_shift",
) -> ByteArray:
    """Per channel (axis 1) ``(x * w + b) * m >> n``: a 1x1 depthwise convolution, rank >= 2 (C.3)."""
    shape = [1, -1] + [1] * (x.ndim - 2)
    acc = x.astype(np.int64) * weight.astype(np.int64).reshape(shape)
    if bias is not None:
        acc = acc + bias.astype(np.int64).reshape(shape)
    acc = np.clip(acc, INT32_MIN, INT32_MAX)
    scaled = scale_integers(acc, multiplier.reshape(shape), shift.reshape(shape), form)
    return saturate(scaled, relu, out_dtype)
