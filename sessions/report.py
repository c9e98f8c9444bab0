"""How long work tells where it is, whoever listens: a job's row, a terminal, nobody."""

import time
from collections.abc import Callable
from typing import Protocol

Advance = Callable[[int, int], None]
"""Called with (steps done, steps in all)."""


class Cancelled(Exception):
    """The work was asked to stop; raised inside it at its next step."""


class Paused(Cancelled):
    """The work was asked to stop so that it can go on later."""


class Replaced(Paused):
    """The job is not this process's any more: it stood still so long that it counted as dead."""


class Report(Protocol):
    """What a body of work is given."""

    def stage(self, name: str) -> Advance:
        """Begin a stage ("statistics", "tuning" ...); call the result after every step."""
        ...

    def say(self, sentence: str) -> None:
        """Tell the user something beside the result: a warning, a sample that was skipped."""
        ...

    def check(self) -> None:
        """Raise Cancelled or Paused when the work shall stop; for work that waits within a step."""
        ...


class Silent:
    """Nobody listens."""

    def stage(self, name: str) -> Advance:
        """Ignore the steps."""
        return lambda done, total: None

    def say(self, sentence: str) -> None:
        """Ignore the sentence."""

    def check(self) -> None:
        """Nobody stops it."""


class Both:
    """Two listeners."""

    def __init__(self, first: Report, second: Report) -> None:
        self._first = first
        self._second = second

    def stage(self, name: str) -> Advance:
        """Begin the stage at both."""
        first, second = self._first.stage(name), self._second.stage(name)

        def advance(done: int, total: int) -> None:
            first(done, total)
            second(done, total)

        return advance

    def say(self, sentence: str) -> None:
        """Say it to both."""
        self._first.say(sentence)
        self._second.say(sentence)

    def check(self) -> None:
        """Whether one of them wants the work to stop."""
        self._first.check()
        self._second.check()


class Meter:
    """Rate and time left of one stage."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()

    def measure(self, done: int, total: int) -> tuple[float | None, float | None]:
        """(steps a second, seconds left); None while nothing can be said."""
        passed = self._clock() - self._started
        if done <= 0 or passed <= 0:
            return None, None
        rate = done / passed
        return rate, max(0, total - done) / rate
