"""Pooling and reductions."""

from collections.abc import Callable, Mapping

from ..nodes import Node, OutsideVocabularyError
from ..vocabulary import AvgPool, MaxPool, Reduce
from .arithmetic import alias
from .windows import auto_pads, overhang, spread


def _window(node: Node) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """kernel, strides, pads, overhang."""
    kernel = node.integers("kernel_shape") or ()
    rank, sizes = len(kernel), node.shape(0)[2:]
    strides, dilations = spread(node.integers("strides"), rank), spread(node.integers("dilations"), rank)
    if not kernel or any(step != 1 for step in dilations):
        raise OutsideVocabularyError("dilated pooling")
    pads = auto_pads(node, sizes, kernel, strides, dilations)
    return kernel, strides, pads, overhang(sizes, node.output_shape[2:], kernel, strides, pads)


def max_pool(node: Node) -> None:
    """MaxPool; the overhang of ceil_mode is padding that never wins."""
    if len([name for name in node.proto.output if name]) > 1:
        raise OutsideVocabularyError("indices")
    kernel, strides, pads, over = _window(node)
    rank = len(kernel)
    ends = tuple(pads[rank + axis] + over[axis] for axis in range(rank))
    if any(pad >= size for pad, size in zip((*pads[:rank], *pads[rank:]), kernel * 2, strict=True)):
        raise OutsideVocabularyError("pads as large as the window")
    attributes = MaxPool(kernel_shape=kernel, strides=strides, pads=(*pads[:rank], *ends))
    node.draft.add(attributes, [node.input(0)], node.output)


def average_pool(node: Node) -> None:
    """AveragePool; what lies beyond the pads because of ceil_mode never counts."""
    kernel, strides, pads, over = _window(node)
    attributes = AvgPool(
        kernel_shape=kernel,
        strides=strides,
        pads=pads,
        overhang=over if any(over) else (),
        count_include_pad=bool(node.integer("count_include_pad", 0)),
    )
    node.draft.add(attributes, [node.input(0)], node.output)


def global_average(node: Node) -> None:
    """GlobalAveragePool: a window as large as the picture."""
    sizes = node.shape(0)[2:]
    rank = len(sizes)
    attributes = AvgPool(
        kernel_shape=sizes, strides=(1,) * rank, pads=(0,) * (2 * rank), count_include_pad=True
    )
    node.draft.add(attributes, [node.input(0)], node.output)


def global_max(node: Node) -> None:
    """GlobalMaxPool."""
    sizes = node.shape(0)[2:]
    rank = len(sizes)
    attributes = MaxPool(kernel_shape=sizes, strides=(1,) * rank, pads=(0,) * (2 * rank))
    node.draft.add(attributes, [node.input(0)], node.output)


def reduce(node: Node) -> None:
    """Reductions; a mean over height and width is an average pool (spec A.12)."""
    axes, keepdims = node.axes(1), bool(node.integer("keepdims", 1))
    if not axes:
        if node.integer("noop_with_empty_axes", 0):
            return alias(node)
        axes = tuple(range(len(node.shape(0))))
    axes = tuple(sorted(set(axes)))
    if node.op_type == "ReduceMean" and axes == (2, 3) and len(node.shape(0)) == 4:
        pool = AvgPool(
            kernel_shape=node.shape(0)[2:],
            strides=(1, 1),
            pads=(0,) * 4,
            count_include_pad=True,
            keepdims=keepdims,
        )
        node.draft.add(pool, [node.input(0)], node.output)
        return None
    node.draft.add(Reduce(axes=axes, keepdims=keepdims, mode=node.op_type), [node.input(0)], node.output)
    return None


IMPORTERS: Mapping[str, Callable[[Node], None]] = {
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": global_average,
    "GlobalMaxPool": global_max,
    **dict.fromkeys(
        ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceProd"), reduce
    ),
}
