"""Models that carry quantization already: refused where activations are integers, unpacked where only weights are."""

from pathlib import Path

import onnx

from ..errors import UnsupportedModelError
from ..text import visible
from .constants import RANDOM, outer_reads

_INTEGER = frozenset(
    {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger",
     "DynamicQuantizeMatMul", "DynamicQuantizeLSTM", "MatMulIntegerToFloat", "QGemm", "QAttention"}
)  # fmt: skip


def check_not_quantized(model: onnx.ModelProto, path: Path) -> list[str]:
    """Refuse a model with quantized activations; for quantized weights alone return a note.

    Dequantized weights fold to float: integer times scale, from which the same integers come back wherever
    the scale is the channel's largest magnitude over 127.
    """
    constant = {tensor.name for tensor in model.graph.initializer}
    pairs: list[str] = []
    operators: list[str] = []
    unpacked = 0
    for node in model.graph.node:
        reads = [name for name in (*node.input, *outer_reads(node)) if name]
        fixed = node.op_type not in RANDOM and constant.issuperset(reads)
        if fixed:
            constant.update(node.output)
            unpacked += node.op_type == "DequantizeLinear"
        elif node.op_type in ("QuantizeLinear", "DynamicQuantizeLinear", "DequantizeLinear"):
            pairs.append(node.op_type)
        elif node.op_type in _INTEGER or node.op_type.startswith("QLinear"):
            operators.append(node.op_type)
    if pairs or operators:
        raise UnsupportedModelError(_sentence(path, pairs, operators))
    if unpacked:
        subject = "One weight is" if unpacked == 1 else f"{unpacked} weights are"
        return [f"{subject} quantized in the file already, and used as the float values that stand for them."]
    return []


def _sentence(path: Path, pairs: list[str], operators: list[str]) -> str:
    count = max(sum(op != "DequantizeLinear" for op in pairs), sum(op == "DequantizeLinear" for op in pairs))
    found = f"{count} Q/DQ pair{'s' * (count != 1)}"
    if operators:
        kinds = ", ".join(visible(op) for op in dict.fromkeys(operators))
        found = f"{len(operators)} integer operator{'s' * (len(operators) != 1)} ({kinds}) and {found}"
    return (
        f"{visible(str(path))} is already quantized: {found}; quantdeck starts from float models, "
        "so give it the model before quantization."
    )
