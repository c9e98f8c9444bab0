"""The mutable network between the reader and the Graph: what importers add to and patterns rewrite."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from .merged import FileLayer
from .vocabulary import Attributes

Array = np.ndarray


class DraftLayer:
    """A layer in the making; compared by identity. What it reads and makes is changed by assignment only."""

    __slots__ = ("_changed", "_inputs", "_outputs", "attributes")

    def __init__(self, attributes: Attributes, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        self.attributes = attributes
        self._inputs = tuple(inputs)
        self._outputs = tuple(outputs)
        self._changed: dict[int, DraftLayer] | None = None

    def watch(self, changed: "dict[int, DraftLayer] | None") -> None:
        """Let every later change of inputs or outputs be noted in *changed*."""
        self._changed = changed

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of tensors and weights, "" where one is absent."""
        return self._inputs

    @inputs.setter
    def inputs(self, names: Sequence[str]) -> None:
        self._inputs = tuple(names)
        self._note()

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the tensors that it makes."""
        return self._outputs

    @outputs.setter
    def outputs(self, names: Sequence[str]) -> None:
        self._outputs = tuple(names)
        self._note()

    def put(self, index: int, name: str) -> None:
        """Read *name* at an input position."""
        self.inputs = (*self._inputs[:index], name, *self._inputs[index + 1 :])

    def _note(self) -> None:
        if self._changed is not None:
            self._changed[id(self)] = self

    @property
    def output(self) -> str:
        """The first output."""
        return self._outputs[0]


class _Index:
    """Who makes and who reads each tensor, kept up to date layer by layer."""

    def __init__(self, layers: Iterable[DraftLayer]) -> None:
        self.producers: dict[str, DraftLayer] = {}
        self.changed: dict[int, DraftLayer] = {}
        self._users: dict[str, dict[int, DraftLayer]] = {}
        self._known: dict[int, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self._places: dict[int, int] = {}
        for layer in layers:
            self.append(layer)

    def append(self, layer: DraftLayer) -> None:
        """A layer behind all others."""
        self._places[id(layer)] = len(self._places)
        layer.watch(self.changed)
        self._enter(layer)

    def drop(self, layer: DraftLayer) -> None:
        """A layer that left the network."""
        self._leave(layer)
        self.changed.pop(id(layer), None)
        layer.watch(None)

    def refresh(self) -> None:
        """Take in what was changed."""
        if self.changed:
            layers = list(self.changed.values())
            self.changed.clear()
            for layer in layers:
                self._leave(layer)
            for layer in layers:
                self._enter(layer)

    def users(self, tensor: str) -> list[DraftLayer]:
        """Readers of a tensor in the network's order."""
        found = list(self._users.get(tensor, {}).values())
        return found if len(found) < 2 else sorted(found, key=lambda layer: self._places[id(layer)])

    def _enter(self, layer: DraftLayer) -> None:
        self._known[id(layer)] = (layer.inputs, layer.outputs)
        for name in layer.outputs:
            self.producers[name] = layer
        for name in layer.inputs:
            self._users.setdefault(name, {})[id(layer)] = layer

    def _leave(self, layer: DraftLayer) -> None:
        inputs, outputs = self._known.pop(id(layer), ((), ()))
        for name in outputs:
            if self.producers.get(name) is layer:
                del self.producers[name]
        for name in inputs:
            self._users.get(name, {}).pop(id(layer), None)


