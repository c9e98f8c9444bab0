"""The application as a terminal meets it: what it writes and reads, and how it ends."""

import asyncio
import os
import shutil
import signal
from collections.abc import Sequence
from typing import Any

from rich.segment import Segment
from textual.app import App
from textual.color import Color
from textual.driver import Driver
from textual.events import (
    CursorPosition,
    Event,
    Key,
    MouseDown,
    MouseScrollDown,
    MouseScrollUp,
    Paste,
    Resize,
)
from textual.filter import LineFilter, Monochrome, NoColor
from textual.geometry import Region
from textual.screen import Screen
from textual.widgets import Input

from .config import Config
from .continuing import hear_stop_and_continue
from .frames import CompositorUpdate, Frame, FrameUpdate, SliceUpdate, comparable
from .glyphs import GLYPHS, to_ascii
from .key_names import key_map
from .key_order import MOST, KeyOrder
from .keys import KeyName, names_of
from .leaving import Leaving
from .messages import Leave
from .pacing import Pacer, may_ask
from .pasted import Pages
from .screens.base import DeckScreen
from .terminal import resumable
from .theme import ANSI, DARK, LIGHT

ANSWER_STEP, ANSWER_STEPS = 0.02, 15  # seconds between looks for a terminal's answer, and how many


class AsciiFilter(LineFilter):
    """The last guard: nothing but ASCII reaches a terminal without UTF-8."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Replace sign by sign; widths stay."""
        return [Segment(to_ascii(text), style, control) for text, style, control in segments]


