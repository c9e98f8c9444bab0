"""Movers that the layer behind or before them does as well."""

from dataclasses import replace

import numpy as np

from ..draft import Draft, DraftLayer
from ..vocabulary import AvgPool, Conv, Fusable, MaxPool, Pad, Relu, Slice
from .match import source

LARGEST_PAD = 15


def pad_into_window(draft: Draft, layer: DraftLayer) -> bool:
    """A Pad of the spatial axes that one Conv or pool reads becomes its pads (each at most 15, spec A.12).

    Zeros before a Conv or an average that counts pads; before a maximum what never wins.
    """
    attributes = layer.attributes
    if not isinstance(attributes, Conv | AvgPool | MaxPool):
        return False
    found = source(draft, layer.inputs[0], Pad)
    if found is None or found[1].mode != "constant" or not draft.only_read_by(layer.inputs[0], layer):
        return False
    pads, rank = found[1].pads, len(attributes.kernel_shape)
    if any(pads[:2]) or any(pads[rank + 2 : rank + 4]):
        return False
    added = (*pads[2 : rank + 2], *pads[rank + 4 :])
    total = tuple(a + b for a, b in zip(added, attributes.pads, strict=True))
    if max(total) > LARGEST_PAD or not _means_pad(draft, layer, found[0], found[1].value):
        return False
    if isinstance(attributes, MaxPool | AvgPool) and any(
        pad >= size for pad, size in zip(total, attributes.kernel_shape * 2, strict=True)
    ):
        return False
    layer.attributes = replace(attributes, pads=total)
    if isinstance(layer.attributes, AvgPool):
        layer.attributes = replace(layer.attributes, count_include_pad=True)
    layer.put(0, found[0].inputs[0])
    draft.remove(found[0])
    return True


def _means_pad(draft: Draft, layer: DraftLayer, pad: DraftLayer, value: float) -> bool:
    attributes = layer.attributes
    if isinstance(attributes, Conv):
        return value == 0.0
    if isinstance(attributes, AvgPool):
        counted = attributes.count_include_pad or not any(attributes.pads)
        return value == 0.0 and counted and not any(attributes.overhang)
    if value <= float(np.finfo(np.float32).min):
        return True
    before = draft.producer(pad.inputs[0])
    positive = before is not None and (
        isinstance(before.attributes, Relu)
        or (isinstance(before.attributes, Fusable) and before.attributes.do_relu)
    )
    return value == 0.0 and positive


def slice_into_conv(draft: Draft, layer: DraftLayer) -> bool:
    """Some output channels of a Conv that nothing else reads: a smaller Conv under the Slice's name."""
    attributes = layer.attributes
    if not isinstance(attributes, Slice):
        return False
    found = source(draft, layer.inputs[0], Conv)
    if found is None or not draft.only_read_by(layer.inputs[0], layer) or found[1].group != 1:
        return False
    shape = draft.shapes[layer.inputs[0]]
    others = [axis for axis in range(len(shape)) if axis != 1]
    whole = all((attributes.offset[a], attributes.ends[a]) == (0, shape[a]) for a in others)
    if not whole or set(attributes.steps) != {1}:
        return False
    conv, rows = found[0], slice(attributes.offset[1], attributes.ends[1])
    label = draft.label(layer.output)
    conv.put(1, draft.new_weight(f"{label}_filter", draft.weights[conv.inputs[1]][rows].copy()))
    if conv.inputs[2]:
        conv.put(2, draft.new_weight(f"{label}_bias", draft.weights[conv.inputs[2]][rows].copy()))
    conv.outputs = [layer.output]
    draft.remove(layer)
    return True
