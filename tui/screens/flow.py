"""The chapter's flow as stages: what was done, with which settings, what it gave; run one, or everything to one."""

from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from ...engine.errors import QuantdeckError
from ...engine.text import counted
from ...sessions.faults import explained
from .. import figures
from ..advice import Advice, advice, advised, equalizable
from ..messages import RowChosen, RowMoved, SessionChanged
from ..outlook import Outlook
from ..snapshots import SessionView
from ..stages import CORRECTIONS, NOT_USED, RUN, STAGES, STALE, Stage, newest_jobs, planned
from ..widgets.cells import Part, fit, wrapped
from ..widgets.line_table import LineTable
from ..widgets.painted import Lines
from ..widgets.table_model import Column, TableModel
from .place import PlaceScreen, place_bindings

LEFT_OUT = "left out"
OPTIONAL = ("equalize", "bias", "search_threshold", "float", "evaluate", "start")
MOST_ADVICE = 3  # lines of one sentence
FACT = 14  # cells before a fact of the stage under the cursor
STAGE_LINES = 6  # of that stage where there is room: advice below moves only where a fact needs more
BARS = 4  # lines of header, footer and state
SHORT, LONG = 9, 10  # lines of the table on a short and a tall screen (app.tcss)


class FlowScreen(PlaceScreen):
    """A row for each stage, advice below."""

    AREAS: ClassVar[tuple[str, ...]] = ("place", "flow")
    BINDINGS: ClassVar[list[BindingType]] = place_bindings("flow")
    TITLE_TEXT = "flow"

    def __init__(self) -> None:
        super().__init__()
        self._names: tuple[str, ...] = ()
        self._advice: list[Advice] = []
        self._start_taken = False
        self._stages: dict[str, Stage] = {}
        self._stage_lines = STAGE_LINES

    def body(self) -> ComposeResult:
        """Stages, advice, a line of state."""
        show = self.deck.glyphs.show
        columns = (
            Column("stage", "stage", 19),
            Column("advised", "", 7, priority=1, parts=_advised_cell),
            Column("state", "state", 8, priority=0, parts=_state_cell),
            Column("time", "time", 8, right=True, priority=2),
            Column("settings", "settings", 40, lambda text: show(str(text)), priority=4),
            Column("result", "result", 29, lambda text: show(str(text)), priority=3),
        )
        table = LineTable(columns, id="stages", names=False)
        table.column_cursor = False
        yield table
        yield Lines(id="stage")
        yield Lines(id="advice")
        yield Lines(id="status")

    def on_mount(self) -> None:
        """Read the jobs, and ask for starting qtables."""
        super().on_mount()
        self._load()
        self.table.focus()
        if self.deck.outlook.proposals is None and not self.deck.busy:
            self.deck.ask_proposals()

    @property
    def table(self) -> LineTable:
        """The stages."""
        return self.query_one(LineTable)

    @property
    def stage(self) -> str | None:
        """The stage under the cursor."""
        return self._names[self.table.row] if self.table.row is not None else None

    def on_resize(self, event: object) -> None:
        """The advice is wrapped anew."""
        super().on_resize(event)  # type: ignore[arg-type]
        if self.is_mounted:
            self._load()

    def follow(self, change: SessionChanged) -> None:
        """States and results."""
        self._load()

    def show_outlook(self, before: Outlook) -> None:
        """Starting qtables are known, or where the noise comes from."""
        now = self.deck.outlook
        if (now.proposals, now.outputs) != (before.proposals, before.outputs):
            self._load()

    # reading

    def _load(self) -> None:
        feed, view = self.deck.feed, self.deck.view
        if feed is None or view is None:
            return
        try:
            with explained(view.path):
                jobs = newest_jobs(feed.reader)
                plans = planned(feed.reader, self._equalizes)
                wired = feed.reader.layers(view.plan)
                layers = wired.columns
                details = [
                    str(row[0]) for row in feed.reader.rows("SELECT detail FROM layer ORDER BY position")
                ]
                reach = {
                    str(row[0]): max(abs(row[1]), abs(row[2]))
                    for row in feed.reader.rows("SELECT name, min, max FROM tensor WHERE min IS NOT NULL")
                }
        except QuantdeckError as error:
            self.say(str(error), "bad")
            return
        pairs = equalizable([str(op) for op in layers["op"]], details, wired.wiring)
        done = {name for name in CORRECTIONS if jobs.get(name, Stage()).state == "done"}
        score, outputs = view.score, self.deck.outlook.outputs
        self._advice = advice(
            layers, details, score, outputs, reach, pairs=pairs, done=done, key=self.deck.key
        )
        wished = advised(self._advice)
        if self.deck.left_out is None:
            self.deck.left_out = {"equalize", "bias"} - wished
        self._names = tuple(name for name in STAGES if name != "start" or self.deck.outlook.proposals)
        found = [
            self._stage(
                name, view, jobs.get(name) or Stage("", plans.get(name, "")), layers["mode"], layers["name"]
            )
            for name in self._names
        ]
        self._stages = dict(zip(self._names, found, strict=True))
        self.table.load(
            TableModel(
                {
                    "stage": [STAGES[name][0] for name in self._names],
                    "advised": [name in wished for name in self._names],
                    "state": [one.state for one in found],
                    "settings": [one.settings for one in found],
                    "result": [one.result for one in found],
                    "time": [_took(one) for one in found],
                }
            ),
            keep=True,
        )
        self._draw()

    def _stage(
        self, name: str, view: SessionView, job: Stage, modes: list[object], names: list[object]
    ) -> Stage:
        if name == "samples":
            formed = f"{counted(view.samples, 'sample')} formed" if view.samples else ""
            return Stage("done" if view.samples else "", view.samples_path, formed)
        left_out = name in (self.deck.left_out or ())
        if name == "start":
            layers = self._proposed
            pairs = zip(modes, names, strict=True)
            taken = self._start_taken = all(
                mode not in (None, "INT8") for mode, one in pairs if one in layers
            )
            reasons = ", ".join(reason for reason, _ in self.deck.outlook.proposals or ())
            state = "taken" if taken else "refused" if left_out else "proposed"
            return Stage(state, reasons, f"{counted(len(layers), 'layer')} to {view.fp_type}")
        return replace(job, state=LEFT_OUT) if left_out and job.state in ("", "done", STALE) else job

    @property
    def _equalizes(self) -> bool:
        """Whether what is run next runs on equalized weights."""
        return "equalize" not in (self.deck.left_out if self.deck.left_out is not None else CORRECTIONS)

    @property
    def _proposed(self) -> frozenset[str]:
        return frozenset(layer for _, layers in self.deck.outlook.proposals or () for layer in layers)

    def _draw_advice(self) -> None:
        """The advice; where it does not fit whole, its last line says so."""
        width, room = self.deck.size.width, self._room - self._stage_lines
        lines: list[list[Part]] = [[(" advice", "title")], *self._advice_lines]
        if len(lines) > room >= 2:
            hidden = counted(len(lines) - room + 1, "more line")
            lines = [
                *lines[: room - 1],
                *wrapped(f"{hidden}: a taller terminal shows them", "muted", width, 1),
            ]
        self.query_one("#advice", Lines).set_lines(lines)

    @property
    def _advice_lines(self) -> list[list[Part]]:
        found: list[list[Part]] = []
        for one in self._advice:
            first, *rest = wrapped(f"- {one.sentence}", "plain", self.deck.size.width - 2, MOST_ADVICE)
            found += [first, *([("  ", "plain"), *line] for line in rest)]
        return found

    @property
    def _room(self) -> int:
        """Lines for the stage under the cursor and the advice: all but bars, table and line of state."""
        return self.deck.size.height - BARS - (SHORT if self.has_class("-short") else LONG)

    # running

    def on_row_moved(self, event: RowMoved) -> None:
        """What the stage does."""
        self._draw()

    def _draw(self) -> None:
        name = self.stage
        if name is None:
            return
        to, out = self.key("flow.run_to"), self.key("flow.leave_out")
        turn = "takes it in" if name in (self.deck.left_out or ()) else "leaves it out"
        how = {
            "samples": "Enter shows them",
            "start": f"Enter takes it, as one step that {self.key('layers.undo')} undoes; {out} refuses it",
            "evaluate": f"Enter runs it, {to} everything to here",
        }.get(name, f"Enter opens its settings, {to} runs everything to here, {out} {turn}")
        width = self.deck.size.width
        self.state_lines(wrapped(how, "muted", width, 2))
        self._draw_stage(name)

    def _draw_stage(self, name: str) -> None:
        """The stage under the cursor whole: settings, result and time, of which the table shows what fits."""
        stage, show, width = self._stages.get(name, Stage()), self.deck.glyphs.show, self.deck.size.width
        together = [
            STAGES[other][0]
            for other in self._names
            if other != name and stage.job is not None and self._stages[other].job == stage.job
        ]
        took = " with ".join(filter(None, (_took(stage), " and ".join(together)))) if _took(stage) else ""
        head = "would run" if stage.settings and not stage.state and name in RUN else "settings"
        lines: list[list[Part]] = [[(f" {STAGES[name][0]}", "title"), (f": {STAGES[name][1]}", "muted")]]
        for title, text in ((head, stage.settings), ("result", stage.result), ("time", took)):
            for place, line in enumerate(wrapped(show(text or figures.NOTHING), "plain", width - FACT, 2)):
                lines.append([(f"   {title if place == 0 else '':<{FACT - 4}}", "muted"), *line])
        area = self.query_one("#stage", Lines)
        spare = self._room - len(self._advice_lines) - 1
        self._stage_lines = max(len(lines), min(STAGE_LINES, spare))
        area.styles.height = self._stage_lines
        area.set_lines(lines)
        self._draw_advice()

    def on_row_chosen(self, event: RowChosen) -> None:
        """Run the stage, or open its form."""
        name = self._names[event.row]
        if name == "samples":
            self.deck.go("samples")
        elif name == "start":
            self._take_start()
        elif name == "evaluate":
            self.say("evaluating", "accent")
            self.deck.start_job("evaluate", {})
        else:
            self.deck.show_stage(name)

    def action_run_to(self) -> None:
        """Run every stage up to the one under the cursor that is not left out, as jobs behind each other."""
        name, left_out = self.stage, self.deck.left_out or set()
        if name is None or name == "samples":
            return
        last = RUN.index(name if name != "start" else "bias")
        stages = tuple(one for one in RUN[: last + 1] if one not in left_out or one == name)
        if self.deck.busy:
            self.say(f"a job is at work on this session; {self.key('flow.log')} shows its log", "weak")
            return
        if "bias" in stages and "evaluate" not in stages:
            stages = (*stages, "evaluate")  # on all samples: nothing is predicted of corrected biases
        taken = ("start",) if self._start_taken and "start" not in left_out else ()
        self.say(
            f"running {', '.join(STAGES[one][0] for one in stages)}; it goes on without the workbench",
            "accent",
        )
        self.deck.start_flow((*stages, *taken))

    def action_leave_out(self) -> None:
        """Leave the stage out of what runs to a later one, or take it in again."""
        name = self.stage
        if name not in OPTIONAL or self.deck.left_out is None:
            self.say("this stage is always needed", "weak")
            return
        self.deck.left_out ^= {name}
        self._load()

    def _take_start(self) -> None:
        layers, view = self._proposed, self.deck.view
        if view is None or not layers:
            return
        label = f"starting qtable: {counted(len(layers), 'layer')} to {view.fp_type}"
        if self.deck.edit(lambda editor: editor.set_modes(sorted(layers), view.fp_type, label)):
            if self.deck.left_out is not None:
                self.deck.left_out.discard("start")
            self._load()
            self.say(f"{label}; {self.key('layers.undo')} in the layers undoes", "accent")


def _took(stage: Stage) -> str:
    return figures.duration(stage.seconds) if stage.seconds is not None else ""


def _state_cell(value: object, width: int) -> list[Part]:
    text = str(value)
    tone = {
        "failed": "bad", "running": "accent", "waiting": "accent", "done": "good", "taken": "good",
        "proposed": "accent", LEFT_OUT: "muted", "refused": "muted", "to come": "accent",
        NOT_USED: "muted", STALE: "weak",
    }.get(text, "plain")  # fmt: skip
    return [(fit(text, width), tone)]


def _advised_cell(value: object, width: int) -> list[Part]:
    return [(fit("advised" if value else "", width), "accent")]
