"""Every key of the place where one is, then of all others, and what the signs mean."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from ..keys import AREAS as TITLES
from ..keys import KEYS, bindings
from ..widgets.histogram import LETTERS
from ..widgets.line_table import LineTable
from ..widgets.table_model import Column, TableModel
from .base import DeckScreen

COLUMNS = (
    Column("key", "key", 12, tone="key"),
    Column("title", "action", 16, priority=1),
    Column("detail", "what it does", 48, priority=2),
)

SIGNS = (
    ("ok  !  !!", "verdict", "SQNR from 20 dB on, from 10 dB, below: noise over a tenth, a third"),
    ("alone", "local", "only this layer in int8, at its own output"),
    ("in the plan", "cos, SQNR", "the whole plan in int8, at this layer: noise adds up"),
    ("clipped", "saturation", "share of values at the ends of the integer range"),
    ("op:Conv", "filter", "in a filter: the op alone; several words must all match"),
    ("--mouse", "option", "mouse on; with it, Shift and drag selects as the terminal does"),
    ("--glyphs", "option", "braille, block or ascii curves; --colors auto, 256, 16, none"),
)


class HelpScreen(DeckScreen):
    """A list of keys; the areas of the screen below come first."""

    AREAS: ClassVar[tuple[str, ...]] = ("help",)
    BINDINGS: ClassVar[list[BindingType]] = bindings("help")
    TITLE_TEXT = "help"

    def __init__(self, areas: tuple[str, ...]) -> None:
        super().__init__()
        self._areas = areas

    def body(self) -> ComposeResult:
        """One table."""
        table = LineTable(COLUMNS, id="keys", names=False)
        table.column_cursor = False
        yield table

    def on_mount(self) -> None:
        """Fill it."""
        super().on_mount()
        rows = help_rows(self._areas)
        columns: dict[str, list[object]] = {
            name: [row[index] for row in rows] for index, name in enumerate(("key", "title", "detail"))
        }
        table = self.query_one(LineTable)
        table.load(TableModel(columns))
        table.focus()

    def action_back(self) -> None:
        """Back to where one came from."""
        self.deck.pop_screen()


def help_rows(areas: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """Rows of the help: keys of *areas* first, then everything else, then the signs."""
    first = ["app", *areas] if "app" not in areas else list(areas)
    order = first + [area for area in TITLES if area not in first]
    rows: list[tuple[str, str, str]] = []
    for area in order:
        rows.append(("", TITLES[area].upper(), ""))
        rows += [
            (key.display, key.title, key.detail) for key in KEYS if key.area == area and not key.priority
        ]
        rows.append(("", "", ""))
    rows += [("", "SIGNS", ""), *SIGNS]
    rows += [(sign, "threshold", f"{method} in the histogram") for method, sign in LETTERS.items()]
    return rows
