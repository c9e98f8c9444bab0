"""Steps of a program on several samples at once: small maps together, large ones sample by sample.

Together the weights are read once and Python's share is paid once; large maps would leave the cache. Either
way every sample's values are the same, to the bit: no kernel mixes rows of a batch.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...graph.vocabulary import MatMul
from ...hw.program import Key, Step
from ..executor import Run
from ..float_layer import FloatLayer
from .network import Network

Array = NDArray[Any]
Kept = Callable[[Key, "Stack"], None]
Look = Callable[[int, Mapping[Key, "Stack"], Sequence["Stack"]], None]

TOGETHER_BYTES = 1 << 20
"""Inputs and outputs of one sample, as float32, up to which a step takes all samples at once."""

_KERNELS = frozenset(
    {"quantize", "dequantize", "round_float", "conv", "matmul", "lookup", "add", "mul_shift"}
)
_OPS = frozenset({"Conv", "MatMul", "Add", "Sub", "Mul", "Relu", "LeakyRelu", "Clip", "AvgPool"})


class Stack:
    """One value of several samples, apart or joined along the first axis; changes between both when asked."""

    __slots__ = ("_count", "_joined", "_parts")

    def __init__(self, parts: Sequence[Array] | None, joined: Array | None = None, count: int = 0) -> None:
        self._parts = parts
        self._joined = joined
        self._count = count or len(parts or ())

    def arrays(self) -> Sequence[Array]:
        """All values as they lie: one array of all samples, or one a sample."""
        return (self._joined,) if self._joined is not None else self._parts or ()

    def parts(self) -> Sequence[Array]:
        """One array a sample."""
        if self._parts is None:
            assert self._joined is not None
            rows = len(self._joined) // self._count
            self._parts = [self._joined[i * rows : (i + 1) * rows] for i in range(self._count)]
        return self._parts

    def joined(self) -> Array:
        """All samples in one array."""
        if self._joined is None:
            parts = self._parts or ()
            self._joined = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return self._joined


class Runner:
    """Runs steps of one program on one group of samples."""

    def __init__(self, network: Network, count: int, prepared: Callable[[int], Run]) -> None:
        self._network = network
        self._count = count
        self._prepared = prepared

    def run(
        self,
        values: dict[Key, Stack],
        indices: Sequence[int],
        wanted: Sequence[Key],
        kept: Kept | None = None,
        look: Look | None = None,
    ) -> None:
        """Run steps in order and add their outputs to *values*; one that nobody reads any more leaves.

        kept: takes every output. look: sees every step with the values it read and those it made.
        """
        steps = self._network.program.steps
        uses = Counter(key for index in indices for key in steps[index].inputs)
        uses.update(wanted)
        for index in indices:
            step = steps[index]
            made = self._step(index, values)
            if look is not None:
                look(index, values, made)
            for key, value in zip(step.outputs, made, strict=True):
                if key in values:
                    continue
                if uses[key]:
                    values[key] = value
                if kept is not None:
                    kept(key, value)
            for key in step.inputs:
                uses[key] -= 1
                if not uses[key]:
                    values.pop(key, None)

    def _step(self, index: int, values: Mapping[Key, Stack]) -> list[Stack]:
        step, run = self._network.program.steps[index], self._prepared(index)
        constants = self._network.program.constants
        if self._count > 1 and self._network.together(index, lambda: runs_together(self._network, step, run)):
            made = run([values[key].joined() for key in step.inputs])
            return [Stack(None, value, self._count) for value in made]
        parts = [
            values[key].parts() if key in values else [constants[key]] * self._count for key in step.inputs
        ]
        rows = [run([part[i] for part in parts]) for i in range(self._count)]
        return [Stack([row[output] for row in rows]) for output in range(len(step.outputs))]


def runs_together(network: Network, step: Step, run: Run) -> bool:
    """Whether the step may take samples joined along the first axis, and gains by it."""
    shapes = [network.shape(key) for key in (*step.inputs, *step.outputs)]
    known = [shape for shape in shapes if shape is not None and len(shape) > 1]
    if len(known) < len(shapes) or len({shape[0] for shape in known}) > 1:
        return False
    if 4 * sum(prod(shape) for shape in known) > TOGETHER_BYTES:
        return False
    if step.kernel != "float":
        return step.kernel in _KERNELS and not step.parameters.get("left_transpose")
    layer = network.graph.by_name[step.layer]
    weights = sum(name in network.graph.weights for name in layer.inputs)
    if layer.op not in _OPS or not isinstance(run, FloatLayer) or run.fixed_shape:
        return False
    if isinstance(layer.attributes, MatMul):
        return len(step.inputs) == 1 and not layer.attributes.left_transpose
    return layer.op == "Conv" or weights == 0
