"""Layers that compute the same twice, and layers that change nothing."""

import numpy as np

from ..draft import Draft, DraftLayer
from ..vocabulary import AddConst, Attributes, MaxConst, MinConst, MulConst, Opaque, SubConst

_LOWEST = float(np.finfo(np.float32).min)
_RANDOM = ("Random", "Multinomial", "Bernoulli")


def merge(draft: Draft) -> None:
    """Let every layer with the attributes and inputs of an earlier one give way to it."""
    seen: dict[tuple[object, ...], DraftLayer] = {}
    for layer in list(draft.layers):
        if isinstance(layer.attributes, Opaque) and layer.attributes.node_type.startswith(_RANDOM):
            continue
        key = (layer.attributes, tuple(layer.inputs), len(layer.outputs))
        first = seen.setdefault(key, layer)
        if first is not layer:
            for old, new in zip(layer.outputs, first.outputs, strict=True):
                draft.replace(old, new)
            draft.remove(layer)


def drop_neutral(draft: Draft, layer: DraftLayer) -> bool:
    """X * 1, x + 0, x - 0, and bounds that no float32 exceeds, are x."""
    if not _is_neutral(layer.attributes):
        return False
    draft.replace(layer.output, layer.inputs[0])
    draft.remove(layer)
    return True


def _is_neutral(attributes: Attributes) -> bool:
    match attributes:
        case MulConst(do_relu=False, const_val=value):
            return value == 1.0
        case (
            AddConst(do_relu=False, const_val=value)
            | SubConst(do_relu=False, is_reverse=False, const_val=value)
        ):
            return value == 0.0
        case MaxConst(const_val=value):
            return value <= _LOWEST
        case MinConst(const_val=value):
            return value >= -_LOWEST
        case _:
            return False
