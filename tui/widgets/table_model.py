"""Rows as arrays: sorting and filtering change an order of row numbers and nothing else (style 2.4)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .cells import Part, fit


@dataclass(frozen=True, slots=True)
class Column:
    """How one column looks and sorts.

    *parts* makes the cell's text with tones, exactly *width* cells; *text* is used without it. *priority*:
    the columns of the lowest numbers are shown where not all fit. *rank* gives the sorting key.
    """

    key: str
    title: str
    width: int
    text: Callable[[Any], str] = str
    right: bool = False
    priority: int = 0
    descending: bool = False  # the first sort goes downwards
    rank: Callable[[Any], Any] | None = None
    parts: Callable[[Any, int], list[Part]] | None = None
    tone: str = "plain"

    def cell(self, value: Any, width: int, sign: str) -> list[Part]:
        """The cell's parts, together *width* cells."""
        if self.parts is not None:
            return self.parts(value, width)
        return [(fit(self.text(value), width, right=self.right, sign=sign), self.tone)]


class TableModel:
    """Columns of values, an order of rows, and a revision for each row."""

    def __init__(self, columns: Mapping[str, Sequence[object]]) -> None:
        """Take the values; every column has the same length."""
        self.values: dict[str, list[Any]] = {key: list(column) for key, column in columns.items()}
        self.size = max((len(column) for column in self.values.values()), default=0)
        self.order: list[int] = list(range(self.size))
        self.revision: list[int] = [0] * self.size
        self._kept: Callable[[int], bool] | None = None
        self._sort: tuple[Column, bool] | None = None

    def __len__(self) -> int:
        return len(self.order)

    @property
    def sorted_by(self) -> tuple[str, bool] | None:
        """Column key and whether downwards."""
        return (self._sort[0].key, self._sort[1]) if self._sort else None

    def value(self, row: int, key: str) -> object:
        """One value."""
        return self.values[key][row]

    def set(self, row: int, key: str, value: object) -> bool:
        """Change a value; False when it is there already. The order stays (rows never move by themselves)."""
        column = self.values[key]
        if column[row] == value and type(column[row]) is type(value):  # a stale figure may be confirmed
            return False
        column[row] = value
        self.revision[row] += 1
        return True

    def extend(self, columns: Mapping[str, Sequence[object]]) -> None:
        """Add rows; they come last whatever the order is (rows never move by themselves)."""
        for key, values in columns.items():
            self.values[key].extend(values)
        first, self.size = self.size, max((len(column) for column in self.values.values()), default=0)
        self.revision.extend([0] * (self.size - first))
        self.order.extend(row for row in range(first, self.size) if self._kept is None or self._kept(row))

    def sort(self, column: Column | None, descending: bool = False) -> None:
        """Order the rows by a column, absent values last; None gives back the order of the data."""
        self._sort = (column, descending) if column else None
        self._arrange()

    def filter(self, kept: Callable[[int], bool] | None) -> None:
        """Show only the rows for which *kept* holds."""
        self._kept = kept
        self._arrange()

    def arrange_as(self, other: "TableModel") -> None:
        """Take over the order of a model of the same rows: they never move by themselves."""
        self.order, self._sort, self._kept = list(other.order), other._sort, other._kept

    def place(self, row: int) -> int | None:
        """Where a row stands in the order, or None when it is filtered away."""
        try:
            return self.order.index(row)
        except ValueError:
            return None

    def find(self, matches: Callable[[int], bool], start: int, step: int = 1) -> int | None:
        """The next place from *start* on whose row matches, round the end."""
        count = len(self.order)
        for distance in range(count):
            place = (start + step * distance) % count
            if matches(self.order[place]):
                return place
        return None

    def _arrange(self) -> None:
        rows = range(self.size)
        order = [row for row in rows if self._kept is None or self._kept(row)]
        if self._sort:
            column, descending = self._sort
            values: list[Any] = self.values[column.key]
            rank = column.rank
            there = [row for row in order if values[row] is not None]
            absent = [row for row in order if values[row] is None]
            there.sort(key=lambda row: rank(values[row]) if rank else values[row], reverse=descending)
            order = there + absent
        self.order = order
