"""A search: its progress, the curve of what it tried, the ranking, and its plans to take."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.timer import Timer

from ...engine.errors import QuantdeckError
from ...engine.text import counted
from ...sessions.faults import explained
from ..messages import RowChosen, RowMoved, SessionChanged, SortAsked
from ..reader import SessionReader
from ..search_points import Points
from ..search_view import SearchView, Watched, has_ended, plan_of, search, searches
from ..snapshots import JobView
from ..widgets.curve import Curve
from ..widgets.line_table import LineTable
from ..widgets.painted import Lines
from ..widgets.plot import LAYERS, TIME, Axis, Place
from ..widgets.table_model import Column, TableModel
from .place import PlaceScreen, place_bindings
from .search_head import close, head_lines

TAKE = "Enter takes it"
PORTION = 800  # trials that are read at once: a key waits for no more
SOON = 0.015  # seconds until the next portion
PAUSE = 1.0  # seconds between two drawings: a curve that grows faster tells nothing more (style 2.9)


def loss(value: object) -> str:
    """A loss of cosine."""
    return f"{value:.2e}" if isinstance(value, float) else ""


def times(value: object) -> str:
    """A cost beside that of all int8."""
    return f"{value:.3f}x" if isinstance(value, float) else ""


class SearchScreen(PlaceScreen):
    """The newest search; brackets step to the others."""

    AREAS: ClassVar[tuple[str, ...]] = ("place", "search")
    BINDINGS: ClassVar[list[BindingType]] = place_bindings("search")
    TITLE_TEXT = "search"
    TELLS_JOB = True

    def __init__(self) -> None:
        super().__init__()
        self._job: int | None = None
        self._found: SearchView | None = None
        self._watched: Watched | None = None
        self._ranked = False
        self._by_time = False
        self._listed = 0  # points that table and curve hold
        self._best: int | None = None  # the row that is marked as the best
        self._filling: Timer | None = None  # runs between two portions of points that are listed
        self._reading: Timer | None = None  # runs between two portions of very many trials
        self._pause: Timer | None = None  # runs for a moment after the screen was drawn
        self._missed = False  # whether something changed meanwhile
        self._behind = False  # whether something changed, or was still to be read, under another screen

    def body(self) -> ComposeResult:
        """Head, curve, points or ranking, a line of state."""
        yield Lines(id="head")
        yield Curve(id="curve")
        shown = self.deck.glyphs.show
        points = (
            Column("floats", "float layers", 14, str, priority=0),
            Column("cos", "(1 + cosine)/2", 14, close, right=True, priority=1, descending=True),
            Column("cost", "time", 9, times, right=True, priority=3),
            Column("plan", "", 30, priority=2, tone="muted"),
        )
        ranking = (
            Column("layer", "layer", 30),
            Column("op", "op", 10, shown, priority=2),
            Column("rank", "rank", 5, right=True, priority=1),
            Column("loss", "loss", 10, loss, right=True, priority=0, descending=True),
            Column("method", "best method", 16, shown, priority=3),
        )
        with Horizontal(id="tables"):
            yield LineTable(points, id="points", empty=self._nothing, names=False)
            yield LineTable(ranking, id="ranking", empty="No ranking yet.")
        yield Lines(id="status")

    @property
    def _nothing(self) -> str:
        return f"Nothing tried yet: {self.key('search.new')} starts a search."

    def on_mount(self) -> None:
        """The newest search."""
        super().on_mount()
        for table in self.query(LineTable):
            table.styles.width = "1fr"
        self._arrange()
        self._load(newest=True)
        self.table.focus()

    @property
    def table(self) -> LineTable:
        """Points or ranking, whichever is shown."""
        return self.query_one("#ranking" if self._ranked else "#points", LineTable)

    @property
    def job(self) -> JobView | None:
        """The row of the search's job."""
        feed = self.deck.feed
        if feed is None or self._job is None:
            return None
        now = feed.view.job
        return now if now is not None and now.id == self._job else feed.reader.job(self._job)

    def follow(self, change: SessionChanged) -> None:
        """New trials, new states, once a second at most; a search that was just started is shown."""
        job, before = change.view.job, change.before.job if change.before else None
        fresh = job is not None and job.kind == "search" and (before is None or before.id != job.id)
        if fresh or self._job is None:
            self._load(newest=True)
        elif self._reading is not None:
            return  # it ends with whatever has been committed by then
        elif self._pause is not None:
            self._missed = True
        else:
            self._load()
            self._pause = self.set_timer(PAUSE, self._again)

    def on_screen_resume(self) -> None:
        """What was left while another screen was shown."""
        if self._behind:
            self._behind = False
            self._load()

    def _again(self) -> None:
        self._pause = None
        if self._missed:
            self._missed = False
            self._load()
            self._pause = self.set_timer(PAUSE, self._again)

    def _load(self, *, newest: bool = False) -> None:
        feed, view = self.deck.feed, self.deck.view
        if feed is None or view is None:
            return
        if not newest and self.deck.screen is not self:
            self._behind = True  # another screen opens sooner without
            return
        try:
            with explained(view.path):
                if newest:
                    self._job = next((job for job, _, _ in searches(feed.reader)), None)
                if self._more(feed.reader):
                    return
                found = self._read(feed.reader)
                self._draw_head(self.job, found)
        except QuantdeckError as error:
            self.say(str(error), "bad")
            return
        if found == self._found and not newest:
            return
        self._found = found
        self._show(found)

    def _more(self, reader: SessionReader) -> bool:
        """Read a portion of the trials; whether the next one is to be waited for."""
        if self._reading is not None:
            self._reading.stop()
            self._reading = None
        if self._job is None:
            return False
        if self._watched is None or self._watched.job != self._job:
            self._watched = Watched(self._job)
        before = len(self._watched.points)
        if not self._watched.read(reader, PORTION):
            return False
        if self._found is None:
            self.query_one("#head", Lines).set_lines([[(" reading its trials", "muted")]])
        if before == self._listed and not has_ended(reader, self._job):
            self._list(self._watched.points)
        self._reading = self.set_timer(SOON, self._load)
        return True

    def _read(self, reader: SessionReader) -> SearchView | None:
        return search(reader, self._job, self._watched) if self._job is not None else None

    def _show(self, found: SearchView | None) -> None:
        if not self._listed or not self._stands_there(found.points if found else Points()):
            self._listed = 0
            self.query_one("#points", LineTable).empty = (
                self._nothing if found is None else "No plan has been tried yet."
            )
        self._fill()
        ranking = found.ranking if found else ()
        rows: dict[str, list[object]] = {
            "layer": [one.layer for one in ranking],
            "op": [one.op for one in ranking],
            "rank": list(range(1, len(ranking) + 1)),
            "loss": [one.loss for one in ranking],
            "method": [one.method for one in ranking],
        }
        table = self.query_one("#ranking", LineTable)
        ordered = table.model.sorted_by
        table.load(TableModel(rows), keep=True)
        if ordered is not None:
            table.sort(*ordered)

    def _fill(self) -> None:
        """List a portion of the points that are found; when all are listed, draw them."""
        if self._filling is not None:
            self._filling.stop()
            self._filling = None
        points = self._found.points if self._found else Points()
        self._list(points)
        if self._listed < len(points):
            self._filling = self.set_timer(SOON, self._fill)
            return
        self._mark_best()
        self._draw_curve()

    def _stands_there(self, points: Points) -> bool:
        """Whether what is listed is the beginning of *points*."""
        values, count = self.query_one("#points", LineTable).model.values, self._listed
        return values["floats"] == points.floats[:count] and values["cos"] == points.cos[:count]

    def _list(self, points: Points) -> None:
        """Add the next portion to table and curve; the first one takes the place of what is there."""
        first, last = self._listed, min(self._listed + PORTION, len(points))
        columns: dict[str, Sequence[object]] = {
            "floats": points.floats[first:last],
            "cos": points.cos[first:last],
            "cost": points.costs[first:last],
            "plan": [TAKE if points.known(row) else "" for row in range(first, last)],
        }
        table, curve = self.query_one("#points", LineTable), self.query_one(Curve)
        if first:
            table.extend(columns)
        else:
            self._best = None
            table.load(TableModel(columns), keep=True)
            curve.begin(self._axis)
        self._listed = last
        curve.add(self._places(points, first, last))

    def _mark_best(self) -> None:
        """Say which row is the best, and no more so of the one that was."""
        table, found = self.query_one("#points", LineTable), self._found
        best = found.best if found else None
        for row in (self._best, best):
            if found is not None and row is not None:
                about = ("the best" if row == best else "", TAKE if found.points.known(row) else "")
                table.set(row, "plan", ", ".join(filter(None, about)))
        self._best = best

    @property
    def _axis(self) -> Axis:
        return TIME if self._by_time else LAYERS

    def _places(self, points: Points, first: int, last: int) -> list[Place]:
        """Where points stand on the curve; none of those whose time is not known."""
        costs = points.costs if self._by_time else points.floats
        pairs = zip(costs[first:last], points.cos[first:last], strict=True)
        return [(cost, cos) for cost, cos in pairs if cost is not None]

    def _draw_curve(self) -> None:
        """Cos against float layers or against time, the point under the cursor lit."""
        found = self._found
        said = f"no search yet: {self.key('search.new')} starts one" if found is None else "nothing tried yet"
        if self._listed:
            said = f"the time of these plans is not known; {self.key('search.axis')} shows float layers"
        self.query_one(Curve).draw(found.target if found else None, said)
        self._light()

    def _light(self) -> None:
        row, found = self.query_one("#points", LineTable).row, self._found
        chosen = self._places(found.points, row, row + 1) if found and row is not None else []
        self.query_one(Curve).choose(chosen[0] if chosen else None)

    def _draw_head(self, job: JobView | None, found: SearchView | None) -> None:
        lines = head_lines(job, found, self.deck.glyphs, self.deck.size.width, self.deck.key)
        head = self.query_one("#head", Lines)
        head.styles.height = max(3, len(lines))
        head.set_lines(lines)

    def on_row_moved(self, event: RowMoved) -> None:
        """The point under the cursor is lit on the curve."""
        if event.table == "points":
            self._light()

    def on_sort_asked(self, event: SortAsked) -> None:
        """Sort by the column under the column cursor."""
        self.query_one(f"#{event.table}", LineTable).sort(event.column)

    def on_row_chosen(self, event: RowChosen) -> None:
        """Take the plan of a point as the session's."""
        if self._found is None or event.table != "points":
            return
        point, feed = self._found.points[event.row], self.deck.feed
        try:
            text = plan_of(feed.reader, point) if feed is not None else ""
        except QuantdeckError as error:
            self.say(str(error), "bad")
            return
        if not text:
            self.say("the session does not hold this plan; it is known when the search has ended", "weak")
            return
        label = f"{self._found.kind}: {counted(point.floats, 'float layer')}"
        if self.deck.edit(lambda editor: editor.take_text(text, label)):
            self.say(f"taken: {label}; {self.key('layers.undo')} in the layers undoes", "accent")

    # actions

    def action_new(self) -> None:
        """The form of a search."""
        self.deck.show_search_form()

    def action_pause(self) -> None:
        """Let the search rest, or go on with it."""
        job = self.job
        if job is None:
            self.say("there is no search", "weak")
        elif job.active and not job.lost:
            self.say("it rests after its next step", "accent")
            self.deck.control("pause", job.id)
        elif job.state == "done":
            self.say("it has ended", "weak")
        else:
            self.say("going on; what was paid for is not paid again", "accent")
            self.deck.control("resume", job.id)

    def action_cancel_job(self) -> None:
        """Stop the search; the best plan so far stays."""
        job = self.job
        if job is None or job.state in ("done", "cancelled"):
            self.say("there is no search to stop", "weak")
        else:
            self.say("it stops after its next step; the best plan so far stays", "accent")
            self.deck.control("cancel", job.id)

    def action_log(self) -> None:
        """The search's log."""
        self.deck.show_log(self.job)

    def action_ranking(self) -> None:
        """Points or ranking."""
        self._ranked = not self._ranked
        self._arrange()
        self.table.focus()

    def _arrange(self) -> None:
        """Both tables side by side where there is room, else the one that is looked at."""
        wide = self.has_class("-wide")
        self.query_one("#points").display = wide or not self._ranked
        self.query_one("#ranking").display = wide or self._ranked

    def on_resize(self, event: events.Resize) -> None:
        """Wide or narrow."""
        super().on_resize(event)
        self._arrange()
        self.table.focus()

    def action_axis(self) -> None:
        """Float layers or time below the curve."""
        self._by_time = not self._by_time
        curve = self.query_one(Curve)
        curve.begin(self._axis)
        if self._found is not None:
            curve.add(self._places(self._found.points, 0, self._listed))
        self._draw_curve()

    def action_older(self) -> None:
        """The search before, round the end."""
        feed = self.deck.feed
        if feed is None:
            return
        known = [job for job, _, _ in searches(feed.reader)]
        if known:
            place = known.index(self._job) if self._job in known else -1
            self._job, self._found, self._listed = known[(place + 1) % len(known)], None, 0
            self._load()
