"""What every screen has: header, footer, and one line in place of it all on too small a terminal."""

from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.screen import ModalScreen, Screen

from ..keys import Key, as_set, footer
from ..messages import SessionChanged
from ..snapshots import SessionView
from ..widgets.bars import SMALLEST, SizeNotice, footer_line, header_lines
from ..widgets.cells import Part, wrapped
from ..widgets.painted import Lines

if TYPE_CHECKING:
    from ..workbench import Workbench

Result = TypeVar("Result")

TALL = 36
WIDE = 120
MOST_LINES = 4  # of a sentence above the footer


class DeckScreen(Screen[None]):
    """A full screen with the shared header and footer."""

    AREAS: ClassVar[tuple[str, ...]] = ()
    TITLE_TEXT: ClassVar[str] = ""
    TYPING: ClassVar[bool] = False  # fields take the letters

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

    def on_resize(self, event: events.Resize) -> None:
        """Choose the layout by the size and draw the bars for it."""
        if not _stale(event, self.deck.size):
            self._fit(event.size.width, event.size.height)

    def on_screen_resume(self) -> None:
        """The header may be stale after another screen."""
        self.draw_bars()

    def _fit(self, width: int, height: int) -> None:
        if self._classify(width, height):
            self.query_one(SizeNotice).say(width, height)
        self.draw_bars()

    def _classify(self, width: int, height: int) -> bool:
        """Set the classes by which the style sheet lays out; True when the terminal is too small."""
        small = width < SMALLEST[0] or height < SMALLEST[1]
        self.deck.set_class(small, "-small")
        self.set_class(height >= TALL, "-tall")
        self.set_class(height < TALL, "-short")
        self.set_class(width < WIDE, "-narrow")
        self.set_class(width >= WIDE, "-wide")
        return small

    def draw_bars(self) -> None:
        """Header and footer; only what differs is painted."""
        width = self.deck.size.width
        view = self.session_view()
        self.query_one("#header", Lines).set_lines(
            header_lines(view, self.TITLE_TEXT, self.deck.glyphs, width, self.deck.outlook, self.deck.key)
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

    def _session_changed(self, change: SessionChanged) -> None:
        self.draw_bars()
        self.follow(change)

    def say(self, sentence: str, tone: str = "muted") -> None:
        """Say a sentence above the footer, in as many lines as it needs."""
        lines = wrapped(self.deck.glyphs.show(sentence), tone, self.deck.size.width, MOST_LINES)
        self.set_status(lines)

    def set_status(self, lines: list[list[Part]]) -> None:
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
