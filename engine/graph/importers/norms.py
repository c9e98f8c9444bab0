"""Softmax and normalisations."""

from collections.abc import Callable, Mapping

import numpy as np

from ..nodes import Node, OutsideVocabularyError
from ..vocabulary import LRN, InstanceNorm, LayerNorm, Reshape, Softmax


def softmax(node: Node) -> None:
    """Softmax and LogSoftmax; before opset 13 everything from the axis on is one block."""
    log = node.op_type == "LogSoftmax"
    shape = node.shape(0)
    if not shape:
        raise OutsideVocabularyError("scalar")
    axis = node.axis(-1 if node.version >= 13 else 1)
    draft, out = node.draft, node.output
    if node.version >= 13 or all(size == 1 for size in shape[axis + 1 :]):
        draft.add(Softmax(axis=axis, log=log), [node.input(0)], out)
        return
    if all(size == 1 for size in shape[axis:-1]):
        draft.add(Softmax(axis=len(shape) - 1, log=log), [node.input(0)], out)
        return
    block = int(np.prod(shape[axis:]))
    flat = (int(np.prod(shape[:axis])), block)
    label = f"{out}_{node.op_type}"
    before, after = draft.new_tensor(f"{label}_flat", flat), draft.new_tensor(f"{label}_block", flat)
    draft.add(Reshape(shape=flat), [node.input(0)], before)
    draft.add(Softmax(axis=1, log=log), [before], after)
    draft.add(Reshape(shape=shape), [after], out)


def layer_norm(node: Node) -> None:
    """LayerNormalization (opset 17) with constant scale and bias."""
    if len([name for name in node.proto.output if name]) > 1:
        raise OutsideVocabularyError("mean as output")
    axis = node.axis(-1)
    shape = node.shape(0)[axis:]
    draft, inputs = node.draft, [node.input(0)]
    for index in (1, 2):
        value = node.constant(index)
        if value is None:
            inputs.append("")
            continue
        name = node.input(index)
        if value.shape != shape:
            name = draft.new_weight(f"{name}_full", np.ascontiguousarray(np.broadcast_to(value, shape)))
        inputs.append(name)
    draft.add(LayerNorm(axis=axis, eps=node.real("epsilon", 1e-5)), inputs, node.output)


def instance_norm(node: Node) -> None:
    """InstanceNormalization with constant scale and bias."""
    node.constant(1)
    node.constant(2)
    node.draft.add(InstanceNorm(eps=node.real("epsilon", 1e-5)), node.inputs, node.output)


def local_response(node: Node) -> None:
    """LRN over channels."""
    attributes = LRN(
        size=node.integer("size", 1),
        alpha=node.real("alpha", 1e-4),
        beta=node.real("beta", 0.75),
        bias=node.real("bias", 1.0),
    )
    node.draft.add(attributes, [node.input(0)], node.output)


IMPORTERS: Mapping[str, Callable[[Node], None]] = {
    "Softmax": softmax,
    "LogSoftmax": softmax,
    "LayerNormalization": layer_norm,
    "InstanceNormalization": instance_norm,
    "LRN": local_response,
}
