"""Runs a Program: integer steps on the kernels, the rest float (design section 5)."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import QuantdeckError
from ..graph.model import Graph, Layer
from ..hw.program import Key, Program, Step, TensorType
from ..ops_c.kernels import round_float
from ..text import visible
from .backend import C_KERNELS, Backend
from .excess import ExcessCounter
from .float_layer import FloatLayer, make_runner

Array = NDArray[Any]
Feed = Mapping[str, Array]
Values = dict[Key, Array]
Run = Callable[[Sequence[Array]], Sequence[Array]]


@dataclass(frozen=True, slots=True)
class _Schedule:
    """The steps that certain tensors need: float pass first, then steps with what each leaves unused."""

    exact: tuple[str, ...]
    steps: tuple[int, ...]
    spent: tuple[tuple[Key, ...], ...]


class Executor:
    """One program, ready to run any number of samples.

    A tensor without an ancestor in a smaller type has the float pass's value; every float layer behind an
    integer one is cut alone. So results depend on graph, program and sample only. excess: looks at every step.
    """

    def __init__(
        self,
        graph: Graph,
        program: Program,
        *,
        backend: Backend = C_KERNELS,
        excess: ExcessCounter | None = None,
    ) -> None:
        self.graph = graph
        self.program = program
        self._excess = excess
        self._backend = backend
        self._makers = {key: index for index, step in enumerate(program.steps) for key in step.outputs}
        self._exact = exact_tensors(graph, program)
        self._prepared: dict[int, Run] = {}
        self._schedules: dict[frozenset[Key], _Schedule] = {}
        self._runners: dict[tuple[str, ...], Any] = {}

    # ---------------------------------------------------------------- whole network

    def run(self, feeds: Feed, wanted: Collection[str] | None = None) -> dict[str, Array]:
        """Real values (float32) of graph tensors, by name; None: the graph's outputs.

        feeds: arrays by graph input, in the graph's shapes.
        Errors: QuantdeckError when an input is missing or has another shape.
        """
        return {name: self.to_float(name, raw) for name, raw in self.run_raw(feeds, wanted).items()}

    def run_raw(self, feeds: Feed, wanted: Collection[str] | None = None) -> dict[str, Array]:
        """As :meth:`run`, but values as stored: int8 or uint8 where the program quantizes the tensor."""
        names = list(self.program.outputs if wanted is None else dict.fromkeys(wanted))
        values: Values = {**checked_feeds(self.graph, feeds)}
        self.compute(values, names)
        return {name: values[name] for name in names}

    def compute(self, values: Values, wanted: Iterable[Key]) -> None:
        """Add the wanted values to *values*, which holds at least the graph inputs."""
        schedule = self._schedule(frozenset(wanted))
        if schedule.exact:
            values.update(self._float_pass(values, schedule.exact))
        for index, spent in zip(schedule.steps, schedule.spent, strict=True):
            self._run_step(index, values)
            for key in spent:
                del values[key]

    def to_float(self, tensor: str, raw: Array) -> Array:
        """Real values of a tensor from its stored form."""
        stored = self.program.types[tensor]
        return raw if stored.scale is None else self._backend.dequantize(raw, stored.scale)

    def saturation(self, tensor: str, raw: Array) -> float:
        """Share of elements at an end of the integer range (0 of an unsigned type is no saturation)."""
        stored = self.program.types[tensor]
        if not stored.quantized or not raw.size:
            return 0.0
        low, high = stored.limits
        hits = np.count_nonzero(raw == high) + (np.count_nonzero(raw == low) if low < 0 else 0)
        return float(hits) / raw.size

    # ---------------------------------------------------------------- one layer

    def local(self, layer_name: str, float_inputs: Feed) -> dict[str, Array]:
        """Only this layer in its plan's precision: real outputs from real inputs.

        float_inputs: the layer's activations by tensor name. Outputs that the program does not make are left
        out.
        """
        layer = self.graph.by_name[layer_name]
        types, backend = self.program.types, self._backend
        values: Values = {
            name: stored_form(types[name], value, backend) for name, value in float_inputs.items()
        }
        for index in self.local_steps(layer):
            self._run_step(index, values)
        outputs = [name for name in layer.outputs if name in self._makers]
        return {name: self.to_float(name, values[name]) for name in outputs if name in values}

    def local_steps(self, layer: Layer) -> list[int]:
        """Indices of the steps that lead from a layer's activations to its outputs, in order."""
        outputs = [name for name in layer.outputs if name in self._makers]
        return self._needed(outputs, frozenset(self.graph.activations(layer)))

    # ---------------------------------------------------------------- steps

    def run_step(self, index: int, inputs: Sequence[Array]) -> Sequence[Array]:
        """One step on given inputs."""
        prepared = self._prepared.get(index)
        if prepared is None:
            prepared = prepare_step(self.graph, self.program.steps[index], self._backend)
            self._prepared[index] = prepared
        return prepared(inputs)

    def _run_step(self, index: int, values: Values) -> None:
        step = self.program.steps[index]
        constants = self.program.constants
        inputs = [values[key] if key in values else constants[key] for key in step.inputs]
        outputs = self.run_step(index, inputs)
        if self._excess is not None:
            self._excess.look(index, inputs, outputs)
        values.update(zip(step.outputs, outputs, strict=True))

    # ---------------------------------------------------------------- order

    def _needed(self, wanted: Iterable[Key], given: Collection[Key]) -> list[int]:
        """Indices of the steps that lead to *wanted* from *given* and the constants, in order."""
        found: set[int] = set()
        stack = [key for key in wanted if key not in given]
        while stack:
            index = self._makers.get(stack.pop())
            if index is None or index in found:
                continue
            found.add(index)
            stack.extend(key for key in self.program.steps[index].inputs if key not in given)
        return sorted(found)

    def _schedule(self, wanted: frozenset[Key]) -> _Schedule:
        schedule = self._schedules.get(wanted)
        if schedule is None:
            schedule = self._schedules[wanted] = self._make_schedule(wanted)
        return schedule

    def _make_schedule(self, wanted: frozenset[Key]) -> _Schedule:
        given: set[Key] = {*self._exact, *self.graph.inputs}
        steps = self._needed(wanted, given)
        read = {key for index in steps for key in self.program.steps[index].inputs} | wanted
        exact = tuple(name for name in self._exact if name in read)
        last: dict[Key, int] = {}
        for index in steps:
            step = self.program.steps[index]
            last.update(dict.fromkeys((*step.inputs, *step.outputs), index))
        kept = wanted | set(self.graph.inputs) | set(self.program.constants)
        spent = tuple(tuple(key for key in last if last[key] == index and key not in kept) for index in steps)
        return _Schedule(exact, tuple(steps), spent)

    # ---------------------------------------------------------------- float pass and inputs

    def _float_pass(self, values: Mapping[Key, Array], names: tuple[str, ...]) -> dict[str, Array]:
        runner = self._runners.get(names)
        if runner is None:
            runner = self._runners[names] = make_runner(self.graph, names)
        return runner.run({name: values[name] for name in self.graph.inputs})


