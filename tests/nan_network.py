"""A network whose int8 form gives NaN for small samples."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def quotient(path: Path) -> Path:
    """x over itself, beside x: in eight bits a small x is 0, and the quotient NaN."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Div", ["c", "r"], ["q"]),
    ]
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in side]
        for side in ([("x", [1, 3, 8, 8])], [("c", [1, 2, 8, 8]), ("q", [1, 2, 8, 8])])
    ]
    weights = [numpy_helper.from_array(np.full((2, 3, 1, 1), 0.3, np.float32), "w")]
    graph = helper.make_graph(nodes, "quotient", *ends, weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path
