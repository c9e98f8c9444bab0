"""ReLU as part of the layer before it."""

from dataclasses import replace

from ..draft import Draft, DraftLayer
from ..vocabulary import Concat, Fusable, Relu, Upsample
from .match import source

_NOT_FUSED = (Concat, Upsample)


def _can_fuse(draft: Draft, tensor: str, reader: DraftLayer) -> DraftLayer | None:
    layer = draft.producer(tensor)
    if layer is None or not isinstance(layer.attributes, Fusable) or isinstance(layer.attributes, _NOT_FUSED):
        return None
    return layer if not layer.attributes.do_relu and draft.only_read_by(tensor, reader) else None


def fuse(draft: Draft, layer: DraftLayer) -> bool:
    """A ReLU (of any limit) that alone reads a layer becomes part of it and gives it its name."""
    if not isinstance(layer.attributes, Relu):
        return False
    before = _can_fuse(draft, layer.inputs[0], layer)
    if before is None or not isinstance(before.attributes, Fusable):
        return False
    before.attributes = replace(before.attributes, do_relu=True, relu_limit=layer.attributes.relu_limit)
    draft.former[layer.output] = draft.label(before.output)
    before.outputs = [layer.output]
    draft.remove(layer)
    return True


def ahead_of_concat(draft: Draft, layer: DraftLayer) -> bool:
    """A ReLU that alone reads a Concat of layers that can take it moves into all of them (spec A.12)."""
    if not isinstance(layer.attributes, Relu):
        return False
    found = source(draft, layer.inputs[0], Concat)
    if found is None or not draft.only_read_by(layer.inputs[0], layer):
        return False
    concat = found[0]
    parts = [_can_fuse(draft, tensor, concat) for tensor in concat.inputs]
    if len(set(concat.inputs)) != len(concat.inputs) or None in parts:
        return False
    for index, part in enumerate(parts):
        if part is not None and isinstance(part.attributes, Fusable):
            part.attributes = replace(part.attributes, do_relu=True, relu_limit=layer.attributes.relu_limit)
            name = f"{draft.label(part.output)}_move_ahead_relu"
            part.outputs = [draft.new_tensor(name, draft.shapes[part.output])]
            concat.put(index, part.output)
    label = f"{draft.label(concat.output)}_relu"
    concat.outputs = [layer.output]
    draft.labels[layer.output] = label
    draft.remove(layer)
    return True
