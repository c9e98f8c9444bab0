"""The application: which session is open, what follows it, and the way from screen to screen."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import BindingType
from textual.driver import Driver
from textual.screen import Screen
from textual.signal import Signal
from textual.timer import Timer

from ..engine.errors import QuantdeckError
from ..engine.text import visible
from .config import Config
from .drafts import Drafts
from .feed import Feed
from .keys import bindings
from .messages import Answered, SessionChanged
from .outlook import Outlook
from .reader import SessionReader
from .request import calibration_of, cancel, create, default_folder, flow, pause, resume, start
from .screens.layers import LayersScreen
from .screens.new_session import NewSessionScreen
from .session_form import SessionRequest
from .shell_word import shell_word
from .snapshots import JobView, SessionView
from .terminal import is_page
from .terminal_app import TerminalApp

if TYPE_CHECKING:
    from .assess import Assess
    from .editor import Editor

READY = 1.0  # seconds after the opening of a session: the first screen and the first keys go before


class Workbench(TerminalApp):
    """quantdeck's workbench."""

    TITLE = "quantdeck"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = bindings("app")

    def __init__(
        self,
        feed: Feed | None = None,
        model: Path | None = None,
        *,
        ansi: bool = False,
        glyphs: str = "braille",
        folder: Path | None = None,
        assess: bool = True,
        config: Config | None = None,
        driver: type[Driver] | None = None,
    ) -> None:
        """Open on a session (*feed*), on a new session of *model*, or on the list of sessions.

        *ansi*: the terminal's own 16 colours. *folder*: where sessions lie, None for the default place.
        *assess*: whether edits are predicted and scored by a process beside the screen. *driver*: what writes to
        the terminal, None for Textual's own choice.
        """
        super().__init__(ansi=ansi, glyphs=glyphs, config=config, driver=driver)
        self.feed = feed
        self._model = model
        self._folder = folder
        self.session_changed: Signal[SessionChanged] = Signal(self, "session changed")
        self._timer: Timer | None = None
        self._assesses = assess
        self._assess: Assess | None = None
        self._editor: Editor | None = None
        self.drafts = Drafts()
        self.outlook = Outlook()
        self.left_out: set[str] | None = None  # stages of the flow that are not to be run; None: as advised
        self.notice = ""  # why the list of sessions is shown first
        self.warning = ""  # said when the first screen stands
        self.fault: tuple[Exception, Path] | None = None  # what ended it, and the session that was open

    # opening

    def get_default_screen(self) -> Screen[None]:
        """The first screen; no empty one is painted before it (style 2.2)."""
        if self.feed is not None:
            return LayersScreen()
        if self._model is not None:
            return self._new_session(self._model)
        return self._start(self.notice)

    @property
    def folder(self) -> Path:
        """Where sessions lie."""
        if self._folder is None:
            self._folder = default_folder()
        return self._folder

    def open_session(self, path: Path) -> None:
        """Show a session's layers; QuantdeckError when it cannot be read."""
        feed = Feed(SessionReader(path))
        self.close_session()
        self.feed = feed
        self._begin()
        self.push_screen(LayersScreen())

    def close_session(self) -> None:
        """Let the open session go."""
        if self._assess is not None:
            self._assess.close()
            self._assess = None
        if self._editor is not None:
            self._editor.close()
            self._editor = None
        self.outlook = Outlook()
        self.left_out = None
        if self.feed is not None:
            self.feed.close()
            self.feed = None

    def on_unmount(self) -> None:
        """Everything that was edited goes into the main file."""
        self.close_session()

    def _handle_exception(self, error: Exception) -> None:
        """End on what nobody foresaw; Textual's own report would print names of files and models as they are."""
        if self.fault is None:
            self.fault = error, self.feed.reader.path if self.feed else self.folder
        self._exit_renderables.clear()
        self._return_code = 1
        if self._exception is None:  # as Textual does: its pilot raises it
            self._exception = error
            self._exception_event.set()
        self._close_messages_no_wait()

    @property
    def view(self) -> SessionView | None:
        """The head of the open session."""
        return self.feed.view if self.feed else None

    def on_mount(self) -> None:
        """Follow the session; Textual mounts what it inherits from as well."""
        self._begin()
        if self.warning:
            self.call_after_refresh(self.tell, self.warning, "weak")

    def _switch(self, screen: Screen[None]) -> None:
        """Show *screen* in place of the one that is shown."""
        self.switch_screen(screen)  # pyright: ignore[reportUnknownMemberType]

    # following

    def _begin(self) -> None:
        """Follow the session; a plan that was left without a score is assessed now."""
        self._look_later()
        if self.view is not None and self.view.stale:
            self.call_after_refresh(self.assess)
        else:
            self.set_timer(READY, self._make_ready)

    def _make_ready(self) -> None:
        """Have the assessing process measure what edits will ask for, so that the first is answered at once."""
        plan = self._assessable
        if plan is None or self.outlook.plan == plan or self.busy:
            return
        self.outlook = self.outlook.asking(plan, "")
        self._assessor().ask(plan, about="ready")

    def _look_later(self) -> None:
        """The next look is planned when the last is done; nobody looks where nothing can change."""
        if self._timer is not None:
            self._timer.stop()
        delay = self.feed.delay if self.feed else None
        if delay:
            delay = max(delay, 1 / float(self.config.rate))
        self._timer = self.set_timer(delay, self._look) if delay else None

    def _look(self) -> None:
        if self.feed is not None and self.feed.fate == "other":
            self._reopen(self.feed.reader.path)
            return
        self.catch_up()
        view = self.view
        if view is not None and not self.busy and self.outlook.plan != view.plan:
            if view.stale:
                self.assess()  # a job has left a plan without figures of its layers
            else:
                self._make_ready()  # a job or another workbench has put another plan in place
        if self.busy:
            self._redraw_bars()  # for how long the job has been at work
        self._look_later()

    def catch_up(self) -> None:
        """Have the screens show what the session holds now."""
        if self.feed is None:
            return
        before = self.feed.view
        view = self.feed.look()
        if view is not None:
            self.session_changed.publish(SessionChanged(view, before))

    def _reopen(self, path: Path) -> None:
        """Another file has taken the name of the open session: show that one, and write nothing of this into it."""
        if self._assess is not None:
            self._assess.stop()
        self.close_session()  # before the other is opened: two files under one name must not share SQLite's log
        try:
            self.feed = Feed(SessionReader(path))
        except QuantdeckError as error:
            said, screen = "", self._start(str(error))
        else:
            said, screen = (
                f"{visible(str(path))} was replaced by another file; this is what it holds",
                LayersScreen(),
            )
            self._begin()
        while len(self.screen_stack) > 1:
            self.pop_screen()
        self._switch(screen)
        if said:
            self.call_after_refresh(self.tell, said, "bad")

    def _there(self) -> bool:
        """Whether the open session still lies where it lay; else it is said, and nothing may be written."""
        if self.feed is None:
            return False
        fate = self.feed.fate
        if fate == "other":
            self._reopen(self.feed.reader.path)
        elif fate:
            path = visible(str(self.feed.reader.path))
            self.catch_up()
            self.tell(
                f"{path} was deleted or moved, so nothing can be kept; put it back, or open it elsewhere (Esc)",
                "bad",
            )
        return not fate

    # screen to screen

    def _start(self, notice: str = "") -> Screen[None]:
        from .screens.start import StartScreen

        return StartScreen(notice)

    def _new_session(self, model: Path | None) -> Screen[None]:
        return NewSessionScreen(model)

    def show_start(self) -> None:
        """Leave the session for the list of sessions."""
        self.close_session()
        if len(self.screen_stack) > 1:
            self.pop_screen()
        else:
            self._switch(self._start())

    def show_new_session(self, model: Path | None = None) -> None:
        """The form for a new session."""
        self.push_screen(self._new_session(model))

    def go(self, name: str) -> None:
        """Show one of the session's screens; they take each other's place, the layers stay below."""
        from .screens.place import PlaceScreen, make_place

        if self.feed is None or not isinstance(self.screen, (PlaceScreen, LayersScreen)):
            return
        if name == "layers":
            if isinstance(self.screen, PlaceScreen):
                self.pop_screen()
        elif isinstance(self.screen, PlaceScreen):
            self._switch(make_place(name))
        else:
            self.push_screen(make_place(name))

    def show_search_form(self, kind: str = "", extra: str = "", listed: Path | None = None) -> None:
        """The form of a search, the newest one's again unless a kind is given; *listed*: bad cases to score on."""
        from .screens.search_form import SearchFormScreen

        self.push_screen(SearchFormScreen(kind, extra, listed))

    def show_stage(self, stage: str) -> None:
        """The form that does a stage of the flow."""
        if stage == "calibrate":
            self.show_calibrate()
        else:
            kind = "search_qtable" if stage == "float" else "search_threshold"
            self.show_search_form(kind, stage)

    def show_calibrate(self) -> None:
        """Calibrate the open session."""
        from .screens.calibrate import CalibrateScreen

        self.push_screen(CalibrateScreen())

    def show_log(self, job: JobView | None) -> None:
        """A job's log."""
        from .screens.log import LogScreen

        if job is not None and job.log:
            self.push_screen(LogScreen(Path(job.log), f"log of job {job.id}"))
        else:
            self.tell("there is no log yet")

    def action_help(self) -> None:
        """Every key."""
        from .screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.areas))

    def action_palette(self) -> None:
        """Every action by its name."""
        from .screens.palette import Palette

        if self.front is not None:
            self.push_screen(Palette(self.areas, self.config.keys), self._run_chosen)

    async def _run_chosen(self, action: str | None) -> None:
        if action:
            target = self if hasattr(self, f"action_{action.partition('(')[0]}") else self.screen
            await self.run_action(action, default_namespace=target)

    def action_elsewhere(self, place: str, action: str) -> None:
        """Go to another of the session's screens and do there what it can."""
        self.go(place)
        self.call_after_refresh(self._run_chosen, action)

    @property
    def areas(self) -> tuple[str, ...]:
        """Where the user is, for help and palette."""
        return self.front.AREAS if self.front is not None else ()

    def leave_form(self) -> None:
        """From the form of a new session back to the list."""
        if len(self.screen_stack) > 1:
            self.pop_screen()
        else:
            self._switch(self._start())

    # editing

    def edit(self, step: "Callable[[Editor], object]") -> bool:
        """Do one step on the session's plan; then the screens follow and the plan is assessed."""
        if self.feed is None or not self._there():
            return False
        from .editor import Editor

        try:
            if self._editor is None:
                self._editor = Editor(self.feed.view.path)
            step(self._editor)
        except QuantdeckError as error:
            self.tell(str(error), "bad")
            return False
        self.catch_up()
        self.assess()
        return True

    def assess(self) -> None:
        """Have the current plan predicted and, where its figures are stale, scored."""
        plan = self._assessable
        if plan is not None:
            self.outlook = self.outlook.asking(plan)
            self._assessor().ask(plan)
            self._redraw_bars()

    def look_at(self, layer: str) -> bool:
        """Have a layer explained under the current plan; whether anybody can."""
        plan = self._assessable
        if plan is None:
            return False
        if self.outlook.plan != plan:
            self.outlook = self.outlook.asking(plan, "")
        self._assessor().ask(plan, layer)
        return True

    @property
    def assesses(self) -> bool:
        """Whether processes beside the screen are asked about plans."""
        return self._assesses

    @property
    def _assessable(self) -> int | None:
        """The current plan's number where a process may say something about it."""
        allowed = self._assesses and self.feed is not None and not self.feed.reader.frozen
        return self.view.plan if allowed and self.view is not None else None

    def _assessor(self) -> "Assess":
        if self._assess is None:
            from .assess import Assess

            assert self.feed is not None
            self._assess = Assess(self.feed.view.path, self._answer)
        return self._assess

    def _answer(self, answer: Mapping[str, Any]) -> None:
        """From the thread that listens to the assessing process."""
        self.post_message(Answered(answer))

    def on_answered(self, event: Answered) -> None:
        """Take an answer about the current plan over; the screens show it."""
        outlook = self.outlook.after(event.answer)
        if outlook == self.outlook:
            return
        from .screens.place import PlaceScreen

        before, self.outlook = self.outlook, outlook
        if outlook.state in ("scored", "checked") and outlook.state != before.state:
            self.catch_up()  # the figures lie in the session already
        self._redraw_bars()
        for screen in self.screen_stack:
            if isinstance(screen, (LayersScreen, PlaceScreen)) and screen.stands:
                screen.show_outlook(before)

    def _redraw_bars(self) -> None:
        if self.front is not None:
            self.front.draw_bars()

    # doing

    def clock(self) -> float:
        """Now, in unix seconds."""
        return time.time()

    def copy(self, text: str) -> str:
        """Copy text that is visible already; returns by which way."""
        from .clipboard import copy_out

        # A page's clipboard is the browser's, whatever terminal the server was started in.
        where = {} if is_page() else os.environ
        return copy_out(text, self.copy_to_clipboard, self.folder, where, self.send)

    def command_line(self, command: str) -> str:
        """The command that does the same for the open session."""
        return f"quantdeck {command} {shell_word(self.view.path)}" if self.view else ""

    @property
    def busy(self) -> bool:
        """Whether a job is at work on the session."""
        job = self.view.job if self.view else None
        return job is not None and job.active and not job.lost

    def start_job(self, kind: str, spec: Mapping[str, object]) -> None:
        """Start a job on the open session in a process of its own."""
        self._ask_jobs(lambda path: start(path, kind, spec))

    def start_flow(self, stages: Sequence[str], anyway: bool = False) -> None:
        """Start stages of the flow as jobs, each behind the one before; *anyway*: where the target is reached too."""
        self._ask_jobs(lambda path: flow(path, stages, anyway))

    def ask_proposals(self) -> None:
        """Ask for starting qtables that rules know for the network."""
        plan = self._assessable
        if plan is not None:
            if self.outlook.plan != plan:
                self.outlook = self.outlook.asking(plan, "")
            self._assessor().ask(plan, about="proposals")

    def control(self, what: str, job: int) -> None:
        """Pause, resume or cancel a job."""
        ask = {"pause": pause, "resume": resume, "cancel": cancel}[what]
        self._ask_jobs(lambda path: ask(path, job))

    def _ask_jobs(self, ask: Callable[[Path], object]) -> None:
        """Ask the session's jobs for something, in a thread: the engine's packages may be imported for it."""
        if self.view is None or not self._there():
            return
        path = self.view.path

        def work() -> None:
            try:
                ask(path)
            except QuantdeckError as error:
                self.call_from_thread(self.tell, str(error), "bad")

        self.run_worker(work, thread=True, group="jobs", exclusive=True)

    def make_session(self, request: SessionRequest) -> None:
        """Make a session, open it and start its calibration; the model is read in a thread."""
        self.run_worker(lambda: self._make_session(request), thread=True, group="jobs", exclusive=True)

    def _make_session(self, request: SessionRequest) -> None:
        try:
            path = create(self.folder, request)
        except QuantdeckError as error:
            self.call_from_thread(self._refused, request, str(error))
            return
        self.call_from_thread(self._made, path, request)

    def _refused(self, request: SessionRequest, sentence: str) -> None:
        """Say it beside the field that it concerns, if the form still stands there."""
        if isinstance(self.screen, NewSessionScreen):
            self.screen.fail(request, sentence)

    def _made(self, path: Path, request: SessionRequest) -> None:
        try:
            self.close_session()
            self.feed = Feed(SessionReader(path))
        except QuantdeckError as error:
            self.tell(str(error), "bad")
            return
        self.drafts.drop(NewSessionScreen.DRAFT)
        self._look_later()
        self._switch(LayersScreen())
        self.show_calibrate()
        self.start_job("calibrate", calibration_of(request))

    def cancel_job(self, job: int) -> None:
        """Ask a job to stop."""
        if self.view is None:
            return
        try:
            cancel(self.view.path, job)
        except QuantdeckError as error:
            self.tell(str(error), "bad")
