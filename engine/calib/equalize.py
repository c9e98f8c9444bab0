"""Weight equalization across neighbouring convolutions (spec B.12; Nagel et al. 2019, "Data-free quantization").

The ranges of an output channel and of the same input channel of the next convolution are made equal; what is
computed in float stays the same. Against the original: the result is a new graph and the model's file is never
touched (spec B.19 #40), a fused ReLU with an upper limit is left alone because it does not commute with a scale
(#41), and a weight that two layers share is split first.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..graph.model import Graph, Layer
from ..graph.rewrite import with_weights
from ..graph.vocabulary import Conv, Relu

Array = np.ndarray

CONVERGED = 1e-4
SMALLEST = 1e-6
MOST_ITERATIONS = 100


@dataclass(frozen=True, slots=True)
class Pair:
    """Two convolutions that can be equalized, and what was done: iterations and losses of each."""

    first: str
    second: str
    groups: int
    losses: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Equalized:
    """The new graph and the pairs, in the order of the work."""

    graph: Graph
    pairs: tuple[Pair, ...]


def find_pairs(graph: Graph) -> tuple[Pair, ...]:
    """Convolutions whose only reader, directly or through one activation, is one convolution."""
    pairs = []
    for layer in graph.layers:
        successor = _successor(graph, layer)
        if successor is not None:
            channels = graph.weights[layer.inputs[1]].shape[0]
            groups = channels // graph.weights[successor.inputs[1]].shape[1]
            pairs.append(Pair(layer.name, successor.name, groups))
    return tuple(pairs)


def _successor(graph: Graph, layer: Layer) -> Layer | None:
    if not _is_plain_conv(graph, layer) or layer.name in graph.output_tensors:
        return None
    attributes = layer.attributes
    if isinstance(attributes, Conv) and attributes.do_relu and attributes.relu_limit > 0:
        return None
    users = graph.consumers(layer.name)
    if len(users) == 1 and _commutes(users[0]) and users[0].name not in graph.output_tensors:
        users = graph.consumers(users[0].name)
    if len(users) != 1 or not _is_plain_conv(graph, users[0]):
        return None
    return users[0]


def _is_plain_conv(graph: Graph, layer: Layer) -> bool:
    return layer.op == "Conv" and layer.inputs[1] in graph.weights


def _commutes(layer: Layer) -> bool:
    """Whether a positive factor may pass through the activation."""
    if isinstance(layer.attributes, Relu):
        return layer.attributes.relu_limit <= 0
    return layer.op == "PRelu"


def equalize(graph: Graph) -> Equalized:
    """Equalize every pair in model order; each until its weights stay."""
    weights: dict[tuple[str, int], Array] = {}
    done = []
    for pair in find_pairs(graph):
        first, second = graph.by_name[pair.first], graph.by_name[pair.second]
        w1, w2 = _current(graph, weights, first, 1), _current(graph, weights, second, 1)
        bias = _current(graph, weights, first, 2) if len(first.inputs) > 2 and first.inputs[2] else None
        losses = []
        for _ in range(MOST_ITERATIONS):
            step = equalize_once(w1, bias, w2, pair.groups)
            losses.append(step.loss)
            if step.loss < CONVERGED:
                break
            w1, bias, w2 = step.first, step.bias, step.second
        weights[first.name, 1], weights[second.name, 1] = w1, w2
        if bias is not None:
            weights[first.name, 2] = bias
        done.append(Pair(pair.first, pair.second, pair.groups, tuple(losses)))
    return Equalized(with_weights(graph, weights) if weights else graph, tuple(done))


def _current(graph: Graph, changed: Mapping[tuple[str, int], Array], layer: Layer, position: int) -> Array:
    found = changed.get((layer.name, position))
    return found if found is not None else graph.weights[layer.inputs[position]]


@dataclass(frozen=True, slots=True)
class Step:
    """Weights after one step, and how far they moved (sum of the Frobenius norms)."""

    first: Array
    bias: Array | None
    second: Array
    loss: float


def equalize_once(w1: Array, bias: Array | None, w2: Array, groups: int) -> Step:
    """One step for w1 (O1, I1/g, k...), bias (O1) and w2 (O2, O1/groups, k...), in float32."""
    channels, per_group = w1.shape[0], w2.shape[1]
    r1 = _largest(w1.reshape(channels, -1), 1)
    grouped = w2.reshape(groups, w2.shape[0] // groups, per_group, -1)
    r2 = _largest(grouped.transpose(0, 2, 1, 3).reshape(channels, -1), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = r1 / np.sqrt(r1 * r2)
    scale = np.where(np.isfinite(scale) & (scale > 0), scale, np.float32(1)).astype(np.float32)
    first = w1 / scale.reshape(-1, *[1] * (w1.ndim - 1))
    second = (grouped * scale.reshape(groups, 1, per_group, 1)).reshape(w2.shape)
    loss = float(np.linalg.norm(first - w1)) + float(np.linalg.norm(second - w2))
    return Step(first, None if bias is None else bias / scale, second, loss)


def _largest(rows: Array, axis: int) -> Array:
    found = np.abs(rows).max(axis=axis)
    return np.where(found < SMALLEST, np.float32(0), found).astype(np.float32)
