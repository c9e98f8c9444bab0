"""Small questions that rules ask of a draft."""

from collections.abc import Sequence
from typing import TypeVar

from ..draft import Draft, DraftLayer
from ..vocabulary import AddConst, Attributes, MulConst

Kind = TypeVar("Kind", bound=Attributes)


def is_near(value: float, wanted: float, tolerance: float = 1e-4) -> bool:
    """Equal within a relative tolerance: constants of other frameworks are rounded."""
    return abs(value - wanted) <= tolerance * abs(wanted)


def source(draft: Draft, tensor: str, kind: type[Kind]) -> tuple[DraftLayer, Kind] | None:
    """The producer of *tensor* and its attributes, if it is of *kind*."""
    layer = draft.producer(tensor)
    if layer is None or type(layer.attributes) is not kind:
        return None
    return layer, layer.attributes


def plus(draft: Draft, tensor: str, number: float) -> str | None:
    """x, if *tensor* is x + number."""
    found = source(draft, tensor, AddConst)
    if found is None or found[1].do_relu or not is_near(found[1].const_val, number):
        return None
    return found[0].inputs[0]


def times(draft: Draft, tensor: str, number: float) -> str | None:
    """x, if *tensor* is x * number."""
    found = source(draft, tensor, MulConst)
    if found is None or found[1].do_relu or not is_near(found[1].const_val, number):
        return None
    return found[0].inputs[0]


def other(layer: DraftLayer, tensor: str) -> str | None:
    """The second operand of a layer of two inputs of which *tensor* is one."""
    if len(layer.inputs) != 2 or tensor not in layer.inputs:
        return None
    return layer.inputs[1] if layer.inputs[0] == tensor else layer.inputs[0]


def become(
    draft: Draft, layer: DraftLayer, attributes: Attributes, inputs: Sequence[str], op_type: str
) -> bool:
    """Turn *layer* into another op; its output is named after *op_type*."""
    layer.attributes, layer.inputs = attributes, inputs
    draft.labels[layer.output] = f"{layer.output}_{op_type}"
    return True
