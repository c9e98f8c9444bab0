"""Every message between readers, widgets and screens."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from textual.message import Message

from .snapshots import SessionView


@dataclass
class RowMoved(Message):
    """The cursor of a table stands on another row; *row* is the row's number in the data, or None."""

    table: str
    row: int | None

    def can_replace(self, message: Message) -> bool:
        """Only the newest place matters."""
        return isinstance(message, RowMoved) and message.table == self.table


@dataclass
class RowChosen(Message):
    """Enter on a row."""

    table: str
    row: int


@dataclass
class LayerStep(Message):
    """Show the layer *step* rows further in the table."""

    step: int


@dataclass
class SortAsked(Message):
    """Sort by the column under the column cursor."""

    table: str
    column: str


@dataclass
class PromptChanged(Message):
    """The text in the prompt line changed."""

    purpose: str
    text: str

    def can_replace(self, message: Message) -> bool:
        """Only the newest text matters."""
        return isinstance(message, PromptChanged) and message.purpose == self.purpose


@dataclass
class PromptDone(Message):
    """The prompt line was left; *kept* is False after Escape."""

    purpose: str
    text: str
    kept: bool


@dataclass
class Answered(Message):
    """The process that assesses plans has said something (assessor.py)."""

    answer: Mapping[str, Any]


@dataclass
class ChoiceDone(Message):
    """The line of choices was left; *value* is empty after Escape."""

    purpose: str
    value: str


class Leave(Message):
    """The terminal or the page has gone, or a signal asks for the end: leave behind the keys that came before it."""


@dataclass
class SessionChanged(Message):
    """The session file has a new revision; *before* is the one that was shown."""

    view: SessionView
    before: SessionView | None

    def can_replace(self, message: Message) -> bool:
        """A screen must see every pair, since it reads what changed between the two."""
        return False
