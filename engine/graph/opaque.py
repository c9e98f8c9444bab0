"""Nodes outside the vocabulary: kept as they are, their names replaced by numbers."""

import onnx

from .constants import inner_graphs, outer_reads
from .formal import may_be_left_out
from .nodes import Node
from .vocabulary import Opaque


def add_opaque(node: Node) -> None:
    """Keep *node* as an opaque layer.

    Inputs of the layer are those of the node, then the outer tensors that its inner graphs read; outputs that
    the node leaves out, or that are constant, stay out.
    """
    draft, outer = node.draft, outer_reads(node.proto)
    kept = onnx.NodeProto()
    kept.CopyFrom(node.proto)
    kept.ClearField("name")
    kept.ClearField("doc_string")
    places = [_place(node, index, name) for index, name in enumerate(node.proto.output)]
    outputs = [name for name in places if name]
    inputs = [*node.proto.input, *(draft.resolve(name) for name in outer)]
    numbers = {name: f"x{index}" for index, name in enumerate(outer, len(node.proto.input))}
    inner = list(inner_graphs(kept))
    for number, graph in enumerate(inner):
        rename_inner(graph, numbers, f"g{number}_")
    kept.input[:] = [f"x{index}" if name else "" for index, name in enumerate(node.proto.input)]
    count = iter(range(len(kept.output)))
    kept.output[:] = [f"y{next(count)}" if name else "" for name in places]
    attributes = Opaque(
        node_type=node.op_type,
        node=kept.SerializeToString(deterministic=True),
        opset=node.version,
        domain=node.proto.domain,
    )
    draft.add(attributes, inputs, *outputs)
    for name in outputs:
        draft.labels[name] = f"{name}_{node.op_type}"


def _place(node: Node, index: int, name: str) -> str:
    """The tensor that stands at an output: a constant one is left out, or replaced where the op must have it."""
    draft = node.draft
    value = draft.constant(name) if name else None
    if value is None:
        return name
    if not may_be_left_out(node.op_type, node.proto.domain, node.version, index):
        tensor = draft.new_tensor(f"{name}_constant", value.shape)
        draft.dtypes[tensor] = str(value.dtype)
        return tensor
    return ""


def rename_inner(graph: onnx.GraphProto, outer: dict[str, str], prefix: str) -> None:
    """Give every tensor of an inner graph a name of *prefix* and a number, and outer ones their new names."""
    names = dict(outer)

    def fresh(name: str) -> str:
        if not name:
            return ""
        if name not in names or name in outer:
            names[name] = f"{prefix}{len(names)}"
        return names[name]

    graph.name = "inner"
    del graph.value_info[:]
    graph.ClearField("doc_string")
    for item in graph.input:
        item.name = fresh(item.name)
    for tensor in graph.initializer:
        tensor.name = names[tensor.name] if tensor.name in names else fresh(tensor.name)
    for number, node in enumerate(graph.node):
        node.ClearField("name")
        node.ClearField("doc_string")
        for deeper, inner in enumerate(inner_graphs(node)):
            rename_inner(inner, names, f"{prefix}{number}_{deeper}_")
        node.input[:] = [names.get(name, name) if name else "" for name in node.input]
        node.output[:] = [fresh(name) for name in node.output]
    for item in graph.output:
        item.name = names.get(item.name, item.name)


def opaque_node(attributes: Opaque, inputs: list[str], outputs: list[str], prefix: str) -> onnx.NodeProto:
    """The ONNX node of an opaque layer between named tensors; *prefix* sets its inner names apart."""
    node = onnx.NodeProto.FromString(attributes.node)
    names = {f"x{index}": name for index, name in enumerate(inputs) if name}
    for number, graph in enumerate(inner_graphs(node)):
        rename_inner(graph, names, f"{prefix}{number}_")
    node.input[:] = [names.get(name, "") for name in node.input]
    made = iter(outputs)
    node.output[:] = [next(made) if name else "" for name in node.output]
    return node
