"""Float layers between integer ones, as the original's simulation computes them (spec C.7).

Products are summed exactly and rounded once to float32; sums of Reduce and Softmax run in float32 in index
order. What is not here runs in onnxruntime.
"""

from collections.abc import Callable, Sequence
from itertools import product as cartesian
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph.vocabulary import Attributes, Conv, Deconv, Fusable, Interp, LayerNorm, MatMul, Reduce, Softmax
from ..ops_c.kernels import round_float
from .float_elementwise import elementwise_rule

Array = NDArray[Any]
Rule = Callable[[Sequence[Array | None]], Array]
"""Inputs in the layer's order, None where one is absent, to the output before the rounding to the type."""

F32 = np.float32


def rule_of(attributes: Attributes, mode: str, output_shape: Sequence[int]) -> Rule | None:
    """The rule of a layer in *mode* ("F16", "BF16", "F32"); None where onnxruntime's result is taken."""
    found: Rule | None = None
    match attributes:
        case Conv() if mode != "F32":
            found = lambda x: _conv(attributes, x)
        case Deconv() if mode != "F32":
            found = lambda x: _deconv(attributes, x)
        case MatMul() if mode != "F32":
            found = lambda x: _matmul(attributes, x)
        case Reduce(mode="ReduceMean" | "ReduceSum"):
            found = lambda x: _reduce(attributes, mode, x)
        case Softmax(log=False):
            found = lambda x: _softmax(attributes, x)
        case LayerNorm() if mode != "F32":
            found = lambda x: _layer_norm(attributes, x)
        case Interp(mode="linear") if _plain_linear(attributes) and len(output_shape) == 4:
            found = lambda x: _linear_resize(attributes, output_shape, x)
        case _:
            found = elementwise_rule(attributes, output_shape)
    return found


def _given(value: Array | None) -> Array:
    assert value is not None
    return value


def _finish(total: Array, bias: Array | None, axis: int, attributes: Fusable) -> Array:
    """Bias, one rounding to float32, ReLU with its limit."""
    if bias is not None:
        shape = [1] * total.ndim
        shape[axis] = -1
        total = total + bias.astype(np.float64).reshape(shape)
    result = total.astype(F32)
    if attributes.do_relu:
        result = np.maximum(result, F32(0))
        if attributes.relu_limit > 0:
            result = np.minimum(result, F32(attributes.relu_limit))
    return result


def _conv(attributes: Conv, inputs: Sequence[Array | None]) -> Array:
    x, weight = _given(inputs[0]), _given(inputs[1]).astype(np.float64)
    rank, group = x.ndim - 2, attributes.group
    padding = zip(attributes.pads[:rank], attributes.pads[rank:], strict=True)
    wide = np.pad(x.astype(np.float64), [(0, 0), (0, 0), *padding])
    taps = weight.shape[2:]
    steps = list(zip(attributes.strides, attributes.dilations, strict=True))
    sizes = [
        (wide.shape[2 + i] - (taps[i] - 1) * dilation - 1) // stride + 1
        for i, (stride, dilation) in enumerate(steps)
    ]
    grouped = weight.reshape(group, -1, weight.shape[1], *taps)
    total = np.zeros((x.shape[0], group, grouped.shape[1], prod(sizes)))
    for tap in cartesian(*(range(size) for size in taps)):
        window = tuple(
            slice(t * dilation, t * dilation + (size - 1) * stride + 1, stride)
            for t, size, (stride, dilation) in zip(tap, sizes, steps, strict=True)
        )
        part = wide[(slice(None), slice(None), *window)].reshape(x.shape[0], group, weight.shape[1], -1)
        factor = grouped[(slice(None), slice(None), slice(None), *tap)]
        total += part * factor if grouped.shape[1:3] == (1, 1) else factor @ part
    bias = inputs[2] if len(inputs) > 2 else None
    return _finish(total.reshape(x.shape[0], weight.shape[0], *sizes), bias, 1, attributes)


def _deconv(attributes: Deconv, inputs: Sequence[Array | None]) -> Array:
    x, weight = _given(inputs[0]), _given(inputs[1]).astype(np.float64)
    rank, group, taps = x.ndim - 2, attributes.group, weight.shape[2:]
    spread = [(size - 1) * stride + 1 for size, stride in zip(x.shape[2:], attributes.strides, strict=True)]
    full = [
        size + (tap - 1) * dilation + extra
        for size, tap, dilation, extra in zip(
            spread, taps, attributes.dilations, attributes.output_padding, strict=True
        )
    ]
    grouped = weight.reshape(group, -1, weight.shape[1], *taps)
    flat = x.astype(np.float64).reshape(x.shape[0], group, weight.shape[1], -1)
    total = np.zeros((x.shape[0], weight.shape[0], *full))
    for tap in cartesian(*(range(size) for size in taps)):
        part = grouped[(slice(None), slice(None), slice(None), *tap)] @ flat
        window = tuple(
            slice(t * dilation, t * dilation + size, stride)
            for t, dilation, size, stride in zip(
                tap, attributes.dilations, spread, attributes.strides, strict=True
            )
        )
        total[(slice(None), slice(None), *window)] += part.reshape(*total.shape[:2], *x.shape[2:])
    inner = tuple(slice(attributes.pads[i], full[i] - attributes.pads[rank + i]) for i in range(rank))
    bias = inputs[2] if len(inputs) > 2 else None
    return _finish(total[(slice(None), slice(None), *inner)], bias, 1, attributes)


