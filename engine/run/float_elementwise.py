"""Float layers whose result numpy gives to the last bit: one float32 operation for each element, or none."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph import vocabulary as v

Array = NDArray[Any]
Rule = Callable[[Sequence[Array | None]], Array]

F32 = np.float32


def elementwise_rule(attributes: v.Attributes, output_shape: Sequence[int]) -> Rule | None:
    """The rule of an element-wise op or mover; None for others."""
    one = _unary(attributes)
    if one is not None:
        return lambda inputs: _relu(one(_first(inputs)), attributes)
    many = _many(attributes)
    if many is not None:
        return lambda inputs: _relu(many([_known(item) for item in inputs]), attributes)
    mover = _mover(attributes, output_shape)
    if mover is not None:
        return lambda inputs: mover(_known(inputs[0]))
    return None


def _known(value: Array | None) -> Array:
    assert value is not None
    return value


def _first(inputs: Sequence[Array | None]) -> Array:
    return np.asarray(_known(inputs[0]), F32)


def _relu(result: Array, attributes: v.Attributes) -> Array:
    if isinstance(attributes, v.Fusable) and attributes.do_relu:
        result = np.maximum(result, F32(0))
        if attributes.relu_limit > 0:
            result = np.minimum(result, F32(attributes.relu_limit))
    return result


def _unary(attributes: v.Attributes) -> Callable[[Array], Array] | None:
    found: Callable[[Array], Array] | None = _PLAIN.get(type(attributes)) or _with_constant(attributes)
    match attributes:
        case v.Clip(min=low, max=high):
            found = lambda x: np.minimum(np.maximum(x, F32(low)), F32(high))
        case v.Relu(relu_limit=limit):
            found = lambda x: _bounded(x, limit)
        case v.LeakyRelu(alpha=alpha):
            found = lambda x: np.where(x > 0, x, F32(alpha) * x)
        case v.SubConst(const_val=value, is_reverse=reverse):
            found = lambda x: F32(value) - x if reverse else x - F32(value)
        case _:
            pass
    return found


_PLAIN: Mapping[type[v.Attributes], Callable[[Array], Array]] = MappingProxyType(
    {v.Abs: np.abs, v.Floor: np.floor, v.Sqrt: np.sqrt}
)
_CONSTANT: Mapping[type[v.Attributes], Callable[[Array, Any], Array]] = MappingProxyType(
    {
        v.AddConst: np.add,
        v.MulConst: np.multiply,
        v.MaxConst: np.maximum,
        v.MinConst: np.minimum,
        v.Reciprocal: lambda x, value: value / x,
    }
)


def _with_constant(attributes: v.Attributes) -> Callable[[Array], Array] | None:
    """An op of x and its ``const_val``."""
    function = _CONSTANT.get(type(attributes))
    if function is None:
        return None
    value = F32(getattr(attributes, "const_val", 0.0))
    return lambda x: function(x, value)


def _bounded(x: Array, limit: float) -> Array:
    result = np.maximum(x, F32(0))
    return np.minimum(result, F32(limit)) if limit > 0 else result


def _many(attributes: v.Attributes) -> Callable[[list[Array]], Array] | None:
    found: Callable[[list[Array]], Array] | None = None
    match attributes:
        case v.Add(coeff=()):
            found = lambda xs: reduce(np.add, xs)
        case v.Sub():
            found = lambda xs: xs[0] - xs[1]
        case v.Mul():
            found = lambda xs: reduce(np.multiply, xs)
        case v.Div():
            found = lambda xs: xs[0] / xs[1]
        case v.Max():
            found = lambda xs: reduce(np.maximum, xs)
        case v.Min():
            found = lambda xs: reduce(np.minimum, xs)
        case v.Concat(axis=axis):
            found = lambda xs: np.concatenate(xs, axis)
        case _:
            found = None
    return found


def _mover(attributes: v.Attributes, shape: Sequence[int]) -> Callable[[Array], Array] | None:
    found: Callable[[Array], Array] | None = None
    match attributes:
        case v.Reshape() | v.Squeeze() | v.Unsqueeze():
            found = lambda x: x.reshape(tuple(shape))
        case v.Permute(order=order):
            found = lambda x: x.transpose(order)
        case v.Upsample(do_relu=False, scale_h=h, scale_w=w):
            found = lambda x: x.repeat(h, -2).repeat(w, -1)
        case _:
            found = None
    return found
