"""Collects nodes and weights of an ONNX graph under numbered names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import helper, numpy_helper

Array = np.ndarray
Value = int | float | str | Sequence[int] | Sequence[float]


_make_node: Callable[..., onnx.NodeProto] = helper.make_node


@dataclass(slots=True)
class Emitter:
    """Nodes in order and initializers. ``opset`` decides the form of ops that changed over the years."""

    opset: int
    shapes: dict[str, tuple[int, ...]]
    nodes: list[onnx.NodeProto] = field(default_factory=lambda: [])
    weights: list[onnx.TensorProto] = field(default_factory=lambda: [])
    _constants: dict[tuple[str, tuple[int, ...], bytes], str] = field(default_factory=lambda: {})
    _count: int = 0

    def fresh(self) -> str:
        """A name that no other tensor has."""
        self._count += 1
        return f"e{self._count}"

    def constant(self, value: Array) -> str:
        """An initializer with *value*; equal ones are shared."""
        array = np.asarray(value)
        key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = self.fresh()
            self.weights.append(numpy_helper.from_array(array, self._constants[key]))
        return self._constants[key]

    def number(self, value: float) -> str:
        """A float32 scalar."""
        return self.constant(np.array(value, np.float32))

    def integers(self, values: Sequence[int]) -> str:
        """A list of int64."""
        return self.constant(np.array(values, np.int64).reshape(-1))

    def add(self, op: str, inputs: Sequence[str], output: str | None = None, **attributes: Value) -> str:
        """Append a node with one output and return the name of it."""
        name = output or self.fresh()
        self.nodes.append(_make_node(op, list(inputs), [name], **attributes))
        return name

    def reshape(self, source: str, shape: Sequence[int], output: str | None = None) -> str:
        """Reshape to fixed sizes."""
        return self.add("Reshape", [source, self.integers(shape)], output)

    def reduce(
        self, op: str, source: str, axes: Sequence[int], keepdims: bool, output: str | None = None
    ) -> str:
        """A reduction; axes are an attribute before opset 18 (ReduceSum: 13)."""
        if self.opset >= (13 if op == "ReduceSum" else 18):
            return self.add(op, [source, self.integers(axes)], output, keepdims=int(keepdims))
        return self.add(op, [source], output, axes=list(axes), keepdims=int(keepdims))

    def crop(
        self, source: str, starts: Sequence[int], ends: Sequence[int], axes: Sequence[int], output: str | None
    ) -> str:
        """A slice with steps of 1."""
        if self.opset < 10:
            return self.add("Slice", [source], output, starts=list(starts), ends=list(ends), axes=list(axes))
        inputs = [source, self.integers(starts), self.integers(ends), self.integers(axes)]
        return self.add("Slice", inputs, output)

    def pad(
        self,
        source: str,
        pads: Sequence[int],
        mode: str = "constant",
        value: float = 0.0,
        output: str | None = None,
    ) -> str:
        """Pads of every axis, begins then ends."""
        if self.opset < 11:
            return self.add("Pad", [source], output, pads=list(pads), mode=mode, value=value)
        inputs = [source, self.integers(pads)]
        return self.add(
            "Pad", [*inputs, self.number(value)] if mode == "constant" else inputs, output, mode=mode
        )

    def relu(self, source: str, limit: float, output: str | None = None) -> str:
        """max(x, 0), and min with the limit where that is > 0."""
        if limit <= 0:
            return self.add("Relu", [source], output)
        return self.add("Min", [self.add("Relu", [source]), self.number(limit)], output)
