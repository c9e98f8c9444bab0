"""The mutable network between the reader and the Graph: what importers add to and patterns rewrite."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from .vocabulary import Attributes

Array = np.ndarray


@dataclass(slots=True, eq=False)
class DraftLayer:
    """A layer in the making; compared by identity."""

    attributes: Attributes
    inputs: list[str]
    outputs: list[str]

    @property
    def output(self) -> str:
        """The first output."""
        return self.outputs[0]


@dataclass(slots=True)
class Draft:
    """Layers in topological order over tensors with the names of the ONNX file.

    ``labels`` holds the name that a tensor gets in the Graph (spec A.12); patterns that fuse layers keep the
    tensor, and with it the label, of the last one; ``former`` holds the label of the layer that a ReLU was fused
    into. ``outputs`` are (name in the model, tensor). ``normalizations`` holds mean and beta of each output of a
    BatchNormalization.
    """

    inputs: list[str]
    outputs: list[tuple[str, str]]
    shapes: dict[str, tuple[int, ...]]
    dtypes: dict[str, str]
    weights: dict[str, Array]
    layers: list[DraftLayer] = field(default_factory=lambda: [])
    labels: dict[str, str] = field(default_factory=lambda: {})
    aliases: dict[str, str] = field(default_factory=lambda: {})
    former: dict[str, str] = field(default_factory=lambda: {})
    normalizations: dict[str, tuple[Array, Array]] = field(default_factory=lambda: {})
    notes: list[str] = field(default_factory=lambda: [])
    _producers: dict[str, DraftLayer] | None = None
    _users: dict[str, list[DraftLayer]] = field(default_factory=lambda: {})
    _ends: frozenset[str] = frozenset()

    # ------------------------------------------------------------ looking

    def _index(self) -> dict[str, DraftLayer]:
        if self._producers is None:
            self._producers = {name: layer for layer in self.layers for name in layer.outputs}
            self._users = {}
            for layer in self.layers:
                for name in dict.fromkeys(layer.inputs):
                    self._users.setdefault(name, []).append(layer)
            self._ends = frozenset(tensor for _, tensor in self.outputs)
        return self._producers

    def producer(self, tensor: str) -> DraftLayer | None:
        """The layer that makes *tensor*."""
        return self._index().get(tensor)

    def users(self, tensor: str) -> list[DraftLayer]:
        """Layers that read *tensor*, each once."""
        self._index()
        return self._users.get(tensor, [])

    def is_output(self, tensor: str) -> bool:
        """Whether *tensor* leaves the graph."""
        self._index()
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
        """Forget the index: something was changed."""
        self._producers = None

    def add(self, attributes: Attributes, inputs: Sequence[str], *outputs: str) -> DraftLayer:
        """Append a layer."""
        layer = DraftLayer(attributes, list(inputs), list(outputs))
        self.layers.append(layer)
        self.touch()
        return layer

    def insert_before(self, place: DraftLayer, layer: DraftLayer) -> None:
        """Put *layer* in front of *place*."""
        self.layers.insert(self.layers.index(place), layer)
        self.touch()

    def remove(self, *layers: DraftLayer) -> None:
        """Take layers out."""
        gone = {id(layer) for layer in layers}
        self.layers = [layer for layer in self.layers if id(layer) not in gone]
        self.touch()

    def replace(self, old: str, new: str) -> None:
        """Let every reader of tensor *old*, and the graph's outputs, read *new*."""
        for layer in self.layers:
            layer.inputs = [new if name == old else name for name in layer.inputs]
        self.outputs = [(name, new if tensor == old else tensor) for name, tensor in self.outputs]
        self.touch()

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
