"""The list of sessions: open one, make a new one."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from ...engine.errors import QuantdeckError
from ...engine.text import visible
from ...sessions.recognise import is_session
from .. import figures
from ..columns import blank, short_sqnr_cell
from ..glyphs import Glyphs
from ..keys import bindings
from ..listing import list_folder, read_entry
from ..messages import ChoiceDone, RowChosen, SortAsked
from ..request import delete, duplicate
from ..snapshots import SessionEntry
from ..widgets.cells import cut
from ..widgets.choice_line import ChoiceLine, Option
from ..widgets.line_table import LineTable
from ..widgets.painted import Lines
from ..widgets.table_model import Column, TableModel
from .base import DeckScreen
from .picker import Picker

LOOK = 1.0  # seconds between looks at sessions with a running job
ANSWERS = (Option("n", "no", "no"), Option("y", "yes, for good", "yes"))
KEYS = ("title", "model", "chip", "cos", "sqnr", "samples", "top1_float", "top1_int8", "job", "changed")

SCORE = ("cos", "sqnr", "top1_float", "top1_int8")


def session_columns(glyphs: Glyphs, now: float) -> tuple[Column, ...]:
    """Columns of the list; *now* makes ages of times."""

    def shown(width: int) -> Callable[[object], str]:
        return lambda value: cut(glyphs.show(str(value)), width, glyphs.cut)

    return (
        Column("title", "session", 16),
        Column("model", "model", 14, shown(14), priority=2),
        Column("chip", "chip", 9, shown(9), priority=3),
        Column("cos", "cosine", 8, blank(figures.cosine), right=True, priority=6),
        Column("sqnr", "SQNR dB", 9, priority=0, parts=short_sqnr_cell),
        Column("samples", "on", 5, blank(str), right=True, priority=2),
        Column("top1_float", "top-1 float", 11, blank(figures.share), right=True, priority=7),
        Column("top1_int8", "int8", 7, blank(figures.share), right=True, priority=5),
        Column("job", "job", 17, shown(17), priority=1),
        Column("changed", "changed", 14, lambda at: age(at, now), right=True, priority=4, descending=True),
    )


def age(at: float, now: float) -> str:
    """How long ago: ``5 min ago``."""
    seconds = max(0.0, now - at)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return "just now"


def named_apart(entries: Sequence[SessionEntry]) -> tuple[SessionEntry, ...]:
    """Sessions of one title, as copies are, go by the names of their files."""
    titles = Counter(entry.title for entry in entries)
    return tuple(
        replace(entry, title=entry.path.stem) if titles[entry.title] > 1 else entry for entry in entries
    )


def row_of(entry: SessionEntry) -> dict[str, object]:
    """The cells of a session's row."""
    row: dict[str, object] = {key: getattr(entry, key) for key in KEYS}
    if entry.stale:  # the plan that stands has no score of its own yet
        row |= {key: figures.Stale(value) for key in SCORE if isinstance(value := row[key], float)}
    return {**row, "job": entry.job or ("cannot be read" if entry.problem else "")}


