"""The shape that an operation's result must have: printed text may say anything."""

from collections.abc import Sequence
from math import prod

import numpy as np

from . import vocabulary as v
from .mlir_ops import Unreadable

Shape = tuple[int, ...]

LARGEST = 2**31
"""Elements of a tensor beyond which a printed shape is taken for damage."""


def check_shapes(attributes: v.Attributes, shapes: Sequence[Shape | None], output: Shape) -> None:
    """Raise Unreadable where operands do not fit each other or the printed result.

    shapes: of the operands, None where one is absent. Ops that are not known here pass.
    """
    if prod(output) > LARGEST:
        raise Unreadable("its result is larger than any tensor of a real network")
    given = [shape for shape in shapes if shape is not None]
    if not given or None in shapes[: _needed(attributes, len(shapes))]:
        raise Unreadable("an operand is missing")
    try:
        wanted = _result(attributes, given, output)
    except (ValueError, IndexError) as error:
        raise Unreadable("its operands do not fit each other") from error
    if wanted is not None and wanted != output:
        raise Unreadable(f"its result is printed as {list(output)}, but must be {list(wanted)}")


def _needed(attributes: v.Attributes, count: int) -> int:
    """How many of the operands must be there."""
    if isinstance(attributes, v.Conv | v.Deconv | v.MatMul):
        return 2
    return 1 if isinstance(attributes, v.LayerNorm) else count


def _result(attributes: v.Attributes, given: list[Shape], output: Shape) -> Shape | None:
    first = given[0]
    found: Shape | None = None
    match attributes:
        case v.Conv() | v.Deconv():
            found = _window(attributes, given)
        case v.MaxPool() | v.AvgPool():
            found = _pooled(attributes, first)
        case v.MatMul():
            found = _product(attributes, given)
        case v.Add() | v.Sub() | v.Mul() | v.Div() | v.Max() | v.Min() | v.Compare() | v.Where():
            found = tuple(np.broadcast_shapes(*given))
        case v.Reshape() | v.Squeeze() | v.Unsqueeze() | v.Depth2Space():
            found = output if prod(first) == prod(output) else (prod(first),)
        case v.Interp():
            found = None if len(first) == len(output) and 0 not in first else first
        case v.PRelu():
            found = tuple(np.broadcast_shapes(first, given[1]))
        case v.Scale() | v.InstanceNorm() | v.LayerNorm():
            found = first
        case _:
            found = _moved(attributes, given)
    return found


def _moved(attributes: v.Attributes, given: list[Shape]) -> Shape | None:
    first = given[0]
    found: Shape | None = None
    match attributes:
        case v.Permute(order=order):
            found = tuple(first[axis] for axis in order)
        case v.Concat(axis=axis):
            found = _joined(given, axis)
        case v.Slice(offset=starts, ends=ends, steps=steps):
            picked = [range(*window) for window in zip(starts, ends, steps, strict=True)]
            if any(p and not 0 <= min(p) <= max(p) < n for p, n in zip(picked, first, strict=True)):
                raise ValueError("outside")
            found = tuple(len(part) for part in picked)
        case v.Tile(repeats=repeats):
            found = tuple(size * count for size, count in zip(first, repeats, strict=True))
        case v.Pad(pads=pads):
            rank = len(first)
            found = tuple(size + pads[i] + pads[rank + i] for i, size in enumerate(first))
        case v.Upsample(scale_h=h, scale_w=w):
            found = (*first[:-2], first[-2] * h, first[-1] * w)
        case v.Reduce(axes=axes, keepdims=keepdims):
            kept = [1 if axis in axes else size for axis, size in enumerate(first)]
            found = tuple(kept if keepdims else [size for axis, size in enumerate(first) if axis not in axes])
        case _:
            found = first if len(given) == 1 else None
    return found


def _joined(given: list[Shape], axis: int) -> Shape:
    first = given[0]
    if any((*shape[:axis], *shape[axis + 1 :]) != (*first[:axis], *first[axis + 1 :]) for shape in given):
        raise ValueError("sides differ")
    return (*first[:axis], sum(shape[axis] for shape in given), *first[axis + 1 :])


def _window(attributes: v.Conv | v.Deconv, given: list[Shape]) -> Shape:
    x, weight = given[0], given[1]
    rank = len(attributes.kernel_shape)
    channels = weight[1] * attributes.group
    fits = len(weight) == rank + 2 and weight[2:] == attributes.kernel_shape and x[1] == channels
    if not fits or weight[0] % attributes.group or (len(given) > 2 and given[2] != weight[:1]):
        raise ValueError("filter")
    sides: list[int] = []
    for i, size in enumerate(x[2:]):
        reach = (attributes.kernel_shape[i] - 1) * attributes.dilations[i]
        pads = attributes.pads[i] + attributes.pads[rank + i]
        if isinstance(attributes, v.Deconv):
            grown = (size - 1) * attributes.strides[i] + reach + 1 + attributes.output_padding[i]
            sides.append(grown - pads)
        else:
            sides.append((size + pads - reach - 1) // attributes.strides[i] + 1)
    return (x[0], weight[0], *sides)


def _pooled(attributes: v.MaxPool | v.AvgPool, x: Shape) -> Shape:
    rank = len(attributes.kernel_shape)
    sides = [
        (size + attributes.pads[i] + attributes.pads[rank + i] - attributes.kernel_shape[i])
        // attributes.strides[i]
        + 1
        for i, size in enumerate(x[2:])
    ]
    if isinstance(attributes, v.AvgPool) and not attributes.keepdims:
        return x[:2]
    return (*x[:2], *sides)


def _product(attributes: v.MatMul, given: list[Shape]) -> Shape | None:
    left, right = given[0], given[1]
    if min(len(left), len(right)) < 2:
        if not left or not right or left[-1] != right[max(len(right) - 2, 0)]:
            raise ValueError("depth")
        return None
    rows, inner = (left[-1], left[-2]) if attributes.left_transpose else (left[-2], left[-1])
    depth, columns = (right[-1], right[-2]) if attributes.right_transpose else (right[-2], right[-1])
    if inner != depth:
        raise ValueError("depth")
    result = (*np.broadcast_shapes(left[:-2], right[:-2]), rows, columns)
    if len(given) > 2 and np.broadcast_shapes(result, given[2]) != result:
        raise ValueError("bias")
    return result
