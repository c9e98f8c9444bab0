"""Candidates for mixed plans by the ledger alone: orders of layers, what can go back to int8, swaps.

All is arithmetic on sums of sources, so a front costs no trial. Losses are those of ``Ledger.losses``: the part of
the weighted cosine that a plan loses, by the ledger's sum, before what anchors teach.
"""

import heapq
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from .front_sums import Floats, Sums
from .ledger import Array, Ledger

Cost = Callable[[Collection[str]], float]
"""Cost of a plan by its float layers."""


def count_layers(floats: Collection[str]) -> float:
    """The plainest cost: the number of float layers."""
    return float(len(floats))


@dataclass(frozen=True)
class Field:
    """A ledger, a cost and the weights of the outputs: what orders are made by."""

    ledger: Ledger
    cost: Cost
    losses: Array

    @classmethod
    def of(cls, ledger: Ledger, cost: Cost, weights: dict[str, float]) -> "Field":
        """The field for a weighted objective."""
        return cls(ledger, cost, ledger.losses(weights))

    def loss(self, floats: Collection[str]) -> float:
        """The sum of a plan's sources."""
        return self.sums.loss(floats)

    @cached_property
    def sums(self) -> Sums:
        """The losses, summed."""
        return Sums(self.ledger.map, self.losses)

    @cached_property
    def near(self) -> dict[str, frozenset[str]]:
        """Layers whose change of the sum can depend on a layer: two steps away, and on through passing layers."""
        return {name: self.sums.reach(name) for name in self.ledger.map.names}

    @cached_property
    def blocks(self) -> tuple[Floats, ...]:
        """What may turn float in one step: layers, pairs of neighbours, and what lies around one tensor."""
        found: dict[Floats, None] = {}
        members = self.ledger.map.members
        for member in members:
            found[frozenset({member.name})] = None
        for member in members:
            for tensor in member.makes:
                readers = self.ledger.map.readers.get(tensor, ())
                found.update({frozenset({member.name, reader}): None for reader in readers})
                found[frozenset({member.name, *readers})] = None
        for member in members:
            around = self.ledger.map.neighbours(member.name)
            found[frozenset({member.name, *around})] = None
        return tuple(found)


def block_order(field: Field, start: Floats = frozenset()) -> list[Floats]:
    """Plans from *start* to all float, each with the block more that gains most for its cost (peers section 2.2).

    Lazy: a block is looked at again when it comes to the top, and when a neighbour of it has turned.
    """
    every = frozenset(field.ledger.map.names)
    floats, path = start, [start]
    cost = field.cost(floats)
    touching: dict[str, list[int]] = {}
    for number, block in enumerate(field.blocks):
        for name in block | {other for item in block for other in field.ledger.map.neighbours(item)}:
            touching.setdefault(name, []).append(number)

    def gain(number: int) -> float | None:
        added = field.blocks[number] - floats
        if not added:
            return None
        price = field.cost(floats | added) - cost
        saved = -field.sums.change(floats, added)
        return saved / max(price, 1e-12) if price > 0 or saved <= 0 else float("inf")

    versions = [0] * len(field.blocks)
    heap = [(-(gain(number) or 0.0), number, 0) for number in range(len(field.blocks))]
    heapq.heapify(heap)
    while floats != every:
        _, number, version = heapq.heappop(heap)
        if version != versions[number]:
            continue
        value = gain(number)
        if value is None:
            continue
        if heap and -value > heap[0][0]:
            versions[number] += 1
            heapq.heappush(heap, (-value, number, versions[number]))
            continue
        block = field.blocks[number] - floats
        floats = floats | block
        cost = field.cost(floats)
        path.append(floats)
        for other in dict.fromkeys(index for name in sorted(block) for index in touching[name]):
            again = gain(other)
            if again is not None:
                versions[other] += 1
                heapq.heappush(heap, (-again, other, versions[other]))
    return path


def single_order(field: Field, start: Floats = frozenset()) -> list[Floats]:
    """Plans from *start* to all float, the layer that loses most when it alone is int8 first."""
    loss = {name: float(field.losses @ field.ledger.map.alone(name)) for name in field.ledger.map.names}
    path = [start]
    for name in sorted(loss, key=lambda item: -loss[item]):
        if name not in start:
            path.append(path[-1] | {name})
    return path


def return_order(field: Field, start: Floats, allowed: float) -> Floats:
    """Layers back to int8 while the sum stays within *allowed*, the one that saves most for its loss first."""
    floats = start
    loss, cost = field.loss(floats), field.cost(floats)
    changes = {name: field.sums.change(floats, (name,)) for name in sorted(floats)}
    while floats:
        choices: list[tuple[float, str, float]] = []
        for name, change in changes.items():
            if loss + change <= allowed:
                price = field.cost(floats - {name})
                if price < cost:
                    choices.append((max(change, 0.0) / (cost - price), name, price))
        if not choices:
            return floats
        _, name, cost = min(choices)
        loss += changes.pop(name)
        floats = floats - {name}
        for other in field.near[name]:
            if other in changes:
                changes[other] = field.sums.change(floats, (other,))
    return floats


def swaps(field: Field, floats: Floats, allowed: float, limit: int = 40) -> Floats:
    """Exchange float layers against int8 ones where it makes the plan cheaper or, at equal cost, less noisy.

    One block in, then as many layers out as *allowed* permits; the best exchange is taken until none is left.
    """
    current = floats
    for _ in range(limit):
        best = (field.cost(current), field.loss(current))
        chosen = current
        for block in _worth_floating(field, current):
            tried = return_order(field, current | block, allowed)
            figure = (field.cost(tried), field.loss(tried))
            if figure < (best[0], best[1] * (1 - 1e-9)):
                best, chosen = figure, tried
        if chosen == current:
            return current
        current = chosen
    return current


def _worth_floating(field: Field, floats: Floats, most: int = 16) -> Sequence[Floats]:
    """Blocks of int8 layers that gain most per layer."""
    gains: dict[Floats, float] = {}
    for block in field.blocks:
        added = block - floats
        if added and added not in gains:
            gains[added] = -field.sums.change(floats, added) / len(added)
    order = sorted(gains, key=lambda item: (-gains[item], sorted(item)))
    return [item for item in order if gains[item] > 0][:most]


def cheapest(field: Field, paths: Iterable[Sequence[Floats]], allowed: float) -> Floats | None:
    """The cheapest plan whose sum is within *allowed*, from all paths, tidied; None when none is."""
    best: tuple[float, float, Floats] | None = None
    every = frozenset(field.ledger.map.names)
    for path in (*paths, [every]):
        for floats in path:
            if field.loss(floats) <= allowed:
                tidy = swaps(field, return_order(field, floats, allowed), allowed)
                found = (field.cost(tidy), field.loss(tidy), tidy)
                if best is None or found[:2] < best[:2]:
                    best = found
                break
    return best[2] if best is not None else None
