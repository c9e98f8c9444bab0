"""The end that comes from outside: a terminal or a page that is gone, a signal.

What was typed before is done first, so that a job which the last key starts is started, however soon behind it the
page was closed; a moment at most, as a key may be at work for longer.
"""

import asyncio
import fcntl
import sys
import termios
from collections.abc import Callable
from typing import Any

LOOK = 0.05  # seconds between looks
LOOKS = 20
QUIET = 2  # looks that find nothing: between the two a key comes from the terminal to the application


class Leaving:
    """Ends the workbench behind the keys that came before."""

    def __init__(self, busy: Callable[[], bool], end: Callable[[], object]) -> None:
        """*busy*: whether keys are at work or wait."""
        self._busy, self._end = busy, end
        self._task: asyncio.Task[None] | None = None

    def begin(self, driver: Any) -> None:
        """Begin to leave; once. *driver*: what reads the terminal."""
        if self._task is None:
            self._task = asyncio.create_task(self._leave(getattr(driver, "fileno", None)))

    async def _leave(self, terminal: int | None) -> None:
        quiet = 0
        for _ in range(LOOKS):
            await asyncio.sleep(LOOK)
            quiet = 0 if self._busy() or _unread(terminal) else quiet + 1
            if quiet == QUIET:
                break
        self._end()


def _unread(terminal: int | None) -> int:
    """How many bytes lie in the terminal; 0 where it is gone or is none."""
    if terminal is None:
        return 0
    try:
        return int.from_bytes(fcntl.ioctl(terminal, termios.FIONREAD, bytes(4)), sys.byteorder)
    except OSError:
        return 0
