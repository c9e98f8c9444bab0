"""Sizes that no machine should be asked for: found before anything is allocated."""

import math
from pathlib import Path

import onnx

from ..errors import UnsupportedModelError
from ..text import visible

LARGEST_TENSOR = 2**31 - 1


def check_sizes(model: onnx.ModelProto, path: Path) -> None:
    """Refuse a model in which a tensor of more than 2 GiB elements follows from the inputs' shapes."""
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception:  # inference is a help only: the run that follows says what is wrong
        return
    for item in (*inferred.graph.value_info, *inferred.graph.output):
        sizes = [int(dim.dim_value) for dim in item.type.tensor_type.shape.dim if dim.HasField("dim_value")]
        if math.prod(max(size, 1) for size in sizes) > LARGEST_TENSOR:
            raise UnsupportedModelError(
                f"{visible(str(path))}: tensor {visible(item.name)} would have {'x'.join(map(str, sizes))} elements, "
                "more than can be run."
            )
