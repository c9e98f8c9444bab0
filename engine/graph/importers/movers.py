"""Ops that move values without changing them."""

from collections.abc import Callable, Mapping

import numpy as np

from ..nodes import Node, OutsideVocabularyError
from ..vocabulary import Concat, Depth2Space, Pad, Permute, Reshape, Slice, Squeeze, Tile, Unsqueeze
from .arithmetic import alias


def _floats(node: Node) -> None:
    if not node.draft.floats([node.input(0), node.output]):
        raise OutsideVocabularyError("types")


def concat(node: Node) -> None:
    """Concat; parts without elements are left out."""
    draft, axis = node.draft, node.axis(1)
    parts = [name for name in node.inputs if 0 not in draft.shape(name)]
    if len(parts) == 1:
        draft.aliases[node.output] = parts[0]
        return
    draft.add(Concat(axis=axis), parts, node.output)


def split(node: Node) -> None:
    """Split: one Slice an output."""
    draft, shape = node.draft, node.shape(0)
    axis, start = node.axis(0), 0
    for name in node.proto.output:
        if not name:
            raise OutsideVocabularyError("part left out")
        stop = start + draft.shapes[name][axis]
        offset, ends = [0] * len(shape), list(shape)
        offset[axis], ends[axis] = start, stop
        if stop > start:
            slicing = Slice(offset=tuple(offset), ends=tuple(ends), steps=(1,) * len(shape))
            draft.add(slicing, [node.input(0)], name)
        start = stop


def slice_(node: Node) -> None:
    """Slice from attributes (opset 1) or inputs (10 on); clipped to the tensor."""
    shape = node.shape(0)
    if node.version < 10:
        starts, stops = node.integers("starts"), node.integers("ends")
        axes, steps = node.integers("axes"), None
    else:
        starts, stops = node.constant_integers(1), node.constant_integers(2)
        axes, steps = node.constant_integers(3), node.constant_integers(4)
    if starts is None or stops is None:
        raise OutsideVocabularyError("bounds")
    axes = axes if axes is not None else tuple(range(len(starts)))
    steps = steps if steps is not None else (1,) * len(starts)
    offset, ends, strides = [0] * len(shape), list(shape), [1] * len(shape)
    for start, stop, axis, step in zip(starts, stops, axes, steps, strict=True):
        place, size = axis % len(shape), shape[axis % len(shape)]
        offset[place], ends[place], strides[place] = slice(start, _stop(stop, size, step), step).indices(size)
    if tuple(offset) == (0,) * len(shape) and tuple(ends) == shape and set(strides) <= {1}:
        return alias(node)
    node.draft.add(
        Slice(offset=tuple(offset), ends=tuple(ends), steps=tuple(strides)), [node.input(0)], node.output
    )
    return None


def _stop(stop: int, size: int, step: int) -> int | None:
    """ONNX lets a downward slice end before the first element by a number below -size; numpy needs None."""
    return None if step < 0 and stop < -size else stop


def transpose(node: Node) -> None:
    """Transpose; perm left out turns the axes round."""
    rank = len(node.shape(0))
    order = node.integers("perm") or tuple(reversed(range(rank)))
    if order == tuple(range(rank)):
        return alias(node)
    node.draft.add(Permute(order=order), [node.input(0)], node.output)
    return None


def reshape(node: Node) -> None:
    """Reshape and Flatten to the shape that comes out."""
    _floats(node)
    if node.shape(0) == node.output_shape:
        return alias(node)
    if node.op_type == "Reshape":
        node.constant(1)
    node.draft.add(Reshape(shape=node.output_shape), [node.input(0)], node.output)
    return None


def squeeze(node: Node) -> None:
    """Squeeze; without axes all of size 1 go."""
    _floats(node)
    shape = node.shape(0)
    axes = node.axes(1)
    if axes is None:
        axes = tuple(axis for axis, size in enumerate(shape) if size == 1)
    if not axes:
        return alias(node)
    node.draft.add(Squeeze(axes=tuple(sorted(axes))), [node.input(0)], node.output)
    return None


