"""Linear layers that become one: BatchNorm, bias, factors, per-channel scales, 1x1 convolutions in a row."""

from dataclasses import replace

import numpy as np

from ..draft import Draft, DraftLayer
from ..vocabulary import Add, AddConst, Conv, Fusable, MatMul, MulConst, Scale
from .match import other, source

Array = np.ndarray

ROWS = 128


def _plain_conv(draft: Draft, tensor: str, reader: DraftLayer) -> DraftLayer | None:
    """The convolution without ReLU that only *reader* reads."""
    found = source(draft, tensor, Conv)
    if found is None or found[1].do_relu or not draft.only_read_by(tensor, reader):
        return None
    return found[0]


def _bias(draft: Draft, conv: DraftLayer) -> Array:
    name = conv.inputs[2]
    if name:
        return draft.weights[name]
    return np.zeros(len(draft.weights[conv.inputs[1]]), np.float32)


def _take_over(draft: Draft, conv: DraftLayer, layer: DraftLayer, keep_label: bool) -> None:
    """*conv* makes the output of *layer*, which goes; inside a graph it may keep its own label."""
    label = draft.label(conv.output)
    if draft.is_output(layer.output):
        label = f"{layer.output}_Conv"
    conv.outputs = [layer.output]
    if keep_label:
        draft.labels[layer.output] = label
    draft.remove(layer)


def batch_norm_into_conv(draft: Draft, layer: DraftLayer) -> bool:
    """Conv then BatchNormalization: one Conv under the Conv's name (spec A.12).

    All in float32 and in this order, so that filter and bias equal the original's to the bit.
    """
    if not isinstance(layer.attributes, Scale) or layer.output not in draft.normalizations:
        return False
    conv = _plain_conv(draft, layer.inputs[0], layer)
    if conv is None:
        return False
    mean, beta = draft.normalizations[layer.output]
    scale, weight = draft.weights[layer.inputs[1]], draft.weights[conv.inputs[1]]
    folded = weight * scale.reshape(-1, *(1,) * (weight.ndim - 1))
    bias = beta - mean * scale
    if conv.inputs[2]:
        bias = (draft.weights[conv.inputs[2]] - mean) * scale + beta
    label = draft.label(conv.output)
    conv.put(1, draft.new_weight(f"{label}_folded_filter", folded))
    conv.put(2, draft.new_weight(f"{label}_folded_bias", bias))
    _take_over(draft, conv, layer, keep_label=True)
    return True


def bias_into_conv(draft: Draft, layer: DraftLayer) -> bool:
    """Conv without bias, then a constant for every channel added: one Conv."""
    if not isinstance(layer.attributes, Scale | AddConst) or layer.output in draft.normalizations:
        return False
    conv = _plain_conv(draft, layer.inputs[0], layer)
    if conv is None or conv.inputs[2]:
        return False
    channels = draft.weights[conv.inputs[1]].shape[0]
    if isinstance(layer.attributes, Scale):
        if not (draft.weights[layer.inputs[1]] == 1.0).all():
            return False
        bias = draft.weights[layer.inputs[2]]
    else:
        bias = np.full(channels, layer.attributes.const_val, np.float32)
    conv.put(2, draft.new_weight(f"{draft.label(conv.output)}_added_bias", bias))
    _take_over(draft, conv, layer, keep_label=True)
    return True


def bias_into_matmul(draft: Draft, layer: DraftLayer) -> bool:
    """MatMul with a weight, then a vector over the columns added: MatMul with bias under the Add's name."""
    if not isinstance(layer.attributes, Add) or layer.attributes.coeff or len(layer.inputs) != 2:
        return False
    for tensor in layer.inputs:
        found, name = source(draft, tensor, MatMul), other(layer, tensor)
        value = draft.constant(name) if name else None
        if found is None or name is None or value is None or found[0].inputs[2] or found[1].do_relu:
            continue
        product = found[0]
        columns = draft.shapes[tensor][-1]
        constant = draft.constant(product.inputs[1]) is not None
        if not constant or value.size != columns or value.shape[-1:] != (columns,):
            continue
        if value.ndim > len(draft.shapes[tensor]) or not draft.only_read_by(tensor, layer):
            continue
        vector = name if value.ndim == 1 else draft.new_weight(f"{name}_vector", value.reshape(-1))
        product.put(2, vector)
        product.outputs = [layer.output]
        if len(draft.shapes[layer.output]) == 2:  # the original's simplifier makes a Gemm of it
            draft.labels[layer.output] = f"{layer.output}_Gemm"
        draft.remove(layer)
        return True
    return False


