"""Ops that move values."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..vocabulary import (
    Attributes,
    Concat,
    Depth2Space,
    Pad,
    Permute,
    Reshape,
    Slice,
    Squeeze,
    Tile,
    Unsqueeze,
)
from .emitter import Emitter


def concat(emitter: Emitter, attributes: Concat, inputs: list[str], output: str) -> None:
    """Concat."""
    emitter.add("Concat", inputs, output, axis=attributes.axis)


def slice_(emitter: Emitter, attributes: Slice, inputs: list[str], output: str) -> None:
    """Slice; steps exist from opset 10 on, before that a Gather an axis takes their place."""
    shape, current = emitter.shapes[inputs[0]], inputs[0]
    changed = [
        axis
        for axis, size in enumerate(shape)
        if (attributes.offset[axis], attributes.ends[axis], attributes.steps[axis]) != (0, size, 1)
    ]
    steps = [attributes.steps[axis] for axis in changed]
    if not changed:
        emitter.add("Identity", inputs, output)
    elif set(steps) == {1}:
        starts, ends = [attributes.offset[a] for a in changed], [attributes.ends[a] for a in changed]
        emitter.crop(current, starts, ends, changed, output)
    else:
        for axis in changed:
            rows = np.arange(attributes.offset[axis], attributes.ends[axis], attributes.steps[axis])
            last = axis == changed[-1]
            indices = emitter.constant(rows.astype(np.int64))
            current = emitter.add("Gather", [current, indices], output if last else None, axis=axis)


def permute(emitter: Emitter, attributes: Permute, inputs: list[str], output: str) -> None:
    """Transpose."""
    emitter.add("Transpose", inputs, output, perm=attributes.order)


def reshape(emitter: Emitter, _: Attributes, inputs: list[str], output: str) -> None:
    """Reshape, Squeeze and Unsqueeze: the result's shape says it all."""
    emitter.reshape(inputs[0], emitter.shapes[output], output)


def tile(emitter: Emitter, attributes: Tile, inputs: list[str], output: str) -> None:
    """Tile."""
    emitter.add("Tile", [inputs[0], emitter.integers(attributes.repeats)], output)


def pad(emitter: Emitter, attributes: Pad, inputs: list[str], output: str) -> None:
    """Pad."""
    emitter.pad(inputs[0], attributes.pads, attributes.mode, attributes.value, output)


def depth_to_space(emitter: Emitter, attributes: Depth2Space, inputs: list[str], output: str) -> None:
    """Depth to space and back by reshape, transpose, reshape."""
    n, c, h, w = emitter.shapes[inputs[0]]
    bh, bw = attributes.block_h, attributes.block_w
    if attributes.is_inversed:
        split = (n, c, h // bh, bh, w // bw, bw)
        order = (0, 1, 3, 5, 2, 4) if attributes.is_crd else (0, 3, 5, 1, 2, 4)
    else:
        deep = c // (bh * bw)
        split = (n, deep, bh, bw, h, w) if attributes.is_crd else (n, bh, bw, deep, h, w)
        order = (0, 1, 4, 2, 5, 3) if attributes.is_crd else (0, 3, 4, 1, 5, 2)
    turned = emitter.add("Transpose", [emitter.reshape(inputs[0], split)], perm=order)
    emitter.reshape(turned, emitter.shapes[output], output)


EMITTERS: Mapping[type[Attributes], Callable[[Emitter, Any, list[str], str], None]] = {
    Concat: concat,
    Slice: slice_,
    Permute: permute,
    Reshape: reshape,
    Squeeze: reshape,
    Unsqueeze: reshape,
    Tile: tile,
    Pad: pad,
    Depth2Space: depth_to_space,
}
