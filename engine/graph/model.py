"""The immutable Graph that everything passes around (design section 3)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from .vocabulary import Attributes

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class Tensor:
    """An activation: a graph input or an output of a layer.

    ``shape`` is fully known; ``dtype`` is numpy's name of the type ("float32", "int64", "bool"). Where ``varies``
    the shape follows from the data (what NonMaxSuppression finds), and is that of one sample.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    varies: bool = False

    @property
    def is_float(self) -> bool:
        """Whether a threshold can be calibrated for this tensor."""
        return self.dtype in ("float32", "float16", "float64")

    @property
    def size(self) -> int:
        """Number of elements, batch included."""
        return int(np.prod(self.shape, dtype=np.int64)) if self.shape else 1


@dataclass(frozen=True, slots=True)
class Output:
    """A graph output: the name in the user's model and the tensor that holds it."""

    name: str
    tensor: str


@dataclass(frozen=True, slots=True)
class Layer:
    """One operation. Its name is the name of its first output (spec A.12).

    ``inputs`` are names of tensors or of weights, "" where an optional input is absent.
    ``attributes`` is one of the classes of vocabulary.py; an op outside it is ``Opaque``.
    """

    name: str
    attributes: Attributes
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def op(self) -> str:
        """The op type as the searches print it without the prefix: Conv, MatMul, Opaque ..."""
        return self.attributes.op


@dataclass(frozen=True, eq=False)
class Graph:
    """A network after conversion: float semantics, TPU-MLIR's names and order.

    ``layers`` are in topological order (the order of the text form). ``tensors`` holds every activation,
    ``weights`` every constant (float32, or the integer type where the meaning is integer). ``digest``
    covers structure, attributes and weights. ``notes`` are sentences that the user must be told: inputs
    that nobody reads, opaque layers, a clean-up that was not used. ``merged`` leads from the names of layers of
    the file that are no layers here to the layer that does their work.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[Output, ...]
    layers: tuple[Layer, ...]
    tensors: Mapping[str, Tensor]
    weights: Mapping[str, Array]
    digest: str
    notes: tuple[str, ...] = field(default=())
    merged: Mapping[str, str] = field(default_factory=lambda: {})

    @cached_property
    def _producers(self) -> dict[str, Layer]:
        return {output: layer for layer in self.layers for output in layer.outputs}

    @cached_property
    def _consumers(self) -> dict[str, tuple[Layer, ...]]:
        found: dict[str, list[Layer]] = {}
        for layer in self.layers:
            for name in dict.fromkeys(layer.inputs):
                if name:
                    found.setdefault(name, []).append(layer)
        return {name: tuple(layers) for name, layers in found.items()}

    @cached_property
    def by_name(self) -> dict[str, Layer]:
        """Layers by name."""
        return {layer.name: layer for layer in self.layers}

    @cached_property
    def output_tensors(self) -> tuple[str, ...]:
        """Tensors of the graph outputs, in order, without repeats."""
        return tuple(dict.fromkeys(output.tensor for output in self.outputs))

    def producer(self, tensor: str) -> Layer | None:
        """The layer that makes *tensor*; None for a graph input or a weight."""
        return self._producers.get(tensor)

    def consumers(self, tensor: str) -> tuple[Layer, ...]:
        """The layers that read *tensor*, each once, in order."""
        return self._consumers.get(tensor, ())

    def activations(self, layer: Layer) -> tuple[str, ...]:
        """Inputs of *layer* that are tensors (not weights, not absent)."""
        return tuple(name for name in layer.inputs if name and name not in self.weights)

    def ancestors(self, tensors: Iterable[str]) -> frozenset[str]:
        """Names of the layers on which *tensors* depend, their producers included."""
        names: set[str] = set()
        stack = list(tensors)
        while stack:
            layer = self.producer(stack.pop())
            if layer is not None and layer.name not in names:
                names.add(layer.name)
                stack.extend(self.activations(layer))
        return frozenset(names)

    def cone(self, tensors: Iterable[str]) -> frozenset[str]:
        """Names of the layers that depend on *tensors*."""
        names: set[str] = set()
        stack = list(tensors)
        while stack:
            for layer in self.consumers(stack.pop()):
                if layer.name not in names:
                    names.add(layer.name)
                    stack.extend(layer.outputs)
        return frozenset(names)

    @cached_property
    def calibrated(self) -> tuple[str, ...]:
        """Tensors that get a row in a calibration table: float activations, inputs first, in order.

        Those that never have an element get none.
        """
        order = list(self.inputs) + [output for layer in self.layers for output in layer.outputs]
        tensors = [self.tensors[name] for name in order]
        return tuple(item.name for item in tensors if item.is_float and (item.size or item.varies))
