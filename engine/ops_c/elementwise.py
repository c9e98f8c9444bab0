"""Wrappers of the element-wise kernels; rules and signatures as in :mod:`.twin_elementwise`."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .native import (
    aligned,
    around_axis,
    cut,
    dense,
    ffi,
    flip,
    form_number,
    int32_pointer,
    lib,
    need_axis,
    need_byte_type,
    need_bytes,
    need_float32,
    need_int32,
    need_range,
    need_scaling,
    per_channel,
    pointer,
)
from .params import (
    INT32_MAX,
    INT32_MIN,
    SHIFT_MAX,
    SHIFT_MIN,
    Array,
    ByteArray,
    ByteType,
    Float32Array,
    Form,
    Int32Array,
)


def add(
    xs: Sequence[ByteArray],
    multipliers: Sequence[int],
    shifts: Sequence[int],
    *,
    signs: Sequence[int] | None = None,
    relu: bool = False,
    out_dtype: ByteType = np.int8,
) -> ByteArray:
    """Sum of the inputs, each scaled by m >> n (half up) on its own; sign -1 subtracts (spec C.4, X)."""
    signs = [1] * len(xs) if signs is None else signs
    if not len(xs) == len(multipliers) == len(shifts) == len(signs) or not xs:
        raise ValueError("xs, multipliers, shifts and signs: one of each per input is wanted")
    for x, m, n, sign in zip(xs, multipliers, shifts, signs, strict=True):
        need_bytes("xs", x)
        need_scaling(m, n)
        if sign not in (1, -1):
            raise ValueError(f"signs: {sign} is neither 1 nor -1")
    need_byte_type(out_dtype)
    inputs = aligned(xs)
    out = np.empty_like(inputs[0], dtype=out_dtype)
    low, high = cut(relu, out_dtype)
    lib.qd_add(
        len(inputs), _pointers(inputs), _flips(inputs), list(multipliers), list(shifts), list(signs),
        out.size, low, high, pointer(out),
    )  # fmt: skip
    return out


def _pointers(xs: Sequence[ByteArray]) -> Any:
    return ffi.new("void *[]", [pointer(x) for x in xs])


def _flips(xs: Sequence[ByteArray]) -> list[int]:
    return [flip(x) for x in xs]


def mul(
    a: ByteArray,
    b: ByteArray,
    multiplier: int,
    shift: int,
    relu: bool = False,
    out_dtype: ByteType = np.int8,
    form: Form = "multiplier_shift",
) -> ByteArray:
    """``(a * b) * m >> n`` in the given form; broadcasts as numpy (spec C.4)."""
    need_bytes("a", a)
    need_bytes("b", b)
    need_scaling(multiplier, shift)
    need_byte_type(out_dtype)
    number = form_number(form)
    left, right = aligned((a, b))
    out = np.empty_like(left, dtype=out_dtype)
    low, high = cut(relu, out_dtype)
    lib.qd_mul(
        pointer(left), pointer(right), flip(left), flip(right), out.size, multiplier, shift, number, low,
        high, pointer(out),
    )  # fmt: skip
    return out


def _unary(x: ByteArray, out_dtype: ByteType | None) -> tuple[ByteArray, ByteArray, ByteType]:
    """The input in dense memory, room for the result, its type (that of the input unless given)."""
    need_bytes("x", x)
    kind: ByteType = x.dtype.type if out_dtype is None else out_dtype
    need_byte_type(kind)
    x = dense(x)
    return x, np.empty_like(x, dtype=kind), kind


def add_const(
    x: ByteArray,
    multiplier: int,
    constant: int,
    shift: int,
    relu: bool = False,
    out_dtype: ByteType = np.int8,
    reverse: bool = False,
) -> ByteArray:
    """``(x * m + c) >> n`` half up; reverse: ``(c - x * m) >> n``. |c| <= 2^61."""
    need_scaling(multiplier, shift)
    need_range("constant", constant, -(2**61), 2**61)
    x, out, kind = _unary(x, out_dtype)
    low, high = cut(relu, kind)
    factor = -multiplier if reverse else multiplier
    lib.qd_linear(pointer(x), flip(x), x.size, factor, constant, shift, low, high, pointer(out))
    return out


def mul_shift(
    x: ByteArray, multiplier: int, shift: int, relu: bool = False, out_dtype: ByteType = np.int8
) -> ByteArray:
    """``x * m >> n`` half up."""
    return add_const(x, multiplier, 0, shift, relu, out_dtype)


def _extreme(xs: Sequence[ByteArray], out_dtype: ByteType | None, largest: bool) -> ByteArray:
    if not xs:
        raise ValueError("xs: one array at least is wanted")
    for x in xs:
        need_bytes("xs", x)
    kind: ByteType = xs[0].dtype.type if out_dtype is None else out_dtype
    need_byte_type(kind)
    inputs = aligned(xs)
    out = np.empty_like(inputs[0], dtype=kind)
    low, high = cut(False, kind)
    lib.qd_extreme(len(inputs), _pointers(inputs), _flips(inputs), out.size, largest, low, high, pointer(out))
    return out


def maximum(xs: Sequence[ByteArray], out_dtype: ByteType | None = None) -> ByteArray:
    """Largest of the raw integers, clamped to ``out_dtype`` (default: the type of the first). Broadcasts."""
    return _extreme(xs, out_dtype, True)


def minimum(xs: Sequence[ByteArray], out_dtype: ByteType | None = None) -> ByteArray:
    """Smallest of the raw integers, clamped to ``out_dtype`` (default: the type of the first). Broadcasts."""
    return _extreme(xs, out_dtype, False)


def _bounded(
    x: ByteArray, floor: int, ceiling: int, out_dtype: ByteType | None, multiplier: int, shift: int
) -> ByteArray:
    need_scaling(multiplier, shift)
    need_range("constant", max(floor, INT32_MIN) if ceiling == INT32_MAX else ceiling, INT32_MIN, INT32_MAX)
    x, out, kind = _unary(x, out_dtype)
    low, high = cut(False, kind)
    lib.qd_bounded(pointer(x), flip(x), x.size, floor, ceiling, multiplier, shift, low, high, pointer(out))
    return out


def max_const(
    x: ByteArray, constant: int, out_dtype: ByteType | None = None, multiplier: int = 1, shift: int = 0
) -> ByteArray:
    """``max(x, c) * m >> n`` half up; the constant is an int32."""
    need_range("constant", constant, INT32_MIN, INT32_MAX)
    return _bounded(x, constant, INT32_MAX, out_dtype, multiplier, shift)


def min_const(
    x: ByteArray, constant: int, out_dtype: ByteType | None = None, multiplier: int = 1, shift: int = 0
) -> ByteArray:
    """``min(x, c) * m >> n`` half up; the constant is an int32."""
    need_range("constant", constant, INT32_MIN, INT32_MAX)
    return _bounded(x, INT32_MIN, constant, out_dtype, multiplier, shift)


def absolute(x: ByteArray, out_dtype: ByteType | None = None) -> ByteArray:
    """``|x|``, clamped."""
    x, out, kind = _unary(x, out_dtype)
    low, high = cut(False, kind)
    lib.qd_absolute(pointer(x), flip(x), x.size, low, high, pointer(out))
    return out


def relu(x: ByteArray, out_dtype: ByteType | None = None) -> ByteArray:
    """``max(x, 0)``, clamped."""
    return max_const(x, 0, out_dtype)


def leaky_relu(
    x: ByteArray,
    multiplier: int,
    shift: int,
    out_dtype: ByteType | None = None,
    *,
    positive: tuple[int, int] = (1, 0),
) -> ByteArray:
    """X >= 0: ``x * m_p >> n_p`` (``positive``, unscaled unless given), else ``x * m >> n``, half up."""
    need_scaling(multiplier, shift)
    need_scaling(*positive)
    x, out, kind = _unary(x, out_dtype)
    low, high = cut(False, kind)
    lib.qd_leaky(pointer(x), flip(x), x.size, multiplier, shift, *positive, low, high, pointer(out))
    return out


def prelu(
    x: ByteArray,
    slope: ByteArray,
    shift: int,
    out_dtype: ByteType | None = None,
    *,
    positive: tuple[int, int] = (1, 0),
) -> ByteArray:
    """As leaky_relu with an int8 slope that broadcasts against x (shape 1,C,1,1 or one element)."""
    need_range("shift", shift, SHIFT_MIN, SHIFT_MAX)
    need_scaling(*positive)
    need_bytes("slope", slope)
    x, out, kind = _unary(x, out_dtype)
    both = aligned((x, slope))
    if both[0].shape != x.shape:
        raise ValueError(f"slope: shape {slope.shape} does not broadcast to {x.shape}")
    low, high = cut(False, kind)
    lib.qd_prelu(
        pointer(x), pointer(both[1]), flip(x), flip(slope), x.size, shift, *positive, low, high, pointer(out)
    )
    return out


def lookup(x: ByteArray, table: ByteArray) -> ByteArray:
    """``table[x mod 256]``: 256 entries, a negative input reads the upper half. The type is the table's."""
    need_bytes("x", x)
    need_bytes("table", table)
    if table.size != 256:
        raise ValueError(f"table: 256 entries are wanted, not {table.size}")
    x, entries = dense(x), np.ascontiguousarray(table)
    out = np.empty_like(x, dtype=table.dtype)
    lib.qd_lookup(pointer(x), x.size, pointer(entries), pointer(out))
    return out


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
    need_float32("table", table)
    if table.size != 256:
        raise ValueError(f"table: 256 entries are wanted, not {table.size}")
    x, out, kind = _unary(x, out_dtype)
    if x.size == 0:
        return out
    outer, channels, inner = around_axis(x, need_axis(axis, x.ndim))
    entries = np.ascontiguousarray(table)
    low, high = cut(False, kind)
    if inner == 1:
        scratch = np.empty(4 * channels, np.float32)
        lib.qd_softmax_rows(
            pointer(x), flip(x), outer, channels, pointer(entries), out_scale, low, high, pointer(scratch),
            pointer(out),
        )  # fmt: skip
    else:
        scratch = np.empty(channels, np.float32)
        lib.qd_softmax_planes(
            pointer(x), flip(x), outer, channels, inner, pointer(entries), out_scale, low, high,
            pointer(scratch), pointer(out),
        )  # fmt: skip
    return out


