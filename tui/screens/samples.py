"""The samples with the similarity of the worst output on each, the worst first; bad cases become a list file.

A sample fails whose cosine lies below the target of the session's newest search, as that was written: (1 + cosine) / 2.
"""

from itertools import chain, count
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from ...engine.errors import QuantdeckError
from ...engine.text import counted, visible
from ...sessions.faults import explained
from .. import figures
from ..columns import blank, sqnr_cell
from ..messages import PromptDone, RowMoved, SessionChanged, SortAsked
from ..queries import SampleEntry, samples, samples_role
from ..search_view import last_target
from ..widgets.line_table import LineTable
from ..widgets.painted import Lines
from ..widgets.prompt import Prompt
from ..widgets.table_model import Column, TableModel
from .place import PlaceScreen, place_bindings

KEYS = ("entry", "number", "cos", "sqnr", "verdict", "note")
TARGET = 0.99
"""Where no search was told one: what the searches' form begins with."""


def judged(cos: float | None, target: float) -> str:
    """Whether a sample's raw cosine reaches a target in the chapter's cos."""
    return "" if cos is None else "pass" if (1 + cos) / 2 >= target else "FAIL"


def needed(target: float) -> str:
    """What a sample's own cosine has to reach, beside the target as a search was told it."""
    return f"cosine {2 * target - 1:.10g} (wanted cos {target:.10g} of searches, which is (1 + cosine) / 2)"


