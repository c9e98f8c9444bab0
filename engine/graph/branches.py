"""If nodes whose condition is constant once the shapes are fixed: the branch taken stands in their place."""

from collections.abc import Iterator, Mapping

import numpy as np
import onnx
from onnx import helper

from .constants import inner_graphs
from .names import fresh_name

Array = np.ndarray


def take_branches(model: onnx.ModelProto, constants: Mapping[str, Array]) -> bool:
    """Replace every If of constant condition in the main graph, in place; returns whether there was one."""
    graph = model.graph
    taken = {name for node in graph.node for name in _all_names(node)} | {t.name for t in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    changed = False
    for node in graph.node:
        condition = constants.get(node.input[0]) if node.op_type == "If" and node.domain == "" else None
        if condition is None or condition.size != 1:
            nodes.append(node)
            continue
        wanted = "then_branch" if bool(condition.reshape(-1)[0]) else "else_branch"
        branch = next(attribute.g for attribute in node.attribute if attribute.name == wanted)
        nodes += _inlined(model, branch, list(node.output), taken)
        changed = True
    if changed:
        kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del graph.node[:]
        graph.node.extend(kept)
    return changed


def _inlined(
    model: onnx.ModelProto, branch: onnx.GraphProto, outputs: list[str], taken: set[str]
) -> Iterator[onnx.NodeProto]:
    """Nodes of a branch under free names; its results get the names of the If's."""
    made = [name for node in branch.node for name in node.output if name]
    names: dict[str, str] = {}
    for inner, outer in zip(branch.output, outputs, strict=True):
        if inner.name in made and inner.name not in names and outer:
            names[inner.name] = outer
    for name in (*made, *(tensor.name for tensor in branch.initializer)):
        if name not in names:
            names[name] = fresh_name(name, taken)
    for tensor in branch.initializer:
        copy = model.graph.initializer.add()
        copy.CopyFrom(tensor)
        copy.name = names[tensor.name]
    for node in branch.node:
        copy = onnx.NodeProto.FromString(node.SerializeToString())
        _rename(copy, names)
        yield copy
    for inner, outer in zip(branch.output, outputs, strict=True):
        source = names.get(inner.name, inner.name)
        if outer and source != outer:
            yield helper.make_node("Identity", [source], [outer])


def _rename(node: onnx.NodeProto, names: Mapping[str, str]) -> None:
    """New names for what a node reads and makes, inner graphs included (ONNX forbids them to shadow names)."""
    node.input[:] = [names.get(name, name) for name in node.input]
    node.output[:] = [names.get(name, name) for name in node.output]
    for graph in inner_graphs(node):
        for inner in graph.node:
            _rename(inner, names)
        for item in graph.output:
            item.name = names.get(item.name, item.name)


def _all_names(node: onnx.NodeProto) -> Iterator[str]:
    """Outputs of a node of the main graph, and what it reads."""
    yield from node.input
    yield from node.output
