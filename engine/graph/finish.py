"""From a draft to the immutable Graph: unique names, digest, order."""

import hashlib
from collections.abc import Mapping

import numpy as np

from ..text import visible
from .draft import Draft, DraftLayer
from .merged import merged_layers
from .model import Graph, Layer, Output, Tensor
from .vocabulary import Opaque

Array = np.ndarray


def finish(draft: Draft, name: str) -> Graph:
    """The Graph of a draft: layers that nobody needs are dropped, every tensor gets its label, made unique."""
    _prune(draft)
    names = _names(draft)
    layers = tuple(
        Layer(
            name=names[layer.output],
            attributes=layer.attributes,
            inputs=tuple(names[item] if item else "" for item in layer.inputs),
            outputs=tuple(names[item] for item in layer.outputs),
        )
        for layer in draft.layers
    )
    tensors = {
        names[item]: Tensor(names[item], draft.shapes[item], draft.dtypes[item], item in draft.varying)
        for item in (*draft.inputs, *(output for layer in draft.layers for output in layer.outputs))
    }
    weights = {names[item]: _contiguous(array) for item, array in draft.weights.items() if item in names}
    outputs = tuple(Output(given, names[tensor]) for given, tensor in draft.outputs)
    inputs = tuple(names[item] for item in draft.inputs)
    notes = tuple(dict.fromkeys([*draft.notes, *_opaque_notes(layers, frozenset(tensors))]))
    digest = graph_digest(inputs, outputs, layers, tensors, weights)
    made = {item: names[layer.output] for layer in draft.layers for item in layer.outputs}
    merged = merged_layers(draft.file, made, draft.aliases)
    return Graph(name, inputs, outputs, layers, tensors, weights, digest, notes, merged)


def _contiguous(array: Array) -> Array:
    kept = np.ascontiguousarray(array).reshape(array.shape)
    kept.flags.writeable = False
    return kept


def _prune(draft: Draft) -> None:
    needed = {tensor for _, tensor in draft.outputs}
    kept: list[DraftLayer] = []
    for layer in reversed(draft.layers):
        if needed.intersection(layer.outputs):
            needed.update(layer.inputs)
            kept.append(layer)
    draft.layers = kept[::-1]
    draft.touch()


def _names(draft: Draft) -> dict[str, str]:
    """New names: inputs as in the file, tensors by label, weights last; a name that is taken gets a number."""
    taken: set[str] = set()
    names: dict[str, str] = {}

    def give(key: str, wanted: str) -> None:
        if key and key not in names:
            candidate, number = wanted, 0
            while candidate in taken or not candidate:
                number += 1
                candidate = f"{wanted}_{number}"
            taken.add(candidate)
            names[key] = candidate

    for name in draft.inputs:
        give(name, name)
    for layer in draft.layers:
        for name in layer.outputs:
            give(name, draft.label(name))
    for layer in draft.layers:
        for name in layer.inputs:
            give(name, name)
    return names


def _opaque_notes(layers: tuple[Layer, ...], tensors: frozenset[str]) -> list[str]:
    found: dict[str, list[str]] = {}
    for layer in layers:
        if isinstance(layer.attributes, Opaque) and tensors.intersection(layer.inputs):
            domain = layer.attributes.domain
            kind = f"{domain}.{layer.attributes.node_type}" if domain else layer.attributes.node_type
            found.setdefault(kind, []).append(layer.name)
    return [
        f"{visible(kind)} stays float, outside of what can be int8: {', '.join(visible(n) for n in names[:3])}"
        + (f" and {len(names) - 3} more." if len(names) > 3 else ".")
        for kind, names in sorted(found.items())
    ]


def graph_digest(
    inputs: tuple[str, ...],
    outputs: tuple[Output, ...],
    layers: tuple[Layer, ...],
    tensors: Mapping[str, Tensor],
    weights: Mapping[str, Array],
) -> str:
    """sha256 over structure, attributes, shapes, types and weights; equal on every machine and run."""
    digest = hashlib.sha256()

    def put(*parts: object) -> None:
        text = "\0".join(repr(part) for part in parts)
        digest.update(len(text).to_bytes(8, "little"))
        digest.update(text.encode("utf-8", "surrogatepass"))

    put("inputs", inputs)
    put("outputs", [(output.name, output.tensor) for output in outputs])
    for layer in layers:
        put("layer", layer.name, layer.attributes, layer.inputs, layer.outputs)
    for tensor in tensors.values():
        put("tensor", tensor.name, tensor.shape, tensor.dtype)
    for name in sorted(weights):
        array = weights[name]
        put("weight", name, array.shape, str(array.dtype))
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
