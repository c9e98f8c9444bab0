"""The frame of a lowering: which type each value has, where casts stand, what stays float.

A family of chips brings rules: functions that turn one layer into integer steps or decline. What is declined
runs float (spec C.7).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from ..graph.model import Graph, Layer
from ..plan import Mode, Plan
from .memo import Memo
from .program import GRIDS, Key, Program, Step, TensorType
from .propagate import Range, shared_ranges

Array = NDArray[Any]
Rule = Callable[["Lowering", Layer], bool]
"""Adds the integer steps of a layer and returns True, or returns False having added nothing."""


@dataclass(frozen=True, slots=True)
class Family:
    """What differs between families of chips.

    ``rules`` by op name; ``float_modes``: op name to the float type of a layer whose mode is INT8 but which
    has no integer form; everything else runs in ``fallback``. ``followers`` are movers that stay float behind
    a float layer. ``unrounded`` ops leave float32 values in a tensor of a smaller float type, by that type.
    ``widened`` ops run in F32 where a plan gives them that smaller type.
    """

    passes: str
    rules: Mapping[str, Rule]
    float_modes: Mapping[str, str]
    followers: frozenset[str]
    unrounded: Mapping[str, frozenset[str]]
    widened: Mapping[str, frozenset[str]]
    fallback: str = "F32"


COPIES = frozenset(
    {
        "Reshape", "Squeeze", "Unsqueeze", "Permute", "Slice", "Tile", "Pad", "Concat", "Depth2Space",
        "Upsample",
    }
)  # fmt: skip
"""Ops that only move values: a float one hands them on as they are, without rounding them to its type."""


def integer_type(found: Range, signed_always: bool = False) -> TensorType:
    """The quantized type of a range: unsigned when it is never negative (spec C.1)."""
    reach = max(-found[0], found[1])
    if found[0] >= 0 and not signed_always:
        return TensorType("uint8", reach / 255.0)
    return TensorType("int8", reach / 127.0)


@dataclass
class Lowering:
    """A program under construction."""

    graph: Graph
    plan: Plan
    family: Family
    fused: frozenset[str] = frozenset()
    """Softmax layers inside a fused attention."""
    groups: Mapping[str, int] = field(default_factory=dict[str, int])
    """Products whose columns have weight scales of their own, in that many blocks."""
    steps: list[Step] = field(default_factory=list[Step])
    types: dict[Key, TensorType] = field(default_factory=dict[Key, TensorType])
    constants: dict[Key, Array] = field(default_factory=dict[Key, Array])
    modes: dict[str, str] = field(default_factory=dict[str, str])
    memo: Memo = field(default_factory=Memo)

    def __post_init__(self) -> None:
        ranges = shared_ranges(self.graph, self.plan.thresholds, self.family.passes)
        self.integer_types = {name: integer_type(found) for name, found in ranges.items()}
        for name in self.graph.inputs:
            self.types[name] = self._plain(name)

    # ---------------------------------------------------------------- what rules ask

    def weight(self, layer: Layer, position: int) -> Array | None:
        """The constant at an input position; None when absent or an activation."""
        name = layer.inputs[position] if position < len(layer.inputs) else ""
        return self.graph.weights.get(name) if name else None

    def has(self, layer: Layer, position: int) -> bool:
        """Whether the layer has something at that input position."""
        return position < len(layer.inputs) and bool(layer.inputs[position])

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor or weight."""
        weight = self.graph.weights.get(name)
        return tuple(weight.shape) if weight is not None else self.graph.tensors[name].shape

    def type_in(self, layer: Layer, position: int) -> TensorType | None:
        """The quantized type of an activation input; None when uncalibrated, absent or constant."""
        if not self.has(layer, position) or layer.inputs[position] in self.graph.weights:
            return None
        return self.integer_types.get(layer.inputs[position])

    def type_out(self, layer: Layer) -> TensorType | None:
        """The quantized type of the layer's output."""
        return self.integer_types.get(layer.name) if len(layer.outputs) == 1 else None

    # ---------------------------------------------------------------- what rules add

    def integer(self, layer: Layer, position: int) -> Key:
        """The input as integers of its calibrated type; casts it if a float layer made it."""
        name = layer.inputs[position]
        stored = self.types[name]
        if stored.quantized:
            return name
        key: Key = (name, "INT8")
        if key not in self.types:
            wanted = self.integer_types[name]
            parameters = {
                "inverse_scale": 1.0 / float(wanted.scale or 1.0),
                "out_dtype": wanted.dtype,
                "via": _mode_of(stored),
            }
            self.add(layer, "quantize", (name,), key, wanted, parameters)
        return key

    def constant(self, layer: Layer, tag: str, value: Array) -> Key:
        """A constant operand of the layer."""
        key: Key = (layer.name, tag)
        self.constants[key] = value
        self.types[key] = TensorType(str(value.dtype))
        return key

    def add(
        self,
        layer: Layer,
        kernel: str,
        inputs: tuple[Key, ...],
        output: Key,
        stored: TensorType,
        parameters: Mapping[str, Any] | None = None,
    ) -> Key:
        """Add one step with one output."""
        self.types[output] = stored
        frozen = MappingProxyType(dict(parameters or {}))
        self.steps.append(Step(layer.name, kernel, inputs, (output,), frozen))
        return output

    # ---------------------------------------------------------------- the frame

    def run(self, chip: str) -> Program:
        """Lower every layer in order."""
        for layer in self.graph.layers:
            self.modes[layer.name] = self._lower(layer)
        return Program(
            chip=chip,
            inputs=self.graph.inputs,
            outputs=self.graph.output_tensors,
            steps=tuple(self.steps),
            types=MappingProxyType(self.types),
            constants=MappingProxyType(self.constants),
            modes=MappingProxyType(self.modes),
        )

    def _lower(self, layer: Layer) -> str:
        if self._follows(layer):
            return self._float(layer, _mode_of(self.types[layer.inputs[0]]))
        wanted = self.plan.mode(layer.name)
        if wanted is not Mode.INT8:
            return self._float(layer, str(wanted))
        if self._can_be_integer(layer):
            rule = self.family.rules.get(layer.op)
            if rule is not None and rule(self, layer):
                return "INT8"
        return self._float(layer, self.family.float_modes.get(layer.op, self.family.fallback))

    def _follows(self, layer: Layer) -> bool:
        """Whether a mover stands behind a float value and stays float (seen for Reshape, spec C.7)."""
        if layer.op not in self.family.followers or not self.graph.activations(layer):
            return False
        return self.types[layer.inputs[0]].is_float

    def _can_be_integer(self, layer: Layer) -> bool:
        """Output and activations are calibrated, and everything is float data."""
        names = self.graph.activations(layer)
        if self.type_out(layer) is None or not names:
            return False
        return all(name in self.integer_types and not _integer_data(self.types[name]) for name in names)

    def _float(self, layer: Layer, mode: str) -> str:
        """A float layer: its inputs as real values, its output rounded to the type."""
        values_only = all(self.graph.tensors[name].is_float for name in layer.outputs)
        widened = layer.op in self.family.widened.get(mode, frozenset())
        mode = mode if values_only and not widened else "F32"
        inputs = tuple(self._real(layer, name, mode) for name in self.graph.activations(layer))
        unrounded = layer.op in COPIES or layer.op in self.family.unrounded.get(mode, frozenset())
        for name in layer.outputs:
            tensor = self.graph.tensors[name]
            self.types[name] = TensorType(GRIDS[mode]) if tensor.is_float else self._plain(name)
        parameters = MappingProxyType({"mode": mode, "rounded": not unrounded})
        self.steps.append(Step(layer.name, "float", inputs, layer.outputs, parameters))
        return mode

    def _real(self, layer: Layer, name: str, mode: str) -> Key:
        """A tensor as real values for a layer that runs in *mode* (casts of spec C.8)."""
        stored = self.types[name]
        if stored.quantized:
            key: Key = (name, "FLOAT")
            if key not in self.types:
                self.add(layer, "dequantize", (name,), key, TensorType("float32"), {"scale": stored.scale})
            return key
        if not stored.is_float or mode == "F32" or stored.storage == GRIDS[mode]:
            return name
        key = (name, mode)
        if key not in self.types:
            self.add(layer, "round_float", (name,), key, TensorType(GRIDS[mode]), {"via": mode})
        return key

    def _plain(self, name: str) -> TensorType:
        tensor = self.graph.tensors[name]
        return TensorType("float32" if tensor.is_float else tensor.dtype)


def _mode_of(stored: TensorType) -> str:
    return {"float16": "F16", "bfloat16": "BF16"}.get(stored.storage, "F32")


def _integer_data(stored: TensorType) -> bool:
    return not stored.quantized and not stored.is_float
