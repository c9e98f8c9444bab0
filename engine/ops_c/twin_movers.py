"""Numpy twins of the kernels that only move elements. They take any element type; 1 to 6 axes."""

from collections.abc import Sequence

import numpy as np

from .params import Array, Int32Array, PadMode


def concat(xs: Sequence[Array], axis: int) -> Array:
    """Join along ``axis``; all of one type."""
    return np.concatenate(list(xs), axis)


def pad(x: Array, pads: Sequence[int], value: float = 0, mode: PadMode = "constant") -> Array:
    """``pads``: begins of every axis, then ends (none negative); ``value`` is in the unit of the elements."""
    width = list(zip(pads[: x.ndim], pads[x.ndim :], strict=True))
    if mode == "constant":
        return np.pad(x, width, constant_values=value)
    return np.pad(x, width, mode=mode)


def tile(x: Array, repeats: Sequence[int]) -> Array:
    """Repeat the whole array along every axis."""
    return np.tile(x, tuple(repeats))


def upsample(x: Array, scale_h: int, scale_w: int) -> Array:
    """Nearest neighbour by whole factors on the last two axes."""
    return x.repeat(scale_h, -2).repeat(scale_w, -1)


def depth_to_space(x: Array, block_h: int, block_w: int, crd: bool = False, inverse: bool = False) -> Array:
    """Blocks of channels to blocks of pixels (4-D), order DCR unless ``crd``; ``inverse`` goes back."""
    n, c, h, w = x.shape
    if inverse:
        y = x.reshape(n, c, h // block_h, block_h, w // block_w, block_w)
        y = y.transpose(0, 1, 3, 5, 2, 4) if crd else y.transpose(0, 3, 5, 1, 2, 4)
        return y.reshape(n, c * block_h * block_w, h // block_h, w // block_w)
    depth = c // (block_h * block_w)
    if crd:
        y = x.reshape(n, depth, block_h, block_w, h, w).transpose(0, 1, 4, 2, 5, 3)
    else:
        y = x.reshape(n, block_h, block_w, depth, h, w).transpose(0, 3, 4, 1, 5, 2)
    return y.reshape(n, depth, h * block_h, w * block_w)


def gather_nearest(x: Array, rows: Int32Array, cols: Int32Array) -> Array:
    """``y[..., i, j] = x[..., rows[i], cols[j]]``: nearest resize once the indices are known."""
    return np.take(np.take(x, rows, -2), cols, -1)
