"""Family X: convolution, deconvolution, matrix product and per-channel scale in int8 (spec C.3)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Layer
from ..graph.vocabulary import Conv, Deconv, MatMul, Scale
from ..ops_c.params import Requant
from .lowering import Lowering
from .program import TensorType
from .quantize import Product, quantize_columns, quantize_rows, scale_shift

Array = NDArray[Any]


def _requant(product: Product, out: TensorType, relu: bool) -> Requant:
    return Requant(product.multiplier, product.shift, relu=relu, out_dtype=out.dtype)


def _shared(
    lowering: Lowering, layer: Layer, scales: tuple[float, ...], make: Callable[[], Product]
) -> Product:
    """A quantized product, made once for its scales; the integers do not depend on them and are held once."""

    def made() -> Product:
        product = make()
        weight = lowering.memo.get(("weight", layer.name, *scales[2:]), lambda: product.weight)
        return replace(product, weight=weight) if np.array_equal(weight, product.weight) else product

    return lowering.memo.get(("product", layer.name, *scales), made)


def _constants(lowering: Lowering, layer: Layer) -> tuple[Array, Array | None] | None:
    """Filter and bias as float32; None where either is no constant."""
    return lowering.memo.get(("constants", layer.name), lambda: _read_constants(lowering, layer))


def _read_constants(lowering: Lowering, layer: Layer) -> tuple[Array, Array | None] | None:
    weight = lowering.weight(layer, 1)
    bias = lowering.weight(layer, 2)
    if weight is None or not weight.size or (bias is None and lowering.has(layer, 2)):
        return None
    values = [array for array in (weight, bias) if array is not None]
    if not all(array.dtype.kind == "f" and np.isfinite(array).all() for array in values):
        return None
    return weight.astype(np.float32), None if bias is None else bias.astype(np.float32).reshape(-1)


def conv(lowering: Lowering, layer: Layer) -> bool:
    """Conv and Deconv with constant weights, one scale for each output channel."""
    attributes = layer.attributes
    assert isinstance(attributes, Conv | Deconv)
    given, out = lowering.type_in(layer, 0), lowering.type_out(layer)
    found = _constants(lowering, layer)
    if given is None or out is None or found is None or not 3 <= len(lowering.shape(layer.inputs[0])) <= 5:
        return False
    weight, bias = found
    if bias is not None and bias.shape != (len(weight),):
        return False
    scales = given.scale or 0.0, out.scale or 0.0
    product = _shared(lowering, layer, scales, lambda: quantize_rows(weight, bias, *scales))
    parameters = {
        "weight": product.weight,
        "bias": product.bias,
        "strides": attributes.strides,
        "pads": attributes.pads,
        "dilations": attributes.dilations,
        "group": attributes.group,
        "requant": _requant(product, out, attributes.do_relu),
    }
    if isinstance(attributes, Deconv):
        parameters["output_padding"] = attributes.output_padding
    kernel = "deconv" if isinstance(attributes, Deconv) else "conv"
    lowering.add(layer, kernel, (lowering.integer(layer, 0),), layer.name, out, parameters)
    return True


def scale(lowering: Lowering, layer: Layer) -> bool:
    """Scale as a 1x1 depthwise convolution."""
    attributes = layer.attributes
    assert isinstance(attributes, Scale)
    given, out = lowering.type_in(layer, 0), lowering.type_out(layer)
    found = _constants(lowering, layer)
    shape = lowering.shape(layer.inputs[0])
    if given is None or out is None or found is None or len(shape) < 2:
        return False
    weight, bias = found
    if weight.size != shape[1] or (bias is not None and bias.size != shape[1]):
        return False
    scales = given.scale or 0.0, out.scale or 0.0
    product = _shared(lowering, layer, scales, lambda: quantize_rows(weight.reshape(-1, 1), bias, *scales))
    parameters = {
        "weight": product.weight.reshape(-1),
        "bias": product.bias,
        "multiplier": product.multiplier,
        "shift": product.shift,
        "relu": attributes.do_relu,
        "out_dtype": out.dtype,
    }
    lowering.add(layer, "scale", (lowering.integer(layer, 0),), layer.name, out, parameters)
    return True


def matmul(lowering: Lowering, layer: Layer) -> bool:
    """MatMul: a constant right side has one scale (or one for each block of columns); or two activations."""
    attributes = layer.attributes
    assert isinstance(attributes, MatMul)
    ranks = [len(lowering.shape(name)) for name in layer.inputs[:2]]
    if min(ranks) < 2 or lowering.type_in(layer, 0) is None:
        return False
    if lowering.weight(layer, 1) is None:
        return _matmul_of_activations(lowering, layer, attributes)
    given, out = lowering.type_in(layer, 0), lowering.type_out(layer)
    found = _constants(lowering, layer)
    if given is None or out is None or found is None:
        return False
    weight, bias = found
    right = np.ascontiguousarray(np.swapaxes(weight, -1, -2) if attributes.right_transpose else weight)
    if bias is not None and bias.size != right.shape[-1]:
        return False
    groups = lowering.groups.get(layer.name, 1)
    scales = given.scale or 0.0, out.scale or 0.0, groups
    product = _shared(lowering, layer, scales, lambda: quantize_columns(right, bias, *scales))
    parameters = {
        "weight": product.weight,
        "bias": product.bias,
        "left_transpose": attributes.left_transpose,
        "requant": _requant(product, out, attributes.do_relu),
    }
    lowering.add(layer, "matmul", (lowering.integer(layer, 0),), layer.name, out, parameters)
    return True


def _matmul_of_activations(lowering: Lowering, layer: Layer, attributes: MatMul) -> bool:
    left, right = lowering.type_in(layer, 0), lowering.type_in(layer, 1)
    out = lowering.type_out(layer)
    if left is None or right is None or out is None or lowering.has(layer, 2):
        return False
    ratio = (left.scale or 0.0) * (right.scale or 0.0) / (out.scale or 1.0)
    multiplier, shift = scale_shift(np.array([ratio]))
    parameters = {
        "left_transpose": attributes.left_transpose,
        "right_transpose": attributes.right_transpose,
        "requant": Requant(multiplier, shift, relu=attributes.do_relu, out_dtype=out.dtype),
    }
    operands = (lowering.integer(layer, 0), lowering.integer(layer, 1))
    lowering.add(layer, "matmul", operands, layer.name, out, parameters)
    return True
