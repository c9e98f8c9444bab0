"""Two plans side by side, of this session or of two: scores, cost, tables, and the samples, worst first.

The outputs on the sample under the cursor are computed by a process beside the screen, when the cursor rests.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.timer import Timer

from ...engine.errors import QuantdeckError
from ...engine.text import counted, visible
from ...sessions.faults import explained
from .. import figures
from ..beside import Beside
from ..columns import blank
from ..compare_view import Side, layer_rows, sample_rows, score_lines
from ..messages import RowMoved, SessionChanged, SortAsked
from ..queries import PlanEntry, differences, plans, sample_figures, samples, samples_role
from ..reader import SessionReader
from ..sample_answers import answer_lines
from ..widgets.cells import Part
from ..widgets.line_table import LineTable
from ..widgets.painted import Lines
from ..widgets.table_model import Column, TableModel
from .picker import Picker
from .place import PlaceScreen, place_bindings

REST = 0.2  # seconds that the cursor rests before outputs are asked for
LONGEST = 1 << 20  # bytes of a file of class names
ANSWERING = "quantdeck.tui.answering"


def delta(value: object) -> str:
    """A gain or loss in dB with its sign."""
    return figures.stale(value) + figures.gain(value) if isinstance(value, float) else ""


class CompareScreen(PlaceScreen):
    """A is the plan compared with, B the one that stands; the keys a and b step through the plans."""

    AREAS: ClassVar[tuple[str, ...]] = ("place", "compare")
    BINDINGS: ClassVar[list[BindingType]] = place_bindings("compare")
    TITLE_TEXT = "compare"

    def __init__(self) -> None:
        super().__init__()
        self._other: SessionReader | None = None  # where A comes from, unless from this session
        self._left: PlanEntry | None = None
        self._right: PlanEntry | None = None
        self._by_sample = False
        self._beside = Beside(ANSWERING, self._heard)
        self._rest: Timer | None = None
        self._asked: list[object] = []
        self._names: tuple[str, ...] = ()
        self._answer: Mapping[str, Any] | None = None
        self._parts: tuple[float | None, ...] = (None, None)
        self._costs: dict[tuple[str, int], float | None] = {}  # predicted seconds by session and plan

    def body(self) -> ComposeResult:
        """The two scores, what differs, a line of state."""
        yield Lines(id="scores")
        yield LineTable(self._columns, id="differences", empty="The two do not differ.")
        yield Lines(id="outputs")
        yield Lines(id="status")

    @property
    def _columns(self) -> tuple[Column, ...]:
        """Of the layers that differ, or of the samples, which have no modes and thresholds."""
        real, sqnr = blank(figures.real), blank(figures.decibel)
        figures_of_both = (
            Column("sqnr_a", "SQNR A", 8, sqnr, right=True, priority=1),
            Column("sqnr_b", "SQNR B", 8, sqnr, right=True, priority=1),
            Column("gain", "gain dB", 8, delta, right=True, priority=0, descending=True),
        )
        if self._by_sample:
            cosine = blank(figures.cosine)
            cosines = (
                Column("cos_a", "cosine A", 8, cosine, right=True, priority=6),
                Column("cos_b", "cosine B", 8, cosine, right=True, priority=6),
            )
            return (Column("name", "sample", 29), *cosines, *figures_of_both)
        return (
            Column("name", "layer", 28),
            Column("op", "op", 9, self.deck.glyphs.show, priority=6),
            Column("changed", "changed", 7, str, priority=0, tone="accent"),
            Column("mode_a", "A", 4, blank(str), priority=2),
            Column("mode_b", "B", 4, blank(str), priority=2),
            Column("threshold_a", "thr. A", 8, real, right=True, priority=4),
            Column("threshold_b", "thr. B", 8, real, right=True, priority=4),
            *figures_of_both,
        )

    def on_mount(self) -> None:
        """The plan that stands beside the one before it."""
        super().on_mount()
        outputs = self.query_one("#outputs", Lines)
        outputs.styles.height, outputs.display = self._room + 1, False
        self._choose_first()
        self._load()
        self.table.focus()

    def on_unmount(self) -> None:
        """Let the other session and the process go."""
        self._beside.close()
        self._let_go()

    @property
    def table(self) -> LineTable:
        """The differences."""
        return self.query_one(LineTable)

    @property
    def readers(self) -> tuple[SessionReader, SessionReader] | None:
        """Where A and B are read."""
        feed = self.deck.feed
        return (self._other or feed.reader, feed.reader) if feed is not None else None

    def _choose_first(self) -> None:
        readers, view = self.readers, self.deck.view
        if readers is None or view is None:
            return
        known = plans(readers[1])
        self._right = next((one for one in known if one.id == view.plan), None)
        before = [one for one in known if one.id != view.plan and one.cos is not None]
        right = self._right
        if right is not None:  # what it was made from, not an edit that was tried meanwhile and taken back
            older = [one for one in before if one.id < right.id]
            self._left = next((one for one in older if one.id == right.parent), next(iter(older), None))
        self._left = self._left or next(iter(before), right)

    def follow(self, change: SessionChanged) -> None:
        """New scores come in; B stays the plan that stands."""
        before = change.before
        if before is None or (before.plan, before.score) != (change.view.plan, change.view.score):
            readers = self.readers
            if readers is not None:
                self._right = next((one for one in plans(readers[1]) if one.id == change.view.plan), None)
            self._load()

    def _load(self) -> None:
        readers, view = self.readers, self.deck.view
        if readers is None or view is None:
            return
        try:
            with explained(view.path):
                rows = self._rows(readers)
                self._parts = tuple(self._float_part(*side) for side in zip(readers, self._both, strict=True))
                self._draw_scores()
        except QuantdeckError as error:
            self.say(str(error), "bad")
            return
        self.table.use_columns(self._columns)
        keys = [*(column.key for column in self.table.columns), "file"]
        self.table.load(TableModel({key: [row.get(key) for row in rows] for key in keys}))
        self.table.go(0)
        self._draw()
        self._ask_cost()
        if self._by_sample:
            self._ask_later()

    @property
    def _both(self) -> tuple[PlanEntry | None, PlanEntry | None]:
        return self._left, self._right

    def _rows(self, readers: tuple[SessionReader, SessionReader]) -> list[dict[str, object]]:
        left, right = (one.id if one else None for one in self._both)
        if self._by_sample:
            return sample_rows(samples(readers[1], right), sample_figures(readers[0], left))
        return layer_rows(differences(readers[0], left, readers[1], right))

    def _draw_scores(self) -> None:
        readers = self.readers
        if readers is None:
            return
        sides: list[Side] = []
        for sign, entry, reader, part in zip("AB", self._both, readers, self._parts, strict=True):
            where = "" if reader is readers[1] else f"{reader.path.stem}: "
            seconds = self._costs.get((str(reader.path), entry.id)) if entry is not None else None
            count = reader.sample_count(*entry.score) if entry is not None and entry.score else None
            sides.append(Side(sign, entry, where, reader.head().chip, part, seconds, count))
        lines = score_lines(sides, self.deck.glyphs, self.deck.size.width)
        self.query_one("#scores", Lines).set_lines(lines)

    @staticmethod
    def _float_part(reader: SessionReader, entry: PlanEntry | None) -> float | None:
        """Share of the network's MACs in layers that the plan floats; what the chip floats anyhow is not its cost."""
        if entry is None:
            return None
        layers = reader.layers(entry.id)
        names, modes = layers.columns["name"], layers.columns["mode"]
        macs = [int(str(count)) for count in layers.columns["macs"]]
        floated = (
            count
            for count, name, mode in zip(macs, names, modes, strict=True)
            if mode not in (None, "INT8") and name not in layers.fixed
        )
        return sum(floated) / (sum(macs) or 1)

    def _draw(self) -> None:
        readers = self.readers
        steps = f"{self.key('compare.step_a')}, {self.key('compare.step_b')} step through the plans"
        if self._left is not None and self._left == self._right and self._other is None:
            other = self.key("compare.open_file")
            self.state(f"both are the same plan: {steps}; {other} takes A from another session")
            return
        model = self.table.model
        said = [f"{counted(len(model), 'sample')}, the worst of B first"]
        if not self._by_sample:
            settings = sum(map(bool, model.values["changed"]))
            noise = counted(len(model) - settings, "other")
            said = [f"{counted(settings, 'layer')} set otherwise, the noise of {noise} differs"]
            if not len(model):
                said = ["the two do not differ"]
        if readers is not None and self._other is not None:
            names = [reader.head().model for reader in readers]
            if names[0] != names[1]:
                said.insert(0, f"A is of another model ({visible(names[0])})")
        turns = "layers" if self._by_sample else "samples"
        said += [f"{steps}, {self.key('compare.view')} turns to {turns}"]
        self.state(f" {self.deck.glyphs.dot} ".join(said))

    # cost

    def _ask_cost(self) -> None:
        """Have the time of both plans on their chips predicted, unless it is known."""
        readers = self.readers
        if readers is None or not self.deck.assesses:
            return
        pairs = ((one, reader) for one, reader in zip(self._both, readers, strict=True) if one is not None)
        wanted = [(str(reader.path), one.id) for one, reader in pairs]
        missing = [plan for plan in dict.fromkeys(wanted) if plan not in self._costs]
        if missing:
            self._costs |= dict.fromkeys(missing)
            self._beside.ask({"what": "cost", "id": ["cost"], "plans": [list(plan) for plan in missing]})

    def _show_cost(self, answer: Mapping[str, Any]) -> None:
        self._costs |= {(str(path), int(plan)): seconds for path, plan, seconds in answer.get("costs", ())}
        self._draw_scores()

    # outputs

    def on_row_moved(self, event: RowMoved) -> None:
        """The outputs on the sample are asked for when the cursor rests."""
        if self._by_sample:
            self._ask_later()

    def _ask_later(self) -> None:
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(REST, self._ask)

    def _ask(self) -> None:
        """Have the float network and both plans run on the sample under the cursor."""
        readers, row = self.readers, self.table.row
        if not self._by_sample or readers is None or row is None:
            return
        entry = str(self.table.model.value(row, "file"))
        both = (("A", self._left, readers[0]), ("B", self._right, readers[1]))
        chosen = {sign: [str(reader.path), one.id] for sign, one, reader in both if one is not None}
        asked: list[object] = [entry, chosen]
        if asked != self._asked and chosen:
            self._asked, self._answer = asked, None
            self._tell_outputs([[("   running both plans on this sample", "muted")]])
            role = samples_role(readers[1], self._right.id if self._right is not None else None)
            self._beside.ask({"what": "outputs", "id": asked, "entry": entry, "role": role, "plans": chosen})

    def _heard(self, answer: dict[str, Any]) -> None:
        """From the thread that listens."""
        self.deck.call_from_thread(self._show_outputs, answer)

    def _show_outputs(self, answer: Mapping[str, Any]) -> None:
        if not self.is_attached:
            return
        if answer.get("id") == ["cost"]:
            self._show_cost(answer)
            return
        if answer.get("id") not in (None, self._asked):
            return
        if "said" in answer:
            self._tell_outputs([[("   " + self.deck.glyphs.show(answer["said"]), "weak")]])
            return
        self._answer = answer
        self._tell_outputs(
            answer_lines(answer, self.deck.glyphs, self.deck.size.width, self._names, self._room)
        )

    @property
    def _room(self) -> int:
        """Lines of outputs."""
        return 15 if self.has_class("-tall") else 6

    def _tell_outputs(self, lines: list[list[Part]]) -> None:
        self.query_one("#outputs", Lines).set_lines(lines)

    def on_sort_asked(self, event: SortAsked) -> None:
        """Sort by the column under the column cursor."""
        self.table.sort(event.column)

    def action_step_a(self) -> None:
        """The next older plan as A, round the end."""
        if self.readers is not None:
            self._left = self._next(self.readers[0], self._left)
            self._load()

    def action_step_b(self) -> None:
        """The next older plan as B, round the end."""
        if self.readers is not None:
            self._right = self._next(self.readers[1], self._right)
            self._load()

    @staticmethod
    def _next(reader: SessionReader, now: PlanEntry | None) -> PlanEntry | None:
        known = plans(reader)
        place = next((place for place, one in enumerate(known) if now and one.id == now.id), -1)
        return known[(place + 1) % len(known)] if known else None

    def action_view(self) -> None:
        """Layers or samples."""
        self._by_sample = not self._by_sample
        self._asked = []
        self.query_one("#outputs").display = self._by_sample
        self._load()

    def action_names(self) -> None:
        """Choose a file with a class's name on each line."""
        self.deck.push_screen(
            Picker("names of the classes, one a line", Path.cwd(), suffixes=(".txt",)), self._named
        )

    def _named(self, path: Path | None) -> None:
        if path is None:
            return
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                self._names = tuple(file.read(LONGEST).splitlines())
        except OSError as error:
            self.say(f"{visible(str(path))}: {error.strerror}", "bad")
            return
        if self._answer is not None:
            self._show_outputs(self._answer)
        self.say(f"{counted(len(self._names), 'class name')} from {visible(path.name)}", "good")

    @property
    def _folder(self) -> Path:
        """Where another session is looked for first: beside the last one, or beside this one."""
        readers = self.readers
        return readers[0].path.absolute().parent if readers is not None else self.deck.folder

    def action_open_file(self) -> None:
        """Take A from another session."""
        self.deck.push_screen(
            Picker("session to compare with", self._folder, suffixes=(".qdeck",)), self._picked
        )

    def _stay(self) -> None:
        """Both plans from this session again."""
        self._let_go()
        self._choose_first()
        self._load()

    def _let_go(self) -> None:
        if self._other is not None:
            self._other.close()
            self._other = None

    def _picked(self, path: Path | None) -> None:
        if path is None:
            return
        view = self.deck.view
        if view is not None and path.resolve() == view.path.resolve():
            self._stay()
            return
        try:
            other = SessionReader(path)
        except QuantdeckError as error:
            self.say(str(error), "bad")
            return
        self._let_go()
        self._other = other
        known, stands = plans(other), other.head().plan
        self._left = next((one for one in known if one.id == stands), next(iter(known), None))
        self._load()
        if not known:
            self.say(f"{visible(str(path))} has no plan yet", "weak")