def requant(
    x: Int32Array,
    multiplier: int,
    shift: int,
    out_dtype: ByteType = np.int8,
    relu: bool = False,
    form: Form = "multiplier_shift",
) -> ByteArray:
    """int32 to a byte with one multiplier and shift (spec C.1.1)."""
    need_scaling(multiplier, shift)
    m, n = np.array([multiplier], np.int32), np.array([shift], np.int32)
    return _requant(x, m, n, out_dtype, relu, None, form)


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
    return _requant(x, multiplier, shift, out_dtype, relu, axis, form)


def _requant(
    x: Int32Array,
    multiplier: Int32Array,
    shift: Int32Array,
    out_dtype: ByteType,
    relu: bool,
    axis: int | None,
    form: Form,
) -> ByteArray:
    need_int32("x", x)
    need_byte_type(out_dtype)
    number = form_number(form)
    x = dense(x)
    outer, channels, inner = 1, 1, x.size
    if axis is not None:
        axis = need_axis(axis, x.ndim)
        multiplier = per_channel("multiplier", multiplier, x.shape[axis])
        shift = per_channel("shift", shift, x.shape[axis])
        _need_shifts(shift)
        outer, channels, inner = around_axis(x, axis)
    out = np.empty_like(x, dtype=out_dtype)
    if x.size:
        low, high = cut(relu, out_dtype)
        lib.qd_requant(
            pointer(x), outer, channels, inner, int32_pointer(multiplier), int32_pointer(shift), number, low,
            high, pointer(out),
        )  # fmt: skip
    return out


