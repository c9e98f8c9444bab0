"""Numpy twins of the kernels that multiply matrices: convolution, transposed convolution, matmul.

Everything is int64 and exact; an accumulator outside int32 saturates (no real layer comes near).
"""

from collections.abc import Sequence
from itertools import product as cartesian

import numpy as np

from .params import INT32_MAX, INT32_MIN, Array, ByteArray, Int32Array, Requant
from .rounding import saturate, scale_integers


def conv(
    x: ByteArray,
    weight: ByteArray,
    bias: Int32Array | None = None,
    *,
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
    group: int = 1,
    requant: Requant | None = None,
) -> Array:
    """Convolution N,C,spatial... with weight O,C/group,kernel...; 1 to 3 spatial axes.

    ``pads``: begins of the spatial axes, then ends; padding is 0. ``bias``: int32 (O). Without ``requant``
    the int32 accumulators are returned. (spec C.3)
    """
    rank = x.ndim - 2
    padding = [(0, 0), (0, 0), *zip(pads[:rank], pads[rank:], strict=True)]
    wide = np.pad(x.astype(np.int64), padding)
    sizes = [
        (wide.shape[2 + i] - (weight.shape[2 + i] - 1) * dilations[i] - 1) // strides[i] + 1
        for i in range(rank)
    ]
    batch, outputs, per_group = x.shape[0], weight.shape[0], weight.shape[0] // group
    acc = np.zeros((batch, outputs, *sizes), np.int64)
    for tap in cartesian(*(range(size) for size in weight.shape[2:])):
        window = tuple(
            slice(t * d, t * d + (n - 1) * s + 1, s)
            for t, d, n, s in zip(tap, dilations, sizes, strides, strict=True)
        )
        part = wide[(slice(None), slice(None), *window)]
        part = part.reshape(batch, group, x.shape[1] // group, -1)
        w = weight[(slice(None), slice(None), *tap)].astype(np.int64)
        w = w.reshape(group, per_group, weight.shape[1])
        acc += np.einsum("ngcp,goc->ngop", part, w).reshape(acc.shape)
    return finish(acc, bias, requant)


def deconv(
    x: ByteArray,
    weight: ByteArray,
    bias: Int32Array | None = None,
    *,
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
    group: int = 1,
    output_padding: Sequence[int],
    requant: Requant | None = None,
) -> Array:
    """Transposed convolution; weight is stored output channel first: O,C/group,kernel... (spec C.3)."""
    rank = x.ndim - 2
    spread = [(n - 1) * s + 1 if n else 0 for n, s in zip(x.shape[2:], strides, strict=True)]
    full = [
        size + (k - 1) * d + extra
        for size, k, d, extra in zip(spread, weight.shape[2:], dilations, output_padding, strict=True)
    ]
    batch, outputs, per_group = x.shape[0], weight.shape[0], weight.shape[0] // group
    acc = np.zeros((batch, outputs, *full), np.int64)
    wide = x.astype(np.int64).reshape(batch, group, x.shape[1] // group, -1)
    for tap in cartesian(*(range(size) for size in weight.shape[2:])):
        w = weight[(slice(None), slice(None), *tap)].astype(np.int64)
        part = np.einsum("ngcp,goc->ngop", wide, w.reshape(group, per_group, weight.shape[1]))
        window = tuple(
            slice(t * d, t * d + n, s) for t, d, n, s in zip(tap, dilations, spread, strides, strict=True)
        )
        acc[(slice(None), slice(None), *window)] += part.reshape(batch, outputs, *x.shape[2:])
    inner = tuple(slice(pads[i], full[i] - pads[rank + i]) for i in range(rank))
    return finish(acc[(slice(None), slice(None), *inner)], bias, requant)


def matmul(
    a: ByteArray,
    b: ByteArray,
    bias: Int32Array | None = None,
    *,
    left_transpose: bool = False,
    right_transpose: bool = False,
    requant: Requant | None = None,
) -> Array:
    """``a @ b`` with the leading axes broadcast; bias and requant run along the last axis of the result."""
    left = np.swapaxes(a, -1, -2) if left_transpose else a
    right = np.swapaxes(b, -1, -2) if right_transpose else b
    acc = left.astype(np.int64) @ right.astype(np.int64)
    return finish(acc, bias, requant, axis=acc.ndim - 1)


def finish(acc: Array, bias: Int32Array | None, requant: Requant | None, axis: int = 1) -> Array:
    """Add the bias along ``axis``, saturate to int32, requantize."""
    shape = [1] * acc.ndim
    shape[axis] = -1
    if bias is not None:
        acc = acc + bias.astype(np.int64).reshape(shape)
    acc = np.clip(acc, INT32_MIN, INT32_MAX)
    if requant is None:
        return acc.astype(np.int32)
    multiplier = requant.multiplier.reshape(shape)
    scaled = scale_integers(acc, multiplier, requant.shift.reshape(shape), requant.form)
    return saturate(scaled, requant.relu, requant.out_dtype)
