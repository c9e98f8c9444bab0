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
from ...sessions.typed import target_words
from .. import figures
from ..messages import RowChosen, RowMoved, SessionChanged, SortAsked
from ..reader import SessionReader
from ..search_view import SearchPoint, SearchView, Watched, plan_of, search, searches
from ..snapshots import JobView
from ..widgets.cells import Part, wrapped
from ..widgets.curve import LAYERS, TIME, Curve
from ..widgets.line_table import LineTable
from ..widgets.painted import Lines
from ..widgets.table_model import Column, TableModel
from .place import PlaceScreen, place_bindings

TAKE = "Enter takes it"
LOST = "its process has died; p goes on, what was paid for is kept"
MOST_TOLD = 3  # lines of what the job says of itself
PORTION = 1500  # trials that are read at once: a key waits for no more
SOON = 0.02  # seconds until the next portion
PAUSE = 1.0  # seconds between two drawings: a curve that grows faster tells nothing more (style 2.9)


def loss(value: object) -> str:
    """A loss of cosine."""
    return f"{value:.2e}" if isinstance(value, float) else ""


def close(value: object) -> str:
    """A cos with seven decimals, for the searches' end lies near one; never rounded up to it."""
    if not isinstance(value, float):
        return ""
    return f"{min(value, 0.9999999) if value < 1 else value:.7f}"


def times(value: object) -> str:
    """A cost beside that of all int8."""
    return f"{value:.3f}x" if isinstance(value, float) else ""


