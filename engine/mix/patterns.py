"""Layers that a rule sets float without measuring: transformer blocks and shape arithmetic (spec B.14).

The result is a proposal: a starting quantize table that the user sees and may refuse.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..graph.model import Graph, Layer
from .transformer_blocks import BLOCKS

BERT = frozenset({"bert", "bert_1"})
SWIN = frozenset({"swin", "_swin", "swin_1"})
DETR = frozenset({"detr", "detr_rc_50"})
DEEP_VIT = 20  # from this many blocks on, the matmuls behind GELU hurt more than those behind Softmax


@dataclass(frozen=True, slots=True)
class Proposal:
    """Layers that a rule would set float, in model order, and the rule in words."""

    layers: tuple[str, ...]
    reason: str


def expand(pattern: str) -> tuple[str, ...]:
    """``"Slice*2 Mul"`` as op types."""
    words: list[str] = []
    for word in pattern.split():
        op, _, times = word.partition("*")
        words += [op] * int(times or 1)
    return tuple(words)


def count_blocks(ops: Sequence[str], pattern: Sequence[str]) -> int:
    """Non-overlapping occurrences of *pattern* in *ops*.

    The last op matches as a prefix (Add also AddConst), as the textual search of the original does.
    """
    size, index, count = len(pattern), 0, 0
    while index + size <= len(ops):
        window = ops[index : index + size]
        if tuple(window[:-1]) == tuple(pattern[:-1]) and window[-1].startswith(pattern[-1]):
            count, index = count + 1, index + size
        else:
            index += 1
    return count


def find_family(graph: Graph) -> tuple[str, int] | None:
    """The first family with a block in the model, and how many blocks it has."""
    ops = [layer.op for layer in graph.layers]
    for family, pattern in BLOCKS:
        count = count_blocks(ops, expand(pattern))
        if count:
            return family, count
    return None


def transformer_proposal(graph: Graph) -> Proposal | None:
    """The float layers of the model's transformer family; None where no block is found."""
    found = find_family(graph)
    if found is None:
        return None
    family, count = found
    chosen = {layer.name for layer in graph.layers if _common(graph, layer)}
    chosen |= set(_of_family(graph, family, count))
    layers = tuple(layer.name for layer in graph.layers if layer.name in chosen)
    return Proposal(layers, f"{count} blocks of the {family.strip('_')} family")


def _common(graph: Graph, layer: Layer) -> bool:
    if layer.op in ("SiLU", "GELU"):
        return True
    return layer.op == "Add" and any(user.op == "LayerNorm" for user in graph.consumers(layer.name))


def _of_family(graph: Graph, family: str, count: int) -> Iterable[str]:
    if family == "vit":
        return _matmul_behind(graph, "Softmax" if count < DEEP_VIT else "GELU")
    if family in BERT:
        return _matmul_behind(graph, "GELU")
    if family == "eva":
        return [*_ops(graph, {"Add"}), *_matmul_behind_gated_silu(graph)]
    if family == "_eva":
        return _ops(graph, {"Add"})
    if family in SWIN:
        return [*_ops(graph, {"Add"}), *_permutes_before_norm(graph)]
    if family == "_swin_1":
        return _ops(graph, {"Add", "Depth2Space"})
    if family in DETR:
        return [layer.name for layer in graph.layers if _detr_float(graph, layer)]
    return []


def _ops(graph: Graph, ops: set[str]) -> list[str]:
    return [layer.name for layer in graph.layers if layer.op in ops]


def _first_user(graph: Graph, name: str) -> Layer | None:
    users = graph.consumers(name)
    return users[0] if users else None


def _matmul_behind(graph: Graph, op: str) -> list[str]:
    users = [_first_user(graph, layer.name) for layer in graph.layers if layer.op == op]
    return [user.name for user in users if user is not None and user.op == "MatMul"]


def _matmul_behind_gated_silu(graph: Graph) -> list[str]:
    names = []
    for layer in graph.layers:
        users = graph.consumers(layer.name)
        if layer.op == "SiLU" and len(users) == 1 and users[0].op == "Mul":
            behind = _first_user(graph, users[0].name)
            if behind is not None and behind.op == "MatMul":
                names.append(behind.name)
    return names


def _makers(graph: Graph, layer: Layer) -> list[Layer]:
    makers = (graph.producer(tensor) for tensor in graph.activations(layer))
    return [maker for maker in makers if maker is not None]


def _permutes_before_norm(graph: Graph) -> list[str]:
    """Permute -> Reshape -> LayerNorm: the Permute."""
    return [
        permute.name
        for norm in graph.layers
        if norm.op == "LayerNorm"
        for reshape in _makers(graph, norm)
        if reshape.op == "Reshape"
        for permute in _makers(graph, reshape)
        if permute.op == "Permute"
    ]


def _detr_float(graph: Graph, layer: Layer) -> bool:
    if layer.op in ("Conv", "Scale", "Reshape"):
        return False
    makers = _makers(graph, layer)
    plain = layer.op == "MatMul" and len(makers) == 1 and makers[0].op in ("LayerNorm", "Reshape")
    return not plain


def shape_arithmetic(graph: Graph) -> Proposal:
    """Layers that only compute shapes: everything from Shape and Size on, through movers (spec B.14)."""
    passing = {"Concat", "Slice", "Tile", "Split", "Pack", "Repeat", "Unsqueeze", "Squeeze", "Gather"}
    listed = {layer.name for layer in graph.layers if _kind(layer) in ("Shape", "Size")}
    size = -1
    while size != len(listed):
        size = len(listed)
        for layer in graph.layers:
            makers = _makers(graph, layer)
            from_listed = [maker.name in listed for maker in makers]
            if (from_listed and all(from_listed)) or (any(from_listed) and _kind(layer) in passing):
                listed.add(layer.name)
    layers = tuple(layer.name for layer in graph.layers if layer.name in listed)
    return Proposal(layers, "shape arithmetic")


def _kind(layer: Layer) -> str:
    """The op type, an opaque layer's by its ONNX node."""
    return str(getattr(layer.attributes, "node_type", "") or layer.op)


def everything_but_products(graph: Graph) -> Proposal:
    """part_quantize: all layers but convolutions and matmuls."""
    layers = tuple(layer.name for layer in graph.layers if layer.op not in ("Conv", "MatMul"))
    return Proposal(layers, "only Conv and MatMul in int8")
