"""Values of programs for the samples: from what is held, else from the nearest values that are."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...graph.model import Graph
from ...hw.program import Key
from ..excess import not_finite
from ..executor import checked_feeds
from ..float_runner import FloatRunner
from .content import Digest, named
from .excess import SharedCounts
from .groups import Runner, Stack
from .network import Network
from .prepared import PreparedSteps
from .store import ValueStore

Array = NDArray[Any]
Values = Mapping[str, Array]

SESSIONS = 8
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
        self.excess = SharedCounts()
        self._sessions: OrderedDict[tuple[str, ...], FloatRunner] = OrderedDict()
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

    def keep(self, digests: Iterable[Digest]) -> None:
        """Keep these values of every sample from now on, where there is room."""
        self._store.keep(digests)

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
            computed = self.session(outputs).run(inputs)
            for name, value in computed.items():
                self._store.put(sample, named("float", name), value)
            values.update({name: computed[name] for name in missing})
        return values

    def session(self, outputs: tuple[str, ...]) -> FloatRunner:
        """The float pass up to some tensors, built once; the one unused for longest leaves."""
        with self._lock:
            found = self._sessions.get(outputs)
            if found is None:
                found = self._sessions[outputs] = FloatRunner(self.graph, outputs)
                if len(self._sessions) > SESSIONS:
                    self._sessions.popitem(last=False)
            self._sessions.move_to_end(outputs)
            return found

    # ---------------------------------------------------------------- programs

    def compute(self, network: Network, samples: Sequence[int], wanted: Sequence[Key]) -> dict[Key, Stack]:
        """Stored forms of the wanted values, as :meth:`Executor.run_raw` gives them, of each sample."""
        values, indices = self._trace(network, samples, wanted)

        def kept(key: Key, value: Stack) -> None:
            digest = network.digests[key]
            if self._store.wants(digest):
                for sample, part in zip(samples, value.parts(), strict=True):
                    self._store.put(sample, digest, part)

        def look(index: int, read: Mapping[Key, Stack], made: Sequence[Stack]) -> None:
            self.excess.look(network, samples, index, read, made)

        self._runner(network, len(samples)).run(values, indices, wanted, kept, look)
        constants = network.program.constants
        return {
            key: values[key] if key in values else Stack([constants[key]] * len(samples)) for key in wanted
        }

    def compute_from(
        self, network: Network, given: Mapping[Key, Stack], wanted: Sequence[Key], count: int
    ) -> dict[Key, Stack]:
        """Stored forms of the wanted values of *count* samples from given ones; nothing is looked up or kept."""
        values = dict(given)
        indices: set[int] = set()
        stack = [key for key in wanted if key not in values]
        while stack:
            index = network.makers.get(stack.pop())
            if index is not None and index not in indices:
                indices.add(index)
                stack.extend(key for key in network.program.steps[index].inputs if key not in values)
        self._runner(network, count).run(values, sorted(indices), wanted)
        return {key: values[key] for key in wanted}

    def _runner(self, network: Network, count: int) -> Runner:
        steps, contents, get = network.program.steps, network.contents, self._prepared.get
        return Runner(network, count, lambda index: get(contents[index], steps[index]))

    def _trace(
        self, network: Network, samples: Sequence[int], wanted: Sequence[Key]
    ) -> tuple[dict[Key, Stack], list[int]]:
        """The values to start from and the steps to run, in order: backward from what is wanted."""
        values: dict[Key, Stack] = {}
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
            held = self._held(samples, network.digests[key])
            if held is not None:
                values[key] = held
                continue
            index = network.makers[key]
            if index not in found:
                found.add(index)
                stack.extend(network.program.steps[index].inputs)
        if exact:
            every = not set(self.graph.output_tensors).issuperset(exact)
            rows = [self.floats(sample, exact, every=every) for sample in samples]
            values.update({name: Stack([row[name] for row in rows]) for name in exact})
        return values, sorted(found)

    def _held(self, samples: Sequence[int], digest: Digest) -> Stack | None:
        """A value that is held for all of the samples."""
        if not self._store.wants(digest):
            return None
        parts: list[Array] = []
        for sample in samples:
            part = self._store.get(sample, digest)
            if part is None:
                return None
            parts.append(part)
        return Stack(parts)

    def reference(self, network: Network, samples: Sequence[int], names: Sequence[str]) -> Sequence[Values]:
        """Real values of what others are compared with, kept whatever the budget says.

        Where the program's float type holds no figure but float32 does, float32's stands in: a plan that overflows as
        its reference does would equal it.
        """
        digests = {name: named("reference", network.digests[name].hex()) for name in names}
        known: list[Values] = []
        for sample in samples:
            found = {name: self._store.get(sample, digest) for name, digest in digests.items()}
            known.append({name: value for name, value in found.items() if value is not None})
        if all(len(row) == len(digests) for row in known):
            return known
        rows = self.real(network, samples, names)
        for sample, row in zip(samples, rows, strict=True):
            for name, digest in digests.items():
                row[name] = self._within_range(sample, name, row[name])
                self._store.put(sample, digest, row[name], always=True)
        return rows

    def _within_range(self, sample: int, name: str, value: Array) -> Array:
        if not not_finite(value):
            return value
        exact = self.floats(sample, [name])[name]
        return np.where(np.isfinite(value), value, exact)

    def real(self, network: Network, samples: Sequence[int], names: Sequence[str]) -> list[dict[str, Array]]:
        """Real values of graph tensors in a program, sample by sample."""
        raw = self.compute(network, samples, names)
        parts = {name: raw[name].parts() for name in names}
        return [
            {name: network.to_float(name, parts[name][index]) for name in names}
            for index in range(len(samples))
        ]