def _matmul(attributes: MatMul, inputs: Sequence[Array | None]) -> Array:
    left, right = _given(inputs[0]).astype(np.float64), _given(inputs[1]).astype(np.float64)
    if attributes.left_transpose:
        left = np.swapaxes(left, -1, -2)
    if attributes.right_transpose:
        right = np.swapaxes(right, -1, -2)
    total = np.asarray(left @ right)
    bias = inputs[2] if len(inputs) > 2 else None
    if bias is not None:
        total = total + bias.astype(np.float64)
    return _finish(total, None, 0, attributes)


def _ordered_sum(values: Array, axis: int) -> Array:
    """Sum along one axis in float32, in index order; the axis keeps one element."""
    if not values.shape[axis]:
        return np.zeros([*values.shape[:axis], 1, *values.shape[axis + 1 :]], F32)
    return np.take(np.cumsum(values, axis=axis, dtype=F32), [-1], axis)


def _reduce(attributes: Reduce, mode: str, inputs: Sequence[Array | None]) -> Array:
    x = _given(inputs[0]).astype(F32)
    axes = attributes.axes or tuple(range(x.ndim))
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    flat = x.transpose(*kept, *sorted(axes)).reshape(*(x.shape[axis] for axis in kept), -1)
    total = _ordered_sum(flat, flat.ndim - 1)[..., 0]
    if attributes.mode == "ReduceMean":
        count = flat.shape[-1]
        reciprocal = round_float(np.array([1.0 / max(count, 1)], F32), "F16")[0]
        total = total * reciprocal if mode == "F16" else total / F32(count)
    shape = [1 if axis in axes else size for axis, size in enumerate(x.shape)]
    return total.reshape(shape if attributes.keepdims else [x.shape[axis] for axis in kept])


def _softmax(attributes: Softmax, inputs: Sequence[Array | None]) -> Array:
    x = _given(inputs[0]).astype(F32)
    exponents = np.exp(x - x.max(attributes.axis, keepdims=True))
    return exponents / _ordered_sum(exponents, attributes.axis)


def _layer_norm(attributes: LayerNorm, inputs: Sequence[Array | None]) -> Array:
    x = _given(inputs[0]).astype(F32)
    axes = tuple(range(attributes.axis, x.ndim))
    mean = x.mean(axes, keepdims=True, dtype=np.float64).astype(F32)
    centred = x - mean
    variance = (centred.astype(np.float64) ** 2).mean(axes, keepdims=True).astype(F32)
    result = centred / np.sqrt(variance + F32(attributes.eps))
    side = x.shape[attributes.axis :]
    if len(inputs) > 1 and inputs[1] is not None:
        result = result * inputs[1].astype(F32).reshape(side)
    if len(inputs) > 2 and inputs[2] is not None:
        result = result + inputs[2].astype(F32).reshape(side)
    return result


def _plain_linear(attributes: Interp) -> bool:
    return attributes.coord_mode in ("align_corners", "half_pixel") and not attributes.exclude_outside


def _positions(attributes: Interp, size: int, given: int) -> tuple[Array, Array, Array]:
    """Lower and upper source index and the weight of the upper one, float32."""
    index = np.arange(size, dtype=F32)
    if attributes.coord_mode == "align_corners":
        at = index * F32((given - 1) / (size - 1) if size > 1 else 0)
    else:
        at = (index + F32(0.5)) * F32(given / size) - F32(0.5)
    at = np.clip(at, 0, given - 1).astype(F32)
    low = np.floor(at).astype(np.int64)
    return low, np.minimum(low + 1, given - 1), (at - low).astype(F32)


def _linear_resize(attributes: Interp, shape: Sequence[int], inputs: Sequence[Array | None]) -> Array:
    x = _given(inputs[0]).astype(F32)
    top, bottom, down = _positions(attributes, shape[2], x.shape[2])
    left, right, across = _positions(attributes, shape[3], x.shape[3])
    down = down[:, None]
    upper, lower = x[:, :, top], x[:, :, bottom]
    one = F32(1)
    return (
        upper[..., left] * (one - down) * (one - across)
        + upper[..., right] * (one - down) * across
        + lower[..., left] * down * (one - across)
        + lower[..., right] * down * across
    )
