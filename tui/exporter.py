"""Writes a form of a session in a process of its own: ``python -m quantdeck.tui.exporter``, the request on stdin.

Figures need the model and the engine, whose import holds the interpreter for long; the screen must not wait for that
(style 2.6). The last line of standard output is the answer: {"notes": [...]} or {"error": ...}.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ..engine.errors import QuantdeckError
from ..engine.text import visible


def write(path: Path, form: str, target: Path, *, replace: bool) -> tuple[str, ...]:
    """Have a form of the session at *path* written; what is to be said of it. Errors: QuantdeckError."""
    request = json.dumps([str(path), form, str(target), replace])
    done = subprocess.run(
        [sys.executable, "-P", "-m", __name__],
        input=request,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    try:
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError) as error:
        last = visible(done.stderr.strip().splitlines()[-1]) if done.stderr.strip() else "no message"
        raise QuantdeckError(f"{visible(str(target))} could not be written: {last}") from error
    if "error" in answer:
        raise QuantdeckError(str(answer["error"]))
    return tuple(str(note) for note in answer["notes"])


def main() -> int:
    """Read the request, write the file and the answer."""
    from ..sessions.export import export

    path, form, target, replace = json.load(sys.stdin)
    answer: dict[str, Any]
    try:
        answer = {"notes": export(Path(path), {form: Path(target)}, replace=bool(replace))}
    except QuantdeckError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
