"""Networks in TPU-MLIR's printed Top dialect (top.mlir and its weights) as a Graph."""

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import QuantdeckError
from ..text import visible
from .mlir_ops import OPERANDS, READERS, Read, Unreadable, element_type
from .mlir_shapes import check_shapes
from .mlir_text import Module, Operation, read_text
from .model import Graph, Layer, Output, Tensor
from .vocabulary import Attributes, InstanceNorm, LayerNorm, Scale

Array = NDArray[Any]


def read_mlir(path: Path, weights: Mapping[str, Array] | Path) -> Graph:
    """Read a printed Top-dialect network.

    weights: arrays by the names that stand in the text (any shape of the right size), or the .npz that holds
    them. Layers keep their printed names; a layer with several results takes that of the first.
    Errors: QuantdeckError when the text is garbled, uses an operation without counterpart, or a weight is
    missing or of the wrong size.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise QuantdeckError(f"{visible(str(path))}: cannot be read: {error.strerror}") from error
    module = read_text(str(path), data)
    arrays = read_weights(weights) if isinstance(weights, Path) else weights
    builder = _Builder(arrays)
    for operation in module.operations:
        try:
            builder.add(operation)
        except (Unreadable, ValueError, IndexError, OverflowError) as error:
            reason = str(error) if isinstance(error, Unreadable) else "its operands and attributes do not fit"
            what = visible(" ".join((operation.kind, *operation.names[:1])))
            raise QuantdeckError(
                f"{visible(str(path))}, line {operation.line}: {what}: {visible(reason)}; "
                "print the network again with the TPU-MLIR version that wrote it, or read its ONNX model"
            ) from error
    return _finish(path, module, builder)


def read_weights(path: Path) -> dict[str, Array]:
    """Arrays of an .npz file by name; nothing is unpickled.

    Errors: QuantdeckError when it is no such file.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        raise QuantdeckError(
            f"{visible(str(path))}: cannot be read as an .npz of weights; "
            "give the file that belongs to the network"
        ) from error


