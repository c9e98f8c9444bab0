"""Family X: activation functions as tables of 256 entries (spec C.4)."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Layer
from ..graph.vocabulary import (
    GELU,
    Attributes,
    Cos,
    Elu,
    Erf,
    Exp,
    Floor,
    HardSigmoid,
    HardSwish,
    Log,
    Mish,
    Reciprocal,
    Sigmoid,
    SiLU,
    Sin,
    Softplus,
    Sqrt,
    Tanh,
)
from .lowering import Lowering
from .program import TensorType
from .quantize import round_half_away

Array = NDArray[Any]
Function = Callable[[float], float]


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def _sigmoid(value: float) -> float:
    return 1 / (1 + _exp(-value))


def _gelu_tanh(value: float) -> float:
    return 0.5 * value * (1 + math.tanh(math.sqrt(2 / math.pi) * (value + 0.044715 * value**3)))


def _domain(function: Function, lowest: float, open_end: bool = False) -> Function:
    """*function* with NaN below its domain (and at its end where it is open)."""
    return lambda x: math.nan if x < lowest or (open_end and x == lowest) else function(x)


def _log_sigmoid(value: float) -> float:
    return -math.log1p(_exp(-value)) if value > -700 else value


_PLAIN: Mapping[type[Attributes], Function] = MappingProxyType(
    {
        Tanh: math.tanh,
        Exp: _exp,
        HardSwish: lambda x: x * max(0.0, min(1.0, x / 6 + 0.5)),
        SiLU: lambda x: x / (1 + _exp(-x)),
        Mish: lambda x: x * math.tanh(math.log(1 + _exp(x))),
        Softplus: lambda x: math.log(_exp(x) + 1) if x < 20 else x,
        Sqrt: _domain(math.sqrt, 0.0),
        Log: _domain(math.log, 0.0, open_end=True),
        Floor: lambda x: float(math.floor(x)),
        Cos: math.cos,
        Sin: math.sin,
        Erf: math.erf,
    }
)


def function_of(attributes: Attributes) -> Function | None:
    """The activation in double precision; None for an op that is no table."""
    found: Function | None = _PLAIN.get(type(attributes))
    match attributes:
        case Sigmoid(log=log):
            found = _log_sigmoid if log else _sigmoid
        case Elu(alpha=alpha):
            found = lambda x: x if x > 0 else alpha * (_exp(x) - 1)
        case HardSigmoid(alpha=alpha, beta=beta):
            found = lambda x: max(0.0, min(1.0, alpha * x + beta))
        case GELU(approximate="tanh"):
            found = _gelu_tanh
        case GELU():
            found = lambda x: 0.5 * x * (1 + math.erf(x / math.sqrt(2)))
        case Reciprocal(const_val=constant):
            found = lambda x: constant / x if x else math.inf
        case _:
            pass
    return found


def table_of(function: Function, given: TensorType, out: TensorType) -> Array:
    """Entry value mod 256 is ``clamp(round(f(value * scale) / scale_out))``, the lowest for inf and NaN."""
    low, high = out.limits
    scale_in, scale_out = float(given.scale or 0.0), float(out.scale or 1.0)
    first, last = given.limits
    table = np.zeros(256, np.int64)
    for value in range(first, last + 1):
        result = function(value * scale_in) / scale_out
        entry = float(low) if not math.isfinite(result) else float(round_half_away(result))
        table[value % 256] = int(min(max(entry, low), high))
    return table.astype(out.dtype)


def lookup(lowering: Lowering, layer: Layer) -> bool:
    """An activation function of one input."""
    given, out = lowering.type_in(layer, 0), lowering.type_out(layer)
    function = function_of(layer.attributes)
    if given is None or out is None or function is None:
        return False
    table = lowering.memo.get(("table", layer.name, given, out), lambda: table_of(function, given, out))
    lowering.add(layer, "lookup", (lowering.integer(layer, 0),), layer.name, out, {"table": table})
    return True


def exponent_table(scale: float) -> Array:
    """``exp(-i * scale)`` for i of 0 to 255, float32 (spec C.5, softmax)."""
    return np.array([math.exp(-i * scale) for i in range(256)], np.float32)
