"""What every screen has: header, footer, and one line in place of it all on too small a terminal."""

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.screen import ModalScreen, Screen

from ..keys import Key, as_set, footer
from ..messages import SessionChanged
from ..snapshots import JobView, SessionView
from ..widgets.bars import SMALLEST, SizeNotice, footer_line, header_lines
from ..widgets.cells import Part, wrapped
from ..widgets.painted import Lines

if TYPE_CHECKING:
    from ..workbench import Workbench

Result = TypeVar("Result")

TALL = 36
WIDE = 120
MOST_LINES = 4  # of a sentence above the footer
AT_WORK = ("waiting", "running")
READ = 2.0  # seconds that an error stands before a key can end it: what is typed meanwhile is no answer to it


@dataclass(frozen=True, slots=True)
class Said:
    """A message above the footer, and since when it stands there."""

    error: bool
    since: float = field(default_factory=time.monotonic)

    @property
    def unread(self) -> bool:
        """Whether nobody can have read it yet; only errors must have been."""
        return self.error and time.monotonic() - self.since < READ


class DeckScreen(Screen[None]):
    """A full screen with the shared header and footer.

    The line of state above the footer tells what is so (``state``), or a message (``say``) until that ends: with the
    next key or click, with another screen, with the job that was at work, or the last of those that start behind it.
    An error stays for a moment even so.
    """

    AREAS: ClassVar[tuple[str, ...]] = ()
    TITLE_TEXT: ClassVar[str] = ""
    TYPING: ClassVar[bool] = False  # fields take the letters
    TELLS_JOB: ClassVar[bool] = False  # the screen shows what the newest job says of itself
    _said: Said | None = None  # the message that stands above the footer
    _state: tuple[list[Part], ...] = ()  # what stands there without one

    def _pop_result_callback(self) -> None:
        """The first screen was never pushed, so it has none; switching away from it must not fail."""
        if self._result_callbacks:
            super()._pop_result_callback()

    @property
    def deck(self) -> "Workbench":
        """The application."""
        return cast("Workbench", self.app)  # pyright: ignore[reportUnknownMemberType]

    def compose(self) -> ComposeResult:
        """Header, the screen's own part, footer, and the notice for small terminals."""
        self._classify(*self.deck.size)  # before the first layout: another one would be painted
        yield Lines(id="header")
        yield from self.body()
        yield Lines(id="footer")
        yield SizeNotice()

    def body(self) -> ComposeResult:
        """The screen's own widgets."""
        yield from ()

    def on_mount(self) -> None:
        """Follow the session."""
        self.deck.session_changed.subscribe(self, self._session_changed)

    @property
    def stands(self) -> bool:
        """Whether its widgets are there: not before it is mounted, and not while it is taken away."""
        return self.is_mounted and self.display

    def on_resize(self, event: events.Resize) -> None:
        """Choose the layout by the size and draw the bars for it."""
        if not _stale(event, self.deck.size):
            self._fit(event.size.width, event.size.height)

    def on_screen_resume(self) -> None:
        """Header and layout may be stale after another screen."""
        self._fit(*self.deck.size)

    def _fit(self, width: int, height: int) -> None:
        if self._classify(width, height):
            self.query_one(SizeNotice).say(width, height)
        self.draw_bars()

    def _classify(self, width: int, height: int) -> bool:
        """Set the classes by which the style sheet lays out; True when the terminal is too small."""
        small = width < SMALLEST[0] or height < SMALLEST[1]
        self.set_class(small, "-small")  # the screen's own: one below is laid out when it comes back
        self.set_class(height >= TALL, "-tall")
        self.set_class(height < TALL, "-short")
        self.set_class(width < WIDE, "-narrow")
        self.set_class(width >= WIDE, "-wide")
        return small

    def draw_bars(self) -> None:
        """Header and footer; only what differs is painted."""
        if not self.stands:
            return  # it draws them when it does
        width = self.deck.size.width
        view = self.session_view()
        self.query_one("#header", Lines).set_lines(
            header_lines(
                view,
                self.TITLE_TEXT,
                self.deck.glyphs,
                width,
                self.deck.outlook,
                self.deck.key,
                self.deck.clock(),
            )
        )
        self.query_one("#footer", Lines).set_line(footer_line(self.keys_here, width, typing=self.TYPING))

    @property
    def keys_here(self) -> list[Key]:
        """The keys that the footer names, as they are set."""
        return as_set(footer("app", *self.AREAS), self.deck.config.keys)

    def key(self, action: str) -> str:
        """The key of an action, such as "layers.undo", as it is set: for sentences that name it."""
        return self.deck.key(action)

    def patient(self) -> Region | None:
        """The part of the screen whose changes can wait until keys are answered; None when there is none."""
        return None

    def session_view(self) -> SessionView | None:
        """The session that the header names."""
        return self.deck.view

    def on_screen_suspend(self) -> None:
        """What was said is over when one comes back."""
        self.end_message()

    def _session_changed(self, change: SessionChanged) -> None:
        self.draw_bars()
        if self._rests(change):
            self.end_message()
        self.follow(change)
        job, before = change.view.job, change.before.job if change.before else None
        if job is not None and (before is None or (before.id, before.state) != (job.id, job.state)):
            self.say_failure(job)

    def say_failure(self, job: JobView) -> None:
        """Say why a job failed, or rests though nobody asked it to, where the screen itself does not tell."""
        if self.TELLS_JOB or not job.message:
            return
        if job.state == "failed" or (job.state == "paused" and job.wanted == "run"):
            what = "failed" if job.state == "failed" else "rests"
            self.say(f"{job.kind} {what}: {job.message}", "bad")

    def _rests(self, change: SessionChanged) -> bool:
        """Whether a job that was at work has ended, rests or died, and none starts behind it by itself."""
        job, before, feed = change.view.job, change.before.job if change.before else None, self.deck.feed
        if job is None or _at_work(job) or feed is None:
            return False
        begun = before is None or before.id != job.id  # it has begun and ended between two looks
        return (begun or _at_work(before)) and not feed.reader.goes_on(job)

    def say(self, sentence: str, tone: str = "muted") -> None:
        """Say a message above the footer, in as many lines as it needs; *tone* "bad": an error."""
        self.say_lines(self._wrapped(sentence, tone), error=tone == "bad")

    def say_lines(self, lines: list[list[Part]], *, error: bool = False) -> None:
        """Say a message in its lines."""
        self._said = Said(error)
        self._set_status(lines)

    def state(self, sentence: str, tone: str = "muted") -> None:
        """Tell above the footer what is so; behind a message that stands there."""
        self.state_lines(self._wrapped(sentence, tone))

    def state_lines(self, lines: list[list[Part]]) -> None:
        """Tell what is so in its lines."""
        self._state = tuple(lines)
        if self._said is None:
            self._set_status(lines)

    def end_message(self) -> None:
        """What is so stands above the footer again, unless an error was said a moment ago."""
        if self._said is not None and not self._said.unread:
            self._said = None
            self._set_status(list(self._state))

    def _wrapped(self, sentence: str, tone: str) -> list[list[Part]]:
        return wrapped(self.deck.glyphs.show(sentence), tone, self.deck.size.width, MOST_LINES)

    def _set_status(self, lines: list[list[Part]]) -> None:
        """Show lines above the footer; the screen is laid out anew only when their number changes."""
        for status in self.query("#status").results(Lines):
            status.styles.height = max(1, len(lines))
            status.set_lines(lines)

    def action_next_field(self) -> None:
        """The next field of a form."""
        self.focus_next()

    def action_previous_field(self) -> None:
        """The field before."""
        self.focus_previous()

    def follow(self, change: SessionChanged) -> None:
        """What a screen does when the session has changed."""


class DeckModal(ModalScreen[Result]):
    """A dialog that returns a value."""

    AREAS: ClassVar[tuple[str, ...]] = ()
    BINDINGS: ClassVar[list[BindingType]] = [  # the application's own keys do not reach below a dialog
        Binding("ctrl+q,ctrl+c", "app.quit", "Quit", show=False, priority=True),
        Binding("ctrl+l", "app.redraw", "Redraw", show=False, priority=True),
    ]

    def on_resize(self, event: events.Resize) -> None:
        """Lay out for the size that the terminal has, no other."""
        _stale(event, self.deck.size)

    @property
    def deck(self) -> "Workbench":
        """The application."""
        return cast("Workbench", self.app)  # pyright: ignore[reportUnknownMemberType]


def _at_work(job: JobView | None) -> bool:
    return job is not None and job.state in AT_WORK and not job.lost


def _stale(event: events.Resize, size: Size) -> bool:
    """Whether a screen's event is of a size that the terminal has no more; Textual then leaves it alone.

    A layout for one size tells the screen of that size again. With two sizes on their way at once each would call
    the other up for ever.
    """
    if event.size == size:
        return False
    event.stop()
    event.prevent_default()
    return True
