"""What values of trials exceed, counted once for each value of each sample, however many trials share it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ...hw.program import Key
from ..excess import Count, Found, counter_of, gathered, not_finite
from ..score import Excess
from .content import Digest
from .groups import Stack
from .network import Network

_Content = tuple[Digest, str]


class SharedCounts:
    """Counts by value; a trial's are those of the steps that lead to its outputs, whoever ran them first."""

    def __init__(self) -> None:
        self._counters: dict[_Content, Count | None] = {}
        self._found: dict[tuple[Digest, int], Found] = {}

    def look(
        self,
        network: Network,
        samples: Sequence[int],
        index: int,
        values: Mapping[Key, Stack],
        made: Sequence[Stack],
    ) -> None:
        """Look at one step of a group of samples that has run."""
        count = self._counter(network, index)
        if count is None:
            return
        step, constants = network.program.steps[index], network.program.constants
        if step.kernel == "float" and not any(not_finite(one) for value in made for one in value.arrays()):
            return
        digest = network.digests[step.outputs[0]]
        inputs = [
            values[key].parts() if key in values else [constants[key]] * len(samples) for key in step.inputs
        ]
        outputs = [value.parts() for value in made]
        for place, sample in enumerate(samples):
            found = count([part[place] for part in inputs], [part[place] for part in outputs])
            if found:
                self._found[digest, sample] = found

    def _counter(self, network: Network, index: int) -> Count | None:
        step = network.program.steps[index]
        stored = network.program.types[step.inputs[0]].storage if step.inputs else ""
        key = (network.contents[index], stored)
        if key not in self._counters:
            self._counters[key] = counter_of(step, network.program, network.graph)
        return self._counters[key]

    def result(
        self, network: Network, names: Iterable[Key], samples: Sequence[int], *, reference: bool = False
    ) -> tuple[Excess, ...]:
        """What the steps exceed that lead to *names*, over these samples."""
        if not self._found:
            return ()
        found: Counter[tuple[int, str]] = Counter()
        for index in network.steps_to(names):
            digest = network.digests[network.program.steps[index].outputs[0]]
            for sample in samples:
                for kind, number in self._found.get((digest, sample), ()):
                    found[index, kind] += number
        return gathered(network.program, found, reference=reference)
