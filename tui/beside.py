"""A process beside the screen that answers questions in JSON lines; the screen never waits for it (style 2.6)."""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from ..engine.text import visible

Answer = dict[str, Any]


class Beside:
    """``python -m MODULE``, started at the first question; it ends with its standard input."""

    def __init__(self, module: str, tell: Callable[[Answer], None]) -> None:
        """*tell* is called from a thread with each answer."""
        self._module = module
        self._tell = tell
        self._process: subprocess.Popen[str] | None = None

    def ask(self, question: Mapping[str, Any]) -> None:
        """Ask; what was asked before and not begun yet is dropped."""
        process = self._process
        if process is None or process.poll() is not None:
            process = self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", self._module],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
                start_new_session=True,
            )
            threading.Thread(target=self._listen, args=(process,), daemon=True).start()
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # its end is told by the thread that listens
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()

    def close(self) -> None:
        """Let the process end."""
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            try:
                answer: Answer = json.loads(line)
            except ValueError:
                continue  # a library's own words
            if "said" in answer:
                answer["said"] = visible(str(answer["said"]))
            if self._process is process:
                self._tell(answer)
        if process.wait() and self._process is process:
            self._tell({"said": "the process beside the screen has ended; try again"})
