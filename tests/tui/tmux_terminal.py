"""A tmux server of a test's own that runs the installed command."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

COMMAND = str(Path(sys.executable).with_name("quantdeck"))
LIMIT = 120.0
STILL = 60.0  # seconds without a change on the screen after which nothing more is expected
NOT_PASSED_ON = ("TMUX", "NO_COLOR", "COLUMNS", "LINES", "ROWS")
needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Tmux:
    """A tmux server of its own with one pane that runs the command."""

    def __init__(self, folder: Path, size: tuple[int, int]) -> None:
        self._folder = folder
        self._tmux: list[str] = []
        self._size = size
        self._environment = {
            **{name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON},
            "QUANTDECK_HOME": str(folder / "home"),
            "TERM": "xterm-256color",
            "LC_ALL": "C.UTF-8",
            "PS1": "READY> ",
        }

    def start(self, *arguments: str) -> None:
        """Run the installed command."""
        self.start_as(COMMAND, *arguments)

    def start_as(self, *command: str) -> None:
        """Run a command."""
        width, height = map(str, self._size)
        socket = self._folder / f"tmux{len(list(self._folder.glob('tmux*')))}"  # not one that is being left
        self._tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]
        subprocess.run(
            [*self._tmux, "new-session", "-d", "-x", width, "-y", height, *command],
            check=True, env=self._environment,
        )  # fmt: skip

    def keys(self, *keys: str) -> None:
        for key in keys:
            subprocess.run([*self._tmux, "send-keys", key], check=True)

    def type(self, text: str) -> None:
        subprocess.run([*self._tmux, "send-keys", "-l", text], check=True)

    def ask(self, *command: str) -> str:
        """Run a command of tmux; what it prints, nothing where the server is gone."""
        done = subprocess.run([*self._tmux, *command], capture_output=True, encoding="utf-8", check=False)
        return done.stdout

    @property
    def process(self) -> psutil.Process:
        """What runs in the pane."""
        return psutil.Process(int(self.ask("list-panes", "-F", "#{pane_pid}")))

    @property
    def text(self) -> str:
        """What the pane shows; nothing when it has ended."""
        return self.ask("capture-pane", "-p")

    def until(self, wanted: str | Callable[[str], bool], *, still: float = STILL) -> str:
        """Wait until a text stands on the screen; its signal is the clock, not a sleep of the test's own.

        It fails with the screen's text when the program has ended, or when nothing moves for *still* seconds.
        """
        begun = moved = time.monotonic()
        before = ""
        while (now := time.monotonic()) - begun < LIMIT and now - moved < still:
            text = self.text
            if wanted in text if isinstance(wanted, str) else wanted(text):
                return text
            if text != before:
                before, moved = text, now
            elif not text and now - begun > 5:
                break  # no screen: it has ended
            signal.sigtimedwait((), 0.05)
        raise AssertionError(
            f"{wanted!r} did not come; the screen shows:\n{before or 'nothing, it has ended'}"
        )

    def kill(self) -> None:
        if not self._tmux:
            return
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)
