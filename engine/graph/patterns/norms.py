"""LayerNorm spelt out as mean, difference, square, root, quotient."""

import numpy as np

from ..draft import Draft, DraftLayer
from ..vocabulary import Add, AddConst, Div, LayerNorm, Mul, Reduce, Sqrt, Sub
from .match import become, other, source


def layer_norm(draft: Draft, layer: DraftLayer) -> bool:
    """(x - mean) / sqrt(mean of squares + eps), then times a weight and plus a bias where they follow."""
    if not isinstance(layer.attributes, Div):
        return False
    centred, deviation = layer.inputs
    x, axis = _centred(draft, centred)
    if x is None:
        return False
    eps = _deviation(draft, deviation, centred, axis)
    if eps is None:
        return False
    last, inputs = _affine(draft, layer, axis)
    if last is not layer:
        last.inputs = []
    return become(draft, last, LayerNorm(axis=axis, eps=eps), [x, *inputs], "LayerNormalization")


def _mean(draft: Draft, tensor: str) -> tuple[str, int] | None:
    """(x, first axis), if *tensor* is x's mean over its last axes."""
    found = source(draft, tensor, Reduce)
    if found is None or found[1].mode != "ReduceMean" or not found[1].keepdims:
        return None
    x, axes = found[0].inputs[0], found[1].axes
    rank = len(draft.shape(x))
    return (x, axes[0]) if axes == tuple(range(axes[0], rank)) else None


def _centred(draft: Draft, tensor: str) -> tuple[str | None, int]:
    found = source(draft, tensor, Sub)
    if found is None or found[1].do_relu:
        return None, 0
    x, mean = found[0].inputs
    average = _mean(draft, mean)
    return (x, average[1]) if average and average[0] == x else (None, 0)


def _deviation(draft: Draft, tensor: str, centred: str, axis: int) -> float | None:
    root = source(draft, tensor, Sqrt)
    total = source(draft, root[0].inputs[0], AddConst) if root else None
    variance = _mean(draft, total[0].inputs[0]) if total else None
    square = source(draft, variance[0], Mul) if variance and variance[1] == axis else None
    if total is None or square is None or square[0].inputs != (centred, centred):
        return None
    return total[1].const_val


def _affine(draft: Draft, layer: DraftLayer, axis: int) -> tuple[DraftLayer, list[str]]:
    """The last layer of the chain, and names of weight and bias."""
    shape = draft.shapes[layer.output][axis:]
    weight, last = "", layer
    user = draft.only_user(last.output)
    if user is not None and isinstance(user.attributes, Mul):
        weight = _parameter(draft, user, last.output, shape)
        last = user if weight else last
    user = draft.only_user(last.output)
    if user is not None and isinstance(user.attributes, Add) and not user.attributes.coeff:
        bias = _parameter(draft, user, last.output, shape)
        if bias:
            return user, [weight, bias]
    return last, [weight, ""]


def _parameter(draft: Draft, user: DraftLayer, tensor: str, shape: tuple[int, ...]) -> str:
    """Name of the constant operand, brought to the normalised shape; "" where it does not fit."""
    name = other(user, tensor)
    value = draft.constant(name) if name else None
    if name is None or value is None:
        return ""
    squeezed = value.shape[len(value.shape) - len(shape) :] if value.ndim > len(shape) else value.shape
    if squeezed != shape or value.size != int(np.prod(shape)):
        return ""
    return name if value.shape == shape else draft.new_weight(f"{name}_normalized", value.reshape(shape))
