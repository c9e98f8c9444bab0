"""Numpy twins of the float products: one chain of fused multiply-adds an output, in a fixed order (spec C.7)."""

from collections.abc import Sequence
from itertools import product as cartesian
from math import prod

import numpy as np

from .params import Float32Array, Via
from .rounding import round_float

__all__ = ["float_conv", "float_matmul", "float_sum"]


def fused(a: Float32Array, b: Float32Array, c: Float32Array) -> Float32Array:
    """``a * b + c`` rounded once to float32.

    The product is exact in float64. The sum is rounded to odd there (an inexact one takes the neighbour whose
    last bit is set), so that the second rounding decides as the only one would.
    """
    with np.errstate(all="ignore"):
        product = a.astype(np.float64) * b.astype(np.float64)
        other = c.astype(np.float64)
        total = np.asarray(product + other)
        back = total - product
        rest = (product - (total - back)) + (other - back)
        even = (total.view(np.int64) & 1) == 0
        inexact = np.isfinite(total) & (rest != 0) & np.isfinite(rest)
        odd = np.nextafter(total, np.where(rest > 0, np.inf, -np.inf))
        return np.where(inexact & even, odd, total).astype(np.float32)


def finished(
    total: Float32Array, bias: Float32Array | None, relu: bool, relu_limit: float, via: Via
) -> Float32Array:
    """Bias (along the last axis), ReLU with its limit (0 or less: none), the float type's grid."""
    with np.errstate(all="ignore"):
        result = total if bias is None else total + bias
        if relu:
            result = np.where(result < 0, np.float32(0), result)
            if relu_limit > 0:
                limit = np.float32(relu_limit)
                result = np.where(result > limit, limit, result)
    return round_float(result, via)


def float_conv(
    x: Float32Array,
    weight: Float32Array,
    bias: Float32Array | None = None,
    *,
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
    group: int = 1,
    relu: bool = False,
    relu_limit: float = 0.0,
    via: Via = "F32",
) -> Float32Array:
    """Convolution of any rank in float32. x: (N, C, spatial...); weight: (O, C / group, kernel...).

    Terms are added in the order of kernel position (row-major), then channel; padding takes part as zero.
    """
    rank = x.ndim - 2
    wide = np.pad(x, [(0, 0), (0, 0), *zip(pads[:rank], pads[rank:], strict=True)])
    taps = weight.shape[2:]
    steps = list(zip(strides, dilations, strict=True))
    sizes = [
        (wide.shape[2 + i] - (taps[i] - 1) * dilation - 1) // stride + 1
        for i, (stride, dilation) in enumerate(steps)
    ]
    filters = weight.reshape(group, -1, *weight.shape[1:])
    total = np.zeros((x.shape[0], group, filters.shape[1], prod(sizes)), np.float32)
    for tap in cartesian(*(range(size) for size in taps)):
        window = tuple(
            slice(t * dilation, t * dilation + (size - 1) * stride + 1, stride)
            for t, size, (stride, dilation) in zip(tap, sizes, steps, strict=True)
        )
        part = wide[(slice(None), slice(None), *window)].reshape(x.shape[0], group, weight.shape[1], -1)
        for channel in range(weight.shape[1]):
            factor = filters[(slice(None), slice(None), channel, *tap)]
            total = fused(part[:, :, None, channel], factor[None, :, :, None], total)
    flat = np.moveaxis(total.reshape(x.shape[0], weight.shape[0], -1), 1, -1)
    result = np.moveaxis(finished(flat, bias, relu, relu_limit, via), -1, 1)
    return result.reshape(x.shape[0], weight.shape[0], *sizes)


def float_matmul(
    a: Float32Array,
    b: Float32Array,
    bias: Float32Array | None = None,
    *,
    relu: bool = False,
    relu_limit: float = 0.0,
    via: Via = "F32",
) -> Float32Array:
    """Matrix product (..., M, K) by (..., K, N) in float32, terms in the order of K."""
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    total = np.zeros((*shape, a.shape[-2], b.shape[-1]), np.float32)
    for k in range(a.shape[-1]):
        total = fused(a[..., :, k : k + 1], b[..., k : k + 1, :], total)
    return finished(total, bias, relu, relu_limit, via)


def float_sum(
    a: Float32Array, b: Float32Array, *, relu: bool = False, relu_limit: float = 0.0, via: Via = "F32"
) -> Float32Array:
    """``a + b`` in float32."""
    with np.errstate(all="ignore"):
        return finished(a + b, None, relu, relu_limit, via)
