"""Values of programs for the samples: from what is held, else from the nearest values that are."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...graph.model import Graph
from ...hw.program import Key
from ..executor import checked_feeds
from ..float_runner import FloatRunner
from .content import named
from .network import Network
from .prepared import PreparedSteps
from .store import ValueStore

Array = NDArray[Any]

SESSIONS = 64
"""Float sessions that are kept at the same time."""


class Feeds(Protocol):
    """What is needed of the samples: engine/data's ``Samples`` has it."""

    @property
    def groups(self) -> Sequence[Any]:
        """One entry a sample."""
        ...

    def feed(self, group: Any, /) -> Mapping[str, Array]:
        """The arrays of one sample by graph input."""
        ...


class States:
    """Computes values of any program for any sample, each once where there is room to keep it."""

    def __init__(self, graph: Graph, samples: Feeds, store: ValueStore, prepared: PreparedSteps) -> None:
        self.graph = graph
        self._samples = samples
        self._store = store
        self._prepared = prepared
        self._sessions: OrderedDict[tuple[tuple[str, ...], ...], FloatRunner] = OrderedDict()
        self._lock = Lock()
        made = (name for layer in graph.layers for name in layer.outputs)
        self._everything = tuple(name for name in made if name in graph.tensors)
        store.keep(named("float", name) for name in self._everything)
        store.keep(named("input", name) for name in graph.inputs)

    def feeds(self, sample: int) -> Mapping[str, Array]:
        """The graph inputs of a sample."""
        digests = {name: named("input", name) for name in self.graph.inputs}
        found = {name: self._store.get(sample, digest) for name, digest in digests.items()}
        known = {name: value for name, value in found.items() if value is not None}
        if len(known) == len(digests):
            return known
        feeds = checked_feeds(self.graph, self._samples.feed(self._samples.groups[sample]))
        for name, digest in digests.items():
            self._store.put(sample, digest, feeds[name])
        return feeds

    # ---------------------------------------------------------------- the float pass

    def floats(self, sample: int, names: Iterable[str], *, every: bool = False) -> dict[str, Array]:
        """The float pass's values of tensors; graph inputs are their feeds.

        every: the caller will ask for others of the same sample, so all are computed and kept.
        """
        inputs = self.feeds(sample)
        values = {name: inputs[name] for name in names if name in inputs}
        missing: list[str] = []
        for name in names:
            if name in values:
                continue
            held = self._store.get(sample, named("float", name))
            if held is None:
                missing.append(name)
            else:
                values[name] = held
        if missing:
            outputs = self._everything if every else tuple(missing)
            computed = self.session(self.graph.inputs, outputs).run(inputs)
            for name, value in computed.items():
                self._store.put(sample, named("float", name), value)
            values.update({name: computed[name] for name in missing})
        return values

    def session(self, inputs: Sequence[str], outputs: Sequence[str]) -> FloatRunner:
        """The float network between two sets of tensors, built once."""
        return self.built(
            (tuple(inputs), tuple(outputs)), lambda: FloatRunner(self.graph, outputs, inputs=inputs)
        )

    def built(self, key: tuple[tuple[str, ...], ...], build: Callable[[], FloatRunner]) -> FloatRunner:
        """A session by its key; the one unused for longest leaves."""
        with self._lock:
            found = self._sessions.get(key)
            if found is None:
                found = self._sessions[key] = build()
                if len(self._sessions) > SESSIONS:
                    self._sessions.popitem(last=False)
            else:
                self._sessions.move_to_end(key)
            return found

    # ---------------------------------------------------------------- programs

    def compute(self, network: Network, sample: int, wanted: Iterable[Key]) -> dict[Key, Array]:
        """Stored forms of the wanted values, as :meth:`Executor.run_raw` gives them."""
        wanted = list(wanted)
        values, indices = self._trace(network, sample, wanted)
        self._execute(network, values, indices, wanted, sample)
        constants = network.program.constants
        return {key: values[key] if key in values else constants[key] for key in wanted}

    def compute_from(
        self, network: Network, given: Mapping[Key, Array], wanted: Sequence[Key]
    ) -> dict[Key, Array]:
        """Stored forms of the wanted values from given ones; nothing is looked up or kept."""
        values = dict(given)
        indices: set[int] = set()
        stack = [key for key in wanted if key not in values]
        while stack:
            index = network.makers.get(stack.pop())
            if index is not None and index not in indices:
                indices.add(index)
                stack.extend(key for key in network.program.steps[index].inputs if key not in values)
        self._execute(network, values, sorted(indices), wanted, None)
        return {key: values[key] for key in wanted}

    def _execute(
        self,
        network: Network,
        values: dict[Key, Array],
        indices: Sequence[int],
        wanted: Sequence[Key],
        sample: int | None,
    ) -> None:
        """Run steps in order; a value leaves when nobody reads it any more."""
        steps, constants = network.program.steps, network.program.constants
        uses = Counter(key for index in indices for key in steps[index].inputs)
        uses.update(wanted)
        for index in indices:
            step = steps[index]
            run = self._prepared.get(network.contents[index], step)
            inputs = [values[key] if key in values else constants[key] for key in step.inputs]
            for key, value in zip(step.outputs, run(inputs), strict=True):
                if key in values:
                    continue
                if uses[key]:
                    values[key] = value
                if sample is not None:
                    self._store.put(sample, network.digests[key], value)
            for key in step.inputs:
                uses[key] -= 1
                if not uses[key]:
                    values.pop(key, None)

    def _trace(
        self, network: Network, sample: int, wanted: Sequence[Key]
    ) -> tuple[dict[Key, Array], list[int]]:
        """The values to start from and the steps to run, in order: backward from what is wanted."""
        values: dict[Key, Array] = {}
        exact: list[str] = []
        found: set[int] = set()
        seen: set[Key] = set()
        stack = list(wanted)
        while stack:
            key = stack.pop()
            if key in seen or key in network.program.constants:
                continue
            seen.add(key)
            if isinstance(key, str) and (key in network.exact or key in self.graph.inputs):
                exact.append(key)
                continue
            held = self._store.get(sample, network.digests[key])
            if held is not None:
                values[key] = held
                continue
            index = network.makers[key]
            if index not in found:
                found.add(index)
                stack.extend(network.program.steps[index].inputs)
        if exact:
            outputs = set(self.graph.output_tensors)
            values.update(self.floats(sample, exact, every=not outputs.issuperset(exact)))
        return values, sorted(found)

    def reference(self, network: Network, sample: int, names: Sequence[str]) -> dict[str, Array]:
        """Real values of what others are compared with, kept whatever the budget says."""
        digests = {name: named("reference", network.digests[name].hex()) for name in names}
        found = {name: self._store.get(sample, digest) for name, digest in digests.items()}
        known = {name: value for name, value in found.items() if value is not None}
        if len(known) < len(digests):
            known = self.real(network, sample, names)
            for name, digest in digests.items():
                self._store.put(sample, digest, known[name], always=True)
        return known

    def real(self, network: Network, sample: int, names: Sequence[str]) -> dict[str, Array]:
        """Real values of graph tensors in a program."""
        raw = self.compute(network, sample, names)
        return {name: network.to_float(name, np.asarray(raw[name])) for name in names}