@dataclass
class _Builder:
    arrays: Mapping[str, Array]
    names: dict[str, str] = field(default_factory=dict[str, str])
    """Tensor or weight name of each printed value; "" for top.None."""
    tensors: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    weights: dict[str, Array] = field(default_factory=dict[str, Array])
    layers: list[Layer] = field(default_factory=list[Layer])
    inputs: list[str] = field(default_factory=list[str])

    def add(self, operation: Operation) -> None:
        """Take one printed operation."""
        if any(value in self.names for value in operation.results):
            raise Unreadable("its value has a name that is taken")
        if operation.kind == "top.None":
            self.names[operation.results[0]] = ""
        elif operation.kind == "top.Weight":
            self._weight(operation)
        elif operation.kind == "top.Input":
            self.inputs.append(self._tensor(operation, 0))
        else:
            self._layer(operation)

    def _weight(self, operation: Operation) -> None:
        name, found = self._name(operation, 0), operation.types[0]
        array = self.arrays.get(name)
        if array is None:
            raise Unreadable("its values are missing in the weights")
        if found is None or array.size != prod(found.shape):
            raise Unreadable(f"the weights hold {array.size} values of it, which is not its printed size")
        wanted = np.float32 if array.dtype.kind == "f" else array.dtype
        if array.dtype.kind not in "fiub":
            raise Unreadable(f"the weights hold it as {array.dtype}")
        if self.weights.get(name) is None and name in self.tensors:
            raise Unreadable("its name stands for a tensor too")
        self.weights[name] = np.ascontiguousarray(array.reshape(found.shape), wanted)
        self.names[operation.results[0]] = name

    def _layer(self, operation: Operation) -> None:
        reader = READERS.get(operation.kind)
        if reader is None:
            raise Unreadable("no such operation is known")
        count = OPERANDS.get(operation.kind, len(operation.operands))
        inputs = [self._operand(value) for value in operation.operands[:count]]
        shapes = tuple(self._shape(name) for name in inputs)
        attributes = reader(Read(operation, shapes))
        if operation.kind in ("top.Sub", "top.Div") and operation.attributes.get("is_reverse") is True:
            inputs.reverse()
        self._flatten(attributes, inputs)
        while inputs and not inputs[-1]:
            inputs.pop()
        outputs = tuple(self._tensor(operation, i) for i in range(len(operation.results)))
        check_shapes(attributes, shapes, self.tensors[outputs[0]].shape)
        self.layers.append(Layer(outputs[0], attributes, tuple(inputs), outputs))

    def _flatten(self, attributes: Attributes, inputs: list[str]) -> None:
        """Give the weights of a normalisation the shape of what is normalised (printed with leading ones)."""
        shape = self._shape(inputs[0]) if inputs else None
        if shape is None or not isinstance(attributes, InstanceNorm | Scale | LayerNorm):
            return
        wanted = shape[attributes.axis :] if isinstance(attributes, LayerNorm) else shape[1:2]
        for name in inputs[1:3]:
            if name in self.weights:
                count = self.weights[name].size
                if count != prod(wanted):
                    raise Unreadable(f"{visible(name)} holds {count} values, not {prod(wanted)}")
                self.weights[name] = self.weights[name].reshape(wanted)

    def _operand(self, value: str) -> str:
        name = self.names.get(value, self.names.get(value.replace("#0", "")))
        if name is None:
            raise Unreadable(f"it reads {visible(value)}, which nothing above makes")
        return name

    def _shape(self, name: str) -> tuple[int, ...] | None:
        if not name:
            return None
        weight = self.weights.get(name)
        return tuple(weight.shape) if weight is not None else self.tensors[name].shape

    def _tensor(self, operation: Operation, index: int) -> str:
        name, found = self._name(operation, index), operation.types[index]
        if found is None:
            raise Unreadable("its result is none")
        if name in self.tensors or name in self.weights:
            raise Unreadable("its name stands for another tensor already")
        self.tensors[name] = Tensor(name, found.shape, element_type(found))
        self.names[operation.results[index]] = name
        return name

    def _name(self, operation: Operation, index: int) -> str:
        if index >= len(operation.names) or not operation.names[index]:
            raise Unreadable("it has no name in its location")
        return operation.names[index]


def _finish(path: Path, module: Module, builder: _Builder) -> Graph:
    returned = [builder.names.get(value, "") for value in module.returned]
    outputs = [name for name in returned if name in builder.tensors]
    if not builder.inputs or not outputs or len(outputs) != len(returned):
        raise QuantdeckError(
            f"{visible(str(path))}: the network has no inputs or returns what it does not make; "
            "give the top.mlir that model_transform wrote"
        )
    return Graph(
        name=module.name,
        inputs=tuple(builder.inputs),
        outputs=tuple(Output(name, name) for name in outputs),
        layers=tuple(builder.layers),
        tensors=builder.tensors,
        weights=builder.weights,
        digest=_digest(builder, outputs),
    )


def _digest(builder: _Builder, outputs: list[str]) -> str:
    """sha256 over structure, attributes and weights."""
    digest = hashlib.sha256(b"top dialect 1\0")
    parts: list[object] = [builder.inputs, outputs, *builder.tensors.values(), *builder.layers]
    for part in parts:
        digest.update(repr(part).encode("utf-8", "surrogatepass") + b"\0")
    for name, array in sorted(builder.weights.items()):
        digest.update(f"{name}\0{array.dtype}{array.shape}\0".encode("utf-8", "surrogatepass"))
        digest.update(array.tobytes())
    return digest.hexdigest()


def onnx_weights(initializers: Mapping[str, Array], extra: Mapping[str, Array]) -> dict[str, Array]:
    """Weights of a network whose text was made from an ONNX model.

    They are the initializers, for each matrix NAME its transpose as NAME_fix, and what the conversion made.
    """
    found = dict(initializers)
    for name, array in initializers.items():
        if array.ndim == 2:
            found.setdefault(f"{name}_fix", array.T)
    return {**found, **extra}


__all__ = ["onnx_weights", "read_mlir", "read_weights"]
