"""Calibrate the open session in a job of its own and watch it; leaving does not stop it."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from .. import figures
from ..drafts import TOLD
from ..glyphs import Glyphs
from ..keys import KeyName, bindings
from ..life import lost_words
from ..messages import SessionChanged
from ..session_form import calibration_fields, calibration_spec, check_calibration
from ..snapshots import JobView
from ..widgets.cells import Part, wrapped
from ..widgets.form import Field, Form
from ..widgets.painted import Lines
from .base import DeckScreen

BAR = 40
INDENT = 4  # cells beside the progress (app.tcss)
MOST_TOLD = 4  # lines of what the job says


class CalibrateScreen(DeckScreen):
    """A few settings above, the job below."""

    AREAS: ClassVar[tuple[str, ...]] = ("calibrate",)
    BINDINGS: ClassVar[list[BindingType]] = bindings("calibrate")
    TITLE_TEXT = "calibrate"
    TYPING = True
    TELLS_JOB = True

    def body(self) -> ComposeResult:
        """Form, progress, a line of state."""
        yield Lines(classes="heading")
        yield Form(self.deck.drafts.fill(self._draft, self._fields()))
        yield Lines(id="progress")
        yield Lines(id="status")

    def _fields(self) -> tuple[Field, ...]:
        """As the form comes where nothing was left in it."""
        return calibration_fields(self.deck.view.settings if self.deck.view else {})

    @property
    def _draft(self) -> str:
        """The name under which is kept what was filled in: that of the session."""
        return f"calibrate {self.deck.view.path if self.deck.view else ''}"

    def on_mount(self) -> None:
        """Say what will be read and show the newest job."""
        super().on_mount()
        view = self.deck.view
        if view is not None:
            where = self.deck.glyphs.show(view.samples_path) or "no samples"
            self.query_one(".heading", Lines).set_line(
                [("samples  ", "muted"), (f"{where}, {view.samples} formed", "plain")]
            )
        if self.deck.drafts.has(self._draft):
            self.state(TOLD)
        self.query_one(Form).row("method").control.focus()
        self._draw()

    def follow(self, change: SessionChanged) -> None:
        """The job has moved on, or a new one has started."""
        job, before = change.view.job, change.before.job if change.before else None
        if job is not None and (before is None or before.id != job.id):
            self.end_message()  # "starting"
        self._draw()

    def on_input_submitted(self) -> None:
        """Enter goes on to the next field."""
        self.focus_next()

    def action_start(self) -> None:
        """Check the settings and start the job."""
        form = self.query_one(Form)
        values = form.values()
        errors = check_calibration(values)
        form.show_errors(errors)
        if errors:
            return
        job = self.deck.view.job if self.deck.view else None
        if job is not None and job.active and not job.lost:
            self.say(
                f"a job is at work on this session; {self.key('calibrate.cancel_job')} cancels it", "weak"
            )
            return
        self.say("starting", "accent")
        self.deck.drafts.drop(self._draft)
        self.deck.start_job("calibrate", calibration_spec(values))

    def action_cancel_job(self) -> None:
        """Ask the job to stop."""
        job = self.deck.view.job if self.deck.view else None
        if job is None or not job.active:
            self.say("there is no job to cancel", "weak")
            return
        self.deck.cancel_job(job.id)

    def action_log(self) -> None:
        """The job's log."""
        self.deck.show_log(self.deck.view.job if self.deck.view else None)

    def action_back(self) -> None:
        """Back to the layers; the job goes on, and what was filled in is kept."""
        self.deck.drafts.keep(self._draft, self._fields(), self.query_one(Form).values())
        self.deck.pop_screen()

    def _draw(self) -> None:
        job = self.deck.view.job if self.deck.view else None
        self.query_one("#progress", Lines).set_lines(
            progress_lines(job, self.deck.glyphs, self.deck.key, self.deck.size.width - INDENT)
        )


def progress_lines(job: JobView | None, glyphs: Glyphs, key: KeyName, width: int) -> list[list[Part]]:
    """The job in lines of *width*: what, a bar, figures, its sentence; *key* names the keys of actions."""
    if job is None:
        return [[(f"no job yet; {key('calibrate.start')} starts one", "muted")]]
    tone = {"failed": "bad", "running": "accent", "waiting": "accent", "done": "good"}.get(job.state, "weak")
    state = lost_words(job) if job.lost else job.state
    if job.active and job.wanted == "cancel":
        state = "stopping"
    head: list[Part] = [
        (f"job {job.id}  ", "muted"),
        (glyphs.show(job.title), "strong"),
        (f"  {state}", tone),
    ]
    lines = [head, [], _bar(job, glyphs), _pace(job, glyphs), []]
    if job.message:
        said = tone if job.state == "failed" else "plain"
        told = wrapped(glyphs.show(job.message), said, width, MOST_TOLD)
        lines += [[(text.lstrip(), said) for text, _ in line] for line in told]
    if job.active:
        cancel = key("calibrate.cancel_job")
        lines.append([(f"{cancel} cancels; leaving the workbench does not stop it", "muted")])
    return lines


def _bar(job: JobView, glyphs: Glyphs) -> list[Part]:
    full = min(BAR, BAR * job.done // job.total) if job.total else 0
    percent = f"  {job.done * 100 // job.total:3d} %" if job.total else ""
    return [(glyphs.bar * full, "accent"), (glyphs.dot * (BAR - full), "muted"), (percent, "plain")]


def _pace(job: JobView, glyphs: Glyphs) -> list[Part]:
    told = [
        f"{job.done} of {job.total}" if job.total else "",
        f"{job.rate:.1f} a second" if job.rate else "",
        f"{figures.duration(job.eta)} left" if job.eta is not None and job.active else "",
    ]
    text = f" {glyphs.dot} ".join(filter(None, told))
    return [(f"{glyphs.show(job.stage):<20}", "plain"), (f"  {text}", "plain")]
