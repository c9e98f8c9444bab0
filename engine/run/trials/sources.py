"""One source of noise alone, injected into a float pass (peers section 2).

That float pass is the network with every layer in F32 on the same kernels, layer by layer: what a source does
not touch has the same bits with and without it, so a source that changes nothing has no noise at all.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from ...errors import QuantdeckError
from ...graph.model import Graph, Layer
from ...hw.program import Key, Program, Step, TensorType
from ...text import visible
from ..executor import stored_form
from ..trial import Source
from .content import ArrayDigests
from .groups import Stack
from .network import CASTS, Network
from .states import States, Values

Array = NDArray[Any]
Stacks = dict[Key, Stack]


class SourceRuns:
    """Runs the float network behind the place where a source acts, with the source's noise added there."""

    def __init__(self, states: States) -> None:
        self._states = states
        self._graph = states.graph
        self._floats = Network(self._graph, float_program(self._graph), ArrayDigests(), exact=False)
        self._is_held = False

    def hold(self) -> None:
        """Keep the float pass: every source starts from it."""
        if not self._is_held:
            self._states.keep(self._floats.held())
            self._is_held = True

    def run(
        self, network: Network, source: Source, samples: Sequence[int], names: Sequence[str]
    ) -> list[tuple[Values, Values]]:
        """Values of *names* without and with the noise of the source, sample by sample."""
        changed = self._changed(network, source, samples)
        plain = self._states.reference(self._floats, samples, names)
        noisy = self._behind(changed, samples, [name for name in names if name not in changed])
        rows: list[tuple[Values, Values]] = []
        for index, floats in enumerate(plain):
            found = {**changed, **noisy}
            got = {name: found[name].parts()[index] if name in found else floats[name] for name in names}
            rows.append((floats, got))
        return rows

    def _behind(self, changed: Mapping[Key, Stack], samples: Sequence[int], names: Sequence[str]) -> Stacks:
        """Those of *names* that depend on what changed, from the changed values on."""
        affected = self._graph.cone(str(key) for key in changed)
        wanted = [
            name
            for name in names
            if (maker := self._graph.producer(name)) is not None and maker.name in affected
        ]
        if not wanted:
            return {}
        needed = [layer for layer in self._graph.layers if layer.name in affected]
        made = {out for layer in needed for out in layer.outputs}
        read = dict.fromkeys(name for layer in needed for name in self._graph.activations(layer))
        relevant = self._graph.ancestors(wanted)
        held = [name for name in read if name not in changed and name not in made]
        held = [name for name in held if any(user.name in relevant for user in self._graph.consumers(name))]
        given: Stacks = {**self._of_floats(samples, held), **changed}
        return self._states.compute_from(self._floats, given, wanted, len(samples))

    def _of_floats(self, samples: Sequence[int], names: Sequence[str]) -> Stacks:
        return self._states.compute(self._floats, samples, names)

    # ---------------------------------------------------------------- what changes

    def _changed(self, network: Network, source: Source, samples: Sequence[int]) -> Stacks:
        if source.kind == "layer":
            return self._layer(network, self._found(source.name), samples)
        if source.kind == "pass":
            return self._layer(network, self._found(source.name), samples, in_float=True)
        if source.kind == "cast":
            changed = self._cast(network, source.name, samples)
            return self._as_read(changed, source, samples) if source.reader else changed
        raise QuantdeckError(f"source {visible(source.kind)}: no such kind; give layer, cast or pass")

    def _found(self, name: str) -> Layer:
        layer = self._graph.by_name.get(name)
        if layer is None:
            raise QuantdeckError(f"source {visible(name)}: the network has no such layer; name another one")
        return layer

    def _stored(self, network: Network, floats: Mapping[Key, Stack], names: Sequence[str]) -> Stacks:
        """Float values in the form in which the program stores the tensors."""
        types = network.program.types
        return {
            name: Stack([stored_form(types[name], part) for part in floats[name].parts()]) for name in names
        }

    def _real(self, network: Network, key: Key, value: Stack) -> Stack:
        return Stack([network.to_float(key, part) for part in value.parts()])

    def _cast(self, network: Network, name: str, samples: Sequence[int]) -> Stacks:
        """The tensor as an int8 layer reads it."""
        if name not in self._graph.tensors:
            raise QuantdeckError(f"source {visible(name)}: the network has no such tensor; name another one")
        cast: Key = (name, "INT8")
        key = cast if cast in network.digests else name
        form = self._stored(network, self._of_floats(samples, [name]), [name])
        read = self._states.compute_from(network, form, [key], len(samples))[key]
        return {name: self._real(network, key, read)}

    def _as_read(self, changed: Stacks, source: Source, samples: Sequence[int]) -> Stacks:
        """What one float layer makes of a changed input; the tensor's other readers keep the float value."""
        layer = self._found(source.reader)
        given = self._graph.activations(layer)
        if source.name not in given:
            raise QuantdeckError(
                f"source {visible(source.name)}: layer {visible(source.reader)} does not read it; "
                "name one of its readers"
            )
        others = [name for name in dict.fromkeys(given) if name != source.name]
        values: Stacks = {**self._of_floats(samples, others), **changed}
        return self._states.compute_from(self._floats, values, layer.outputs, len(samples))

    def _layer(
        self, network: Network, layer: Layer, samples: Sequence[int], *, in_float: bool = False
    ) -> Stacks:
        """The float value of the layer's outputs plus what the layer itself adds.

        in_float: the layer runs in float, and what is added is the rounding of its output to its integer type.
        """
        given = tuple(dict.fromkeys(self._graph.activations(layer)))
        outputs = [
            out for out in layer.outputs if out in network.makers and self._graph.tensors[out].is_float
        ]
        floats = self._of_floats(samples, [*given, *outputs])
        read = _read(network, outputs, given)
        forms = self._stored(network, floats, given)
        stored = self._states.compute_from(network, forms, list(read.values()), len(samples))
        seen: Stacks = {name: self._real(network, key, stored[key]) for name, key in read.items()}
        exact = self._states.compute_from(self._floats, seen, outputs, len(samples))
        if in_float:
            local = self._stored(network, exact, outputs)
        else:
            local = self._states.compute_from(network, stored, outputs, len(samples))
        changed: Stacks = {}
        for out in outputs:
            parts = zip(
                floats[out].parts(),
                self._real(network, out, local[out]).parts(),
                exact[out].parts(),
                strict=True,
            )
            changed[out] = Stack([value + (got - wanted) for value, got, wanted in parts])
        return changed


