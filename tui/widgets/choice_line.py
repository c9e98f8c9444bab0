"""Choices above the footer, one key each, in as many lines as they need, without a screen of their own (style 2.2)."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from ..messages import ChoiceDone
from .cells import Part, clip, wrapped
from .painted import Painted

ENDS = ("ctrl+q", "ctrl+c")
MOST_LABEL = 2  # lines of what is asked


@dataclass(frozen=True, slots=True)
class Option:
    """A choice: its key, how it is called, what it stands for."""

    key: str
    title: str
    value: str


class ChoiceLine(Painted, can_focus=True):
    """Asks; the answer comes as ChoiceDone."""

    def __init__(self) -> None:
        super().__init__(id="choice")
        self.purpose = ""
        self.label = ""
        self.options: tuple[Option, ...] = ()
        self.index = 0
        self._back: Widget | None = None
        self.display = False

    def ask(self, purpose: str, label: str, options: Sequence[Option], value: str = "") -> None:
        """Show the choices, the one of *value* under the cursor."""
        self.purpose, self.label, self.options = purpose, label, tuple(options)
        self.index = next((place for place, one in enumerate(self.options) if one.value == value), 0)
        self._back = self.screen.focused
        self.display = True
        self._fit(self.screen.size.width)
        self.refresh()
        self.screen.set_focus(self)

    def on_resize(self, event: events.Resize) -> None:
        """Other lines for another width."""
        self._fit(event.size.width)

    def _fit(self, width: int) -> None:
        """As many lines as the choices need; the screen is laid out anew only when their number changes."""
        self.styles.height = len(self._lines(width)) if self.options else 1

    def on_key(self, event: events.Key) -> None:
        """A choice's key, the arrows and Enter, or Escape; what ends the workbench passes."""
        if event.key in ENDS:
            return
        step = {"left": -1, "right": 1, "tab": 1, "shift+tab": -1}.get(event.key)
        found = next((one for one in self.options if one.key == event.character), None)
        event.stop()
        event.prevent_default()
        if step is not None:
            self.index = (self.index + step) % len(self.options)
            self.refresh()
        elif found is not None:
            self._leave(found.value)
        elif event.key == "enter":
            self._leave(self.options[self.index].value)
        elif event.key == "escape":
            self._leave("")

    def _leave(self, value: str) -> None:
        self.display = False
        if self._back is not None:
            self.screen.set_focus(self._back)
        self.post_message(ChoiceDone(self.purpose, value))

    @property
    def text(self) -> str:
        """What stands there."""
        return "\n".join("".join(text for text, _ in line) for line in self._lines(self.screen.size.width))

    def _lines(self, width: int) -> list[list[Part]]:
        """The question and, behind it, the choices; one that does not fit whole begins the next line."""
        lines = wrapped(f"{self.label}{'' if self.label.endswith('?') else ':'}", "accent", width, MOST_LABEL)
        for place, option in enumerate(self.options):
            parts = self._option(option, place == self.index)
            if sum(cell_len(text) for text, _ in [*lines[-1], *parts]) > width:
                lines.append([])
            lines[-1] += parts
        return lines

    def _option(self, option: Option, marked: bool) -> list[Part]:
        return [
            ("[" if marked else " ", "key"),
            (option.key, "key"),
            (f" {option.title}", "strong" if marked else "plain"),
            ("]" if marked else " ", "key"),
        ]

    def render_line(self, y: int) -> Strip:
        """A line of the choices."""
        lines = self._lines(self.size.width)
        return self.strip(clip(lines[y] if y < len(lines) else [], self.size.width))
