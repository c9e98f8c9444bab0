"""Writes what can wait in slices, so that the answer to a key never stands behind a screenful on a slow line.

Nobody tells a program how fast its line is: whatever lies between may take everything at once and pass it on at 8 KB a
second. So a slice is followed by the question where the cursor is (DSR 6, ECMA-48 8.3.35), and the next one by its
answer, which has to come back over the same line. Where none comes the slices follow each other at 8 KB a second.
Multiplexers answer in place of the terminal behind the slow line and are not asked.
"""

import os
from collections.abc import Callable, Mapping
from typing import Protocol

from .frames import Frame, SliceUpdate

SLICE = 600  # bytes: half of what 150 ms allow on a line of 8 KB/s; the answer to a key has the other half
RATE = 8000.0  # bytes a second
QUIET = 0.2  # seconds without a key
PATIENCE = 2.0  # seconds for an answer of a terminal that has answered before
SOON = 0.001  # seconds; a timer of none at all is left out by Textual
ASK = "\x1b[6n"


class Clock(Protocol):
    """A timer that can be stopped."""

    def stop(self) -> None:
        """Never call."""


class Pacer:
    """Decides when the next slice is written."""

    def __init__(
        self,
        frame: Frame,
        later: Callable[[float, Callable[[], None]], Clock],
        show: Callable[[SliceUpdate], None],
        ask: Callable[[str], None] | None,
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        """*later* calls something after seconds, *show* writes an update, *ask* writes a question; None: never.

        *busy*: whether a key has not been answered yet.
        """
        self._frame = frame
        self._later = later
        self._show = show
        self._ask = ask
        self._busy = busy
        self._timer: Clock | None = None
        self._waits = False  # whether the timer waits for an answer
        self._answers = False  # whether the terminal has ever answered
        self.asking = False  # whether an answer is on its way

    def hold(self) -> None:
        """A key has come: its answer goes first, and what is held back may be replaced by it."""
        if self._timer is not None:
            self._plan(QUIET)

    def begin(self) -> None:
        """Something is held back."""
        if self._timer is None and self._frame.held:
            self._plan(SOON)

    def answered(self) -> None:
        """Everything that was written has arrived."""
        self._answers = True
        self.asking = False
        if self._timer is not None and self._waits:
            self._plan(SOON)

    @property
    def likely(self) -> bool:
        """Whether an answer is on its way from a terminal that gives answers."""
        return self._answers and self.asking

    def _plan(self, delay: float, *, waits: bool = False) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._waits = waits
        self._timer = self._later(delay, self._next)

    def _next(self) -> None:
        self._timer = None
        if self._busy():  # on a busy machine the answer may take longer than QUIET
            self._plan(QUIET)
            return
        if self._waits and self.likely:  # it has been silent for all of PATIENCE
            self._answers = self.asking = False
        if not self._frame.held:
            return
        self._show(SliceUpdate(self._frame, SLICE))
        if not self._frame.held:
            return
        if self._ask is not None and not self.asking:
            self._ask(ASK)
            self.asking = True
        self._plan(PATIENCE if self.likely else SLICE / RATE, waits=True)


def may_ask(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether what answers is the terminal itself."""
    multiplexed = environment.get("TERM", "").startswith(("screen", "tmux"))
    return not multiplexed and not environment.get("TMUX") and not environment.get("STY")
