"""New graphs from old ones: weights replaced, structure kept."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from .model import Graph, Layer

Array = np.ndarray


def with_weights(graph: Graph, changes: Mapping[tuple[str, int], Array]) -> Graph:
    """The graph with inputs of layers replaced by new weights.

    changes: (layer name, input position) -> array of the old one's shape. A replaced weight gets a name of its own, so
    that layers which shared it keep the old one.
    """
    weights = dict(graph.weights)
    renamed: dict[tuple[str, int], str] = {}
    for (layer, position), array in changes.items():
        old = graph.by_name[layer].inputs[position]
        if array.shape != graph.weights[old].shape:
            raise ValueError(f"{old}: shape {array.shape} in place of {graph.weights[old].shape}")
        name = _fresh(f"{layer}:{position}", weights)
        weights[name] = np.ascontiguousarray(array, graph.weights[old].dtype)
        renamed[layer, position] = name
    layers = tuple(_rename(layer, renamed) for layer in graph.layers)
    used = {name for layer in layers for name in layer.inputs}
    kept = {name: array for name, array in weights.items() if name in used or name not in graph.weights}
    return replace(graph, layers=layers, weights=kept, digest=_digest(graph, changes))


def _fresh(name: str, taken: Mapping[str, Array]) -> str:
    while name in taken:
        name += "'"
    return name


def _rename(layer: Layer, renamed: Mapping[tuple[str, int], str]) -> Layer:
    inputs = tuple(renamed.get((layer.name, index), name) for index, name in enumerate(layer.inputs))
    return layer if inputs == layer.inputs else replace(layer, inputs=inputs)


def _digest(graph: Graph, changes: Mapping[tuple[str, int], Array]) -> str:
    digest = hashlib.sha256(graph.digest.encode())
    for (layer, position), array in sorted(changes.items(), key=lambda item: item[0]):
        digest.update(f"\0{layer}\0{position}\0".encode("utf-8", "surrogatepass"))
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
