"""ONNX nodes as importers see them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import onnx
from onnx import helper, numpy_helper

from .draft import Draft

Array = np.ndarray


class OutsideVocabularyError(Exception):
    """An importer cannot say this node in the vocabulary: it becomes an opaque layer."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node with the opset that gives it its meaning and the network that it is read into."""

    proto: onnx.NodeProto
    version: int
    draft: Draft

    @property
    def op_type(self) -> str:
        """ONNX op type."""
        return self.proto.op_type

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs, "" where one is left out."""
        return list(self.proto.input)

    @property
    def output(self) -> str:
        """Name of the first output."""
        return self.proto.output[0]

    def has(self, name: str) -> bool:
        """Whether the node carries the attribute."""
        return any(attribute.name == name for attribute in self.proto.attribute)

    def _value(self, name: str) -> object:
        for attribute in self.proto.attribute:
            if attribute.name == name:
                return helper.get_attribute_value(attribute)
        return None

    def integer(self, name: str, default: int) -> int:
        """An integer attribute."""
        value = self._value(name)
        return int(value) if isinstance(value, int) else default

    def real(self, name: str, default: float) -> float:
        """A float attribute."""
        value = self._value(name)
        return float(value) if isinstance(value, int | float) else default

    def text(self, name: str, default: str) -> str:
        """A string attribute."""
        value = self._value(name)
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else default

    def integers(self, name: str) -> tuple[int, ...] | None:
        """A list of integers; None where it is missing."""
        value = self._value(name)
        return (
            tuple(int(item) for item in cast(Sequence[int], value)) if isinstance(value, Sequence) else None
        )

    def tensor(self, name: str) -> Array | None:
        """A tensor attribute."""
        value = self._value(name)
        return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else None

    def input(self, index: int) -> str:
        """Name of an input, "" where it is left out."""
        return self.proto.input[index] if index < len(self.proto.input) else ""

    def shape(self, index: int) -> tuple[int, ...]:
        """Shape of an input."""
        return self.draft.shape(self.proto.input[index])

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the first output."""
        return self.draft.shapes[self.output]

    def constant(self, index: int) -> Array | None:
        """The value of a constant input; None where it is left out. A tensor is outside the vocabulary."""
        name = self.input(index)
        if not name:
            return None
        value = self.draft.constant(name)
        if value is None:
            raise OutsideVocabularyError(f"input {index} is not constant")
        return value

    def constant_integers(self, index: int) -> tuple[int, ...] | None:
        """A constant list of integers; None where it is left out."""
        value = self.constant(index)
        return None if value is None else tuple(int(item) for item in value.reshape(-1))

    def axes(self, index: int) -> tuple[int, ...] | None:
        """Axes from attribute or constant input, never negative."""
        found = self.integers("axes") if self.has("axes") else self.constant_integers(index)
        rank = len(self.shape(0))
        return None if found is None else tuple(axis % rank for axis in found)

    def axis(self, default: int, name: str = "axis") -> int:
        """An axis attribute, never negative."""
        return self.integer(name, default) % max(len(self.shape(0)), 1)