class StartScreen(DeckScreen):
    """Every session of the folder."""

    AREAS: ClassVar[tuple[str, ...]] = ("start",)
    BINDINGS: ClassVar[list[BindingType]] = bindings("start")
    TITLE_TEXT = "sessions"

    def __init__(self, notice: str = "") -> None:
        super().__init__()
        self._notice = notice  # why the list is shown
        self._entries: tuple[SessionEntry, ...] = ()
        self._read = False  # whether the folder was read; mounting does that

    def body(self) -> ComposeResult:
        """The list and a line of state."""
        columns = session_columns(self.deck.glyphs, self.deck.clock())
        yield LineTable(columns, id="sessions")
        yield ChoiceLine()
        yield Lines(id="status")

    def on_mount(self) -> None:
        """Read the folder."""
        super().on_mount()
        self.action_reload()
        self._read = True
        self.table.focus()
        if self._notice:
            self.say(self._notice, "bad")

    def on_screen_resume(self) -> None:
        """Scores may have changed meanwhile."""
        super().on_screen_resume()
        if self._read:
            self.action_reload()

    @property
    def table(self) -> LineTable:
        """The list."""
        return self.query_one(LineTable)

    def action_reload(self) -> None:
        """Read the folder again; the cursor stays on its session."""
        table = self.table
        before = self._entries[table.row].path if table.row is not None else None
        ordered = table.model.sorted_by
        try:
            self._entries = named_apart(list_folder(self.deck.folder))
        except QuantdeckError as error:
            self.say(str(error), "bad")
            return
        table.empty = f"No session yet: {self.key('start.new')} makes one of a model and its samples."
        rows = [row_of(entry) for entry in self._entries]
        table.load(TableModel({key: [row[key] for row in rows] for key in KEYS}), keep=True)
        if ordered:
            table.sort(*ordered)
        for place, row in enumerate(table.model.order):
            if self._entries[row].path == before:
                table.go(place)
        self.state(f"{len(self._entries)} in {visible(str(self.deck.folder))}")
        self._look_later()

    def _look_later(self) -> None:
        """Look again only while a job is at work on one of the sessions."""
        if any(entry.job.endswith((" running", " waiting")) for entry in self._entries):
            self.set_timer(LOOK, self._look)

    def _look(self) -> None:
        """Fresh figures of the sessions that are worked on, cell by cell."""
        if not self.is_current:
            return
        for row, entry in enumerate(self._entries):
            if entry.job and entry.path.exists():
                fresh = replace(read_entry(entry.path), title=entry.title)
                for key, value in row_of(fresh).items():
                    self.table.set(row, key, value)
        self._look_later()

    def on_row_chosen(self, event: RowChosen) -> None:
        """Open the session."""
        self._open(self._entries[event.row].path)

    def on_row_moved(self) -> None:
        """Where the session lies, or what is wrong with one that cannot be read."""
        entry = self.chosen
        if entry is not None:
            self.state(entry.problem or visible(str(entry.path)), "weak" if entry.problem else "muted")

    def on_sort_asked(self, event: SortAsked) -> None:
        """Sort by the column under the column cursor."""
        self.table.sort(event.column)

    def action_new(self) -> None:
        """The form for a new session."""
        self.deck.show_new_session()

    def action_open_file(self) -> None:
        """Choose a session or a model anywhere."""
        self.deck.push_screen(Picker("open a session or a model", Path.cwd()), self._picked)

    @property
    def chosen(self) -> SessionEntry | None:
        """The session under the cursor."""
        row = self.table.row
        return self._entries[row] if row is not None else None

    def action_duplicate(self) -> None:
        """Copy the session beside itself."""
        entry = self.chosen
        if entry is not None:
            self.say(f"copying {visible(entry.path.name)}", "accent")
            self.run_worker(lambda: self._duplicate(entry.path), thread=True, group="files", exclusive=True)

    def _duplicate(self, path: Path) -> None:
        try:
            copy = duplicate(path)
        except QuantdeckError as error:
            self.deck.call_from_thread(self.say, str(error), "bad")
            return
        self.deck.call_from_thread(self._copied, copy)

    def _copied(self, copy: Path) -> None:
        self.action_reload()
        self.say(f"copied to {visible(str(copy))}", "good")

    def action_delete(self) -> None:
        """Ask whether the session shall be deleted."""
        entry = self.chosen
        if entry is not None:
            self.query_one("#status").display = False
            name = cut(self.deck.glyphs.show(entry.path.name), 40, self.deck.glyphs.cut)
            self.query_one(ChoiceLine).ask("delete", f"delete {name}?", ANSWERS)

    def on_choice_done(self, event: ChoiceDone) -> None:
        """Delete after a yes."""
        self.query_one("#status").display = True
        entry = self.chosen
        if event.value != "yes" or entry is None:
            self.say("nothing was deleted")
            return
        try:
            delete(entry.path)
        except QuantdeckError as error:
            self.say(str(error), "bad")
            return
        self.action_reload()
        self.say(f"deleted {visible(entry.path.name)}", "good")

    def action_copy(self) -> None:
        """Copy the session's path."""
        row = self.table.row
        if row is not None:
            text = visible(str(self._entries[row].path))
            self.say(f"copied {self.deck.copy(text)}: {text}", "accent")

    def _picked(self, path: Path | None) -> None:
        if path is None:
            return
        if is_session(path):
            self._open(path)
        elif path.suffix.lower() == ".onnx":
            self.deck.show_new_session(path)
        else:
            self.say(f"{visible(path.name)} is neither a session nor an ONNX model.", "bad")

    def _open(self, path: Path) -> None:
        try:
            self.deck.open_session(path)
        except QuantdeckError as error:
            self.say(str(error), "bad")
