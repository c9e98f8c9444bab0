"""Where layers of the file went: users name what their exporter wrote, and fusing leaves fewer layers than that."""

from collections.abc import Mapping
from dataclasses import dataclass

import onnx


@dataclass(frozen=True, slots=True)
class FileLayer:
    """A tensor that a node of the file makes: the name that its layer would have had, and what is made of it."""

    name: str
    next: tuple[str, ...]


def file_layers(model: onnx.ModelProto) -> dict[str, FileLayer]:
    """Every tensor that a node of the file's main graph makes, in the file's order (spec A.12)."""
    readers: dict[str, list[str]] = {}
    for node in model.graph.node:
        for name in dict.fromkeys(node.input):
            readers.setdefault(name, []).extend(output for output in node.output if output)
    return {
        output: FileLayer(f"{output}_{node.op_type}", tuple(readers.get(output, ())))
        for node in model.graph.node
        for output in node.output
        if output
    }


def merged_layers(
    file: Mapping[str, FileLayer], made: Mapping[str, str], aliases: Mapping[str, str]
) -> dict[str, str]:
    """Names of the file's layers that are no layers of the graph, and the layer that does their work.

    made: the layer that makes each tensor which is left. aliases: tensors that only pass another one on. The
    rules keep the last tensor of what they fuse, so a lost one is looked for behind the place where it was.
    """
    kept = set(made.values())
    place: dict[str, str] = {}
    for tensor in reversed(list(file)):
        left = tensor
        while left in aliases and left not in made:
            left = aliases[left]
        behind = (place[name] for name in file[tensor].next if name in place)
        found = made.get(left) or next(behind, None)
        if found is not None:
            place[tensor] = found
    return {
        layer.name: place[tensor]
        for tensor, layer in file.items()
        if tensor in place and layer.name not in kept
    }
