"""A line for typing above the footer: filter and find, without a screen of their own (style 2.2)."""

from collections.abc import Iterator

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from ..messages import PromptChanged, PromptDone


class Line(Input):
    """An input of one line without blinking; Escape belongs to whoever shows it."""

    def __init__(self, value: str = "", *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(value, placeholder=placeholder, id=id, compact=True, select_on_focus=False)
        self.cursor_blink = False


class Prompt(Horizontal):
    """Label and input; Enter keeps the text, Escape drops it."""

    def __init__(self) -> None:
        super().__init__(id="prompt")
        self.purpose = ""
        self._back: Widget | None = None
        self.display = False

    def compose(self) -> ComposeResult:
        """A label and a line."""
        yield Static("", id="prompt-label", markup=False)
        yield Line(id="prompt-input")

    @property
    def input(self) -> Input:
        """The line."""
        return self.query_one("#prompt-input", Input)

    def ask(self, purpose: str, label: str, text: str = "") -> None:
        """Open the line; what is typed is told by PromptChanged and PromptDone with this *purpose*."""
        self.purpose = purpose
        self._back = self.screen.focused
        self.query_one("#prompt-label", Static).update(Content(f" {label}: "))
        with self.prevent(Input.Changed):
            self.input.value = text
        self.input.cursor_position = len(text)
        self.display = True
        # Not Widget.focus, which waits for its turn: over a slow line the next letters are here already.
        self.screen.set_focus(self.input)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell every change."""
        event.stop()
        self.post_message(PromptChanged(self.purpose, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: keep."""
        event.stop()
        self._leave(True)

    def on_key(self, event: events.Key) -> None:
        """Escape: drop."""
        if event.key == "escape" and self.display:
            event.stop()
            self._leave(False)

    def _leave(self, kept: bool) -> None:
        self.display = False
        if self._back is not None:
            self.screen.set_focus(self._back)
        self.post_message(PromptDone(self.purpose, self.input.value, kept))


def matcher(text: str, names: list[object], ops: list[object]) -> "Iterator[bool]":
    """For each row whether it matches: every word in the name or op, ``op:Conv`` in the op alone."""
    words = text.lower().split()
    for name, op in zip(names, ops, strict=True):
        low_name, low_op = str(name).lower(), str(op).lower()
        yield all(
            word[3:] in low_op if word.startswith("op:") else word in low_name or word in low_op
            for word in words
        )
