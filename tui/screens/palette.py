"""Every action by its name."""

from collections.abc import Mapping
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from ..columns import layer_columns
from ..glyphs import GLYPHS
from ..keys import AREAS, actions, as_set, elsewhere
from ..messages import RowChosen, RowMoved
from ..widgets.line_table import LineTable
from ..widgets.painted import Lines
from ..widgets.prompt import Line
from ..widgets.table_model import Column, TableModel
from .base import DeckModal

COLUMNS = (
    Column("title", "action", 23),
    Column("key", "key", 9, tone="key", priority=1),
    Column("detail", "what it does", 33, priority=2, tone="muted"),
)


RANK = Column("rank", "", 0)  # orders the rows; not shown

Row = tuple[str, str, str, str]
"""Title, key, what it does, action."""


class Palette(DeckModal[str | None]):
    """Type some letters, Enter runs; returns the action's name or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", show=False),
        Binding("down", "down", "Down", show=False),
        Binding("up", "up", "Up", show=False),
    ]

    def __init__(self, areas: tuple[str, ...], changed: Mapping[str, str]) -> None:
        super().__init__()
        self._rows = palette_rows(areas, changed)

    def compose(self) -> ComposeResult:
        """A line to type in and the actions that match."""
        with Vertical(id="box"):
            yield Line(placeholder="type to find an action, Enter runs it", id="palette-input")
            table = LineTable(COLUMNS, id="actions", empty="No action of that name.", names=False)
            table.column_cursor = False
            table.can_focus = False
            yield table
            yield Lines(id="about")

    def on_mount(self) -> None:
        """All actions."""
        names = ("title", "key", "detail", "action")
        columns: dict[str, list[object]] = {
            name: [row[index] for row in self._rows] for index, name in enumerate(names)
        }
        self.table.load(TableModel(columns))
        self.query_one(Input).focus()

    @property
    def table(self) -> LineTable:
        """The actions."""
        return self.query_one(LineTable)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Only what matches every word, first where the title does."""
        model = self.table.model
        model.values[RANK.key] = ranks = ranked(self._rows, event.value)
        model.sort(RANK)
        self.table.filter(lambda row: ranks[row] is not None)
        self.table.go(0)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Run the one under the cursor."""
        self.table.action_choose()

    def on_row_moved(self, event: RowMoved) -> None:
        """What the action does, whole: the table may cut it."""
        told = "" if event.row is None else self._rows[event.row][2]
        self.query_one("#about", Lines).set_line([(f" {told}", "muted")])

    def on_row_chosen(self, event: RowChosen) -> None:
        """Return it."""
        self.dismiss(self._rows[event.row][3])

    def on_key(self, event: events.Key) -> None:
        """Paging from the line."""
        pages = {"pagedown": self.table.action_page_down, "pageup": self.table.action_page_up}
        if event.key in pages:
            event.stop()
            pages[event.key]()

    def action_down(self) -> None:
        """The next action."""
        self.table.action_down()

    def action_up(self) -> None:
        """The action before."""
        self.table.action_up()

    def action_leave(self) -> None:
        """Nothing."""
        self.dismiss(None)


def palette_rows(areas: tuple[str, ...], changed: Mapping[str, str]) -> list[Row]:
    """Everything that can be done: here first, then on the session's other screens.

    *changed*: keys of the user's, by action.
    """
    rows = [
        (key.title, key.display, key.detail, key.action) for key in as_set(actions(*areas, "app"), changed)
    ]
    if "layers" in areas:
        rows += [
            (f"Sort by {column.title}", "", "Again turns the direction", f"sort_by('{column.key}')")
            for column in layer_columns(GLYPHS["ascii"])
        ]
    rows += [
        (
            f"{AREAS[key.area]}: {key.title}",
            key.display,
            key.detail,
            f"elsewhere({key.area!r}, {key.action!r})",
        )
        for key in as_set(elsewhere(*areas), changed)
    ]
    return [row for row in rows if row[3] != "palette"]


def ranked(rows: list[Row], typed: str) -> list[int | None]:
    """Each row's place: 0 where its title begins with what is typed, 1 where the title holds every word.

    2 where title and detail do together, None where they do not.
    """
    words = typed.lower().split()

    def rank(title: str, detail: str) -> int | None:
        if all(word in title for word in words):
            return 0 if title.startswith(" ".join(words)) else 1
        return 2 if all(word in f"{title} {detail}" for word in words) else None

    return [rank(row[0].lower(), row[2].lower()) for row in rows]
