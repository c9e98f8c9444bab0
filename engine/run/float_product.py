"""Float layers on the C kernels (spec C.7): weights packed once, every sum in one fixed order."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph.vocabulary import Add, Attributes, AvgPool, Conv, MatMul
from ..ops_c.float_products import FloatConv, FloatMatMul, float_matmul, float_sum
from ..ops_c.params import Via

Array = NDArray[Any]
Product = Callable[[Sequence[Array | None]], Array]
"""Inputs in the layer's order to the output, rounded to the type."""

F32 = np.float32


def product_of(
    attributes: Attributes, constants: Sequence[Array | None], shapes: Sequence[Sequence[int]], via: Via
) -> Product | None:
    """The product of a layer, rounded to the grid *via*; None where the kernels have no such form.

    constants: the layer's inputs that are weights, None for activations and absent ones. shapes: of all
    inputs.
    """
    weight = constants[1] if len(constants) > 1 else None
    bias = constants[2] if len(constants) > 2 else None
    if len(shapes) > 2 and shapes[2] and bias is None:
        return None
    match attributes:
        case Conv() if weight is not None and weight.ndim in (3, 4):
            return _conv(attributes, weight, bias, via)
        case MatMul() if min(len(shape) for shape in shapes[:2]) >= 2:
            return _matmul(attributes, weight, bias, shapes, via)
        case Add(coeff=()) if len(shapes) == 2 and len({tuple(shape) for shape in shapes}) == 1:
            return _add(attributes, constants, via)
        case AvgPool() if via == "F32" and _one_divisor(attributes) and len(shapes[0]) in (3, 4):
            return _average(attributes, shapes)
        case _:
            return None


def _add(attributes: Add, constants: Sequence[Array | None], via: Via) -> Product | None:
    if any(value is not None for value in constants):
        return None
    relu, limit = attributes.do_relu, attributes.relu_limit
    return lambda inputs: float_sum(_real(inputs[0]), _real(inputs[1]), relu=relu, relu_limit=limit, via=via)


def _one_divisor(attributes: AvgPool) -> bool:
    plain = not any(attributes.pads) or attributes.count_include_pad
    return plain and not any(attributes.overhang) and not attributes.do_relu


def _average(attributes: AvgPool, shapes: Sequence[Sequence[int]]) -> Product:
    """The window's sum in the order of its elements, divided once."""
    kernel, channels = attributes.kernel_shape, shapes[0][1]
    layer = FloatConv(
        np.ones((channels, 1, *kernel), F32),
        strides=attributes.strides,
        pads=attributes.pads,
        dilations=(1,) * len(kernel),
        group=channels,
    )
    divisor, rank = F32(prod(kernel)), len(kernel)

    def run(inputs: Sequence[Array | None]) -> Array:
        result = layer.run(_real(inputs[0])) / divisor
        return result if attributes.keepdims else result.reshape(result.shape[:-rank])

    return run


def _conv(attributes: Conv, weight: Array, bias: Array | None, via: Via) -> Product:
    @lru_cache(1)
    def layer() -> FloatConv:
        return FloatConv(
            np.asarray(weight, F32),
            bias,
            strides=attributes.strides,
            pads=attributes.pads,
            dilations=attributes.dilations,
            group=attributes.group,
            relu=attributes.do_relu,
            relu_limit=attributes.relu_limit,
            via=via,
        )

    return lambda inputs: layer().run(_real(inputs[0]))


def _matmul(
    attributes: MatMul, weight: Array | None, bias: Array | None, shapes: Sequence[Sequence[int]], via: Via
) -> Product | None:
    width = shapes[1][-2] if attributes.right_transpose else shapes[1][-1]
    if bias is not None and bias.size != width:
        return None
    flat = None if bias is None else np.asarray(bias, F32).reshape(-1)
    options: dict[str, Any] = {
        "relu": attributes.do_relu, "relu_limit": attributes.relu_limit, "via": via
    }  # fmt: skip

    def left(x: Array) -> Array:
        return np.swapaxes(x, -1, -2) if attributes.left_transpose else x

    def right(x: Array) -> Array:
        return np.swapaxes(x, -1, -2) if attributes.right_transpose else x

    if weight is None or weight.ndim != 2:
        return lambda inputs: float_matmul(left(_real(inputs[0])), right(_real(inputs[1])), flat, **options)

    @lru_cache(1)
    def layer() -> FloatMatMul:
        return FloatMatMul(right(np.asarray(weight, F32)), flat, **options)

    return lambda inputs: layer().run(left(_real(inputs[0])))


def _real(value: Array | None) -> Array:
    return np.asarray(value, F32)
