"""fp_forward: float regions by name, without data (spec A.13)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import QuantdeckError
from ..graph.model import Graph
from ..text import one_of


@dataclass(frozen=True, slots=True)
class Block:
    """A region between layers, both ends included."""

    starts: tuple[str, ...]
    ends: tuple[str, ...]


def float_layers(
    graph: Graph,
    *,
    inputs: Iterable[str] = (),
    outputs: Iterable[str] = (),
    blocks: Sequence[Block] = (),
) -> tuple[str, ...]:
    """Layers that become float, in model order, each once.

    inputs: these layers and everything before them. outputs: these layers and everything behind them.
    blocks: what lies between starts and ends. Graph inputs are no layers and never listed.
    Names must be layers of the graph (names.py checks them). Errors: QuantdeckError for a block with nothing between
    its ends.
    """
    chosen: set[str] = set()
    chosen |= before(graph, inputs)
    chosen |= behind(graph, outputs)
    for block in blocks:
        between = before(graph, block.ends) & behind(graph, block.starts)
        if not between:
            raise QuantdeckError(
                f"--fpfwd_blocks: no way leads from {one_of(list(block.starts))} to {one_of(list(block.ends))}, "
                "so nothing lies between; name the start before the end"
            )
        chosen |= between
    return tuple(layer.name for layer in graph.layers if layer.name in chosen)


def before(graph: Graph, layers: Iterable[str]) -> set[str]:
    """The layers and all their ancestors."""
    names = list(layers)
    tensors = [tensor for name in names for tensor in graph.activations(graph.by_name[name])]
    return set(names) | graph.ancestors(tensors)


def behind(graph: Graph, layers: Iterable[str]) -> set[str]:
    """The layers and all their descendants."""
    names = list(layers)
    tensors = [tensor for name in names for tensor in graph.by_name[name].outputs]
    return set(names) | graph.cone(tensors)
