"""What every wrapper needs: pointers, memory order, checks of arguments."""

from collections.abc import Sequence
from typing import Any, TypeGuard, TypeVar, cast

import numpy as np

from ._kernels import ffi, lib
from .levels import apply_environment
from .params import FORMS, INT32_MAX, INT32_MIN, SHIFT_MAX, SHIFT_MIN, Array, ByteArray, ByteType, limits

__all__ = ["ffi", "lib"]

Item = TypeVar("Item", bound=Array)

apply_environment()

_cast, _from_buffer = ffi.cast, ffi.from_buffer
_FORM_NUMBER = {name: number for number, name in enumerate(FORMS)}


def pointer(x: Array) -> Any:
    """Address of the first element, for a ``void *`` of C."""
    if x.flags.c_contiguous:
        return _from_buffer(x)  # five times as fast as x.ctypes
    if x.ndim == 4:
        memory = x.transpose(0, 2, 3, 1)
        if memory.flags.c_contiguous:
            return _from_buffer(memory)
    return _cast("void *", x.ctypes.data)


def int32_pointer(x: Array) -> Any:
    """Address of a contiguous int32 array."""
    return _from_buffer("int32_t[]", x)


def flip(x: ByteArray) -> int:
    """The bit that turns the stored byte into an unsigned code: 0x80 for int8."""
    return 0x80 if x.dtype.char == "b" else 0


def cut(relu: bool, out_dtype: ByteType) -> tuple[int, int]:
    """Lower and upper limit of the result."""
    low, high = limits(out_dtype)
    return (0 if relu else low), high


def dense(x: Item) -> Item:
    """*x*, or a copy of it where its elements do not fill one block of memory in some order of the axes."""
    if x.flags.c_contiguous or np.empty_like(x).strides == x.strides:
        return x
    return x.copy(order="K")


def aligned(xs: Sequence[ByteArray]) -> list[ByteArray]:
    """The arrays broadcast to one shape and brought to one memory order, that of the first full-sized one."""
    shape = xs[0].shape
    if any(x.shape != shape for x in xs):
        try:
            shape = np.broadcast_shapes(*(x.shape for x in xs))
        except ValueError as error:
            raise ValueError(f"shapes do not broadcast: {[x.shape for x in xs]}") from error
    template = next((dense(x) for x in xs if x.shape == shape), None)
    if template is None:
        template = np.empty(shape, np.uint8)
    return [x if x.shape == shape and x.strides == template.strides else _like(template, x) for x in xs]


def _like(template: ByteArray, x: ByteArray) -> ByteArray:
    copy = np.empty_like(template, dtype=x.dtype)
    copy[...] = x
    return copy


def around_axis(x: Array, axis: int) -> tuple[int, int, int]:
    """(outer, channels, inner) of a dense array: elements before, along and after ``axis`` in memory."""
    channels = x.shape[axis]
    if channels <= 1 or x.size == 0:
        return 1, min(channels, 1), x.size
    inner = x.strides[axis] // x.itemsize
    return x.size // (channels * inner), channels, inner


def move(
    shape: Sequence[int],
    src: Array,
    src_strides: Sequence[int],
    dst: Array,
    dst_strides: Sequence[int],
) -> None:
    """Strided copy from the first element of *src* to that of *dst*; strides in bytes, 16 axes at most."""
    status = lib.qd_move(
        len(shape),
        ffi.new("int64_t[]", list(shape)),
        pointer(src),
        ffi.new("int64_t[]", list(src_strides)),
        pointer(dst),
        ffi.new("int64_t[]", list(dst_strides)),
        src.itemsize,
    )
    if status:
        raise ValueError(f"x: elements of {src.itemsize} bytes on {len(shape)} axes cannot be moved")


def channels_last(x: Item) -> Item:
    """*x* (N,C,spatial...) as contiguous N,spatial...,C; a view where its memory is that already."""
    view = x.transpose(0, *range(2, x.ndim), 1)
    if view.flags.c_contiguous:
        return view
    copy = np.empty(view.shape, x.dtype)
    move(view.shape, view, view.strides, copy, copy.strides)
    return cast(Item, copy)


def channels_first(x: Item) -> Item:
    """N,spatial...,C seen as N,C,spatial...; always a view."""
    return x.transpose(0, x.ndim - 1, *range(1, x.ndim - 1))


def empty_in_order(shape: Sequence[int], like: Array) -> Array:
    """New array whose axes lie in memory in the order of those of *like* (same rank and type)."""
    order = sorted(range(like.ndim), key=lambda axis: -abs(like.strides[axis]))
    memory = np.empty([shape[axis] for axis in order], like.dtype)
    return memory.transpose(np.argsort(order)) if like.ndim else memory


# ------------------------------------------------------------------------------------- checks


def is_array(x: Any) -> TypeGuard[Array]:
    """A numpy array of any type."""
    return isinstance(x, np.ndarray)


def need_bytes(name: str, x: Any) -> None:
    """ValueError unless *x* is an int8 or uint8 array."""
    if not is_array(x) or x.dtype.char not in "bB":
        raise ValueError(f"{name}: an int8 or uint8 array is wanted, not {_kind(x)}")


def need_type(name: str, x: Any, char: str) -> None:
    """ValueError unless *x* is an array of the type with that numpy character."""
    if not is_array(x) or x.dtype.char != char:
        raise ValueError(f"{name}: a {np.dtype(char).name} array is wanted, not {_kind(x)}")


def need_float32(name: str, x: Any) -> None:
    """ValueError unless *x* is a float32 array."""
    need_type(name, x, "f")


def need_int32(name: str, x: Any) -> None:
    """ValueError unless *x* is an int32 array."""
    if not is_array(x) or x.dtype != np.int32:
        raise ValueError(f"{name}: an int32 array is wanted, not {_kind(x)}")


def _kind(x: Any) -> str:
    return f"{x.dtype} array" if is_array(x) else type(x).__name__


def need_range(name: str, value: int, low: int, high: int) -> None:
    """ValueError unless low <= value <= high."""
    if not low <= value <= high:
        raise ValueError(f"{name}: {value} is not in {low}..{high}")


def need_scaling(multiplier: int, shift: int) -> None:
    """ValueError unless the multiplier is an int32 and the shift lies in -32..62."""
    need_range("multiplier", multiplier, INT32_MIN, INT32_MAX)
    need_range("shift", shift, SHIFT_MIN, SHIFT_MAX)


def need_byte_type(out_dtype: Any) -> None:
    """ValueError unless the type is int8 or uint8."""
    if out_dtype is not np.int8 and out_dtype is not np.uint8:
        raise ValueError(f"out_dtype: int8 or uint8 is wanted, not {out_dtype}")


def need_axis(axis: int, rank: int) -> int:
    """The axis counted from the front; ValueError where the array has no such axis."""
    if not -rank <= axis < rank:
        raise ValueError(f"axis: {axis} does not exist in an array of {rank} axes")
    return axis % rank


def form_number(form: str) -> int:
    """Number of a requantization form in the C code."""
    if form not in _FORM_NUMBER:
        raise ValueError(f"form: {form!r} is not one of {', '.join(FORMS)}")
    return _FORM_NUMBER[form]


def per_channel(name: str, values: Any, channels: int) -> Array:
    """A contiguous int32 array of one value per channel; one value stands for all."""
    need_int32(name, values)
    if values.size not in (1, channels):
        raise ValueError(f"{name}: 1 or {channels} values are wanted, not {values.size}")
    flat = values.reshape(-1)
    return np.ascontiguousarray(flat if flat.size == channels else np.repeat(flat, channels))
