"""Tensors whose shape may differ from sample to sample, because it follows from the data."""

from collections.abc import Collection
from dataclasses import dataclass

import onnx

from .constants import DATA_SHAPED, SHAPE_INPUTS, outer_reads

_INNER = frozenset({"If", "Loop", "Scan"})


@dataclass(frozen=True, slots=True)
class Varying:
    """Names of tensors.

    ``certain``: results of NonZero and its like, and all that is made of them. ``possible``: these, and results of
    inner graphs and foreign ops, of which nothing is known; mostly their shapes are fixed.
    """

    certain: frozenset[str]
    possible: frozenset[str]


def varying_tensors(model: onnx.ModelProto, constants: Collection[str], fixed: Collection[str]) -> Varying:
    """Which tensors of the main graph vary in shape. *fixed* are those whose shape follows from the inputs'."""
    certain: set[str] = set()
    possible: set[str] = set()
    for node in model.graph.node:
        reads = [name for name in (*node.input, *outer_reads(node)) if name and name not in constants]
        made = [name for name in node.output if name and name not in constants and name not in fixed]
        if not reads or not made:
            continue
        if _decided_by_data(node, constants) or certain.intersection(reads):
            certain.update(made)
        elif node.op_type in _INNER or node.domain not in ("", "ai.onnx") or possible.intersection(reads):
            possible.update(made)
    return Varying(frozenset(certain), frozenset(certain | possible))


def _decided_by_data(node: onnx.NodeProto, constants: Collection[str]) -> bool:
    if node.domain not in ("", "ai.onnx"):
        return False
    if node.op_type in DATA_SHAPED and node.op_type not in _INNER:
        return True
    deciding = (node.input[index] for index in SHAPE_INPUTS.get(node.op_type, ()) if index < len(node.input))
    return any(name and name not in constants for name in deciding)
