"""Family X: element-wise ops in int8 (spec C.4)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Layer
from ..graph.vocabulary import (
    Abs,
    Add,
    AddConst,
    LeakyRelu,
    Max,
    MaxConst,
    MinConst,
    Mul,
    MulConst,
    PRelu,
    Relu,
    Sub,
    SubConst,
)
from .lowering import Lowering
from .program import Key, TensorType
from .quantize import (
    logarithmic_shift,
    quantize_constant,
    round_half_away,
    scale_shift_8bit,
    scale_shift_positive,
)

Array = NDArray[Any]
LARGEST_CONSTANT = 2**30
"""Constants of AddConst and MaxConst are kept in an int32."""


def _operands(lowering: Lowering, layer: Layer) -> list[tuple[Key | Array, float]] | None:
    """Each operand and its scale; a constant is quantized with a scale of its own."""
    found: list[tuple[Key | Array, float]] = []
    for position, name in enumerate(layer.inputs):
        weight = lowering.weight(layer, position)
        if weight is None:
            given = lowering.type_in(layer, position)
            if given is None:
                return None
            found.append((name, given.scale or 0.0))
        elif weight.dtype.kind == "f" and weight.size and np.isfinite(weight).all():
            found.append(quantize_constant(weight))
        else:
            return None
    return found


def _keys(lowering: Lowering, layer: Layer, operands: list[tuple[Key | Array, float]]) -> tuple[Key, ...]:
    keys: list[Key] = []
    for position, (operand, _) in enumerate(operands):
        if isinstance(operand, np.ndarray):
            keys.append(lowering.constant(layer, f"operand {position}", operand))
        else:
            keys.append(lowering.integer(layer, position))
    return tuple(keys)


def add(lowering: Lowering, layer: Layer) -> bool:
    """Add and Sub: each input is rounded and shifted separately."""
    attributes = layer.attributes
    assert isinstance(attributes, Add | Sub)
    out, operands = lowering.type_out(layer), _operands(lowering, layer)
    if out is None or operands is None:
        return False
    coefficients = attributes.coeff if isinstance(attributes, Add) else ()
    factors = coefficients or (1.0,) * len(operands)
    if len(factors) != len(operands):
        return False
    pairs = [
        scale_shift_positive(factor * (scale / (out.scale or 1.0)))
        for factor, (_, scale) in zip(factors, operands, strict=True)
    ]
    parameters = {
        "multipliers": tuple(multiplier for multiplier, _ in pairs),
        "shifts": tuple(shift for _, shift in pairs),
        "signs": (1, -1) if isinstance(attributes, Sub) else (1,) * len(operands),
        "relu": attributes.do_relu,
        "out_dtype": out.dtype,
    }
    lowering.add(layer, "add", _keys(lowering, layer, operands), layer.name, out, parameters)
    return True


def mul(lowering: Lowering, layer: Layer) -> bool:
    """Mul of two operands."""
    attributes = layer.attributes
    assert isinstance(attributes, Mul)
    out, operands = lowering.type_out(layer), _operands(lowering, layer)
    if out is None or operands is None or len(operands) != 2:
        return False
    multiplier, shift = scale_shift_8bit(operands[0][1] * operands[1][1] / (out.scale or 1.0))
    parameters = {
        "multiplier": multiplier,
        "shift": shift,
        "relu": attributes.do_relu,
        "out_dtype": out.dtype,
    }
    lowering.add(layer, "mul", _keys(lowering, layer, operands), layer.name, out, parameters)
    return True


def add_const(lowering: Lowering, layer: Layer) -> bool:
    """AddConst and SubConst; one that changes nothing becomes a copy whose type keeps its own scale."""
    attributes = layer.attributes
    assert isinstance(attributes, AddConst | SubConst)
    given, out = lowering.type_in(layer, 0), lowering.type_out(layer)
    if given is None or out is None or not np.isfinite(attributes.const_val):
        return False
    multiplier, shift = scale_shift_positive((given.scale or 0.0) / (out.scale or 1.0))
    steps = int(round_half_away(attributes.const_val / (out.scale or 1.0)))
    constant = steps << shift
    if abs(constant) > LARGEST_CONSTANT:
        return False
    reverse = isinstance(attributes, SubConst) and attributes.is_reverse
    if isinstance(attributes, SubConst) and not reverse:
        constant = -constant
    unchanged = (multiplier, shift, constant) == (1, 0, 0) and given.storage == out.storage
    if isinstance(attributes, AddConst) and unchanged and not attributes.do_relu:
        lowering.add(layer, "copy", (lowering.integer(layer, 0),), layer.name, out)
        return True
    parameters = {
        "multiplier": multiplier,
        "constant": constant,
        "shift": shift,
        "relu": attributes.do_relu,
        "out_dtype": out.dtype,
        "reverse": reverse,
    }
    lowering.add(layer, "add_const", (lowering.integer(layer, 0),), layer.name, out, parameters)
    return True


def mul_const(lowering: Lowering, layer: Layer) -> bool:
    """MulConst as MulShift.

    A fused ReLU is not applied to a signed output: the simulation of the original prints it and ignores it
    (seen in synth_ops, arith_relu_Relu).
    """
    attributes = layer.attributes
    assert isinstance(attributes, MulConst)
    given, out = lowering.type_in(layer, 0), lowering.type_out(layer)
    if given is None or out is None or not np.isfinite(attributes.const_val):
        return False
    ratio = (given.scale or 0.0) / (out.scale or 1.0) * attributes.const_val
    mul_shift(lowering, layer, lowering.integer(layer, 0), layer.name, out, ratio)
    return True


def mul_shift(
    lowering: Lowering, layer: Layer, source: Key, target: Key, out: TensorType, ratio: float
) -> Key:
    """Add a requantization of bytes by *ratio*."""
    multiplier, shift = scale_shift_8bit(ratio)
    parameters = {"multiplier": multiplier, "shift": shift, "out_dtype": out.dtype}
    return lowering.add(layer, "mul_shift", (source,), target, out, parameters)


def finish(lowering: Lowering, layer: Layer, kernel: str, parameters: dict[str, Any]) -> bool:
    """An op that keeps the grid of its first input; rescaled where the output's type is another."""
    given, out = lowering.type_in(layer, 0), lowering.type_out(layer)
    if given is None or out is None:
        return False
    source = (lowering.integer(layer, 0),)
    if given == out:
        lowering.add(layer, kernel, source, layer.name, out, parameters)
        return True
    inner = lowering.add(layer, kernel, source, (layer.name, "before rescaling"), given, parameters)
    mul_shift(lowering, layer, inner, layer.name, out, (given.scale or 0.0) / (out.scale or 1.0))
    return True


