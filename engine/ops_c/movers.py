"""Wrappers of the kernels that only move elements; signatures as in :mod:`.twin_movers`.

The result lies in memory in the order of the (first) input, so channels-last data stays channels-last.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from .native import empty_in_order, int32_pointer, is_array, lib, move, need_axis, need_int32, pointer
from .params import Array, Int32Array, PadMode


def _need_array(name: str, x: Any) -> None:
    if not is_array(x) or x.itemsize not in (1, 2, 4, 8) or x.dtype.hasobject:
        raise ValueError(f"{name}: an array with elements of 1, 2, 4 or 8 bytes is wanted")


def _copy(src: Array, dst: Array) -> None:
    move(src.shape, src, src.strides, dst, dst.strides)


def concat(xs: Sequence[Array], axis: int) -> Array:
    """Join along ``axis``; all of one type."""
    if not xs:
        raise ValueError("xs: one array at least is wanted")
    first = xs[0]
    axis = need_axis(axis, first.ndim)
    for x in xs:
        _need_array("xs", x)
        if x.dtype != first.dtype or x.ndim != first.ndim:
            raise ValueError("xs: all have one type and one number of axes")
        if any(x.shape[i] != first.shape[i] for i in range(x.ndim) if i != axis):
            raise ValueError(f"xs: shapes {[x.shape for x in xs]} differ outside axis {axis}")
    shape = list(first.shape)
    shape[axis] = sum(x.shape[axis] for x in xs)
    out = empty_in_order(shape, first)
    before, begin = (slice(None),) * axis, 0
    for x in xs:
        end = begin + x.shape[axis]
        _copy(x, out[(*before, slice(begin, end))])
        begin = end
    return out


def pad(x: Array, pads: Sequence[int], value: float = 0, mode: PadMode = "constant") -> Array:
    """``pads``: begins of every axis, then ends (none negative); ``value`` is in the unit of the elements."""
    _need_array("x", x)
    if len(pads) != 2 * x.ndim or (pads and min(pads) < 0):
        raise ValueError(f"pads: {2 * x.ndim} values are wanted, none negative")
    if mode not in ("constant", "reflect", "edge"):
        raise ValueError(f"mode: {mode!r} is not constant, reflect or edge")
    begins, ends = pads[: x.ndim], pads[x.ndim :]
    out = empty_in_order([n + b + e for n, b, e in zip(x.shape, begins, ends, strict=True)], x)
    if mode == "constant":
        if x.dtype.kind in "iu" and not np.iinfo(x.dtype).min <= value <= np.iinfo(x.dtype).max:
            raise ValueError(f"value: {value} does not fit {x.dtype}")
        out.fill(value)
    elif x.size == 0 and out.size:
        raise ValueError(f"x: an empty array has nothing to repeat (mode {mode})")
    _copy(x, out[tuple(slice(b, b + n) for b, n in zip(begins, x.shape, strict=True))])
    if mode != "constant":
        for axis in range(x.ndim):
            _repeat_border(out, x.shape, begins, axis, mode)
    return out


def _repeat_border(out: Array, inside: Sequence[int], begins: Sequence[int], axis: int, mode: str) -> None:
    """Fill the slabs before and after the inside along ``axis``; earlier axes are whole already."""
    size, begin = inside[axis], begins[axis]
    later = [slice(b, b + n) for b, n in zip(begins[axis + 1 :], inside[axis + 1 :], strict=True)]
    rows = np.moveaxis(out[(*([slice(None)] * (axis + 1)), *later)], axis, 0)
    for row in [*range(begin), *range(begin + size, len(rows))]:
        at = row - begin
        if mode == "edge" or size == 1:
            source = min(max(at, 0), size - 1)
        else:
            source = abs((at + size - 1) % (2 * size - 2) - (size - 1))
        _copy(rows[begin + source : begin + source + 1], rows[row : row + 1])


def tile(x: Array, repeats: Sequence[int]) -> Array:
    """Repeat the whole array along every axis."""
    _need_array("x", x)
    if len(repeats) < x.ndim or (len(repeats) and min(repeats) < 0):
        raise ValueError(f"repeats: {x.ndim} values at least are wanted, none negative")
    x = x.reshape((1,) * (len(repeats) - x.ndim) + x.shape)
    out = empty_in_order([n * r for n, r in zip(x.shape, repeats, strict=True)], x)
    shape, src, dst = list[int](), list[int](), list[int]()
    for n, r, s, d in zip(x.shape, repeats, x.strides, out.strides, strict=True):
        shape += [r, n]
        src += [0, s]
        dst += [n * d, d]
    move(shape, x, src, out, dst)
    return out


def upsample(x: Array, scale_h: int, scale_w: int) -> Array:
    """Nearest neighbour by whole factors on the last two axes."""
    _need_array("x", x)
    if x.ndim < 2 or scale_h < 1 or scale_w < 1:
        raise ValueError("x has 2 axes at least, scale_h and scale_w are positive")
    *front, h, w = x.shape
    out = empty_in_order([*front, h * scale_h, w * scale_w], x)
    (*src, src_h, src_w), (*dst, dst_h, dst_w) = x.strides, out.strides
    move(
        [*front, h, scale_h, w, scale_w],
        x,
        [*src, src_h, 0, src_w, 0],
        out,
        [*dst, scale_h * dst_h, dst_h, scale_w * dst_w, dst_w],
    )
    return out


def depth_to_space(x: Array, block_h: int, block_w: int, crd: bool = False, inverse: bool = False) -> Array:
    """Blocks of channels to blocks of pixels (4-D), order DCR unless ``crd``; ``inverse`` goes back."""
    _need_array("x", x)
    if x.ndim != 4 or block_h < 1 or block_w < 1:
        raise ValueError("x has 4 axes, block_h and block_w are positive")
    n, c, h, w = x.shape
    if inverse and (h % block_h or w % block_w):
        raise ValueError(f"x: {h}x{w} pixels do not divide into blocks of {block_h}x{block_w}")
    if not inverse and c % (block_h * block_w):
        raise ValueError(f"x: {c} channels do not divide by blocks of {block_h}x{block_w}")
    if inverse:
        depth, h, w = c, h // block_h, w // block_w
        out = empty_in_order([n, c * block_h * block_w, h, w], x)
    else:
        depth = c // (block_h * block_w)
        out = empty_in_order([n, depth, h * block_h, w * block_w], x)
    deep, wide = (out, x) if inverse else (x, out)
    s_n, s_c, s_h, s_w = deep.strides
    per_depth, per_row, per_column = (
        (block_h * block_w * s_c, block_w * s_c, s_c) if crd else (s_c, block_w * depth * s_c, depth * s_c)
    )
    deep_strides = [s_n, per_depth, s_h, per_row, s_w, per_column]
    s_n, s_c, s_h, s_w = wide.strides
    wide_strides = [s_n, s_c, block_h * s_h, s_h, block_w * s_w, s_w]
    src, dst = (wide_strides, deep_strides) if inverse else (deep_strides, wide_strides)
    move([n, depth, h, block_h, w, block_w], x, src, out, dst)
    return out


def gather_nearest(x: Array, rows: Int32Array, cols: Int32Array) -> Array:
    """``y[..., i, j] = x[..., rows[i], cols[j]]``: nearest resize once the indices are known."""
    _need_array("x", x)
    if x.ndim < 2:
        raise ValueError(f"x: 2 axes at least are wanted, not {x.ndim}")
    for name, index, size in (("rows", rows, x.shape[-2]), ("cols", cols, x.shape[-1])):
        need_int32(name, index)
        if index.ndim != 1 or (index.size and not 0 <= index.min() <= index.max() < size):
            raise ValueError(f"{name}: a 1-D array of indices in 0..{size - 1} is wanted")
    rows, cols = np.ascontiguousarray(rows), np.ascontiguousarray(cols)
    height, width = x.shape[-2:]
    if x.ndim == 4 and not x.flags.c_contiguous and x.transpose(0, 2, 3, 1).flags.c_contiguous:
        memory = np.empty((x.shape[0], rows.size, cols.size, x.shape[1]), x.dtype)
        outer, inner, out = x.shape[0], x.shape[1] * x.itemsize, memory.transpose(0, 3, 1, 2)
    else:
        x = np.ascontiguousarray(x)
        memory = out = np.empty((*x.shape[:-2], rows.size, cols.size), x.dtype)
        outer, inner = prod(x.shape[:-2]), x.itemsize
    if out.size:
        lib.qd_gather(
            pointer(x), outer, height, width, inner, int32_pointer(rows), rows.size, int32_pointer(cols),
            cols.size, pointer(memory),
        )  # fmt: skip
    return out