def _need_shifts(shift: Array) -> None:
    if shift.size and not SHIFT_MIN <= shift.min() <= shift.max() <= SHIFT_MAX:
        raise ValueError(f"shift: values are not all in {SHIFT_MIN}..{SHIFT_MAX}")


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
    need_bytes("weight", weight)
    number = form_number(form)
    x, out, kind = _unary(x, out_dtype)
    if x.ndim < 2:
        raise ValueError(f"x: 2 axes at least are wanted, not {x.ndim}")
    count = x.shape[1]
    if weight.size != count:
        raise ValueError(f"weight: {count} values are wanted, not {weight.size}")
    weights = weight.reshape(-1).astype(np.int32)
    biases = np.zeros(count, np.int32) if bias is None else per_channel("bias", bias, count)
    multiplier, shift = per_channel("multiplier", multiplier, count), per_channel("shift", shift, count)
    _need_shifts(shift)
    if x.size:
        low, high = cut(relu, kind)
        outer, channels, inner = around_axis(x, 1)
        lib.qd_scale_channels(
            pointer(x), flip(x), outer, channels, inner, int32_pointer(weights), int32_pointer(biases),
            int32_pointer(multiplier), int32_pointer(shift), number, low, high, pointer(out),
        )  # fmt: skip
    return out
