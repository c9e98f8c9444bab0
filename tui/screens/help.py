"""Every key of the place where one is, then of all others, and what the signs mean."""

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from ..keys import AREAS as TITLES
from ..keys import KEYS, as_set, bindings
from ..messages import RowMoved
from ..widgets.histogram import LETTERS
from ..widgets.line_table import LineTable
from ..widgets.painted import Lines
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
    ("in the plan", "cosine, SQNR", "the whole plan in int8, at this layer: noise adds up"),
    (
        "output dB",
        "at the outputs",
        "this layer alone in int8, at the worst output; the bar: its part of the noise",
    ),
    (
        "if changed",
        "prediction",
        "dB that the worst output gains if this layer alone turns to float, or to int8",
    ),
    (
        "+2.4 (0.7)",
        "prediction",
        "a gain in dB; nine times of ten it is off by less than what is in brackets",
    ),
    ("here", "estimate", "guessed at the layer itself, as the outputs are not measured yet"),
    ("~", "stale", "a figure of the plan before; it is replaced when this plan has been run"),
    ("…", "cut", "a text goes on here; a wider terminal shows more, Copy name takes it whole"),
    ("cosine", "similarity", "of the output with the float network's: 1 is the same"),
    ("cos", "of searches", "(1 + cosine) / 2, as searches write it: cos 0.99 is cosine 0.98"),
    (
        "clipped",
        "saturation",
        "part of the values at the ends of int8: a column far right, and the detail",
    ),
    ("op:Conv", "filter", "in a filter: the op alone; several words must all match"),
    ("ctrl+u", "typing", "clears to the left; ctrl+w a word, ctrl+k to the right; ctrl+a, ctrl+e: ends"),
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
        yield Lines(id="status")

    def on_row_moved(self, event: RowMoved) -> None:
        """What the row says stands whole above the footer: a narrow terminal cuts it in the table."""
        values = self.query_one(LineTable).model.values
        told = "" if event.row is None else str(values["detail"][event.row])
        self.state(told)

    def on_mount(self) -> None:
        """Fill it."""
        super().on_mount()
        rows = help_rows(self._areas, self.deck.config.keys)
        columns: dict[str, list[object]] = {
            name: [row[index] for row in rows] for index, name in enumerate(("key", "title", "detail"))
        }
        table = self.query_one(LineTable)
        table.load(TableModel(columns))
        table.focus()

    def action_back(self) -> None:
        """Back to where one came from."""
        self.deck.pop_screen()


def help_rows(areas: tuple[str, ...], changed: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Rows of the help: keys of *areas* first, then everything else, then the signs; *changed*: keys of the user's."""
    keys = as_set((key for key in KEYS if not key.priority), changed)
    first = ["app", *areas] if "app" not in areas else list(areas)
    order = first + [area for area in TITLES if area not in first]
    rows: list[tuple[str, str, str]] = []
    for area in order:
        rows.append(("", TITLES[area].upper(), ""))
        rows += [(key.display, key.title, key.detail) for key in keys if key.area == area]
        rows.append(("", "", ""))
    rows += [("", "SIGNS", ""), *SIGNS]
    rows += [(sign, "threshold", f"{method} in the histogram") for method, sign in LETTERS.items()]
    return rows
