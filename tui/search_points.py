"""The plans that a search tried, as columns: 100,000 objects would have every collection of garbage last 80 ms."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload


@dataclass(frozen=True, slots=True)
class SearchPoint:
    """A whole plan that a search tried. *cost*: its time on the chip, all int8 = 1; *key*: of its trial."""

    floats: int
    cos: float
    cost: float | None = None
    key: str = ""
    plan: str = ""  # its JSON, where it is known without asking for the key

    @property
    def known(self) -> bool:
        """Whether its plan can be taken."""
        return bool(self.key or self.plan)


class Points(Sequence[SearchPoint]):
    """Plans in the order in which they came: a new one moves no other."""

    def __init__(self) -> None:
        self.floats: list[int] = []
        self.cos: list[float] = []
        self.costs: list[float | None] = []
        self._keys: list[str] = []
        self._plans: dict[int, str] = {}

    def append(self, point: SearchPoint) -> None:
        """Add a plan."""
        if point.plan:
            self._plans[len(self)] = point.plan
        self.floats.append(point.floats)
        self.cos.append(point.cos)
        self.costs.append(point.cost)
        self._keys.append(point.key)

    def mended(self, place: int, point: SearchPoint) -> "Points":
        """The same plans with another one at *place*; behind the last it is added."""
        other = Points()
        other.floats, other.cos = list(self.floats), list(self.cos)
        other.costs, other._keys, other._plans = list(self.costs), list(self._keys), dict(self._plans)
        if place == len(other):
            other.append(point)
            return other
        other.floats[place], other.cos[place], other.costs[place] = point.floats, point.cos, point.cost
        other._keys[place], other._plans[place] = point.key, point.plan
        return other

    def known(self, place: int) -> bool:
        """Whether a plan can be taken."""
        return bool(self._keys[place] or self._plans.get(place))

    def __len__(self) -> int:
        return len(self.floats)

    @overload
    def __getitem__(self, place: int) -> SearchPoint: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[SearchPoint]: ...
    def __getitem__(self, place: int | slice) -> SearchPoint | Sequence[SearchPoint]:
        """One plan, or some."""
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        at = range(len(self))[place]
        return SearchPoint(
            self.floats[at], self.cos[at], self.costs[at], self._keys[at], self._plans.get(at, "")
        )
