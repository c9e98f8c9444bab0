"""One source of noise alone, injected into the float pass (peers section 2)."""

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from ...errors import QuantdeckError
from ...hw.program import Key
from ...text import visible
from ..executor import stored_form
from ..float_runner import FloatRunner, layer_runner
from ..trial import Source
from .network import CASTS, Network
from .states import States

Array = NDArray[Any]


class SourceRuns:
    """Runs the float network behind the place where a source acts, with the source's noise added there."""

    def __init__(self, states: States) -> None:
        self._states = states
        self._graph = states.graph

    def run(
        self, network: Network, source: Source, sample: int, names: Sequence[str]
    ) -> tuple[Mapping[str, Array], Mapping[str, Array]]:
        """Values of *names* without and with the noise of the source."""
        changed = self._changed(network, source, sample)
        floats = self._states.floats(sample, [*names, *changed], every=True)
        affected = self._graph.cone(changed)
        behind = [
            name
            for name in names
            if (maker := self._graph.producer(name)) is not None and maker.name in affected
        ]
        got = {name: changed.get(name, floats[name]) for name in names}
        if behind:
            runner = self._suffix(tuple(changed), tuple(behind))
            feeds = {**self._states.floats(sample, runner.inputs, every=True), **changed}
            got.update(runner.run({name: feeds[name] for name in runner.inputs}))
        return {name: floats[name] for name in names}, got

    def _suffix(self, changed: tuple[str, ...], wanted: tuple[str, ...]) -> FloatRunner:
        """The float network from the changed tensors to the wanted ones."""

        def build() -> FloatRunner:
            affected = self._graph.cone(changed)
            made = {out for layer in self._graph.layers if layer.name in affected for out in layer.outputs}
            read = (
                name
                for layer in self._graph.layers
                if layer.name in affected
                for name in self._graph.activations(layer)
            )
            fed = dict.fromkeys([*changed, *(name for name in read if name not in made)])
            return FloatRunner(self._graph, wanted, inputs=tuple(fed))

        return self._states.built((("suffix",), changed, wanted), build)

    # ---------------------------------------------------------------- what changes

    def _changed(self, network: Network, source: Source, sample: int) -> dict[str, Array]:
        if source.kind == "layer":
            return self._layer(network, source.name, sample)
        if source.kind == "cast":
            changed = self._cast(network, source.name, sample)
            return self._as_read(changed, source.reader, sample) if source.reader else changed
        raise QuantdeckError(f"source {visible(source.kind)}: no such kind; give layer or cast")

    def _cast(self, network: Network, name: str, sample: int) -> dict[str, Array]:
        """The tensor as an int8 layer reads it."""
        if name not in self._graph.tensors:
            raise QuantdeckError(f"source {visible(name)}: the network has no such tensor; name another one")
        value = self._states.floats(sample, [name], every=True)[name]
        key: Key = (name, "INT8")
        if key not in network.digests:
            key = name
        form = stored_form(network.program.types[name], value)
        stored = self._states.compute_from(network, {name: form}, [key])[key]
        return {name: network.to_float(key, stored)}

    def _as_read(self, changed: Mapping[str, Array], reader: str, sample: int) -> dict[str, Array]:
        """What one float layer makes of a changed input; the tensor's other readers keep the float value."""
        layer = self._graph.by_name.get(reader)
        if layer is None or not set(changed) <= set(self._graph.activations(layer)):
            raise QuantdeckError(
                f"source {visible(', '.join(changed))}: layer {visible(reader)} does not read it; "
                "name one of its readers"
            )
        runner = self._states.built((("layer",), (reader,)), lambda: layer_runner(self._graph, layer))
        floats = self._states.floats(sample, [*runner.inputs, *layer.outputs], every=True)
        made = runner.run({name: changed.get(name, floats[name]) for name in runner.inputs})
        return {name: made[name].reshape(floats[name].shape) for name in layer.outputs if name in made}

    def _layer(self, network: Network, name: str, sample: int) -> dict[str, Array]:
        """The float value of the layer's outputs plus what the layer itself adds."""
        layer = self._graph.by_name.get(name)
        if layer is None:
            raise QuantdeckError(f"source {visible(name)}: the network has no such layer; name another one")
        given = tuple(dict.fromkeys(self._graph.activations(layer)))
        outputs = [
            out for out in layer.outputs if out in network.makers and self._graph.tensors[out].is_float
        ]
        floats = self._states.floats(sample, [*given, *outputs], every=True)
        types = network.program.types
        forms: dict[Key, Array] = {key: stored_form(types[key], floats[key]) for key in given}
        read = _read(network, outputs, given)
        stored = self._states.compute_from(network, forms, list(read.values()))
        local = self._states.compute_from(network, stored, outputs)
        runner = self._states.built((("layer",), (name,)), lambda: layer_runner(self._graph, layer))
        exact = runner.run({key: network.to_float(read[key], stored[read[key]]) for key in runner.inputs})
        return {
            out: floats[out] + (network.to_float(out, local[out]) - exact[out]).reshape(floats[out].shape)
            for out in outputs
        }


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
