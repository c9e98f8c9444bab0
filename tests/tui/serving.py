"""A running ``quantdeck serve`` for tests."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import psutil

LIMIT = 120.0  # seconds after which a test fails


class Serving:
    """The server in a process of its own, on a free port."""

    def __init__(self, folder: Path, session: Path | None = None, *options: str) -> None:
        """*folder*: where it runs and keeps what it says."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.address = f"http://127.0.0.1:{self.port}/"
        self._said = folder / "said.txt"
        command = [sys.executable, "-m", "quantdeck", "serve", "--port", str(self.port), *options]
        environment = {**os.environ, "QUANTDECK_HOME": str(folder / "home"), "TMUX": "/tmp/nothing,1,0"}
        with self._said.open("w") as said:
            self._process = psutil.Popen(
                [*command, *([session.name] if session else [])],
                cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            )  # fmt: skip
        self.status: int | None = None

    def __enter__(self) -> Self:
        end = time.monotonic() + LIMIT
        while time.monotonic() < end and self.alive:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            signal.sigtimedwait((), 0.05)
        raise AssertionError(f"it does not listen; it said:\n{self.said}")

    def __exit__(self, *_: object) -> None:
        if self.alive:
            self.signal(signal.SIGTERM)
        self.status = self._process.wait(LIMIT)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    @property
    def said(self) -> str:
        """What it wrote."""
        return self._said.read_text()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def workbenches(self) -> list[psutil.Process]:
        """The processes that it started."""
        return self._process.children(recursive=True) if self.alive else []
