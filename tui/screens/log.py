"""A job's log, line by line; long lines go on in the next row, and a log that grows is followed at its end."""

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from ...engine.text import visible
from ...sessions.diagnosis import end_of
from ..keys import bindings
from ..messages import SessionChanged
from ..widgets.cells import wrapped
from ..widgets.line_table import LineTable
from ..widgets.painted import Lines
from ..widgets.table_model import Column, TableModel
from .base import DeckScreen

MOST = 1_000_000  # bytes read of the end of a log
ROWS = 200  # of one line


class LogScreen(DeckScreen):
    """The end of a file."""

    AREAS: ClassVar[tuple[str, ...]] = ("log",)
    BINDINGS: ClassVar[list[BindingType]] = bindings("log")
    TITLE_TEXT = "log"

    def __init__(self, path: Path, title: str) -> None:
        super().__init__()
        self._path = path
        self._title = title
        self._lines: list[str] = []

    def body(self) -> ComposeResult:
        """The lines."""
        table = LineTable((Column("line", "line", 20),), id="lines", empty="The log is empty.")
        table.column_cursor = False
        yield table
        yield Lines(id="status")

    def on_mount(self) -> None:
        """Read it and go to its end."""
        super().on_mount()
        self.action_reload()
        self.query_one(LineTable).focus()

    def action_reload(self) -> None:
        """Read the file again."""
        table = self.query_one(LineTable)
        try:
            with self._path.open("rb") as file:
                text = end_of(file, MOST)
        except OSError as error:
            self.say(f"{visible(str(self._path))}: {error.strerror}", "bad")
            return
        rows: list[tuple[str, int]] = []
        self._lines = text.splitlines()
        for number, line in enumerate(self._lines):
            rows += [(piece, number) for piece in self._pieces(line)]
        table.load(TableModel({"line": [piece for piece, _ in rows], "number": [place for _, place in rows]}))
        table.action_last()
        self.state(f"{self._title} {self.deck.glyphs.dot} {visible(str(self._path))}")

    def _pieces(self, line: str) -> list[str]:
        """A line in rows that fit; each as it is shown."""
        width = self.deck.size.width - 4
        shown = self.deck.glyphs.show(line)
        if len(shown) * 2 <= width:  # no cell is wider than two
            return [shown]
        return ["".join(text for text, _ in row).strip() for row in wrapped(shown, "plain", width, ROWS)] or [
            ""
        ]

    def follow(self, change: SessionChanged) -> None:
        """What the job adds, as long as the cursor stands at the end."""
        table = self.query_one(LineTable)
        if table.cursor >= len(table.model) - 1:
            self.action_reload()

    def action_copy(self) -> None:
        """Copy the line."""
        table = self.query_one(LineTable)
        if table.row is not None:
            text = self.deck.glyphs.show(self._lines[int(str(table.model.value(table.row, "number")))])
            self.say(f"copied {self.deck.copy(text)}", "accent")

    def action_back(self) -> None:
        """Back to where one came from."""
        self.deck.pop_screen()