def unsqueeze(node: Node) -> None:
    """Unsqueeze; axes count in the output."""
    _floats(node)
    found = node.integers("axes") if node.has("axes") else node.constant_integers(1)
    if not found:
        return alias(node)
    axes = tuple(sorted(axis % len(node.output_shape) for axis in found))
    node.draft.add(Unsqueeze(axes=axes), [node.input(0)], node.output)
    return None


def tile(node: Node) -> None:
    """Tile with constant repeats."""
    repeats = node.constant_integers(1)
    if repeats is None:
        raise OutsideVocabularyError("repeats")
    if set(repeats) <= {1}:
        return alias(node)
    node.draft.add(Tile(repeats=repeats), [node.input(0)], node.output)
    return None


def expand(node: Node) -> None:
    """Expand: axes of size 1 repeat; added axes are outside the vocabulary unless a Reshape makes them."""
    node.constant(1)
    shape, result = node.shape(0), node.output_shape
    if shape == result:
        return alias(node)
    draft, source = node.draft, node.input(0)
    if len(shape) != len(result):
        shape = (1,) * (len(result) - len(shape)) + shape
        ranked = draft.new_tensor(f"{node.output}_Expand_axes", shape)
        draft.add(Reshape(shape=shape), [source], ranked)
        source = ranked
    repeats = tuple(after // before for before, after in zip(shape, result, strict=True))
    if set(repeats) <= {1}:
        draft.layers[-1].outputs = [node.output]
        return None
    draft.add(Tile(repeats=repeats), [source], node.output)
    return None


def pad(node: Node) -> None:
    """Pad from attributes (opset 2) or inputs (11 on; axes from 18); negative pads crop first."""
    mode, rank = node.text("mode", "constant"), len(node.shape(0))
    if mode not in ("constant", "reflect", "edge"):
        raise OutsideVocabularyError(mode)
    if node.version < 11:
        pads, value = node.integers("pads"), node.real("value", 0.0)
    else:
        pads, fill = node.constant_integers(1), node.constant(2)
        value = 0.0 if fill is None or fill.size == 0 else float(fill.reshape(-1)[0])
    if pads is None:
        raise OutsideVocabularyError("pads")
    axes = node.constant_integers(3) if node.version >= 18 else None
    if axes is not None:
        full = [0] * (2 * rank)
        for index, axis in enumerate(axes):
            full[axis % rank] = pads[index]
            full[rank + axis % rank] = pads[len(axes) + index]
        pads = tuple(full)
    if not any(pads):
        return alias(node)
    if any(amount < 0 for amount in pads):
        raise OutsideVocabularyError("crop")
    node.draft.add(Pad(pads=pads, mode=mode, value=value), [node.input(0)], node.output)
    return None


def depth_to_space(node: Node) -> None:
    """DepthToSpace (DCR or CRD) and SpaceToDepth."""
    block = node.integer("blocksize", 1)
    attributes = Depth2Space(
        block_h=block,
        block_w=block,
        is_crd=node.text("mode", "DCR") == "CRD",
        is_inversed=node.op_type == "SpaceToDepth",
    )
    node.draft.add(attributes, [node.input(0)], node.output)


def identity(node: Node) -> None:
    """Identity."""
    alias(node)


def dropout(node: Node) -> None:
    """Dropout outside training changes nothing; its mask is outside the vocabulary."""
    if any(name and name not in node.draft.weights for name in node.proto.output[1:]):
        raise OutsideVocabularyError("mask")
    if node.version >= 12 and node.input(2):
        training = node.constant(2)
        if training is not None and bool(np.any(training)):
            raise OutsideVocabularyError("training")
    alias(node)


def cast(node: Node) -> None:
    """A Cast that changes no type is left out, as A.12 does; others stay."""
    if node.draft.dtype(node.input(0)) != node.draft.dtypes[node.output]:
        raise OutsideVocabularyError("types")
    alias(node)


IMPORTERS: Mapping[str, Callable[[Node], None]] = {
    "Concat": concat,
    "Split": split,
    "Slice": slice_,
    "Transpose": transpose,
    "Reshape": reshape,
    "Flatten": reshape,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Tile": tile,
    "Expand": expand,
    "Pad": pad,
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": depth_to_space,
    "Identity": identity,
    "Dropout": dropout,
    "Cast": cast,
    "CastLike": cast,
}
