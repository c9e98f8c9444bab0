"""A line of choices above the footer: one key takes one, without a screen of its own (style 2.2)."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.strip import Strip
from textual.widget import Widget

from ..messages import ChoiceDone
from .cells import Part, clip
from .painted import Painted

ENDS = ("ctrl+q", "ctrl+c")


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
        self.refresh()
        self.screen.set_focus(self)

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
        return "".join(text for text, _ in self._parts())

    def _parts(self) -> list[Part]:
        parts: list[Part] = [(f" {self.label}{'' if self.label.endswith('?') else ':'}", "accent")]
        for place, option in enumerate(self.options):
            marked = place == self.index
            parts += [("[" if marked else " ", "key"), (option.key, "key")]
            parts += [(f" {option.title}", "strong" if marked else "plain"), ("]" if marked else " ", "key")]
        return parts

    def render_line(self, y: int) -> Strip:
        """The choices in one line."""
        return self.strip(clip(self._parts() if y == 0 else [], self.size.width))
