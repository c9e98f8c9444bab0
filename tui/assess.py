"""Asks the process that scores and predicts plans (assessor.py); the screen never waits for it."""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..engine.text import visible
from .asked import Question

Answer = dict[str, Any]
MODULE = f"{__package__}.assessor"


class Assess:
    """A process that is started at the first question."""

    def __init__(self, path: Path, tell: Callable[[Answer], None]) -> None:
        """*tell* is called from a thread with each answer."""
        self._path = path
        self._tell = tell
        self._process: subprocess.Popen[str] | None = None

    def ask(self, plan: int, layer: str | None = None, about: str = "") -> None:
        """Have a plan predicted and scored, or something else (asked.py), in place of the same asked before."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", MODULE, str(self._path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
                start_new_session=True,
            )
            threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(
                Question(plan, layer, about or ("layer" if layer is not None else "")).to_line()
            )
            self._process.stdin.flush()
        except OSError as error:
            self._tell({"plan": plan, "state": "failed", "said": f"no answer ({error.strerror})"})

    def stop(self) -> None:
        """End the process at once: its file has another name now, and it may hold that name's log."""
        process = self._process
        self.close()
        if process is not None:
            process.kill()
            process.wait()

    def close(self) -> None:
        """Let the process end."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            self._process = None

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            try:
                answer = json.loads(line)
            except ValueError:
                continue  # a library's own words
            if "said" in answer:
                answer["said"] = visible(answer["said"])
            self._tell(answer)
        if process.wait() and self._process is process:
            self._tell({"plan": None, "state": "failed", "said": "the process that checks plans has ended"})