class SamplesScreen(PlaceScreen):
    """A row for each sample."""

    AREAS: ClassVar[tuple[str, ...]] = ("place", "samples")
    BINDINGS: ClassVar[list[BindingType]] = place_bindings("samples")
    TITLE_TEXT = "samples"

    def __init__(self) -> None:
        super().__init__()
        self._entries: tuple[SampleEntry, ...] = ()
        self._target = TARGET

    def body(self) -> ComposeResult:
        """The table and a line of state."""
        columns = (
            Column("entry", "sample", 30),
            Column("number", "#", 5, blank(str), right=True, priority=3),
            Column("cos", "cosine", 9, blank(figures.cosine), right=True, priority=1),
            Column("sqnr", "SQNR dB", 17, priority=0, parts=sqnr_cell(self.deck.glyphs)),
            Column("verdict", "target", 6, str, priority=2),
            Column("note", "skipped because", 26, lambda note: self.deck.glyphs.show(str(note)), priority=2),
        )
        yield LineTable(columns, id="samples", empty="No samples.")
        yield Prompt()
        yield Lines(id="status")

    def on_mount(self) -> None:
        """Read them, the worst first."""
        super().on_mount()
        self._load()
        self.table.sort("sqnr", False)
        self.table.go(0)
        self.table.focus()

    @property
    def table(self) -> LineTable:
        """The samples."""
        return self.query_one(LineTable)

    def follow(self, change: SessionChanged) -> None:
        """Another score is another table."""
        before = change.before
        if before is None or (before.plan, before.score) != (change.view.plan, change.view.score):
            ordered, row = self.table.model.sorted_by, self.table.row
            self._load()
            if ordered:
                self.table.sort(*ordered)
            if row is not None:
                self.table.go_row(row, 0)

    def _load(self) -> None:
        feed, view = self.deck.feed, self.deck.view
        if feed is None or view is None:
            return
        plan = view.score.plan if view.score else view.plan
        try:
            with explained(view.path):
                self._entries = samples(feed.reader, plan)
                self._target = last_target(feed.reader) or TARGET
        except QuantdeckError as error:
            self.say(str(error), "bad")
            return
        columns: dict[str, list[object]] = {
            key: [getattr(one, key) for one in self._entries] for key in KEYS if key != "verdict"
        }
        columns["verdict"] = [judged(one.cos, self._target) for one in self._entries]
        if view.stale:
            columns["sqnr"] = [figures.Stale(v) if isinstance(v, float) else v for v in columns["sqnr"]]
            columns["cos"] = [figures.Stale(v) if isinstance(v, float) else v for v in columns["cos"]]
        self.table.load(TableModel(columns), keep=True)
        self._draw()

    def on_row_moved(self, event: RowMoved) -> None:
        """Which one of how many."""
        self._draw()

    def on_sort_asked(self, event: SortAsked) -> None:
        """Sort by the column under the column cursor."""
        self.table.sort(event.column)

    def _draw(self) -> None:
        scored = sum(one.cos is not None for one in self._entries)
        failed = sum(judged(one.cos, self._target) == "FAIL" for one in self._entries)
        parts = [self.table.position_text, f"{failed} of {scored} fail: below {needed(self._target)}"]
        if self.table.marks:
            parts.append(f"{len(self.table.marks)} marked, {self.key('samples.search')} searches on them")
        self.state(f" {self.deck.glyphs.dot} ".join(parts))

    def action_failed(self) -> None:
        """Mark every sample that fails, and no other."""
        table = self.table
        failed = [row for row, one in enumerate(self._entries) if judged(one.cos, self._target) == "FAIL"]
        table.mark(range(len(self._entries)), False)
        table.mark(failed, True)
        self._draw()
        if not failed:
            self.say(f"no sample is below {needed(self._target)}", "good")

    def action_search(self) -> None:
        """A search whose candidates are scored on the marked samples alone."""
        view = self.deck.view
        if not self.table.marks:
            self.say(self._mark_first, "weak")
        elif view is not None:
            listed = self._listed()
            target = list_for(view.path, listed)
            if target.exists() or self._write(target, listed):
                self.deck.show_search_form(listed=target)

    @property
    def _mark_first(self) -> str:
        mark, failed = self.key("samples.mark"), self.key("samples.failed")
        return f"mark samples first ({mark}, or {failed} for all that fail)"

    def action_mark(self) -> None:
        """Mark or unmark a sample."""
        table = self.table
        if table.row is not None and self._entries[table.row].number is None:
            self.say("it was skipped, so nothing can be scored on it", "weak")
        elif table.row is not None:
            table.mark([table.row], table.row not in table.marks)
            table.action_down()
            self._draw()

    def action_copy(self) -> None:
        """Copy the sample's path."""
        if self.table.row is not None:
            text = visible(self._entries[self.table.row].entry)
            self.say(f"copied {self.deck.copy(text)}: {text}", "accent")

    def action_write(self) -> None:
        """Ask for a file that lists the marked samples for --data_list."""
        if not self.table.marks:
            self.say(self._mark_first, "weak")
        elif self.deck.view is not None:
            usual = self.deck.view.path.with_name(f"{self.deck.view.path.stem}_samples.txt")
            self.query_one(Prompt).ask("list", "list for --data_list", str(usual))

    def on_prompt_done(self, event: PromptDone) -> None:
        """Write the list; a file that is there stays."""
        if not event.kept or not event.text.strip():
            return
        target = Path(event.text.strip()).expanduser()
        if self._write(target, self._listed()):
            number = counted(len(self.table.marks), "sample")
            self.say(f"{number} in {visible(str(target))}: --data_list {visible(str(target))}", "good")

    def _listed(self) -> bytes:
        """The marked samples, one a line."""
        base = self._base
        names = [placed(self._entries[row].entry, base) for row in sorted(self.table.marks)]
        return "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")

    @property
    def _base(self) -> Path | None:
        """The folder or list that the samples came from."""
        from ...sessions.records import path_of

        feed, view = self.deck.feed, self.deck.view
        if feed is None or view is None:
            return None
        role = samples_role(feed.reader, view.score.plan if view.score else view.plan)
        row = feed.reader.one("SELECT path FROM samples WHERE role = ?", role)
        return path_of(row[0]) if row else None

    def _write(self, target: Path, listed: bytes) -> bool:
        """Write a list to a new file; False when that was not possible."""
        made = False
        try:
            with target.open("xb") as file:
                made = True
                file.write(listed)
        except OSError as error:
            if made:  # a part of the list would pass for the whole
                target.unlink(missing_ok=True)
            way = f"{self.key('samples.write')} writes the list to another place"
            self.say(f"{visible(str(target))} cannot be written ({error.strerror}); {way}", "bad")
            return False
        return True


def list_for(session: Path, listed: bytes) -> Path:
    """The file beside a session that holds a list of bad cases, or a new one.

    One that lists others stays: an earlier search may rest and read it again.
    """
    ends = chain(("",), map("_{}".format, count(2)))
    numbered = (session.with_name(f"{session.stem}_bad_cases{end}.txt") for end in ends)
    return next(path for path in numbered if not path.exists() or _holds(path, listed))


def placed(entry: str, base: Path | None) -> str:
    """An entry with the whole paths of its files: a list is read from its own folder, wherever that is.

    base: the folder or the list of the samples; entries may begin with it as it was typed once.
    """
    if base is None:
        return entry
    for files in ([entry], entry.split(",")):
        found = [
            next((one / file for one in (base, *base.parents) if (one / file).exists()), None)
            for file in files
        ]
        if None not in found:
            return ",".join(map(str, found))
    return entry


def _holds(path: Path, content: bytes) -> bool:
    """Whether a file can be read and holds nothing else."""
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False
