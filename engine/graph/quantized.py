"""Models that carry quantization already: refused where activations are integers, unpacked where only weights are."""

from dataclasses import dataclass, field
from pathlib import Path

import onnx

from ..errors import UnsupportedModelError
from ..text import visible
from .constants import RANDOM, inner_graphs, outer_reads

_INTEGER = frozenset(
    {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger",
     "DynamicQuantizeMatMul", "DynamicQuantizeLSTM", "MatMulIntegerToFloat", "QGemm", "QAttention"}
)  # fmt: skip


@dataclass(slots=True)
class _Found:
    """Op types of the nodes that work on quantized activations, and the number of unpacked weights."""

    pairs: list[str] = field(default_factory=list[str])
    operators: list[str] = field(default_factory=list[str])
    unpacked: int = 0


def check_not_quantized(model: onnx.ModelProto, path: Path) -> list[str]:
    """Refuse a model with quantized activations; for quantized weights alone return a note.

    Dequantized weights fold to float: integer times scale, from which the same integers come back wherever
    the scale is the channel's largest magnitude over 127.
    """
    found = _Found()
    _look(model.graph, set(), found)
    pairs, operators, unpacked = found.pairs, found.operators, found.unpacked
    if pairs or operators:
        raise UnsupportedModelError(_sentence(path, pairs, operators))
    if unpacked:
        subject = "One weight is" if unpacked == 1 else f"{unpacked} weights are"
        return [f"{subject} quantized in the file already, and used as the float values that stand for them."]
    return []


def _look(graph: onnx.GraphProto, constant: set[str], found: _Found) -> None:
    """Sort the nodes of a graph and of those inside it; *constant* are names that hold weights."""
    constant |= {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        reads = [name for name in (*node.input, *outer_reads(node)) if name]
        if node.op_type not in RANDOM and constant.issuperset(reads):
            constant.update(node.output)
            found.unpacked += node.op_type == "DequantizeLinear"
        elif node.op_type in ("QuantizeLinear", "DynamicQuantizeLinear", "DequantizeLinear"):
            found.pairs.append(node.op_type)
        elif node.op_type in _INTEGER or node.op_type.startswith("QLinear"):
            found.operators.append(node.op_type)
        for inner in inner_graphs(node):
            _look(inner, set(constant), found)


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