class TerminalApp(App[None]):
    """What Textual leaves to be done for slow lines, odd terminals and fast typing; knows nothing of sessions."""

    def __init__(
        self, *, ansi: bool, glyphs: str, config: Config | None = None, driver: type[Driver] | None = None
    ) -> None:
        """*ansi*: the terminal's own 16 colours. *driver*: what writes to the terminal, None for Textual's own."""
        super().__init__(driver_class=driver)
        self.glyphs = GLYPHS[glyphs]
        self._guard = AsciiFilter(enabled=self.glyphs.plain)
        for theme in (DARK, LIGHT, ANSI):
            self.register_theme(theme)
        self.config = config or Config()
        self._ansi = ansi
        self.theme = self._theme_name()
        self.set_keymap(key_map(self.config.keys))
        self.set_class(self.glyphs.plain, "-plain")
        # The console's guess for a terminal of no size (80x25) must not differ from the driver's (80x24):
        # Textual would lay out for one and the other for ever.
        self.console.size = shutil.get_terminal_size()
        self._frame = Frame()
        self._cursor = self.cursor_position
        self._paced = driver is None
        self._pacer = Pacer(
            self._frame,
            self.set_timer,
            self._show_slice,
            self.send if may_ask() else None,
            lambda: self._keys.busy,
        )
        self._keys = KeyOrder(
            lambda: self.focused or self.screen, self._give, self.set_timer, self._tell_left_out
        )
        self._pages = Pages()
        self._leaving = Leaving(lambda: self._keys.busy, self.exit)

    def on_mount(self) -> None:
        """Signals end it with the terminal restored."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT, signal.SIGINT):
            loop.add_signal_handler(number, self.post_message, Leave())
        hear_stop_and_continue(self._driver, loop)
        self.app_resume_signal.subscribe(self, self._resumed)  # pyright: ignore[reportUnknownMemberType]

    # settings

    @property
    def key(self) -> KeyName:
        """Names the key of an action, such as "layers.undo", as it is set."""
        return names_of(self.config.keys)

    def configure(self, config: Config) -> None:
        """Use other settings from now on; colours and signs come with the next start."""
        self.config = config
        self.theme = self._theme_name()
        self.set_keymap(key_map(config.keys))

    def _theme_name(self) -> str:
        if self._ansi:
            return ANSI.name
        return {"light": LIGHT.name, "terminal": ANSI.name}.get(self.config.theme, DARK.name)

    # writing

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's, and ASCII where nothing else can be shown; without colours no code of any goes out.

        Textual chooses before it knows the theme, and turns the terminal's own colours to black on black.
        """
        found = [NoColor() if isinstance(one, Monochrome) else one for one in super().get_line_filters()]
        return [*found, self._guard] if self._guard.enabled else found

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        """Write only cells that differ from what the terminal shows (frames.py says why)."""
        shown: Any = renderable
        if isinstance(renderable, CompositorUpdate) and comparable(renderable):
            shown = FrameUpdate(self._frame, renderable, self.size, self.console, self._patient(screen))
            if not shown.text and self.cursor_position == self._cursor:
                shown.hold()
                self._pacer.begin()
                return
            self._cursor = self.cursor_position
        super()._display(screen, shown)  # pyright: ignore[reportUnknownMemberType]
        self._pacer.begin()

    def _patient(self, screen: Screen[Any]) -> Region | None:
        """The part of a screen that can wait; a page in a browser takes everything at once."""
        if not self._paced or self.is_headless or not isinstance(screen, DeckScreen):
            return None
        return screen.patient()

    def _show_slice(self, update: SliceUpdate) -> None:
        shown: Any = update
        super()._display(self.screen, shown)  # pyright: ignore[reportUnknownMemberType]

    def send(self, sequence: str) -> None:
        """Send the terminal a sequence that draws nothing."""
        if self._driver is not None:
            self._driver.write(sequence)

    def on_resize(self, event: Resize) -> None:
        """What stands on the terminal is unknown after a resize, of the same size too (it came late)."""
        self.action_redraw()

    def action_redraw(self) -> None:
        """Paint everything again: after something else wrote on the terminal."""
        self._frame.forget()
        self.screen.refresh()

    def _resumed(self, _: object) -> None:
        self.action_redraw()

    # reading

    async def on_event(self, event: Event) -> None:
        """What a key or the mouse does is written before what is held back; both end a message."""
        if isinstance(event, (Key, Paste)) and not event.is_forwarded:
            self._pacer.hold()
            await self._keys.take(event)
            return
        if isinstance(event, (MouseDown, MouseScrollDown, MouseScrollUp)) and not event.is_forwarded:
            self._pacer.hold()
            self._end_message()
        if isinstance(event, CursorPosition):
            self._pacer.answered()
        await super().on_event(event)

    async def _give(self, key: Key | Paste) -> None:
        """Give a key to whoever has the focus; it ends the message that stands above the footer."""
        self._end_message()
        if isinstance(key, Paste) and (reason := self._refuses(key)):
            self.tell(reason)
        else:
            await super().on_event(key)

    def _refuses(self, paste: Paste) -> str:
        """Why nothing is done with what was pasted; empty where a field takes it."""
        field = self.focused
        if not isinstance(field, Input):
            return "pasted text goes into fields only; nothing was done with it"
        line = next(iter(paste.text.splitlines()), "")  # a field takes no more of it
        before = self._pages.before(field, field.value, len(line), paste.time)
        if before is None:
            return ""
        field.value = before
        return "what was pasted is too long for a field, and was left out"

    def _tell_left_out(self) -> None:
        self.tell(
            f"keys came faster than they could be done; those behind the first {MOST} were left out", "bad"
        )

    # messages

    def tell(self, sentence: str, tone: str = "weak") -> None:
        """Say something above the footer of the screen, or of the one below a dialog."""
        screen = next((one for one in reversed(self.screen_stack) if isinstance(one, DeckScreen)), None)
        if screen is not None:
            screen.say(sentence, tone)

    @property
    def front(self) -> DeckScreen | None:
        """The screen that is shown; None for a dialog, and where none is left because the workbench ends."""
        shown = self.screen_stack[-1] if self.screen_stack else None
        return shown if isinstance(shown, DeckScreen) else None

    def _end_message(self) -> None:
        if self.front is not None:
            self.front.end_message()

    # leaving

    async def action_quit(self) -> None:
        """End; an answer of the terminal that is on its way must not come to the shell."""
        for _ in range(ANSWER_STEPS if self._pacer.likely else 0):
            await asyncio.sleep(ANSWER_STEP)
            if not self._pacer.likely:
                break
        self.exit()

    def on_leave(self) -> None:
        """End as soon as the keys that came before are done: a job that one of them starts is started."""
        self._leaving.begin(self._driver)

    def action_suspend(self) -> None:
        """Stop, together with whatever started this in the same job, until the shell goes on."""
        if self._driver is None or not self._driver.can_suspend or not resumable():
            self.tell("no shell waits that could bring the workbench back")
            return
        os.killpg(os.getpgrp(), signal.SIGTSTP)
