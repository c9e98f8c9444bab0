"""The chapter's flow as stages: what was done, with which settings, what it gave; Enter does one."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from ...engine.errors import QuantdeckError
from ...sessions.faults import explained
from .. import figures
from ..advice import advice
from ..messages import RowChosen, RowMoved, SessionChanged
from ..queries import Stage, newest_jobs
from ..snapshots import SessionView
from ..widgets.cells import Part, wrapped
from ..widgets.line_table import LineTable
from ..widgets.painted import Lines
from ..widgets.table_model import Column, TableModel
from .place import PlaceScreen, place_bindings

STAGES = {
    "samples": ("samples", "checked when the session was made"),
    "equalize": ("equalize weights", "for depthwise networks; with a search"),
    "calibrate": ("calibrate", "thresholds of every method, one in the plan"),
    "search_threshold": ("search threshold", "the method that scores best"),
    "bias": ("correct bias", "after the thresholds; with a search"),
    "float": ("search float layers", "qtable: which layers stay float"),
    "evaluate": ("evaluate", "score the plan on the samples"),
}
NOT_DONE = Stage("", "", "", None)


class FlowScreen(PlaceScreen):
    """A row for each stage, advice below."""

    AREAS: ClassVar[tuple[str, ...]] = ("place", "flow")
    BINDINGS: ClassVar[list[BindingType]] = place_bindings("flow")
    TITLE_TEXT = "flow"

    def body(self) -> ComposeResult:
        """Stages, advice, a line of state."""
        show = self.deck.glyphs.show
        columns = (
            Column("stage", "stage", 20),
            Column("state", "state", 10, priority=0),
            Column("settings", "settings", 30, lambda text: show(str(text)), priority=3),
            Column("result", "result", 40, lambda text: show(str(text)), priority=1),
            Column("time", "time", 10, right=True, priority=2),
        )
        table = LineTable(columns, id="stages", names=False)
        table.column_cursor = False
        yield table
        yield Lines(id="advice")
        yield Lines(id="status")

    def on_mount(self) -> None:
        """Read the jobs."""
        super().on_mount()
        self._load()
        self.table.focus()

    @property
    def table(self) -> LineTable:
        """The stages."""
        return self.query_one(LineTable)

    def on_resize(self, event: object) -> None:
        """The advice is wrapped anew."""
        super().on_resize(event)  # type: ignore[arg-type]
        if self.is_mounted:
            self._load()

    def follow(self, change: SessionChanged) -> None:
        """States and results."""
        self._load()

    def _load(self) -> None:
        feed, view = self.deck.feed, self.deck.view
        if feed is None or view is None:
            return
        try:
            with explained(view.path):
                jobs = newest_jobs(feed.reader)
                layers = feed.reader.layers(view.plan).columns
                details = [
                    str(row[0]) for row in feed.reader.rows("SELECT detail FROM layer ORDER BY position")
                ]
        except QuantdeckError as error:
            self.say(str(error), "bad")
            return
        found = [_samples(view) if name == "samples" else jobs.get(name, NOT_DONE) for name in STAGES]
        table = TableModel(
            {
                "stage": [title for title, _ in STAGES.values()],
                "state": [one.state for one in found],
                "settings": [one.settings for one in found],
                "result": [one.result for one in found],
                "time": [figures.duration(one.seconds) if one.seconds is not None else "" for one in found],
            }
        )
        self.table.load(table, keep=True)
        width = self.deck.size.width
        lines: list[list[Part]] = [[(" advice", "title")]]
        for sentence in advice(layers, details, view.score):
            lines += wrapped(f"- {sentence}", "plain", width, 2)
        self.query_one("#advice", Lines).set_lines(lines)
        self._draw()

    def on_row_moved(self, event: RowMoved) -> None:
        """What the stage does."""
        self._draw()

    def _draw(self) -> None:
        if self.table.row is not None:
            self.say(f"{list(STAGES.values())[self.table.row][1]}; Enter runs it")

    def on_row_chosen(self, event: RowChosen) -> None:
        """Run the stage, or open its form."""
        name = list(STAGES)[event.row]
        if name == "samples":
            self.deck.go("samples")
        elif name == "calibrate":
            self.deck.show_calibrate()
        elif name == "evaluate":
            self.deck.start_job("evaluate", {})
            self.say("evaluating", "accent")
        else:
            kind = "search_qtable" if name == "float" else "search_threshold"
            self.deck.show_search_form(kind, name)


def _samples(view: SessionView) -> Stage:
    return Stage("done" if view.samples else "", view.samples_path, f"{view.samples} samples formed", None)
