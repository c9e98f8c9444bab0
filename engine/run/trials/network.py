"""A lowered plan whose values are known by content."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from ...graph.model import Graph
from ...hw.lowering import COPIES
from ...hw.program import Key, Program
from ..backend import C_KERNELS
from ..executor import exact_tensors
from .content import ArrayDigests, Digest, step_content, value_digests

Array = NDArray[Any]

CASTS = frozenset({"INT8", "FLOAT", "F32", "F16", "BF16"})
"""Tags of a tensor in another type (engine/hw's lowering)."""

_CHEAP = frozenset({"reshape", "transpose", "slice", "copy", "dequantize"})


class Network:
    """One program: which step makes a value, and the digest of each value.

    exact: whether tensors without an ancestor in a smaller type take the float pass's value.
    """

    def __init__(self, graph: Graph, program: Program, arrays: ArrayDigests, *, exact: bool = True) -> None:
        self.graph = graph
        self.program = program
        self.exact = frozenset(exact_tensors(graph, program) if exact else ())
        self.makers: Mapping[Key, int] = {
            key: index for index, step in enumerate(program.steps) for key in step.outputs
        }
        self.contents = [step_content(step, arrays) for step in program.steps]
        self.digests = value_digests(program, self.exact, self.contents, arrays)
        self._together: dict[int, bool] = {}

    def held(self) -> frozenset[Digest]:
        """Digests of the values that cost something to make."""
        return frozenset(
            self.digests[key]
            for step in self.program.steps
            for key in step.outputs
            if not self._cheap(step.kernel, step.layer) and key not in self.exact
        )

    def _cheap(self, kernel: str, layer: str) -> bool:
        return kernel in _CHEAP or (kernel == "float" and self.graph.by_name[layer].op in COPIES)

    def steps_to(self, names: Iterable[Key]) -> list[int]:
        """Indices of the steps that a run from scratch takes to *names*, in order."""
        found: set[int] = set()
        stack = list(names)
        while stack:
            key = stack.pop()
            index = None if key in self.exact else self.makers.get(key)
            if index is not None and index not in found:
                found.add(index)
                stack.extend(self.program.steps[index].inputs)
        return sorted(found)

    def shape(self, key: Key) -> tuple[int, ...] | None:
        """Shape of a graph tensor or of a cast of one; None for what else a program holds."""
        name = key if isinstance(key, str) else key[0] if key[1] in CASTS else ""
        tensor = self.graph.tensors.get(name)
        return None if tensor is None else tensor.shape

    def together(self, index: int, decide: Callable[[], bool]) -> bool:
        """What was decided about a step, asked once."""
        found = self._together.get(index)
        if found is None:
            found = self._together[index] = decide()
        return found

    def to_float(self, key: Key, raw: Array) -> Array:
        """Real values from the stored form of a value."""
        stored = self.program.types[key]
        return raw if stored.scale is None else C_KERNELS.dequantize(raw, stored.scale)
