"""What a chip makes of a Graph and a Plan: steps in order, each one kernel call (design section 3)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

Key = str | tuple[str, str]
"""A value of a program: a graph tensor by its name, or (tensor or layer, tag) for what the chip adds: the
tensor in another type, a constant operand, an accumulator."""

INTEGERS = ("int8", "uint8", "int32")
GRIDS = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


@dataclass(frozen=True, slots=True)
class TensorType:
    """How a value is stored.

    ``storage`` is a numpy type name, or "bfloat16"; values on a float grid are kept as float32 arrays.
    Quantized: real value = ``scale`` * (integer - ``zero_point``).
    """

    storage: str
    scale: float | None = None
    zero_point: int = 0

    @property
    def quantized(self) -> bool:
        """Whether the value is an integer with a scale."""
        return self.scale is not None

    @property
    def is_float(self) -> bool:
        """Whether the value lies on a float grid."""
        return self.storage in GRIDS.values()

    @property
    def dtype(self) -> type[np.int8] | type[np.uint8]:
        """The numpy type of a quantized value."""
        return np.uint8 if self.storage == "uint8" else np.int8

    @property
    def limits(self) -> tuple[int, int]:
        """Smallest and largest quantized value."""
        return (0, 255) if self.storage == "uint8" else (-128, 127)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One kernel call: ``outputs = kernel(*inputs, **parameters)``.

    ``kernel`` is a name of engine/ops_c (conv, mul_shift, lookup ...), a mover of the executor (reshape,
    transpose, slice, copy), or "float" for a layer that runs in ``parameters["mode"]``. ``layer`` is the
    graph layer that the step belongs to. Arrays in ``parameters`` are never changed.
    """

    layer: str
    kernel: str
    inputs: tuple[Key, ...]
    outputs: tuple[Key, ...]
    parameters: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, eq=False)
class Program:
    """A lowered network.

    ``types`` gives the storage of every value, ``constants`` the values that no step makes, ``modes`` the
    precision in which each layer really runs ("INT8", "F16", "BF16", "F32").
    """

    chip: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    steps: tuple[Step, ...]
    types: Mapping[Key, TensorType]
    constants: Mapping[Key, Array]
    modes: Mapping[str, str]
