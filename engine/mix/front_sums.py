"""Sums of a plan's sources, and how they change when a few layers turn: what a front is made by."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from .ledger import Array
from .ledger_sources import Member, SourceMap
from .trial import Source

Floats = frozenset[str]


@dataclass(frozen=True)
class Sums:
    """The loss of every source, summed over those that a plan has.

    ``change`` looks only at the casts and passes that a turned layer can touch, so that its cost does not grow with
    the network.
    """

    map: SourceMap
    losses: Array

    def loss(self, floats: Collection[str]) -> float:
        """The sum for a plan by its float layers."""
        values = self._values
        return sum(float(values[index]) * weight for index, weight in self.map.active(floats).items())

    def change(self, floats: Floats, turned: Collection[str]) -> float:
        """What the sum gains when these layers turn, float ones to int8 and int8 ones to float."""
        after = floats.symmetric_difference(turned)
        total = 0.0
        tensors: dict[str, None] = {}
        passes: dict[str, None] = {}
        for name in turned:
            own = self._values[self.map.index[Source("layer", name)]]
            total += own if name in floats else -own
            tensors.update(self._touched[0].get(name, {}))
            passes.update(self._touched[1].get(name, {}))
        for tensor in tensors:
            total += self._cast(tensor, after) - self._cast(tensor, floats)
        for name in passes:
            total += self._pass(name, after) - self._pass(name, floats)
        return total

    def reach(self, name: str) -> frozenset[str]:
        """Layers whose ``change`` can depend on the mode of this one."""
        tensors, passes = self._touched
        return frozenset(
            other
            for other in self.map.names
            if tensors.get(other, {}).keys() & tensors.get(name, {}).keys()
            or passes.get(other, {}).keys() & passes.get(name, {}).keys()
        )

    # ---------------------------------------------------------------- parts

    @cached_property
    def _values(self) -> list[float]:
        return [float(value) for value in self.losses]

    def _cast(self, tensor: str, floats: Collection[str]) -> float:
        """The casts of a tensor to its int8 readers."""
        edges, joint = self._costs[tensor]
        readers = [cost for name, cost in edges.items() if name not in floats]
        if not readers or self._has_integers(tensor, floats):
            return 0.0
        total = sum(readers)
        if len(readers) > 1:
            share = len(readers) * (len(readers) - 1) / (len(edges) * (len(edges) - 1))
            total += share * (joint - sum(edges.values()))
        return total

    @cached_property
    def _costs(self) -> Mapping[str, tuple[Mapping[str, float], float]]:
        """By tensor: the cast of each reader, and the joint one."""
        found: dict[str, tuple[Mapping[str, float], float]] = {}
        for tensor, readers in self.map.readers.items():
            edges = {name: self._values[self.map.index[Source("cast", tensor, name)]] for name in readers}
            joint = self.map.index.get(Source("cast", tensor))
            found[tensor] = edges, self._values[joint] if joint is not None else 0.0
        return found

    def _has_integers(self, tensor: str, floats: Collection[str]) -> bool:
        """Whether an int8 layer made the values, directly or through layers that pass them."""
        return any(member.name not in floats for member in self._upstream(tensor))

    def _pass(self, name: str, floats: Collection[str]) -> float:
        member = self.map.by_name[name]
        if name not in floats or not self._has_integers(member.reads[0], floats):
            return 0.0
        if not self._is_read(member, floats):
            return 0.0
        return self._values[self.map.index[Source("pass", name)]]

    def _is_read(self, member: Member, floats: Collection[str]) -> bool:
        """Whether an int8 layer reads the values, directly or through layers that pass them."""
        stack = [member]
        while stack:
            for tensor in stack.pop().makes:
                for reader in self.map.readers.get(tensor, ()):
                    if reader not in floats:
                        return True
                    other = self.map.by_name[reader]
                    if other.single:
                        stack.append(other)
        return False

    def _upstream(self, tensor: str) -> Iterator[Member]:
        """The maker of a tensor and, while it only passes values, the makers before it."""
        current = self.map.maker.get(tensor)
        while current is not None:
            yield current
            if not current.single:
                return
            current = self.map.maker.get(current.reads[0])

    @cached_property
    def _touched(self) -> tuple[Mapping[str, dict[str, None]], Mapping[str, dict[str, None]]]:
        """By layer: tensors whose casts depend on it, layers whose passes do."""
        tensors: dict[str, dict[str, None]] = {}
        passes: dict[str, dict[str, None]] = {}
        for tensor, readers in self.map.readers.items():
            upstream = list(self._upstream(tensor))
            for name in (*readers, *(member.name for member in upstream)):
                tensors.setdefault(name, {})[tensor] = None
            through = [member.name for member in upstream if member.single]
            around = (*readers, *(member.name for member in upstream))
            for passed in through:
                for name in around:
                    passes.setdefault(name, {})[passed] = None
        for member in self.map.members:
            if member.single:
                for other in self._upstream(member.reads[0]):
                    passes.setdefault(other.name, {})[member.name] = None
                passes.setdefault(member.name, {})[member.name] = None
        return tensors, passes
