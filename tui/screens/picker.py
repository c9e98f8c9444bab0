"""A file picker on the line table: names are hostile text here too."""

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from ...engine.text import visible
from ..figures import count
from ..keys import as_set, bindings, footer
from ..messages import PromptChanged, PromptDone, RowChosen
from ..widgets.bars import SizeNotice, footer_line
from ..widgets.line_table import LineTable
from ..widgets.painted import Lines
from ..widgets.prompt import Prompt
from ..widgets.table_model import Column, TableModel
from .base import DeckModal

COLUMNS = (
    Column("name", "name", 30),
    Column("kind", "", 8, tone="muted", priority=1),
    Column("size", "bytes", 8, lambda size: count(size) if size is not None else "", True, priority=2),
)


class Picker(DeckModal[Path | None]):
    """Returns a file, a folder, or None."""

    AREAS: ClassVar[tuple[str, ...]] = ("picker",)
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("picker"),
        Binding("question_mark,f1", "help", "Help", show=False, id="app.help"),
    ]

    def __init__(
        self, title: str, start: Path, *, folders: bool = False, suffixes: tuple[str, ...] = ()
    ) -> None:
        """*folders*: a folder is wanted. *suffixes*: which files are shown; none given shows all."""
        super().__init__()
        self._title = title
        self._folder = start if start.is_dir() else start.parent
        self._wants_folder = folders
        self._suffixes = suffixes
        self._hidden = False
        self._paths: list[Path] = []

    def compose(self) -> ComposeResult:
        """Where one is, what is there, the keys."""
        yield Lines(id="header")
        table = LineTable(COLUMNS, id="files", empty="Nothing to choose here.")
        table.column_cursor = False
        yield table
        yield Prompt()
        yield Lines(id="footer")
        yield SizeNotice()

    def on_mount(self) -> None:
        """Show the first folder."""
        self._draw_footer()
        self._enter(self._folder)
        self.table.focus()

    def on_resize(self, event: events.Resize) -> None:
        """The keys that fit."""
        super().on_resize(event)
        self._draw_footer()

    def _draw_footer(self) -> None:
        """The keys that hold here: a folder is taken only where one is wanted."""
        keys = [
            key
            for key in as_set(footer("app", *self.AREAS), self.deck.config.keys)
            if key.action == "help" or (key.area == "picker" and (self._wants_folder or key.action != "take"))
        ]
        for line in self.query("#footer").results(Lines):
            line.set_line(footer_line(keys, self.deck.size.width))

    @property
    def table(self) -> LineTable:
        """The files."""
        return self.query_one(LineTable)

    def on_row_chosen(self, event: RowChosen) -> None:
        """Into a folder, or take a file."""
        path = self._paths[event.row]
        if path.is_dir():
            self._enter(path)
        elif not self._wants_folder:
            self.dismiss(path)

    def action_choose(self) -> None:
        """Enter, as in the table."""
        self.table.action_choose()

    def action_take(self) -> None:
        """Take the folder that is shown."""
        if self._wants_folder:
            self.dismiss(self._folder)

    def action_up_folder(self) -> None:
        """The folder above."""
        came = self._folder
        self._enter(came.parent)
        for place, row in enumerate(self.table.model.order):
            if self._paths[row] == came:
                self.table.go(place)

    def action_hidden(self) -> None:
        """Show or hide hidden files."""
        self._hidden = not self._hidden
        self._enter(self._folder)

    def action_filter(self) -> None:
        """Names that hold a text."""
        self.query_one(Prompt).ask("filter", "filter")

    def on_prompt_changed(self, event: PromptChanged) -> None:
        """With each letter."""
        wanted = event.text.lower()
        self.table.filter(lambda row: wanted in self._paths[row].name.lower())

    def on_prompt_done(self, event: PromptDone) -> None:
        """Escape shows all again."""
        if not event.kept:
            self.table.filter(None)

    def action_help(self) -> None:
        """Every key of the picker."""
        from .help import HelpScreen

        self.deck.push_screen(HelpScreen((*self.AREAS, "table")))

    def action_back(self) -> None:
        """Without a choice."""
        self.dismiss(None)

    def _enter(self, folder: Path) -> None:
        try:
            paths = sorted(self._wanted(folder.iterdir()), key=_folders_first)
        except OSError as error:
            self._say(f"{visible(str(folder))}: {error.strerror}", "bad")
            return
        self._folder, self._paths = folder, paths
        columns: dict[str, list[object]] = {
            "name": [path.name for path in paths],
            "kind": ["folder" if path.is_dir() else "" for path in paths],
            "size": [None if path.is_dir() else _size(path) for path in paths],
        }
        self.table.load(TableModel(columns))
        self._say(str(folder), "plain")

    def _wanted(self, paths: Iterable[Path]) -> list[Path]:
        kept: list[Path] = []
        for path in paths:
            if path.name.startswith(".") and not self._hidden:
                continue
            if path.is_dir() or not self._suffixes or path.suffix.lower() in self._suffixes:
                kept.append(path)
        return kept

    def _say(self, text: str, tone: str) -> None:
        glyphs = self.deck.glyphs
        take = (
            f"{self.deck.key('picker.take')} takes this folder"
            if self._wants_folder
            else "Enter takes a file"
        )
        first = [(" quantdeck", "title"), (f"  {self._title}", "strong"), (f" {glyphs.dot} {take}", "muted")]
        self.query_one("#header", Lines).set_lines([first, [(" " + glyphs.show(text), tone)]])


def _folders_first(path: Path) -> tuple[bool, str]:
    return not path.is_dir(), path.name.lower()


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
