"""Values that an arithmetic cannot hold: overflows of a float type, and sums beyond an accumulator (spec C.1, C.9).

Counted where a step runs, cheaply: elements of a float output only when their sum is no number, sums of an integer
product only when its weights allow them to leave the range at all.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph
from ..graph.vocabulary import Attributes, Relu
from ..hw.program import Key, Program, Step
from ..text import counted, visible
from .backend import C_KERNELS
from .score import Excess

Array = NDArray[Any]
Found = tuple[tuple[str, int], ...]
Count = Callable[[Sequence[Array], Sequence[Array]], Found]
"""Inputs and outputs of a step to what left the range, by kind."""

SUM = "sum"
WRAPPED = "int32"
EXACT = 1 << 24
"""Magnitude from which the makers' simulation, which sums in float32, is no longer exact."""
HALF = 65504.0
"""The largest F16 value."""
ACCUMULATOR = 1 << 31
"""Magnitude that the chip's int32 accumulators do not hold."""


def counter_of(step: Step, program: Program, graph: Graph) -> Count | None:
    """How to count what a step's values exceed; None where they cannot."""
    if step.kernel == "float":
        mode = str(step.parameters["mode"])
        return None if mode == "F16" and _stays_in_half(step, program, graph) else _of_float(mode)
    if step.kernel in ("conv", "deconv", "matmul"):
        return _of_sums(step, program)
    return None


# -------------------------------------------------------------------- float types


def _of_float(mode: str) -> Count:
    def count(inputs: Sequence[Array], outputs: Sequence[Array]) -> Found:
        wrong = sum(not_finite(value) for value in outputs)
        if not wrong or any(not_finite(value) for value in inputs):
            return ()
        return ((mode, wrong),)

    return count


def _stays_in_half(step: Step, program: Program, graph: Graph) -> bool:
    """Whether an F16 layer clips what it makes of values and weights in F16's range.

    Then its output is finite wherever its inputs are: sums in float32 are far from float32's end. The large maps of
    most classifiers are such, and looking at them would cost a tenth of a trial.
    """
    layer = graph.by_name[step.layer]
    weights = [graph.weights[name] for name in layer.inputs if name in graph.weights]
    return (
        0 <= _upper_bound(layer.attributes) <= HALF
        and all(_is_in_half(key, program) for key in step.inputs)
        and all(bool((np.abs(value) <= HALF).all()) for value in weights)
    )


def _upper_bound(attributes: Attributes) -> float:
    """The value at which an op clips what it makes, whose lower bound is 0; infinite where there is none."""
    limit = getattr(attributes, "relu_limit", -1.0)
    clips = isinstance(attributes, Relu) or getattr(attributes, "do_relu", False)
    return limit if clips and limit > 0 else math.inf


def _is_in_half(key: Key, program: Program) -> bool:
    """Whether a step's input is of F16's range, as it is or as the integers that it was."""
    if program.types[key].storage == "float16":
        return True
    stored = program.types.get(key[0]) if isinstance(key, tuple) else None
    return (
        stored is not None
        and stored.scale is not None
        and stored.scale * max(map(abs, stored.limits)) <= HALF
    )


def not_finite(value: Array) -> int:
    """How many values of a float array are no numbers or infinite."""
    if value.dtype.kind != "f" or not value.size:
        return 0
    # summed in its own type, which is fast; where that overflows the values are looked at one by one
    with np.errstate(all="ignore"):
        if np.isfinite(np.sum(value)):
            return 0
    return int(np.count_nonzero(~np.isfinite(value)))


# -------------------------------------------------------------------- sums


def _of_sums(step: Step, program: Program) -> Count | None:
    low, high = program.types[step.inputs[0]].limits
    weight: Array | None = step.parameters.get("weight")
    if weight is None:
        return _of_activations(step, max(-low, high), program)
    reach = _reach(step, weight, low, high)
    channels = np.flatnonzero(reach >= EXACT)
    if not len(channels):
        return None
    wide = float(reach.max()) >= ACCUMULATOR and step.kernel == "matmul" and weight.ndim == 2
    sums = _wide_sums(step, channels) if wide else _sums(step, channels)
    largest = float(reach.max()) / max(-low, high)

    def count(inputs: Sequence[Array], outputs: Sequence[Array]) -> Found:
        top = max(int(inputs[0].max(initial=0)), -int(inputs[0].min(initial=0)))
        return _beyond(sums(inputs)) if largest * top >= EXACT else ()

    return count


def _reach(step: Step, weight: Array, low: int, high: int) -> NDArray[np.float64]:
    """The largest magnitude that each output channel's sum can have."""
    axis = tuple(range(weight.ndim - 1)) if step.kernel == "matmul" else tuple(range(1, weight.ndim))
    upward = np.maximum(weight, 0).sum(axis=axis, dtype=np.float64)
    downward = np.minimum(weight, 0).sum(axis=axis, dtype=np.float64)
    bias = step.parameters.get("bias")
    offset = 0.0 if bias is None else np.asarray(bias, np.float64).reshape(-1)
    top, bottom = upward * high + downward * low + offset, upward * low + downward * high + offset
    return np.maximum(np.abs(top), np.abs(bottom))


