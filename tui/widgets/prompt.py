"""A line for typing above the footer: filter and find, without a screen of their own (style 2.2)."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from ..messages import PromptChanged, PromptDone

EDITS: Mapping[str, str] = {
    "backspace": "delete_left",
    "ctrl+h": "delete_left",
    "delete": "delete_right",
    "left": "cursor_left",
    "right": "cursor_right",
    "home": "home",
    "end": "end",
    "ctrl+a": "home",
    "ctrl+e": "end",
    "ctrl+b": "cursor_left",
    "ctrl+f": "cursor_right",
    "ctrl+d": "delete_right",
    "ctrl+w": "delete_left_word",
    "ctrl+k": "delete_right_all",
    "ctrl+u": "delete_left_all",
}
"""What keys do in a line of text, as in a shell's."""


class Line(Input):
    """An input of one line without blinking; Escape belongs to whoever shows it.

    Keys that edit are done here, as letters are: as bindings they would be found later than letters that came with
    them in one packet, and `backspace 9` would become `9 backspace`.
    """

    def __init__(
        self, value: str = "", *, placeholder: str = "", id: str | None = None, select_on_focus: bool = False
    ) -> None:
        super().__init__(value, placeholder=placeholder, id=id, compact=True, select_on_focus=select_on_focus)
        self.cursor_blink = False

    async def _on_key(self, event: events.Key) -> None:
        action = EDITS.get(event.key)
        if action is None:
            await super()._on_key(event)
            return
        event.stop()
        event.prevent_default()
        getattr(self, f"action_{action}")()


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


def matcher(text: str, values: Mapping[str, Sequence[Any]]) -> list[bool]:
    """For each row of the layer table whether it matches every word of *text*.

    A word stands in the name or the op; ``op:Conv`` in the op alone, ``mode:F16`` (or ``precision:F16``) in the
    precision, and ``worst:10`` leaves, of the layers that the other words leave, the ten that make most noise at the
    outputs; until that is known, the ten of the lowest accumulated SQNR.
    """
    names = [str(name).lower() for name in values["name"]]
    ops = [str(op).lower() for op in values["op"]]
    kept = [True] * len(names)
    count: int | None = None
    for word in text.lower().split():
        head, colon, rest = word.partition(":")
        if colon and head == "op":
            hits = [rest in op for op in ops]
        elif colon and head in ("mode", "precision"):
            hits = [rest in str(mode or "").lower() for mode in values["mode"]]
        elif colon and head == "worst" and (not rest or (rest.isascii() and rest.isdigit())):
            count = int(rest) if rest else count
            continue
        else:
            hits = [word in name or word in op for name, op in zip(names, ops, strict=True)]
        kept = [one and hit for one, hit in zip(kept, hits, strict=True)]
    if count is None:
        return kept
    return worst([figure if one else None for figure, one in zip(_badness(values), kept, strict=True)], count)


def _badness(values: Mapping[str, Sequence[Any]]) -> list[float | None]:
    """A figure of each row, the lowest being the worst: less its part of the noise at the outputs, or its SQNR."""
    noise = values.get("output", ())
    if any(one is not None for one in noise):
        return [-one[1] if one is not None and one[1] > 0 else None for one in noise]
    return [None if value is None or math.isnan(value) else value for value in values["sqnr"]]


def worst(figures: Sequence[float | None], count: int) -> list[bool]:
    """Which rows are among the *count* lowest figures; rows without a figure are not."""
    known = sorted(figure for figure in figures if figure is not None)
    limit = known[min(count, len(known)) - 1] if count and known else float("-inf")
    return [figure is not None and count > 0 and figure <= limit for figure in figures]
