"""Which tensors of an ONNX graph do not depend on the data: weights, shapes, and all that follows from them."""

from collections.abc import Iterator, Mapping

import numpy as np
import onnx
from onnx import numpy_helper

Array = np.ndarray

RANDOM = frozenset(
    {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli"}
)
# Results whose shape follows from the data, not from the shapes of the inputs.
DATA_SHAPED = frozenset(
    {"NonZero", "NonMaxSuppression", "Unique", "Compress", "If", "Loop", "Scan", "SequenceConstruct",
     "SplitToSequence", "SequenceAt", "SequenceInsert", "ConcatFromSequence", "StringSplit", "Optional"}
)  # fmt: skip
# Inputs that decide a result's shape; where they are not constant the shape follows from the data.
SHAPE_INPUTS = {
    "Reshape": (1,), "Expand": (1,), "Tile": (1,), "ConstantOfShape": (0,), "Range": (0, 1, 2), "TopK": (1,),
    "Slice": (1, 2, 3, 4), "Resize": (2, 3), "Upsample": (1,), "Pad": (1, 3), "OneHot": (1,), "Squeeze": (1,),
    "Unsqueeze": (1,), "ReduceSum": (1,), "ReduceMean": (1,), "ReduceMax": (1,), "ReduceMin": (1,),
    "ReduceProd": (1,), "ReduceL1": (1,), "ReduceL2": (1,), "ReduceLogSum": (1,), "ReduceLogSumExp": (1,),
    "ReduceSumSquare": (1,), "Split": (1,), "CenterCropPad": (1,),
}  # fmt: skip


def outer_reads(node: onnx.NodeProto) -> list[str]:
    """Tensors of the outer graph that a node's inner graphs (If, Loop, Scan) read, each once, in order."""
    found: dict[str, None] = {}
    for graph in inner_graphs(node):
        found.update(dict.fromkeys(_free_names(graph)))
    return list(found)


def inner_graphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """Graphs in a node's attributes."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _free_names(graph: onnx.GraphProto) -> Iterator[str]:
    known = {item.name for item in graph.input} | {item.name for item in graph.initializer}
    for node in graph.node:
        for name in (*node.input, *outer_reads(node)):
            if name and name not in known:
                yield name
        known.update(node.output)
    for item in graph.output:
        if item.name not in known:
            yield item.name


def used_inputs(graph: onnx.GraphProto) -> frozenset[str]:
    """Names that some node reads, or that leave the graph."""
    names = {item.name for item in graph.output}
    for node in graph.node:
        names.update(node.input)
        names.update(outer_reads(node))
    return frozenset(names)


def constant_tensors(model: onnx.ModelProto, values: Mapping[str, Array]) -> dict[str, Array]:
    """Values of all tensors that no data can change, initializers included.

    *values* are those of a run. A tensor without elements is constant, whatever it was made of.
    """
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    changing = {item.name for item in graph.input} - set(constants)
    data_shaped: set[str] = set()
    for node in graph.node:
        reads = [name for name in (*node.input, *outer_reads(node)) if name]
        shaped = _is_data_shaped(node, changing, data_shaped)
        if _is_constant(node, reads, changing, data_shaped):
            constants.update({name: values[name] for name in node.output if name in values})
            changing.update(name for name in node.output if name and name not in values)
            continue
        for name in node.output:
            if (_is_mask(node, name) and name in values) or (
                name in values and values[name].size == 0 and not shaped
            ):
                constants[name] = values[name]
            elif name:
                changing.add(name)
        if shaped:
            data_shaped.update(node.output)
    return constants


def _is_constant(node: onnx.NodeProto, reads: list[str], changing: set[str], data_shaped: set[str]) -> bool:
    if node.op_type in RANDOM:
        return False
    if node.op_type in ("Shape", "Size") and node.domain in ("", "ai.onnx"):
        return not data_shaped.intersection(reads)
    return not changing.intersection(reads)


def _is_mask(node: onnx.NodeProto, name: str) -> bool:
    """Whether *name* is the mask of a Dropout outside training: all true, whatever the data."""
    return node.op_type == "Dropout" and len(node.input) < 3 and name in node.output[1:]


def _is_data_shaped(node: onnx.NodeProto, changing: set[str], data_shaped: set[str]) -> bool:
    if node.op_type in DATA_SHAPED or node.domain not in ("", "ai.onnx"):
        return bool(changing.intersection((*node.input, *outer_reads(node))))
    deciding = SHAPE_INPUTS.get(node.op_type, ())
    if any(index < len(node.input) and node.input[index] in changing for index in deciding):
        return True
    return bool(data_shaped.intersection(node.input))
