"""The one table of the workbench: line API, cached strips, single cells repainted (style 2.4).

It holds thousands of rows without an object for any of them, writes about a hundred bytes for a changed
cell and nothing for a cell that cannot be seen.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.geometry import Region
from textual.strip import Strip

from ..keys import bindings
from ..messages import RowChosen, RowMoved, SortAsked
from .cells import Part, clip, fit, fit_name, merge
from .painted import Painted
from .table_model import Column, TableModel

GAP = 1
MARK = 2  # the cursor's sign and a blank
CACHED_SCREENS = 3
ESSENTIAL = 5  # columns up to this priority go before the full length of the names
SHORTEST_NAME, LONGEST_NAME = 12, 44


@dataclass(frozen=True, slots=True)
class Placed:
    """A column and where it stands."""

    column: Column
    x: int
    width: int


def longest(values: Sequence[object]) -> int:
    """The length of the longest text."""
    return max((len(str(value)) for value in set(values)), default=0)


class LineTable(Painted, can_focus=True):
    """Rows with a cursor; the first column is frozen and takes the room that the others leave."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("table")

    def __init__(self, columns: tuple[Column, ...], *, id: str, empty: str = "", names: bool = True) -> None:
        """*columns*: the frozen one first. *empty* is said when there is no row.

        *names*: the frozen column holds names from files, made visible and cut in their middle.
        """
        super().__init__(id=id)
        self.columns = columns
        self.model = TableModel({column.key: [] for column in columns})
        self.empty = empty
        self.cursor = 0  # place in the order
        self.top = 0
        self.column = 0  # column cursor
        self.column_cursor = True  # whether the head marks the column under the cursor
        self.marks: set[int] = set()  # rows
        self._names = names
        self._strips: OrderedDict[tuple[object, ...], Strip] = OrderedDict()
        self._placed: tuple[Placed, ...] = ()
        self._longest = 0  # text in the frozen column
        self._least = columns[0].width  # of the frozen column
        self._wanted = columns[0].width  # as long as its names

    # what others call

    @property
    def row(self) -> int | None:
        """The row under the cursor."""
        return self.model.order[self.cursor] if 0 <= self.cursor < len(self.model) else None

    def load(self, model: TableModel, *, keep: bool = False) -> None:
        """Show other rows; *keep* leaves cursor and window where they are."""
        self.model = model
        self._measure(longest(model.values[self.columns[0].key]))
        if not keep:
            self.cursor = self.top = 0
            self.marks.clear()
        self._again()

    def extend(self, columns: Mapping[str, Sequence[object]]) -> None:
        """Show more rows behind the others; what it costs does not depend on how many there are already."""
        before, row = len(self.model), self.row
        self.model.extend(columns)
        widest = longest(columns[self.columns[0].key])
        if widest > self._longest:
            self._measure(widest)
            self._again()
        elif before < self.top + self.page:
            self.refresh()
        if self.row != row:
            self._tell()

    def _measure(self, widest: int) -> None:
        """Choose the frozen column's width by the longest text in it."""
        self._longest = widest
        self._least = min(self.columns[0].width, max(widest, SHORTEST_NAME))
        self._wanted = max(self._least, min(widest, LONGEST_NAME))

    def use_columns(self, columns: tuple[Column, ...]) -> None:
        """Other widths and priorities for the same columns."""
        if [column.width for column in columns] != [column.width for column in self.columns]:
            self.columns = columns
            self.column = min(self.column, len(columns) - 1)
            self._again()

    def mark(self, rows: Iterable[int], marked: bool = True) -> None:
        """Mark rows, or take their marks away."""
        rows = set(rows)
        changed = rows - self.marks if marked else rows & self.marks
        self.marks = self.marks | rows if marked else self.marks - rows
        for place in range(self.top, min(self.top + self.page, len(self.model))):
            if self.model.order[place] in changed:
                self.refresh(Region(0, 1 + place - self.top, MARK, 1))

    def set(self, row: int, key: str, value: object) -> None:
        """Change one value and repaint its cell if it can be seen."""
        if not self.model.set(row, key, value):
            return
        place = self.model.place(row)
        if place is None or not self.top <= place < self.top + self.page:
            return
        for placed in self._placed:
            if placed.column.key == key:
                self.refresh(Region(placed.x, 1 + place - self.top, placed.width, 1))

    def fill(self, columns: Mapping[str, Sequence[object]]) -> None:
        """Change whole columns at once, in the data's order; rows stay where they are."""
        changed = [
            self.model.set(row, key, value)
            for key, values in columns.items()
            for row, value in enumerate(values)
        ]
        if any(changed):
            self.refresh()

    def sort(self, key: str | None, descending: bool | None = None) -> None:
        """Sort by a column; the same column again turns the direction; None is the data's order."""
        column = next((column for column in self.columns if column.key == key), None)
        if column and descending is None:
            was = self.model.sorted_by
            descending = not was[1] if was and was[0] == key else column.descending
        row = self.row
        self.model.sort(column, bool(descending))
        self._follow(row)

    def filter(self, kept: Callable[[int], bool] | None) -> None:
        """Show only rows for which *kept(row)* holds; None shows all."""
        row = self.row
        self.model.filter(kept)
        self._follow(row)

    def go(self, place: int) -> None:
        """Put the cursor on a place of the order."""
        count = len(self.model)
        place = max(0, min(place, count - 1))
        if place == self.cursor or not count:
            return
        before, self.cursor = self.cursor, place
        if self._keep_in_window():
            self.refresh()
        else:
            for changed in (before, place):
                self.refresh(Region(0, 1 + changed - self.top, self.size.width, 1))
        self._tell()

    def go_row(self, row: int, line: int) -> None:
        """Put the cursor on a row, on a line of the window where that can be."""
        place = self.model.place(row)
        if place is None:
            return
        self.cursor = place
        self.top = max(0, min(place - line, len(self.model) - self.page))
        self._keep_in_window()
        self._again()
        self._tell()

    @property
    def page(self) -> int:
        """Rows that can be seen at once."""
        return max(1, self.size.height - 1)

    @property
    def position_text(self) -> str:
        """Which row of how many."""
        count = len(self.model)
        shown = f"{min(self.cursor + 1, count)} of {count}"
        return shown if count == self.model.size else f"{shown} ({self.model.size} in all)"

    # keys

    def action_up(self) -> None:
        """One row up."""
        self.go(self.cursor - 1)

    def action_down(self) -> None:
        """One row down."""
        self.go(self.cursor + 1)

    def action_page_up(self) -> None:
        """One page up."""
        self.go(self.cursor - self.page)

    def action_page_down(self) -> None:
        """One page down."""
        self.go(self.cursor + self.page)

    def action_first(self) -> None:
        """The first row."""
        self.go(0)

    def action_last(self) -> None:
        """The last row."""
        self.go(len(self.model) - 1)

    def action_left(self) -> None:
        """The column on the left."""
        self._go_column(self.column - 1)

    def action_right(self) -> None:
        """The column on the right."""
        self._go_column(self.column + 1)

    def action_choose(self) -> None:
        """Tell that the row was chosen."""
        if self.row is not None:
            self.post_message(RowChosen(self.id or "", self.row))

    def action_sort(self) -> None:
        """Ask for the order of the column under the column cursor."""
        self.post_message(SortAsked(self.id or "", self.columns[self.column].key))

    # the mouse, when it is on

    def on_click(self, event: events.Click) -> None:
        """A row is selected, twice chosen; a column's title sorts."""
        if event.y == 0:
            for index, column in enumerate(self.columns):
                if any(p.column is column and p.x <= event.x < p.x + p.width + GAP for p in self._placed):
                    self._go_column(index)
                    self.action_sort()
            return
        self.go(self.top + event.y - 1)
        if event.chain == 2:
            self.action_choose()

    def on_mouse_scroll_down(self) -> None:
        """Three rows down."""
        self.go(self.cursor + 3)

    def on_mouse_scroll_up(self) -> None:
        """Three rows up."""
        self.go(self.cursor - 3)

    # painting

    def on_resize(self) -> None:
        """Columns are placed anew; the cursor stays in the window."""
        self._keep_in_window()
        self._again()

    def notify_style_update(self) -> None:
        """Another theme: strips are drawn anew."""
        super().notify_style_update()
        self._strips.clear()

    def place_columns(self, width: int) -> tuple[Placed, ...]:
        """The columns that fit in *width*: all, or the most telling ones with those that are needed."""
        name, rest = self.columns[0], self.columns[1:]
        room = width - MARK - self._least
        chosen = self._chosen(rest, room)
        used = sum(column.width + GAP for column in chosen)
        spare = room - used
        wider = spare if self._names or not chosen else min(spare, self._wanted - self._least)
        placed = [Placed(name, MARK, max(1, self._least + wider))]
        x = MARK + placed[0].width
        for column in chosen:
            last = column is chosen[-1] and not column.right and column.parts is None
            size = column.width + (spare - wider if last else 0)
            placed.append(Placed(column, x + GAP, size))
            x += GAP + size
        return tuple(placed)

    def _needed(self) -> list[Column]:
        """The columns that are always shown: the one that orders the rows, and the one under the cursor."""
        ordered = self.model.sorted_by
        found = [column for column in self.columns[1:] if ordered and column.key == ordered[0]]
        current = self.columns[self.column]
        return found if self.column == 0 or current in found else [*found, current]

    def _chosen(self, rest: tuple[Column, ...], room: int) -> list[Column]:
        chosen: list[Column] = []
        longer = self._wanted - self._least
        for column in sorted(rest, key=lambda column: column.priority):
            spare = room - (longer if column.priority > ESSENTIAL else 0)
            if column.width + GAP <= spare:
                chosen.append(column)
                room -= column.width + GAP
            else:
                break
        for column in (needed := self._needed()):
            if column in chosen:
                continue
            while room < column.width + GAP and (others := [one for one in chosen if one not in needed]):
                chosen.remove(others[-1])
                room += others[-1].width + GAP
            chosen.append(column)
            room -= column.width + GAP
        return [column for column in rest if column in chosen]

    def render_line(self, y: int) -> Strip:
        """The head, a row, or blanks."""
        width = self.size.width
        if not self._placed:
            self._placed = self.place_columns(width)
        if y == 0:
            return self.strip(self._head(width))
        place = self.top + y - 1
        if place >= len(self.model):
            said = [(f"  {self.empty}", "muted")] if y == 2 and not len(self.model) else []
            return self.strip(clip(said, width))
        row = self.model.order[place]
        selected = place == self.cursor
        key = (row, self.model.revision[row], selected, self.has_focus and selected, row in self.marks, width)
        strip = self._strips.get(key)
        if strip is None:
            strip = self._strips[key] = self._row(row, selected, width)
            while len(self._strips) > CACHED_SCREENS * (self.size.height + 1):
                self._strips.popitem(last=False)
        else:
            self._strips.move_to_end(key)
        return strip

    def _head(self, width: int) -> list[Part]:
        parts: list[Part] = [(" " * MARK, "head")]
        ordered = self.model.sorted_by
        for placed in self._placed:
            column, gap = placed.column, " " * GAP
            title = column.title
            if ordered and ordered[0] == column.key:
                sign = self.glyphs.down if ordered[1] else self.glyphs.up
                if len(title) < placed.width:
                    title = sign + title if column.right else title + sign
                elif column.right:  # no room inside: the arrow stands in the gap
                    parts[-1] = (parts[-1][0][:-1] + sign, "head")
                else:
                    gap = sign
            under = self.column_cursor and column is self.columns[self.column]
            text = fit(title, placed.width, right=column.right, sign=self.glyphs.cut)
            parts += [(text, "column" if under else "head"), (gap, "head")]
        return clip(merge(parts), width)

    def _row(self, row: int, selected: bool, width: int) -> Strip:
        glyphs = self.glyphs
        parts: list[Part] = [(glyphs.cursor if selected else " ", "plain")]
        parts.append(("*", "accent") if row in self.marks else (" ", "plain"))
        for index, placed in enumerate(self._placed):
            value = self.model.value(row, placed.column.key)
            if index == 0 and self._names:
                shown = glyphs.show(str(value))
                parts.append((fit_name(shown, placed.width, glyphs.cut), placed.column.tone))
            else:
                parts += placed.column.cell(value, placed.width, glyphs.cut)
            parts.append((" " * GAP, "plain"))
        over = self.get_component_rich_style("tone--cursor", partial=True) if selected else None
        return self.strip(clip(merge(parts), width), over)

    def _go_column(self, index: int) -> None:
        index = max(0, min(index, len(self.columns) - 1))
        if index == self.column:
            return
        self.column = index
        placed = self.place_columns(self.size.width)
        if placed != self._placed:
            self._again()
        else:
            self.refresh(Region(0, 0, self.size.width, 1))

    def _follow(self, row: int | None) -> None:
        """After another order: the cursor stays on its row where that is still shown."""
        place = self.model.place(row) if row is not None else None
        self.cursor = place if place is not None else 0
        self._keep_in_window()
        self._again()
        self._tell()

    def _keep_in_window(self) -> bool:
        """Move the window when the cursor has left it, by half a page; True when it moved."""
        page, top = self.page, self.top
        last = max(0, len(self.model) - page)
        if self.cursor < self.top:
            self.top = max(0, min(self.cursor - page // 2, last))
        elif self.cursor >= self.top + page:
            self.top = min(last, max(0, self.cursor - page // 2))
        self.top = min(self.top, last)
        return self.top != top

    def _again(self) -> None:
        self._placed = self.place_columns(self.size.width) if self.size.width else ()
        self._strips.clear()
        self.refresh()

    def _tell(self) -> None:
        self.post_message(RowMoved(self.id or "", self.row))
