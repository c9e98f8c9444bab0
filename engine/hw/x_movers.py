"""Family X: ops that move integers without computing, and Concat (spec C.5)."""

from math import prod
from typing import Any

import numpy as np

from ..graph.model import Layer
from ..graph.vocabulary import (
    Concat,
    Depth2Space,
    Pad,
    Permute,
    Reshape,
    Slice,
    Squeeze,
    Tile,
    Unsqueeze,
    Upsample,
)
from .lowering import Lowering
from .program import Key, TensorType
from .quantize import round_half_away
from .x_elementwise import finish, mul_shift


def reshape(lowering: Lowering, layer: Layer) -> bool:
    """Reshape, Squeeze and Unsqueeze."""
    assert isinstance(layer.attributes, Reshape | Squeeze | Unsqueeze)
    return finish(lowering, layer, "reshape", {"shape": lowering.shape(layer.name)})


def permute(lowering: Lowering, layer: Layer) -> bool:
    """Permute."""
    assert isinstance(layer.attributes, Permute)
    return finish(lowering, layer, "transpose", {"order": layer.attributes.order})


def cut(lowering: Lowering, layer: Layer) -> bool:
    """Slice."""
    attributes = layer.attributes
    assert isinstance(attributes, Slice)
    parameters = {"starts": attributes.offset, "ends": attributes.ends, "steps": attributes.steps}
    return finish(lowering, layer, "slice", parameters)


def tile(lowering: Lowering, layer: Layer) -> bool:
    """Tile."""
    assert isinstance(layer.attributes, Tile)
    return finish(lowering, layer, "tile", {"repeats": layer.attributes.repeats})


def pad(lowering: Lowering, layer: Layer) -> bool:
    """Pad; the value is rounded to a step of the input and clamped."""
    attributes, given = layer.attributes, lowering.type_in(layer, 0)
    assert isinstance(attributes, Pad)
    if given is None or np.isnan(attributes.value):
        return False
    value = np.clip(attributes.value / (given.scale or 1.0), -1000.0, 1000.0)
    number = int(np.clip(round_half_away(value), *given.limits))
    return finish(lowering, layer, "pad", {"pads": attributes.pads, "value": number, "mode": attributes.mode})


def upsample(lowering: Lowering, layer: Layer) -> bool:
    """Nearest neighbour by whole factors."""
    attributes = layer.attributes
    assert isinstance(attributes, Upsample)
    if attributes.do_relu:
        return False
    return finish(lowering, layer, "upsample", {"scale_h": attributes.scale_h, "scale_w": attributes.scale_w})


def depth_to_space(lowering: Lowering, layer: Layer) -> bool:
    """Depth2Space and its inverse."""
    attributes = layer.attributes
    assert isinstance(attributes, Depth2Space)
    if len(lowering.shape(layer.inputs[0])) != 4:
        return False
    parameters: dict[str, Any] = {
        "block_h": attributes.block_h,
        "block_w": attributes.block_w,
        "crd": attributes.is_crd,
        "inverse": attributes.is_inversed,
    }
    return finish(lowering, layer, "depth_to_space", parameters)


def concat(lowering: Lowering, layer: Layer) -> bool:
    """Concat; inputs of another type are rescaled first, each once."""
    attributes, out = layer.attributes, lowering.type_out(layer)
    assert isinstance(attributes, Concat)
    types = [lowering.type_in(layer, i) for i in range(len(layer.inputs))]
    if out is None or any(given is None for given in types):
        return False
    keys = [
        _rescaled(lowering, layer, position, given, out)
        for position, given in enumerate(types)
        if given is not None and prod(lowering.shape(layer.inputs[position]))
    ]
    if not keys:
        return False
    target: Key = (layer.name, "before relu") if attributes.do_relu else layer.name
    lowering.add(layer, "concat", tuple(keys), target, out, {"axis": attributes.axis})
    if attributes.do_relu:
        lowering.add(layer, "relu", (target,), layer.name, out)
    return True


def _rescaled(lowering: Lowering, layer: Layer, position: int, given: TensorType, out: TensorType) -> Key:
    source = lowering.integer(layer, position)
    if given == out:
        return source
    target: Key = (layer.inputs[position], f"to {layer.name}")
    if target not in lowering.types:
        mul_shift(lowering, layer, source, target, out, (given.scale or 0.0) / (out.scale or 1.0))
    return target
