"""Which importer reads which ONNX op."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ..draft import Draft
from ..nodes import Node, OutsideVocabularyError
from ..opaque import add_opaque
from . import activations, arithmetic, movers, norms, pools, products, resize

Importer = Callable[[Node], None]

IMPORTERS: Mapping[str, Importer] = MappingProxyType(
    {
        **products.IMPORTERS,
        **arithmetic.IMPORTERS,
        **activations.IMPORTERS,
        **pools.IMPORTERS,
        **norms.IMPORTERS,
        **movers.IMPORTERS,
        **resize.IMPORTERS,
    }
)
# Ops that may read or give booleans; all others are layers only between float32 tensors.
_MIXED = frozenset({"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Xor", "Where"})
SAME_SHAPE = frozenset({"Identity", "Dropout", "Cast", "CastLike"})
"""Ops that need to know nothing of the shape."""
_NO_CHANGE = SAME_SHAPE | {"Flatten", "Reshape"}


def import_node(node: Node) -> bool:
    """Add the layers of one node to its draft; an opaque one where the vocabulary cannot say it.

    Returns whether the vocabulary could.
    """
    draft = node.draft
    importer = IMPORTERS.get(node.op_type) if node.proto.domain in ("", "ai.onnx") else None
    if importer is not None and _fits(node, draft):
        layers = len(draft.layers)
        try:
            importer(node)
        except OutsideVocabularyError:
            del draft.layers[layers:]
            draft.touch()
        else:
            return True
    add_opaque(node)
    return False


def _fits(node: Node, draft: Draft) -> bool:
    """Whether types let the op be a layer: float32 in and out, booleans where the op is about them."""
    outputs = [name for name in node.proto.output if name and name not in draft.weights]
    if any(name not in draft.shapes for name in outputs):
        return False
    if node.op_type in _NO_CHANGE:
        return True
    tensors = [name for name in node.inputs if name and name not in draft.weights]
    kinds = {draft.dtype(name) for name in (*tensors, *outputs)}
    if node.op_type in _MIXED:
        return kinds <= {"float32", "bool"}
    return kinds <= {"float32"}
