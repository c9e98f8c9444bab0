"""How soon the workbench answers keys: at rest, with every core busy, and on a slow line. Figures, no judgement.

For benchmarks/workbench_keys.py and the tests of the time budgets.
"""

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pty_terminal import Terminal
from quantdeck.sessions.worker import NICE
from sample_session import add_trial, set_job

KEYS = 60
LAYERS = 2000
LINE = 8000  # bytes a second
RESTS = (0.05, 0.12, 0.3, 0.45, 0.7, 1.2)  # seconds between keys: before, amid and after the detail
ASKED = b"\x1b[6n"
BURN = f"import os; os.nice({NICE})\nwhile True: sum(range(100000))"  # as a search is to the scheduler


def late(times: Sequence[float]) -> float:
    """The 90th percentile."""
    return sorted(times)[len(times) * 9 // 10]


def answers(terminal: Terminal) -> list[float]:
    """Milliseconds from each key to the first byte of its answer."""
    found: list[float] = []
    for step in range(KEYS):
        terminal.read(quiet=0.12, limit=0.4)
        start = time.perf_counter()
        terminal.send("\x1b[B" if step % 20 < 15 else "\x1b[A")
        select.select([terminal.fd], [], [], 2.0)
        found.append((time.perf_counter() - start) * 1000)
    return found


class SlowLine:
    """What the program writes is taken at once and comes to the screen at the pace of the line."""

    def __init__(self, terminal: Terminal, *, silent: bool) -> None:
        self.terminal, self._silent = terminal, silent
        self._waiting = bytearray()
        self._last = time.perf_counter()

    def wait(self, over: Callable[[], bool]) -> float:
        """Milliseconds until *over*; the line is at work meanwhile."""
        start = time.perf_counter()
        while not over():
            if select.select([self.terminal.fd], [], [], 0.004)[0]:
                self._waiting += os.read(self.terminal.fd, 65536)
            now = time.perf_counter()
            room = int((now - self._last) * LINE)
            if room:
                self._last = now
                self._pass(room)
        return (time.perf_counter() - start) * 1000

    def _pass(self, room: int) -> None:
        part = bytes(self._waiting[:room])
        del self._waiting[:room]
        self.terminal._stream.feed(part)
        if ASKED in part and not self._silent:  # an answer that is cut in two counts as none
            self.terminal.send("\x1b[9;9R")

    def shows(self, text: str) -> bool:
        """Whether the line of state begins with *text*."""
        screen = self.terminal.screen
        line = screen.buffer[screen.lines - 2]
        return "".join(line[x].data for x in range(len(text))) == text


def slow_answers(session: Path, job: int, *, silent: bool) -> list[float]:
    """Milliseconds until the moved cursor stands there, on a slow line."""
    found: list[float] = []
    trials = 1000 if silent else 0
    with Terminal(session, (160, 48)) as terminal:
        terminal.read_until(f"1 of {LAYERS}")
        terminal.read(quiet=1.0)
        line = SlowLine(terminal, silent=silent)
        place = 1
        for step in range(KEYS):
            rest = time.perf_counter() + RESTS[step % len(RESTS)]
            line.wait(lambda rest=rest: time.perf_counter() >= rest)
            if step % 2:
                trials += 1
                add_trial(session, job, 1000 + trials, trials % 7, 0.98)
                set_job(session, job, done=14 + trials, eta=40.0)
            down = step % 40 < 30
            place += 1 if down else -1
            terminal.send("\x1b[B" if down else "\x1b[A")
            wanted = f" {place} of {LAYERS}"
            found.append(line.wait(lambda wanted=wanted: line.shows(wanted)))
    return found


def busy(measure: Callable[[], list[float]], count: int | None = None) -> list[float]:
    """What *measure* finds while *count* processes burn, one for each core unless told otherwise."""
    count = (os.cpu_count() or 1) if count is None else count
    burning = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(count)]
    try:
        return measure()
    finally:
        for process in burning:
            process.kill()
            process.wait()
