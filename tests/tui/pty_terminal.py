"""Runs the workbench on a pseudo-terminal, answers what Textual asks, and counts what it writes."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil
import pyte

START = "import sys; from quantdeck.tui.app import run; sys.exit(run({path!r}, {options}))"
LIMIT = 120.0  # seconds after which a test fails
TICK = 0.05  # seconds between looks at whether the process works
PIECE = 64  # bytes after which the screen is looked at
FRAME = re.compile(rb".+?(?:\x1b\[\?2026l|\Z)", re.DOTALL)  # a frame, or what there is of it
DRAWN = re.compile(rb"\x1b\[[0-9;]*[Hm]")  # in any first frame, be it drawn before SYNC_ASKED was answered
ASK, CURSOR = b"\x1b[6n", b"\x1b[1;1R"
SYNC_ASKED, SYNC_ANSWER = b"\x1b[?2026$p", b"\x1b[?2026;2$y"


class Terminal:
    """One process on a terminal of its own."""

    def __init__(
        self,
        path: Path | str | None,
        size: tuple[int, int] = (80, 24),
        *,
        options: str = "",
        start: str = START,
        environment: Mapping[str, str | None] | None = None,
        arguments: Sequence[str] = (),
        answers: bool = False,
    ) -> None:
        """*size*: columns, rows; 0 counts as not known. *options*: keyword arguments of ``run`` as text.
        *start*: another program than ``run`` alone.

        *environment*: None takes a variable away. *answers*: whether it says where the cursor is when it is asked.
        """
        where = str(path) if path is not None else None
        command = [sys.executable, "-c", start.format(path=where, options=options), *arguments]
        plain = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        keep = {
            name: value
            for name, value in os.environ.items()
            if name not in ("NO_COLOR", "COLUMNS", "LINES", "TMUX", "TERM_PROGRAM") and "TEXTUAL" not in name
        }
        self.screen = pyte.Screen(size[0] or 80, size[1] or 24)
        self._stream = pyte.ByteStream(self.screen)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
            given = {**keep, **plain, **(environment or {})}
            os.execvpe(
                command[0], command, {name: value for name, value in given.items() if value is not None}
            )
        self.output = bytearray()
        self._answers, self._asked = answers, 0
        self.status: int | None = None

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def resize(self, columns: int, rows: int) -> None:
        """Another size, as a terminal emulator gives it."""
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(max(rows, 1), max(columns, 1))

    def send(self, keys: str) -> None:
        """Type."""
        os.write(self.fd, keys.encode())

    def signal(self, number: int) -> None:
        """Send a signal to the process."""
        os.kill(self.pid, number)

    def read(self, *, quiet: float = 0.25, limit: float = LIMIT, beside: bool = False) -> bytes:
        """What is written until nothing comes for *quiet* seconds, at most for *limit* seconds.

        Seconds in which the process works, or waits for its turn on a busy machine, are not quiet. *beside*: nor are
        those in which a process that it has started works.
        """
        start = still = time.monotonic()
        got = bytearray()
        while (left := start + limit - time.monotonic()) > 0:
            if not select.select([self.fd], [], [], min(quiet, left, TICK))[0]:
                if self._works(beside):
                    still = time.monotonic()
                elif time.monotonic() - still >= quiet:
                    break
                continue
            data = self._take()
            if not data:
                break
            got += data
            self._answer()
            still = time.monotonic()
        self._show(got)
        return bytes(got)

    def _take(self) -> bytes:
        """What lies ready; nothing where the process has gone."""
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return b""
        if SYNC_ASKED in data:
            os.write(self.fd, SYNC_ANSWER)
        self._asked += data.count(ASK)
        return data

    def _answer(self) -> None:
        if self._answers and self._asked:
            os.write(self.fd, CURSOR * self._asked)
        self._asked = 0

    def _show(self, data: bytes | bytearray) -> None:
        self.output += data
        self._stream.feed(bytes(data))

    def _works(self, beside: bool) -> bool:
        """Whether a thread of the process runs or could run."""
        try:
            process = psutil.Process(self.pid)
            found = [process, *(process.children(recursive=True) if beside else [])]
        except psutil.Error:
            return False
        return any(_runs(one.pid) for one in found)

    def _shows(self, parts: Iterable[bytes], text: str) -> int | None:
        """Show all parts; how many bytes there were until *text* stood there, None where it never did."""
        count, found = 0, None
        for part in parts:
            self._show(part)
            count += len(part)
            if found is None and text in self.text:
                found = count
        return found

    def count_until(self, text: str, *, limit: float = LIMIT) -> int:
        """How many bytes came until *text* stood on the screen, whatever came behind them before they were read."""
        end, count = time.monotonic() + limit, 0
        while time.monotonic() < end:
            if select.select([self.fd], [], [], TICK)[0]:
                data = self._take()
                found = self._shows((data[at : at + PIECE] for at in range(0, len(data), PIECE)), text)
                if found is not None:
                    self._answer()  # not before: nothing that waits for an answer has come yet
                    return count + found
                count += len(data)
        raise AssertionError(f"{text!r} did not come; the screen shows:\n{self.text}")

    def read_first(self, *, limit: float = LIMIT) -> bytes:
        """Everything until the first frames have been written and nothing more comes."""
        start, got = time.monotonic(), bytearray()
        while not DRAWN.search(self.output) and time.monotonic() - start < limit:
            got += self.read(quiet=0.1, limit=0.5)
        return bytes(got) + self.read(quiet=0.4)

    def read_until(self, text: str, *, limit: float = LIMIT) -> bytes:
        """Read until *text* stands on the screen, be it for one frame; what came is returned, its end included."""
        end, got = time.monotonic() + limit, bytearray()
        while time.monotonic() < end:
            if select.select([self.fd], [], [], TICK)[0]:
                data = self._take()
                got += data
                found = self._shows(FRAME.findall(data), text)
                self._answer()
            else:
                found = None if self._works(False) or text not in self.text else 0  # it stood there before
            if found is not None:
                return bytes(got) + self.read(quiet=0.1)
        raise AssertionError(f"{text!r} did not come; the screen shows:\n{self.text}")

    def wait(self, *, limit: float = LIMIT) -> int:
        """Exit status."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            self.read(quiet=0.05, limit=0.3)
            done, raw = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self.status = os.waitstatus_to_exitcode(raw)
                return self.status
        raise AssertionError(f"it did not end; the screen shows:\n{self.text}")

    @property
    def text(self) -> str:
        """The screen as text."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    @property
    def left_alternate_screen(self) -> bool:
        """Whether the normal screen is back."""
        return self.output.rfind(b"\x1b[?1049l") > self.output.rfind(b"\x1b[?1049h") >= 0


def _runs(process: int) -> bool:
    """Whether a thread runs, could run or waits for a disk; False where the system does not tell (it has no /proc)."""
    for stat in Path(f"/proc/{process}/task").glob("*/stat"):
        try:
            state = stat.read_text().rpartition(")")[2].split()[0]
        except OSError:  # it has ended meanwhile
            continue
        if state in "RD":
            return True
    return False
