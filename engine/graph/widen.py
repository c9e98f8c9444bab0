"""Models of other precisions: half becomes float32, and double where the model is fed with it."""

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from .constants import inner_graphs
from .external import model_tensors

_HALF = frozenset({TensorProto.FLOAT16, TensorProto.BFLOAT16})
_DOUBLE = frozenset({TensorProto.DOUBLE})
_TYPE_ATTRIBUTES = frozenset({"to", "dtype"})


def widen(model: onnx.ModelProto) -> bool:
    """Make half precision tensors float32, in place; returns whether there were any."""
    return _retype(model, _HALF)


def narrow(model: onnx.ModelProto) -> bool:
    """Make double precision tensors float32, in place, where the model is fed with them; returns whether it is.

    A model of float32 inputs that computes some part in double keeps it, as layers that stay float.
    """
    if all(item.type.tensor_type.elem_type not in _DOUBLE for item in model.graph.input):
        return False
    return _retype(model, _DOUBLE)


def _retype(model: onnx.ModelProto, kinds: frozenset[int]) -> bool:
    changed = False
    for tensor in model_tensors(model):
        if tensor.data_type in kinds:
            with np.errstate(over="ignore"):  # what float32 cannot hold is infinite
                wide = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(wide, tensor.name))
            changed = True
    for graph in _graphs(model.graph):
        for item in (*graph.input, *graph.output, *graph.value_info):
            kind = item.type.tensor_type
            if kind.elem_type in kinds:
                kind.elem_type = TensorProto.FLOAT
                changed = True
        for node in graph.node:
            changed |= _retype_attributes(node, kinds)
    return changed


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for inner in inner_graphs(node):
            yield from _graphs(inner)


def _retype_attributes(node: onnx.NodeProto, kinds: frozenset[int]) -> bool:
    changed = False
    for attribute in node.attribute:
        if attribute.name in _TYPE_ATTRIBUTES and attribute.i in kinds:
            attribute.i = TensorProto.FLOAT
            changed = True
    return changed