class SearchScreen(PlaceScreen):
    """The newest search; brackets step to the others."""

    AREAS: ClassVar[tuple[str, ...]] = ("place", "search")
    BINDINGS: ClassVar[list[BindingType]] = place_bindings("search")
    TITLE_TEXT = "search"

    def __init__(self) -> None:
        super().__init__()
        self._job: int | None = None
        self._found: SearchView | None = None
        self._watched: Watched | None = None
        self._ranked = False
        self._by_time = False
        self._reading: Timer | None = None  # runs between two portions of very many trials
        self._pause: Timer | None = None  # runs for a moment after the screen was drawn
        self._missed = False  # whether something changed meanwhile

    def body(self) -> ComposeResult:
        """Head, curve, points or ranking, a line of state."""
        yield Lines(id="head")
        yield Curve(id="curve")
        shown = self.deck.glyphs.show
        points = (
            Column("floats", "float layers", 14, str, priority=0),
            Column("cos", "(1 + cos)/2", 11, close, right=True, priority=1, descending=True),
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
            yield LineTable(points, id="points", empty="Nothing tried yet: n starts a search.", names=False)
            yield LineTable(ranking, id="ranking", empty="No ranking yet.")
        yield Lines(id="status")

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
        if not self._watched.read(reader, PORTION):
            return False
        if self._found is None:
            self.query_one("#head", Lines).set_lines([[(" reading its trials", "muted")]])
        self._reading = self.set_timer(SOON, self._load)
        return True

    def _read(self, reader: SessionReader) -> SearchView | None:
        return search(reader, self._job, self._watched) if self._job is not None else None

    def _show(self, found: SearchView | None) -> None:
        points = found.points if found else ()
        best = found.best if found else None
        about = [TAKE if one.known else "" for one in points]
        if best is not None:
            about[best] = ", ".join(filter(None, ("the best", about[best])))
        columns: dict[str, Sequence[object]] = {
            "floats": [one.floats for one in points],
            "cos": [one.cos for one in points],
            "cost": [one.cost for one in points],
            "plan": about,
        }
        table = self.query_one("#points", LineTable)
        table.empty = (
            "Nothing tried yet: n starts a search." if found is None else "No plan has been tried yet."
        )
        table.load(TableModel(columns), keep=True)
        ranking = found.ranking if found else ()
        rows: dict[str, list[object]] = {
            "layer": [one.layer for one in ranking],
            "op": [one.op for one in ranking],
            "rank": list(range(1, len(ranking) + 1)),
            "loss": [one.loss for one in ranking],
            "method": [one.method for one in ranking],
        }
        self.query_one("#ranking", LineTable).load(TableModel(rows), keep=True)
        if len(points) < PORTION:
            self._draw_curve()
        else:
            self.call_later(self._draw_curve)

    def _draw_curve(self) -> None:
        """Cos against float layers or against time, the point under the cursor lit."""
        found = self._found
        points = [(self._cost(one), one.cos) for one in found.points] if found else []
        said = "no search yet: n starts one" if found is None else "nothing tried yet"
        if points and all(cost is None for cost, _ in points):
            said = "the time of these plans is not known; c shows float layers"
        known = [(cost, cos) for cost, cos in points if cost is not None]
        axis = TIME if self._by_time else LAYERS
        curve = self.query_one(Curve)
        curve.set_points(known, found.target if found else None, said, axis)
        self._light()

    def _cost(self, point: SearchPoint) -> float | None:
        return point.cost if self._by_time else float(point.floats)

    def _light(self) -> None:
        table, found = self.query_one("#points", LineTable), self._found
        point = found.points[table.row] if found and table.row is not None else None
        cost = self._cost(point) if point else None
        self.query_one(Curve).choose((cost, point.cos) if point and cost is not None else None)

    def _draw_head(self, job: JobView | None, found: SearchView | None) -> None:
        glyphs = self.deck.glyphs
        gap = f" {glyphs.dot} "
        if job is None or found is None:
            self.query_one("#head", Lines).set_lines([[(" no search yet", "muted")]])
            return
        tone = {"failed": "bad", "done": "good", "paused": "weak"}.get(job.state, "accent")
        if job.lost:
            tone = "bad"
        state = (
            LOST
            if job.lost
            else (
                {"pause": "pausing", "cancel": "stopping"}.get(job.wanted, job.state)
                if job.active
                else job.state
            )
        )
        first: list[Part] = [
            (f" job {job.id} ", "muted"),
            (glyphs.show(job.title), "strong"),
            (f"  {state}", tone),
        ]
        second: list[Part] = [(f" {found.trials} trials", "plain")]
        at_work = job.active and not job.lost
        if job.active and job.total:
            second.append((f"{gap}{job.done} of {job.total}", "plain"))
        if at_work and job.rate:
            second.append((f"{gap}{job.rate:.1f} a second", "plain"))
        if at_work and job.eta is not None:
            second.append((f"{gap}{figures.duration(job.eta)} left", "plain"))
        if found.failed:
            second.append((f"{gap}{found.failed} failed", "bad"))
        if found.best_cos is not None:
            second.append(
                (f"{gap}best {close(found.best_cos)} with {found.best_floats or 0} float", "accent")
            )
        if found.target is not None and not at_work:
            second.append((f"{gap}target {found.target:g}", "plain"))
        said = job.message.replace("quantdeck resume goes on", "p goes on") or found.reason or job.stage
        if found.target is not None and not job.message:
            said = gap.join(filter(None, (said, f"target {found.target:g}: {target_words(found.target)}")))
        told = wrapped(glyphs.show(said), "muted", self.deck.size.width, MOST_TOLD)
        head = self.query_one("#head", Lines)
        head.styles.height = max(3, 2 + len(told))
        head.set_lines([first, second, *told])

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
        text = plan_of(feed.reader, point) if feed is not None else ""
        if not text:
            self.say("the session does not hold this plan; it is known when the search has ended", "weak")
            return
        label = f"{self._found.kind}: {counted(point.floats, 'float layer')}"
        if self.deck.edit(lambda editor: editor.take_text(text, label)):
            self.say(f"taken: {label}; u in the layers undoes", "accent")

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
            self.deck.control("pause", job.id)
            self.say("it rests after its next step", "accent")
        elif job.state == "done":
            self.say("it has ended", "weak")
        else:
            self.deck.control("resume", job.id)
            self.say("going on; what was paid for is not paid again", "accent")

    def action_cancel_job(self) -> None:
        """Stop the search; the best plan so far stays."""
        job = self.job
        if job is None or job.state in ("done", "cancelled"):
            self.say("there is no search to stop", "weak")
        else:
            self.deck.control("cancel", job.id)
            self.say("it stops after its next step; the best plan so far stays", "accent")

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
        self._draw_curve()

    def action_older(self) -> None:
        """The search before, round the end."""
        feed = self.deck.feed
        if feed is None:
            return
        known = [job for job, _, _ in searches(feed.reader)]
        if known:
            place = known.index(self._job) if self._job in known else -1
            self._job, self._found = known[(place + 1) % len(known)], None
            self._load()