def _read(network: Network, outputs: Sequence[str], given: Sequence[str]) -> dict[str, Key]:
    """The form in which a layer's steps read each of its inputs: the tensor itself or a cast of it."""
    found: dict[str, Key] = {name: name for name in given}
    stack: list[Key] = list(outputs)
    seen: set[Key] = set()
    while stack:
        key = stack.pop()
        name, tag = (key, "") if isinstance(key, str) else key
        if name in found and (not tag or tag in CASTS):
            found[name] = key
        elif key not in seen and key in network.makers:
            seen.add(key)
            stack.extend(network.program.steps[network.makers[key]].inputs)
    return found


def float_program(graph: Graph) -> Program:
    """Every layer in F32, on no chip."""
    parameters = MappingProxyType({"mode": "F32", "rounded": False})
    types: dict[Key, TensorType] = {
        name: TensorType("float32" if tensor.is_float else tensor.dtype)
        for name, tensor in graph.tensors.items()
    }
    return Program(
        chip="",
        inputs=graph.inputs,
        outputs=graph.output_tensors,
        steps=tuple(
            Step(layer.name, "float", graph.activations(layer), layer.outputs, parameters)
            for layer in graph.layers
        ),
        types=MappingProxyType(types),
        constants=MappingProxyType({}),
        modes=MappingProxyType({layer.name: "F32" for layer in graph.layers}),
    )
