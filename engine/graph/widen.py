"""Half precision models: every float16 and bfloat16 tensor becomes float32."""

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from .constants import inner_graphs
from .external import model_tensors

_HALF = frozenset({TensorProto.FLOAT16, TensorProto.BFLOAT16})
_TYPE_ATTRIBUTES = frozenset({"to", "dtype"})


def widen(model: onnx.ModelProto) -> bool:
    """Rewrite *model* in place; returns whether it held half precision tensors."""
    changed = False
    for tensor in model_tensors(model):
        if tensor.data_type in _HALF:
            wide = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name)
            tensor.CopyFrom(wide)
            changed = True
    for graph in _graphs(model.graph):
        for item in (*graph.input, *graph.output, *graph.value_info):
            kind = item.type.tensor_type
            if kind.elem_type in _HALF:
                kind.elem_type = TensorProto.FLOAT
                changed = True
        for node in graph.node:
            changed |= _widen_attributes(node)
    return changed


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for inner in inner_graphs(node):
            yield from _graphs(inner)


def _widen_attributes(node: onnx.NodeProto) -> bool:
    changed = False
    for attribute in node.attribute:
        if attribute.name in _TYPE_ATTRIBUTES and attribute.i in _HALF:
            attribute.i = TensorProto.FLOAT
            changed = True
    return changed