def merge_scales(draft: Draft, layer: DraftLayer) -> bool:
    """Scale after Scale: one Scale under the second's name."""
    if not isinstance(layer.attributes, Scale):
        return False
    found = source(draft, layer.inputs[0], Scale)
    if found is None or found[1].do_relu or not draft.only_read_by(layer.inputs[0], layer):
        return False
    first = found[0]
    scale1, bias1 = (draft.weights[name].astype(np.float64) for name in first.inputs[1:])
    scale2, bias2 = (draft.weights[name].astype(np.float64) for name in layer.inputs[1:])
    label = draft.label(layer.output)
    layer.inputs = [
        first.inputs[0],
        draft.new_weight(f"{label}_merged_scale", (scale1 * scale2).astype(np.float32)),
        draft.new_weight(f"{label}_merged_bias", (bias1 * scale2 + bias2).astype(np.float32)),
    ]
    draft.remove(first)
    return True


def factor_into_conv(draft: Draft, layer: DraftLayer) -> bool:
    """Conv times a number: the factor goes into filter and bias, the Conv takes the name."""
    attributes = layer.attributes
    if not isinstance(attributes, MulConst):
        return False
    conv = _plain_conv(draft, layer.inputs[0], layer)
    if conv is None:
        return False
    factor, label = np.float32(attributes.const_val), draft.label(conv.output)
    conv.put(1, draft.new_weight(f"{label}__mergeMulConst", draft.weights[conv.inputs[1]] * factor))
    if conv.inputs[2]:
        conv.put(2, draft.new_weight(f"{label}_1__mergeMulConst", draft.weights[conv.inputs[2]] * factor))
    if attributes.do_relu and isinstance(conv.attributes, Fusable):
        conv.attributes = replace(conv.attributes, do_relu=True, relu_limit=attributes.relu_limit)
    _take_over(draft, conv, layer, keep_label=False)
    return True


def merge_pointwise(draft: Draft, layer: DraftLayer) -> bool:
    """Two 1x1 convolutions with nothing between them: one, whatever it does to the size (spec A.12)."""
    if not isinstance(layer.attributes, Conv) or not _is_pointwise(layer.attributes):
        return False
    first = _plain_conv(draft, layer.inputs[0], layer)
    if first is None or not isinstance(first.attributes, Conv):
        return False
    if not _is_pointwise(first.attributes) or set(first.attributes.strides) != {1}:
        return False
    inner, outer = draft.weights[first.inputs[1]], draft.weights[layer.inputs[1]]
    product = _ordered_product(outer.reshape(len(outer), -1), inner.reshape(len(inner), -1))
    filters = product.reshape(len(outer), inner.shape[1], *outer.shape[2:])
    bias = _ordered_product(outer.reshape(len(outer), -1), _bias(draft, first).reshape(-1, 1))[:, 0]
    bias = bias + _bias(draft, layer)
    label = _conv_label(draft, layer)
    layer.inputs = [
        first.inputs[0],
        draft.new_weight(f"{label}_merge_filter_weight", filters),
        draft.new_weight(f"{label}_merge_bias_weight", bias),
    ]
    draft.remove(first)
    return True


def _ordered_product(left: Array, right: Array) -> Array:
    """The matrix product in float32, summed in the order of the index: the original's to the bit, unlike BLAS's.

    Works on some rows at a time, so that they stay in the cache.
    """
    columns = np.ascontiguousarray(left.T)
    result = np.zeros((len(left), right.shape[1]), np.float32)
    for start in range(0, len(left), ROWS):
        total = result[start : start + ROWS]
        term = np.empty_like(total)
        for column, row in zip(columns[:, start : start + ROWS, None], right, strict=True):
            np.multiply(column, row, out=term)
            np.add(total, term, out=total)
    return result


def _is_pointwise(attributes: Conv) -> bool:
    return set(attributes.kernel_shape) == {1} and set(attributes.pads) == {0} and attributes.group == 1


def _conv_label(draft: Draft, layer: DraftLayer) -> str:
    """The label that the convolution had before a ReLU was fused into it."""
    return draft.former.get(layer.output, draft.label(layer.output))