def relu(lowering: Lowering, layer: Layer) -> bool:
    """Relu; its limit is ignored in int8 (spec C.1)."""
    assert isinstance(layer.attributes, Relu)
    return finish(lowering, layer, "relu", {})


def absolute(lowering: Lowering, layer: Layer) -> bool:
    """Abs."""
    assert isinstance(layer.attributes, Abs)
    return finish(lowering, layer, "absolute", {})


def leaky_relu(lowering: Lowering, layer: Layer) -> bool:
    """LeakyRelu: the negative side by an 8-bit multiplier."""
    assert isinstance(layer.attributes, LeakyRelu)
    if not np.isfinite(layer.attributes.alpha):
        return False
    multiplier, shift = scale_shift_8bit(layer.attributes.alpha)
    return finish(lowering, layer, "leaky_relu", {"multiplier": multiplier, "shift": shift})


def prelu(lowering: Lowering, layer: Layer) -> bool:
    """PRelu: int8 slopes truncated toward zero, one shift."""
    assert isinstance(layer.attributes, PRelu)
    slope = lowering.weight(layer, 1)
    rank = len(lowering.shape(layer.inputs[0]))
    if slope is None or not slope.size or not np.isfinite(slope).all() or slope.ndim > rank:
        return False
    slopes = slope.astype(np.float32)
    shift = logarithmic_shift(float(np.abs(slopes).max()))
    integers = np.asarray(np.clip(np.trunc(slopes * np.float32(2.0**shift)), -128, 127), np.int8)
    return finish(lowering, layer, "prelu", {"slope": integers, "shift": shift})


def bound_const(lowering: Lowering, layer: Layer) -> bool:
    """MaxConst and MinConst: the constant in steps of the input."""
    attributes = layer.attributes
    assert isinstance(attributes, MaxConst | MinConst)
    given = lowering.type_in(layer, 0)
    if given is None or np.isnan(attributes.const_val):
        return False
    value = np.clip(attributes.const_val / (given.scale or 1.0), -1000.0, 1000.0)
    kernel = "max_const" if isinstance(attributes, MaxConst) else "min_const"
    return finish(lowering, layer, kernel, {"constant": int(round_half_away(value))})


def extreme(lowering: Lowering, layer: Layer) -> bool:
    """Max and Min compare raw integers whatever their scales are (spec C.4, C.6)."""
    out = lowering.type_out(layer)
    if out is None or any(lowering.type_in(layer, i) is None for i in range(len(layer.inputs))):
        return False
    kernel = "maximum" if isinstance(layer.attributes, Max) else "minimum"
    keys = tuple(lowering.integer(layer, i) for i in range(len(layer.inputs)))
    lowering.add(layer, kernel, keys, layer.name, out, {"out_dtype": out.dtype})
    return True
