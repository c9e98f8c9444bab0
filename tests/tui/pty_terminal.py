"""Runs the workbench on a pseudo-terminal, answers what Textual asks, and counts what it writes."""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyte

START = "import sys; from quantdeck.tui.app import run; sys.exit(run({path!r}, {options}))"
SYNC_ASKED, SYNC_ANSWER = b"\x1b[?2026$p", b"\x1b[?2026;2$y"


class Terminal:
    """One process on a terminal of its own."""

    def __init__(
        self,
        path: Path | str | None,
        size: tuple[int, int] = (80, 24),
        *,
        options: str = "",
        environment: Mapping[str, str | None] | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        """*size*: columns, rows; 0 counts as not known. *options*: keyword arguments of ``run`` as text.

        *environment*: None takes a variable away.
        """
        where = str(path) if path is not None else None
        command = [sys.executable, "-c", START.format(path=where, options=options), *arguments]
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

    def read(self, *, quiet: float = 0.25, limit: float = 8.0) -> bytes:
        """What is written until nothing comes for *quiet* seconds, at most for *limit* seconds."""
        start, got = time.monotonic(), bytearray()
        while time.monotonic() - start < limit:
            if not select.select([self.fd], [], [], quiet)[0]:
                if got or time.monotonic() - start >= quiet:
                    break
                continue
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                break
            if not data:
                break
            if SYNC_ASKED in data:
                os.write(self.fd, SYNC_ANSWER)
            got += data
        self.output += got
        self._stream.feed(bytes(got))
        return bytes(got)

    def read_first(self, *, limit: float = 20.0) -> bytes:
        """Everything until the first frames have been written and nothing more comes."""
        start, got = time.monotonic(), bytearray()
        while b"\x1b[?2026l" not in self.output and time.monotonic() - start < limit:
            got += self.read(quiet=0.1, limit=0.5)
        return bytes(got) + self.read(quiet=0.4)

    def read_until(self, text: str, *, limit: float = 20.0) -> bytes:
        """Read until *text* stands on the screen; what came is returned, its end included."""
        start, got = time.monotonic(), bytearray()
        while time.monotonic() - start < limit:
            got += self.read(quiet=0.1, limit=0.5)
            if text in self.text:
                return bytes(got)
        raise AssertionError(f"{text!r} did not come; the screen shows:\n{self.text}")

    def wait(self, *, limit: float = 10.0) -> int:
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
