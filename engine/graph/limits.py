"""Sizes that no machine should be asked for: found before anything is allocated."""

import math
from pathlib import Path

import onnx

from ..errors import UnsupportedModelError
from ..text import visible

LARGEST_TENSOR = 2**31 - 1


def fixed_shapes(model: onnx.ModelProto, path: Path) -> frozenset[str]:
    """Names of the tensors whose whole shape follows from the inputs' shapes.

    Refuses a model in which one of them has more than 2 GiB elements.
    """
    if any(node.op_type == "Range" for node in model.graph.node):
        _inferred(model, path, data_prop=False)  # refused before data_prop makes all values of a Range
    return _inferred(model, path, data_prop=True)


def _inferred(model: onnx.ModelProto, path: Path, *, data_prop: bool) -> frozenset[str]:
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=data_prop)
    except Exception:  # inference is a help only: the run that follows says what is wrong
        return frozenset()
    fixed: set[str] = set()
    for item in (*inferred.graph.value_info, *inferred.graph.output):
        kind = item.type.tensor_type
        sizes = [int(dim.dim_value) for dim in kind.shape.dim if dim.HasField("dim_value")]
        if math.prod(max(size, 1) for size in sizes) > LARGEST_TENSOR:
            raise UnsupportedModelError(
                f"{visible(str(path))}: tensor {visible(item.name)} would have {'x'.join(map(str, sizes))} elements, "
                "more than can be run."
            )
        if kind.HasField("shape") and len(sizes) == len(kind.shape.dim):
            fixed.add(item.name)
    return frozenset(fixed)