def _sums(step: Step, channels: NDArray[np.intp]) -> Callable[[Sequence[Array]], Array]:
    """The int32 sums of the channels that can leave the range; of all where channels are in groups."""
    parameters: dict[str, Any] = {**step.parameters, "requant": None}
    weight, bias = parameters["weight"], parameters["bias"]
    if step.kernel == "matmul" and weight.ndim == 2:
        parameters["weight"] = np.ascontiguousarray(weight[:, channels])
        parameters["bias"] = None if bias is None else bias.reshape(-1)[channels]
    elif step.kernel == "conv" and parameters["group"] == 1:
        parameters["weight"] = np.ascontiguousarray(weight[channels])
        parameters["bias"] = None if bias is None else bias[channels]
    run = C_KERNELS.prepare(replace(step, parameters=MappingProxyType(parameters)))
    return lambda inputs: run([inputs[0]])


def _wide_sums(step: Step, channels: NDArray[np.intp]) -> Callable[[Sequence[Array]], Array]:
    """The same in float64, for products so long that int32 may not hold them."""
    weight = step.parameters["weight"][:, channels].astype(np.float64)
    bias: Array | None = step.parameters["bias"]
    offset = 0.0 if bias is None else bias.reshape(-1)[channels].astype(np.float64)
    turned = bool(step.parameters.get("left_transpose"))

    def run(inputs: Sequence[Array]) -> Array:
        x = np.swapaxes(inputs[0], -1, -2) if turned else inputs[0]
        return x.astype(np.float64) @ weight + offset

    return run


def _of_activations(step: Step, first: int, program: Program) -> Count | None:
    """A product of two activations: as many terms as the second has rows."""
    low, high = program.types[step.inputs[1]].limits
    run = C_KERNELS.prepare(replace(step, parameters=MappingProxyType({**step.parameters, "requant": None})))

    def count(inputs: Sequence[Array], outputs: Sequence[Array]) -> Found:
        terms = inputs[1].shape[-2]
        return _beyond(run(inputs)) if terms * first * max(-low, high) >= EXACT else ()

    return count


def _beyond(sums: Array) -> Found:
    magnitudes = np.abs(sums.astype(np.float64))
    counts = [(SUM, EXACT), (WRAPPED, ACCUMULATOR)]
    found = [(kind, int(np.count_nonzero(magnitudes >= limit))) for kind, limit in counts]
    return tuple((kind, number) for kind, number in found if number)


# -------------------------------------------------------------------- what was counted


class ExcessCounter:
    """Counts over all steps that an executor runs."""

    def __init__(self, program: Program, graph: Graph) -> None:
        self._program, self._graph = program, graph
        self._counters: dict[int, Count | None] = {}
        self._found: Counter[tuple[int, str]] = Counter()

    def look(self, index: int, inputs: Sequence[Array], outputs: Sequence[Array]) -> None:
        """Look at one step that has run."""
        if index not in self._counters:
            self._counters[index] = counter_of(self._program.steps[index], self._program, self._graph)
        count = self._counters[index]
        if count is not None:
            for kind, number in count(inputs, outputs):
                self._found[index, kind] += number

    def result(self, *, reference: bool = False) -> tuple[Excess, ...]:
        """What was found, in the order of the steps; *reference*: it is what plans are compared with."""
        return gathered(self._program, self._found, reference=reference)


def gathered(
    program: Program, found: Mapping[tuple[int, str], int], *, reference: bool = False
) -> tuple[Excess, ...]:
    """Counts by step and kind as counts by layer."""
    layers: Counter[tuple[str, str]] = Counter()
    for (index, kind), number in sorted(found.items()):
        layers[program.steps[index].layer, kind] += number
    return tuple(Excess(layer, kind, number, reference) for (layer, kind), number in layers.items() if number)


def excess_notes(excesses: Iterable[Excess]) -> tuple[str, ...]:
    """A sentence for each layer, with the remedy."""
    return tuple(_note(one) for one in excesses)


def _note(one: Excess) -> str:
    layer = f"layer {visible(one.layer)}: "
    if one.kind == SUM:
        return (
            f"{layer}{counted(one.count, 'sum')} beyond 2^24, where the chip's result may differ from what is "
            "computed here; run it in F32"
        )
    if one.kind == WRAPPED:
        return f"{layer}{counted(one.count, 'sum')} beyond int32, which the chip cannot hold; run it in F32"
    values = counted(one.count, "value")
    if one.reference:
        return (
            f"{layer}{values} beyond {one.kind} in the reference that plans are compared with; float32's stand in "
            "where it has no figure, and --reference float32 compares with those alone"
        )
    remedy = "run it in F32" if one.kind != "F32" else "look at its inputs"
    return f"{layer}{values} beyond {one.kind}; {remedy}"
