"""The decode part of a detector, behind its heads: boxes and scores that one int8 scale cannot both hold.

Heads on maps of several sizes are joined to one list of anchors, with sigmoids, exponentials and box arithmetic around.
Boxes in pixels beside scores of 0 to 1 under one threshold leave no scores (features B2, peers section 5). The heads'
convolutions stay in int8.
"""

from collections.abc import Iterable

from ..graph.model import Graph, Layer
from ..graph.vocabulary import Concat
from .patterns import Proposal

PRODUCTS = frozenset({"Conv", "Deconv", "MatMul"})
MOVERS = frozenset({"Reshape", "Permute", "Squeeze", "Unsqueeze", "Slice"})
BETWEEN = frozenset({"Sigmoid", "Softmax", "Exp"})
"""What makes scores or sizes of a head's raw values; a tail with none and no box arithmetic is no decoding."""
LEAST_LEVELS = 2


def detector_proposal(graph: Graph) -> Proposal | None:
    """The layers between the heads and the network's outputs; None where no heads are joined to anchors."""
    tail, heads = _tail(graph)
    joins = [layer for layer in tail if _joins_levels(graph, layer)]
    if not joins or not any(layer.op in BETWEEN for layer in tail):
        return None
    behind = _heads_behind(graph, joins)
    levels = {graph.tensors[head.name].shape[2:] for head in heads if head.name in behind}
    if len(levels) < LEAST_LEVELS:
        return None
    names = {layer.name for layer in tail}
    layers = tuple(layer.name for layer in graph.layers if layer.name in names)
    return Proposal(
        layers, f"the decoding of boxes and scores behind {len(behind)} detector heads on {len(levels)} maps"
    )


def _tail(graph: Graph) -> tuple[list[Layer], list[Layer]]:
    """Layers that lead to the outputs without a product behind them, and the products that feed them."""
    tail: dict[str, Layer] = {}
    heads: dict[str, Layer] = {}
    stack = list(graph.output_tensors)
    while stack:
        layer = graph.producer(stack.pop())
        if layer is None or layer.name in tail or layer.name in heads:
            continue
        if layer.op in PRODUCTS and not _expectation(graph, layer):
            heads[layer.name] = layer
            continue
        tail[layer.name] = layer
        stack.extend(graph.activations(layer))
    return list(tail.values()), list(heads.values())


def _expectation(graph: Graph, layer: Layer) -> bool:
    """A product that makes one number of a distribution: the box part of YOLOv8, a 1x1 convolution behind a Softmax."""
    source, *weights = layer.inputs
    weight = graph.weights.get(weights[0]) if weights else None
    if layer.op != "Conv" or weight is None or len(weight) != 1:
        return False
    maker = graph.producer(source)
    while maker is not None and maker.op in MOVERS:
        maker = graph.producer(maker.inputs[0])
    return maker is not None and maker.op == "Softmax"


def _joins_levels(graph: Graph, layer: Layer) -> bool:
    """A Concat of lists of anchors of unlike lengths."""
    if not isinstance(layer.attributes, Concat):
        return False
    shapes = [graph.tensors[name].shape for name in graph.activations(layer)]
    axis = layer.attributes.axis
    flat = all(len(shape) <= 3 for shape in shapes)
    return flat and len({shape[axis] for shape in shapes}) >= LEAST_LEVELS


def _heads_behind(graph: Graph, joins: Iterable[Layer]) -> set[str]:
    """Products that reach one of the joins without another product between."""
    found: set[str] = set()
    seen: set[str] = set()
    stack = [name for layer in joins for name in graph.activations(layer)]
    while stack:
        layer = graph.producer(stack.pop())
        if layer is None or layer.name in seen:
            continue
        seen.add(layer.name)
        if layer.op in PRODUCTS:
            found.add(layer.name)
        else:
            stack.extend(graph.activations(layer))
    return found
