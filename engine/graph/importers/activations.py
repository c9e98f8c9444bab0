"""Element-wise functions of one input."""

from collections.abc import Callable, Mapping

import numpy as np

from ..nodes import Node, OutsideVocabularyError
from ..vocabulary import (
    GELU,
    Abs,
    Attributes,
    Clip,
    Cos,
    Elu,
    Erf,
    Exp,
    Floor,
    HardSigmoid,
    HardSwish,
    LeakyRelu,
    Log,
    MaxConst,
    MinConst,
    Mish,
    PRelu,
    Relu,
    Sigmoid,
    SiLU,
    Sin,
    Softplus,
    Softsign,
    Sqrt,
    Tanh,
)
from .arithmetic import alias

_LOWEST, _LARGEST = float(np.finfo(np.float32).min), float(np.finfo(np.float32).max)


def _of(make: Callable[[Node], Attributes]) -> Callable[[Node], None]:
    def importer(node: Node) -> None:
        node.draft.add(make(node), [node.input(0)], node.output)

    return importer


def clip(node: Node) -> None:
    """Clip with bounds from attributes (opset 6) or inputs (11 on), either of which may be left out."""
    low, high = _bounds(node)
    if low is None and high is None:
        return alias(node)
    if low is None or high is None:
        bound = MaxConst(const_val=low) if low is not None else MinConst(const_val=high or 0.0)
        node.draft.add(bound, [node.input(0)], node.output)
    elif low == 0.0 and high == 6.0:
        node.draft.add(Relu(relu_limit=6.0), [node.input(0)], node.output)
    elif low > high:
        raise OutsideVocabularyError("bounds crossed")
    else:
        node.draft.add(Clip(min=low, max=high), [node.input(0)], node.output)
    return None


def _bounds(node: Node) -> tuple[float | None, float | None]:
    if node.version < 11:
        low, high = node.real("min", _LOWEST), node.real("max", _LARGEST)
    else:
        found = [node.constant(index) for index in (1, 2)]
        low, high = (
            default if value is None else float(value.reshape(-1)[0])
            for value, default in zip(found, (_LOWEST, _LARGEST), strict=True)
        )
    return (None if low <= _LOWEST else low), (None if high >= _LARGEST else high)


def relu(node: Node) -> None:
    """max(x, 0)."""
    node.draft.add(Relu(), [node.input(0)], node.output)


def prelu(node: Node) -> None:
    """PRelu with one slope or one a channel of axis 1; other slopes are outside the vocabulary."""
    slope, rank = node.constant(1), len(node.shape(0))
    if slope is None:
        raise OutsideVocabularyError("slope")
    if slope.size == 1:
        node.draft.add(LeakyRelu(alpha=float(slope.reshape(-1)[0])), [node.input(0)], node.output)
        return
    channels = node.shape(0)[1] if rank > 1 else -1
    full = (1,) * (rank - slope.ndim) + slope.shape
    if rank < 2 or full != (1, channels) + (1,) * (rank - 2):
        raise OutsideVocabularyError("slope")
    name = node.input(1)
    if slope.shape != full:
        name = node.draft.new_weight(f"{name}_channel", slope.reshape(full))
    node.draft.add(PRelu(), [node.input(0), name], node.output)


def softplus_threshold(node: Node) -> Attributes:
    """Softplus."""
    return Softplus()


def gelu(node: Node) -> Attributes:
    """Gelu of opset 20."""
    return GELU(approximate=node.text("approximate", "none"))


def swish(node: Node) -> Attributes:
    """Swish of opset 24: x * sigmoid(alpha * x)."""
    if node.real("alpha", 1.0) != 1.0:
        raise OutsideVocabularyError("alpha")
    return SiLU()


def thresholded_leaky(node: Node) -> Attributes:
    """LeakyRelu."""
    return LeakyRelu(alpha=node.real("alpha", 0.01))


IMPORTERS: Mapping[str, Callable[[Node], None]] = {
    "Relu": relu,
    "Clip": clip,
    "PRelu": prelu,
    "LeakyRelu": _of(thresholded_leaky),
    "Elu": _of(lambda node: Elu(alpha=node.real("alpha", 1.0))),
    "HardSigmoid": _of(lambda node: HardSigmoid(alpha=node.real("alpha", 0.2), beta=node.real("beta", 0.5))),
    "HardSwish": _of(lambda _: HardSwish()),
    "Sigmoid": _of(lambda _: Sigmoid()),
    "Tanh": _of(lambda _: Tanh()),
    "Exp": _of(lambda _: Exp()),
    "Log": _of(lambda _: Log()),
    "Sqrt": _of(lambda _: Sqrt()),
    "Abs": _of(lambda _: Abs()),
    "Floor": _of(lambda _: Floor()),
    "Cos": _of(lambda _: Cos()),
    "Sin": _of(lambda _: Sin()),
    "Erf": _of(lambda _: Erf()),
    "Gelu": _of(gelu),
    "Swish": _of(swish),
    "Mish": _of(lambda _: Mish()),
    "Softplus": _of(softplus_threshold),
    "Softsign": _of(lambda _: Softsign()),
}
