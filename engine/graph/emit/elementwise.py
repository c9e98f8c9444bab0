"""Element-wise ops."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from ..vocabulary import (
    GELU,
    Abs,
    Add,
    AddConst,
    Attributes,
    Clip,
    Compare,
    Cos,
    Div,
    Elu,
    Erf,
    Exp,
    Floor,
    HardSigmoid,
    HardSwish,
    LeakyRelu,
    Log,
    Max,
    MaxConst,
    Min,
    MinConst,
    Mish,
    Mul,
    MulConst,
    Pow,
    PRelu,
    Reciprocal,
    Relu,
    Sigmoid,
    SiLU,
    Sin,
    Softplus,
    Softsign,
    Sqrt,
    Sub,
    SubConst,
    Tanh,
    Where,
)
from .emitter import Emitter

Emit = Callable[[Emitter, Any, list[str], str], None]


def _simple(op: str) -> Emit:
    def emit(emitter: Emitter, _: Attributes, inputs: list[str], output: str) -> None:
        emitter.add(op, [name for name in inputs if name], output)

    return emit


def _chain(op: str) -> Emit:
    """An op of two inputs over any number of them."""

    def emit(emitter: Emitter, _: Attributes, inputs: list[str], output: str) -> None:
        current = inputs[0]
        for index, name in enumerate(inputs[1:], 1):
            current = emitter.add(op, [current, name], output if index == len(inputs) - 1 else None)

    return emit


def _with_number(op: str, first: bool = False) -> Emit:
    def emit(emitter: Emitter, attributes: Any, inputs: list[str], output: str) -> None:
        number = emitter.number(attributes.const_val)
        emitter.add(op, [number, inputs[0]] if first else [inputs[0], number], output)

    return emit


def add(emitter: Emitter, attributes: Add, inputs: list[str], output: str) -> None:
    """Sum of the inputs, each times its coefficient."""
    factors = attributes.coeff or (1.0,) * len(inputs)
    parts = [
        name if factor == 1.0 else emitter.add("Mul", [name, emitter.number(factor)])
        for name, factor in zip(inputs, factors, strict=True)
    ]
    _chain("Add")(emitter, attributes, parts, output)


def sub_const(emitter: Emitter, attributes: SubConst, inputs: list[str], output: str) -> None:
    """X - c or c - x."""
    _with_number("Sub", attributes.is_reverse)(emitter, attributes, inputs, output)


def compare(emitter: Emitter, attributes: Compare, inputs: list[str], output: str) -> None:
    """Comparisons; GreaterOrEqual and LessOrEqual exist from opset 12, Equal of floats from 11."""
    mode = attributes.mode
    if mode == "Equal" and emitter.opset < 11:
        other = emitter.add("Or", [emitter.add("Less", inputs), emitter.add("Greater", inputs)])
        emitter.add("Not", [other], output)
    elif mode in ("GreaterOrEqual", "LessOrEqual") and emitter.opset < 12:
        strict = "Less" if mode == "GreaterOrEqual" else "Greater"
        emitter.add("Not", [emitter.add(strict, inputs)], output)
    else:
        emitter.add(mode, inputs, output)


def clip(emitter: Emitter, attributes: Clip, inputs: list[str], output: str) -> None:
    """min(max(x, min), max)."""
    raised = emitter.add("Max", [inputs[0], emitter.number(attributes.min)])
    emitter.add("Min", [raised, emitter.number(attributes.max)], output)


def relu(emitter: Emitter, attributes: Relu, inputs: list[str], output: str) -> None:
    """Relu with limit."""
    emitter.relu(inputs[0], attributes.relu_limit, output)


def leaky_relu(emitter: Emitter, attributes: LeakyRelu, inputs: list[str], output: str) -> None:
    """LeakyRelu."""
    emitter.add("LeakyRelu", inputs, output, alpha=attributes.alpha)


def elu(emitter: Emitter, attributes: Elu, inputs: list[str], output: str) -> None:
    """Elu."""
    emitter.add("Elu", inputs, output, alpha=attributes.alpha)


def power(emitter: Emitter, attributes: Pow, inputs: list[str], output: str) -> None:
    """X ** exponent."""
    emitter.add("Pow", [inputs[0], emitter.number(attributes.exponent)], output)


def hard_sigmoid(emitter: Emitter, attributes: HardSigmoid, inputs: list[str], output: str) -> None:
    """HardSigmoid."""
    emitter.add("HardSigmoid", inputs, output, alpha=attributes.alpha, beta=attributes.beta)


def sigmoid(emitter: Emitter, attributes: Sigmoid, inputs: list[str], output: str) -> None:
    """Sigmoid or its logarithm."""
    if not attributes.log:
        emitter.add("Sigmoid", inputs, output)
        return
    minus = emitter.add("Neg", inputs)
    emitter.add("Neg", [emitter.add("Softplus", [minus])], output)


def gelu(emitter: Emitter, attributes: GELU, inputs: list[str], output: str) -> None:
    """GELU spelt out with Erf or Tanh."""
    x = inputs[0]
    if attributes.approximate == "tanh":
        cube = emitter.add("Mul", [emitter.add("Mul", [x, x]), x])
        inner = emitter.add("Add", [x, emitter.add("Mul", [cube, emitter.number(0.044715)])])
        gate = emitter.add("Tanh", [emitter.add("Mul", [inner, emitter.number(math.sqrt(2 / math.pi))])])
    else:
        gate = emitter.add("Erf", [emitter.add("Div", [x, emitter.number(math.sqrt(2))])])
    raised = emitter.add("Add", [gate, emitter.number(1.0)])
    emitter.add("Mul", [emitter.add("Mul", [x, raised]), emitter.number(0.5)], output)


def silu(emitter: Emitter, _: SiLU, inputs: list[str], output: str) -> None:
    """X * sigmoid(x)."""
    emitter.add("Mul", [inputs[0], emitter.add("Sigmoid", inputs)], output)


def hard_swish(emitter: Emitter, _: HardSwish, inputs: list[str], output: str) -> None:
    """X * hard sigmoid of slope 1/6."""
    gate = emitter.add("HardSigmoid", inputs, alpha=1 / 6, beta=0.5)
    emitter.add("Mul", [inputs[0], gate], output)


def mish(emitter: Emitter, _: Mish, inputs: list[str], output: str) -> None:
    """X * tanh(softplus(x))."""
    gate = emitter.add("Tanh", [emitter.add("Softplus", inputs)])
    emitter.add("Mul", [inputs[0], gate], output)


EMITTERS: Mapping[type[Attributes], Emit] = {
    Add: add,
    Sub: _simple("Sub"),
    Mul: _chain("Mul"),
    Div: _simple("Div"),
    Max: _simple("Max"),
    Min: _simple("Min"),
    AddConst: _with_number("Add"),
    SubConst: sub_const,
    MulConst: _with_number("Mul"),
    MaxConst: _with_number("Max"),
    MinConst: _with_number("Min"),
    Reciprocal: _with_number("Div", first=True),
    Compare: compare,
    Where: _simple("Where"),
    Clip: clip,
    Relu: relu,
    LeakyRelu: leaky_relu,
    PRelu: _simple("PRelu"),
    Pow: power,
    Elu: elu,
    HardSigmoid: hard_sigmoid,
    Sigmoid: sigmoid,
    GELU: gelu,
    SiLU: silu,
    HardSwish: hard_swish,
    Mish: mish,
    Tanh: _simple("Tanh"),
    Exp: _simple("Exp"),
    Log: _simple("Log"),
    Sqrt: _simple("Sqrt"),
    Abs: _simple("Abs"),
    Floor: _simple("Floor"),
    Cos: _simple("Cos"),
    Sin: _simple("Sin"),
    Erf: _simple("Erf"),
    Softplus: _simple("Softplus"),
    Softsign: _simple("Softsign"),
}
