"""Layers that compute the same twice, and layers that change nothing."""

from ..draft import Draft, DraftLayer
from ..vocabulary import AddConst, MulConst, Opaque, SubConst

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
    """x * 1, x + 0 and x - 0 are x."""
    attributes = layer.attributes
    neutral = (isinstance(attributes, MulConst) and attributes.const_val == 1.0) or (
        isinstance(attributes, AddConst | SubConst)
        and attributes.const_val == 0.0
        and not getattr(attributes, "is_reverse", False)
    )
    if not neutral or getattr(attributes, "do_relu", False):
        return False
    draft.replace(layer.output, layer.inputs[0])
    draft.remove(layer)
    return True