@dataclass(slots=True)
class Draft:
    """Layers in topological order over tensors with the names of the ONNX file.

    ``labels`` holds the name that a tensor gets in the Graph (spec A.12); patterns that fuse layers keep the
    tensor, and with it the label, of the last one; ``former`` holds the label of the layer that a ReLU was fused
    into. ``outputs`` are (name in the model, tensor). ``normalizations`` holds mean and beta of each output of a
    BatchNormalization, ``varying`` the tensors whose shape may differ from sample to sample, ``file`` what the nodes
    of the file make.
    """

    inputs: list[str]
    outputs: list[tuple[str, str]]
    shapes: dict[str, tuple[int, ...]]
    dtypes: dict[str, str]
    weights: dict[str, Array]
    varying: frozenset[str] = frozenset()
    layers: list[DraftLayer] = field(default_factory=lambda: [])
    labels: dict[str, str] = field(default_factory=lambda: {})
    aliases: dict[str, str] = field(default_factory=lambda: {})
    former: dict[str, str] = field(default_factory=lambda: {})
    normalizations: dict[str, tuple[Array, Array]] = field(default_factory=lambda: {})
    notes: list[str] = field(default_factory=lambda: [])
    file: Mapping[str, FileLayer] = field(default_factory=lambda: {})
    _indexed: _Index | None = None
    _ends: frozenset[str] | None = None

    # ------------------------------------------------------------ looking

    def _index(self) -> _Index:
        if self._indexed is None:
            self._indexed = _Index(self.layers)
        self._indexed.refresh()
        return self._indexed

    def producer(self, tensor: str) -> DraftLayer | None:
        """The layer that makes *tensor*."""
        return self._index().producers.get(tensor)

    def users(self, tensor: str) -> list[DraftLayer]:
        """Layers that read *tensor*, each once."""
        return self._index().users(tensor)

    def is_output(self, tensor: str) -> bool:
        """Whether *tensor* leaves the graph."""
        if self._ends is None:
            self._ends = frozenset(tensor for _, tensor in self.outputs)
        return tensor in self._ends

    def only_user(self, tensor: str) -> DraftLayer | None:
        """The one layer that reads *tensor*; None where there are more, or where it leaves the graph."""
        users = self.users(tensor)
        return users[0] if len(users) == 1 and not self.is_output(tensor) else None

    def only_read_by(self, tensor: str, layer: DraftLayer) -> bool:
        """Whether *layer*, and nothing else, reads *tensor*."""
        return self.only_user(tensor) is layer

    def constant(self, name: str) -> Array | None:
        """The value of a weight; None for a tensor."""
        return self.weights.get(name)

    def scalar(self, name: str) -> float | None:
        """The value of a weight of one element."""
        array = self.weights.get(name)
        return float(array.reshape(-1)[0]) if array is not None and array.size == 1 else None

    def label(self, tensor: str) -> str:
        """The name that *tensor* gets in the Graph."""
        return self.labels.get(tensor, tensor)

    def floats(self, names: Iterable[str]) -> bool:
        """Whether all of the named tensors and weights are float32."""
        return all(self.dtype(name) == "float32" for name in names if name)

    def dtype(self, name: str) -> str:
        """Numpy's name of the type of a tensor or weight."""
        weight = self.weights.get(name)
        return str(weight.dtype) if weight is not None else self.dtypes[name]

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor or weight."""
        weight = self.weights.get(name)
        return tuple(weight.shape) if weight is not None else self.shapes[name]

    def resolve(self, name: str) -> str:
        """The tensor that *name* stands for after nodes that change nothing were left out."""
        while name in self.aliases:
            name = self.aliases[name]
        return name

    # ------------------------------------------------------------ changing

    def touch(self) -> None:
        """Forget what is known of the order: layers or outputs were exchanged."""
        self._indexed = self._ends = None

    def add(self, attributes: Attributes, inputs: Sequence[str], *outputs: str) -> DraftLayer:
        """Append a layer."""
        layer = DraftLayer(attributes, inputs, outputs)
        self.layers.append(layer)
        if self._indexed is not None:
            self._indexed.append(layer)
        return layer

    def insert_before(self, place: DraftLayer, layer: DraftLayer) -> None:
        """Put *layer* in front of *place*."""
        self.layers.insert(self.layers.index(place), layer)
        self.touch()

    def remove(self, layer: DraftLayer) -> None:
        """Take a layer out."""
        self.layers.remove(layer)
        if self._indexed is not None:
            self._indexed.drop(layer)

    def replace(self, old: str, new: str) -> None:
        """Let every reader of tensor *old*, and the graph's outputs, read *new*."""
        for layer in self.users(old):
            layer.inputs = [new if name == old else name for name in layer.inputs]
        if self.is_output(old):
            self.outputs = [(name, new if tensor == old else tensor) for name, tensor in self.outputs]
            self._ends = None

    def new_tensor(self, name: str, shape: Sequence[int], label: str | None = None) -> str:
        """A float tensor under a name that is not taken yet."""
        fresh = self.fresh(name)
        self.shapes[fresh] = tuple(int(size) for size in shape)
        self.dtypes[fresh] = "float32"
        self.labels[fresh] = name if label is None else label
        return fresh

    def new_weight(self, name: str, value: Array) -> str:
        """A weight under a name that is not taken yet; an equal one of that name is used again."""
        old = self.weights.get(name)
        if old is not None and old.dtype == value.dtype and np.array_equal(old, value):
            return name
        fresh = self.fresh(name)
        self.weights[fresh] = value
        return fresh

    def fresh(self, name: str) -> str:
        """*name*, or the first of name.1, name.2 ... that is not taken."""
        candidate, number = name, 0
        while candidate in self.shapes or candidate in self.weights or not candidate:
            number += 1
            candidate = f"{name}.{number}"
        return candidate
