"""Makes a session in a process of its own: ``python -m quantdeck.tui.maker FOLDER``, the request on stdin.

Reading a model imports onnx and numpy and may hold the interpreter for long; the screen must not wait for
that (style 2.6). The last line of standard output is the answer: {"path": ...} or {"error": ...}.
"""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from ..engine.errors import QuantdeckError
from ..engine.text import visible
from .session_form import SessionRequest


def make(folder: Path, request: SessionRequest) -> Path:
    """Have the session made; its path. QuantdeckError names what is wrong with model or samples."""
    command = [sys.executable, "-P", "-m", __name__, str(folder)]
    body = json.dumps(asdict(request), default=str)
    done = subprocess.run(command, input=body, capture_output=True, encoding="utf-8", check=False)
    lines = done.stdout.splitlines()
    try:
        answer: dict[str, str] = json.loads(lines[-1])
    except (IndexError, ValueError) as error:
        last = visible(done.stderr.strip().splitlines()[-1]) if done.stderr.strip() else "no message"
        raise QuantdeckError(f"The session could not be made: {last}.") from error
    if "error" in answer:
        raise QuantdeckError(answer["error"])
    return Path(answer["path"])


def _work(folder: Path, body: dict[str, Any]) -> Path:
    from ..engine.data.preprocess import Preprocess
    from ..sessions.locations import prepare_folder
    from ..sessions.work import Settings, Source, new_session

    given: dict[str, Any] = body["preprocess"]
    options: dict[str, Any] = {name: _frozen(value) for name, value in given.items()}
    source = Source(
        dataset=Path(body["dataset"]),
        number=body["input_num"],
        preprocess=Preprocess(**options) if options else None,
    )
    settings = Settings(method=body["method"], tune_num=body["tune_num"], chip=body["chip"])
    prepare_folder(folder)
    return new_session(folder, Path(body["model"]), source, settings, body["title"])


def _frozen(value: Any) -> Any:
    return tuple(cast("list[object]", value)) if isinstance(value, list) else value


def main(arguments: list[str]) -> int:
    """Read the request, write the answer."""
    try:
        answer = {"path": str(_work(Path(arguments[0]), json.load(sys.stdin)))}
    except QuantdeckError as error:
        answer = {"error": str(error)}
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