def prepare_step(graph: Graph, step: Step, backend: Backend = C_KERNELS) -> Run:
    """The function of one step: its inputs to its outputs."""
    if step.kernel == "float":
        layer = graph.by_name[step.layer]
        return FloatLayer(graph, layer, step.parameters["mode"], step.parameters["rounded"])
    call = backend.prepare(step)
    return lambda inputs: (call(inputs),)


def stored_form(stored: TensorType, value: Array, backend: Backend = C_KERNELS) -> Array:
    """A real tensor as a program stores it."""
    if stored.scale is not None:
        return backend.quantize(np.asarray(value, np.float32), 1.0 / stored.scale, stored.dtype)
    if stored.storage in ("float16", "bfloat16"):
        return round_float(np.asarray(value, np.float32), "F16" if stored.storage == "float16" else "BF16")
    return value


def exact_tensors(graph: Graph, program: Program) -> tuple[str, ...]:
    """Tensors whose ancestors all run in F32: the float pass gives their values."""
    found: dict[Key, None] = dict.fromkeys(graph.inputs)
    for step in program.steps:
        full = step.kernel == "float" and step.parameters["mode"] == "F32"
        if full and all(key in found for key in step.inputs):
            found.update(dict.fromkeys(step.outputs))
    return tuple(key for key in found if isinstance(key, str) and key not in graph.inputs)


def checked_feeds(graph: Graph, feeds: Feed) -> dict[str, Array]:
    """The graph's inputs among the feeds, in their types. Errors: QuantdeckError as in ``Executor.run``."""
    checked: dict[str, Array] = {}
    for name in graph.inputs:
        tensor = graph.tensors[name]
        if name not in feeds:
            raise QuantdeckError(
                f"input {visible(name)}: no data for it; give an array of shape {tensor.shape}"
            )
        value = np.asarray(feeds[name])
        if value.shape != tensor.shape:
            raise QuantdeckError(
                f"input {visible(name)}: the data has shape {value.shape}, but the model wants {tensor.shape}"
            )
        checked[name] = value.astype(np.float32, copy=False) if tensor.is_float else value
    return checked
