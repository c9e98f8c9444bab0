"""Sparse weights written out: everything behind the reader knows dense ones only."""

import math

import numpy as np
import onnx
from onnx import numpy_helper

from .constants import inner_graphs


def densify(model: onnx.ModelProto) -> None:
    """Turn sparse initializers and sparse Constants into dense ones, in place."""
    _densify(model.graph)


def _densify(graph: onnx.GraphProto) -> None:
    for sparse in graph.sparse_initializer:
        graph.initializer.append(_dense(sparse))
    del graph.sparse_initializer[:]
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.HasField("sparse_tensor"):
                attribute.t.CopyFrom(_dense(attribute.sparse_tensor))
                attribute.ClearField("sparse_tensor")
                attribute.name, attribute.type = "value", onnx.AttributeProto.TENSOR
        for inner in inner_graphs(node):
            _densify(inner)


def _dense(sparse: onnx.SparseTensorProto) -> onnx.TensorProto:
    """Indices are places in the flat tensor, or one row of coordinates a value."""
    values, places = numpy_helper.to_array(sparse.values), numpy_helper.to_array(sparse.indices)
    shape = tuple(int(size) for size in sparse.dims)
    flat = np.ravel_multi_index(tuple(places.T), shape) if places.ndim == 2 else places
    result = np.zeros(math.prod(shape), values.dtype)
    result[flat] = values
    return numpy_helper.from_array(result.reshape(shape), sparse.values.name)
