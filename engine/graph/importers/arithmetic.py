"""Element-wise ops of two inputs, with a constant on either side."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ..draft import Draft
from ..nodes import Node, OutsideVocabularyError
from ..vocabulary import (
    Add,
    AddConst,
    Attributes,
    Compare,
    Div,
    Max,
    MaxConst,
    Min,
    MinConst,
    Mul,
    MulConst,
    Pow,
    Reciprocal,
    Scale,
    Sqrt,
    Sub,
    SubConst,
    Where,
)


@dataclass(frozen=True, slots=True)
class _Sides:
    """Tensor and constant of a node; ``scalar`` if that is one number, ``first`` if it is on the left."""

    tensor: str
    constant: str
    scalar: float | None
    first: bool


def _sides(node: Node) -> _Sides | None:
    """None where both inputs are tensors."""
    draft = node.draft
    left, right = node.input(0), node.input(1)
    if draft.constant(left) is None and draft.constant(right) is None:
        return None
    first = draft.constant(left) is not None
    tensor, constant = (right, left) if first else (left, right)
    scalar = draft.scalar(constant)
    # a scalar of higher rank gives the result more axes
    if scalar is not None and len(draft.shape(constant)) > len(draft.shape(tensor)):
        scalar = None
    return _Sides(tensor, constant, scalar, first)


def _per_channel(draft: Draft, tensor: str, constant: str) -> bool:
    """Whether the constant has one value a channel of axis 1, broadcast over everything else."""
    shape, value = draft.shape(tensor), draft.shape(constant)
    if len(shape) < 3 or len(value) not in (len(shape), len(shape) - 1):
        return False
    full = (1,) * (len(shape) - len(value)) + value
    return full[1] == shape[1] and all(size == 1 for axis, size in enumerate(full) if axis != 1)


def _plain(node: Node, attributes: Attributes) -> None:
    node.draft.add(attributes, node.inputs, node.output)


def _with(node: Node, sides: _Sides, attributes: Attributes) -> None:
    node.draft.add(attributes, [sides.tensor], node.output)


def add(node: Node) -> None:
    """Add: AddConst, a Scale with slope 1, or Add."""
    sides = _sides(node)
    if sides is None:
        return _plain(node, Add())
    if sides.scalar is not None:
        return _with(node, sides, AddConst(const_val=sides.scalar))
    if _per_channel(node.draft, sides.tensor, sides.constant):
        return _scale(node, sides, None)
    return _plain(node, Add())


def mul(node: Node) -> None:
    """Mul: MulConst, a Scale with bias 0, or Mul."""
    sides = _sides(node)
    if sides is None:
        return _plain(node, Mul())
    if sides.scalar is not None:
        return _with(node, sides, MulConst(const_val=sides.scalar))
    if _per_channel(node.draft, sides.tensor, sides.constant):
        return _scale(node, sides, sides.constant)
    return _plain(node, Mul())


def _scale(node: Node, sides: _Sides, slope: str | None) -> None:
    draft, label = node.draft, f"{node.output}_{node.op_type}"
    channels = draft.shape(sides.tensor)[1]
    values = draft.weights[sides.constant].reshape(-1)
    if slope is None:
        scale = draft.new_weight(f"{label}__scale_weight", np.ones(channels, np.float32))
        bias = draft.new_weight(f"{sides.constant}_channel", values)
    else:
        scale = draft.new_weight(f"{sides.constant}_channel", values)
        bias = draft.new_weight(f"{label}_bias", np.zeros(channels, np.float32))
    draft.add(Scale(), [sides.tensor, scale, bias], node.output)


def sub(node: Node) -> None:
    """Sub: SubConst (reversed where the constant is on the left), AddConst, a Scale, or Sub."""
    sides = _sides(node)
    if sides is None:
        return _plain(node, Sub())
    if sides.scalar is not None:
        if sides.first:
            return _with(node, sides, SubConst(const_val=sides.scalar, is_reverse=True))
        return _with(node, sides, AddConst(const_val=-sides.scalar))
    return _plain(node, Sub())


def div(node: Node) -> None:
    """Div by a number is a MulConst, a number over a tensor a Reciprocal, a constant divisor a Mul."""
    sides = _sides(node)
    if sides is None:
        return _plain(node, Div())
    if sides.first:
        reciprocal = None if sides.scalar is None else Reciprocal(const_val=sides.scalar)
        return _with(node, sides, reciprocal) if reciprocal else _plain(node, Div())
    divisor = node.draft.weights[sides.constant]
    if (divisor == 0.0).any():
        return _plain(node, Div())
    if sides.scalar is not None:
        return _with(node, sides, MulConst(const_val=float(np.float32(1.0 / sides.scalar))))
    return _div_by_weight(node, sides, (1.0 / divisor).astype(np.float32))


def _div_by_weight(node: Node, sides: _Sides, inverse: np.ndarray) -> None:
    name = node.draft.new_weight(f"{sides.constant}_reciprocal", inverse)
    if _per_channel(node.draft, sides.tensor, name):
        return _scale(node, _Sides(sides.tensor, name, None, False), name)
    node.draft.add(Mul(), [sides.tensor, name], node.output)
    return None


def maximum(node: Node) -> None:
    """Max of any number of inputs."""
    _extreme(node, Max(), MaxConst)


def minimum(node: Node) -> None:
    """Min of any number of inputs."""
    _extreme(node, Min(), MinConst)


def _extreme(node: Node, attributes: Attributes, constant: Callable[[float], Attributes]) -> None:
    if len(node.inputs) == 1:
        return alias(node)
    if len(node.inputs) == 2:
        sides = _sides(node)
        if sides is not None and sides.scalar is not None:
            return _with(node, sides, constant(sides.scalar))
    return _plain(node, attributes)


def alias(node: Node) -> None:
    """The output is the input under another name."""
    node.draft.aliases[node.output] = node.input(0)


def total(node: Node) -> None:
    """Sum: a chain of additions, the last of which has the name."""
    if len(node.inputs) == 1:
        return alias(node)
    draft, current = node.draft, node.input(0)
    for index, name in enumerate(node.inputs[1:], 1):
        last = index == len(node.inputs) - 1
        shape = np.broadcast_shapes(draft.shape(current), draft.shape(name))
        target = node.output if last else draft.new_tensor(f"{node.output}_Sum_{index}", shape)
        draft.add(Add(), [current, name], target)
        current = target
    return None


def power(node: Node) -> None:
    """Pow with a constant exponent: 1, 2 and a half have ops of their own."""
    exponent = node.draft.scalar(node.input(1))
    if exponent is None or node.draft.constant(node.input(0)) is not None:
        raise OutsideVocabularyError("exponent")
    if node.output_shape != node.shape(0):
        raise OutsideVocabularyError("more axes")
    base = node.input(0)
    if exponent == 2.0:
        node.draft.add(Mul(), [base, base], node.output)
    elif exponent == 1.0:
        alias(node)
    elif exponent == 0.5:
        node.draft.add(Sqrt(), [base], node.output)
    else:
        node.draft.add(Pow(exponent=exponent), [base], node.output)


def reciprocal(node: Node) -> None:
    """1 / x."""
    node.draft.add(Reciprocal(const_val=1.0), [node.input(0)], node.output)


def negative(node: Node) -> None:
    """-x."""
    node.draft.add(MulConst(const_val=-1.0), [node.input(0)], node.output)


def compare(node: Node) -> None:
    """Comparisons of floats and logic of booleans."""
    kinds = {node.draft.dtype(name) for name in node.inputs}
    logic = node.op_type in ("And", "Or", "Xor")
    if kinds != {"bool" if logic else "float32"}:
        raise OutsideVocabularyError("types")
    node.draft.add(Compare(mode=node.op_type), node.inputs, node.output)


def where(node: Node) -> None:
    """Where with float branches."""
    if not node.draft.floats(node.inputs[1:]):
        raise OutsideVocabularyError("types")
    node.draft.add(Where(), node.inputs, node.output)


IMPORTERS: Mapping[str, Callable[[Node], None]] = {
    "Add": add,
    "Mul": mul,
    "Sub": sub,
    "Div": div,
    "Max": maximum,
    "Min": minimum,
    "Sum": total,
    "Pow": power,
    "Reciprocal": reciprocal,
    "Neg": negative,
    **dict.fromkeys(
        ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Xor"), compare
    ),
    "Where": where,
}
