"""How soon the workbench answers a key while every core is busy and on a slow line; what it writes at rest.

Prints, for keys on a table of 2,000 layers: median, 90th percentile and maximum of the time from the key to the first
byte of the answer (limits: 20 and 50 ms); the same at 160x48 with the detail beside the table and a running search, on
a line that passes 8 KB a second on, until the moved cursor's place stands there (limit: 150 ms for the 90th
percentile). The terminal behind that line answers where the cursor is asked for, or stays silent.
Run: python benchmarks/workbench_keys.py
"""

import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "tui"))

from pty_terminal import Terminal
from sample_session import add_search, add_trial, make_session, set_job

KEYS = 60
LAYERS = 2000
LINE = 8000  # bytes a second
RESTS = (0.05, 0.12, 0.3, 0.45, 0.7, 1.2)  # seconds between keys: before, amid and after the detail
ASKED = b"\x1b[6n"
BURN = "import os; os.nice(10)\nwhile True: sum(range(100000))"


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


def report(title: str, times: list[float]) -> None:
    """One line of figures."""
    ordered = sorted(times)
    print(
        f"{title:34} median {statistics.median(ordered):5.1f} ms  p90 {ordered[len(ordered) * 9 // 10]:5.1f} ms"
        f"  max {ordered[-1]:5.1f} ms",
        flush=True,
    )


def busy(count: int, measure: Callable[[], list[float]]) -> list[float]:
    """What *measure* finds while *count* processes burn."""
    burning = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(count)]
    try:
        return measure()
    finally:
        for process in burning:
            process.kill()
            process.wait()


def main() -> None:
    """Measure at rest, with every core busy, and on a slow line with every core busy."""
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        session = make_session(Path(folder) / "large.qdeck", layers=LAYERS)
        with Terminal(session, (120, 40)) as terminal:
            terminal.read_until(f"1 of {LAYERS}")
            for title, count in (("idle", 0), ("every core busy", cores)):
                report(title, busy(count, lambda: answers(terminal)))
            terminal.read(quiet=0.5)
            print(f"bytes in 10 s at rest: {len(terminal.read(quiet=10.0, limit=10.0))}", flush=True)
        job = add_search(session)
        for title, silent in (
            ("8 KB/s, busy, terminal answers", False),
            ("8 KB/s, busy, silent terminal", True),
        ):
            report(title, busy(cores, lambda silent=silent: slow_answers(session, job, silent=silent)))


if __name__ == "__main__":
    main()
