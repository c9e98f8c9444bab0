"""The process that runs a user's PostProcess: ``python -m quantdeck.sessions.post_process_host FILE IN OUT``."""

import importlib.util
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .diagnosis import diverted_output
from .post_process import pack_arrays, read_message, unpack_arrays, write_message


def main(arguments: list[str]) -> int:
    """Answer messages until there are no more. What the file prints goes nowhere."""
    path, source, target = Path(arguments[0]).absolute(), int(arguments[1]), int(arguments[2])
    folder, own = os.getcwd(), os.getpid()
    function: Callable[[Any], Any] | None = None
    while (body := read_message(source)) is not None:
        try:
            with diverted_output():
                function = function or load(path)
                answer = b"=" + pack_arrays(_checked(function(_data(body))))
        except BaseException as error:  # SystemExit and worse: they concern this trial alone
            answer = b"!" + _sentence(error).encode("utf-8", "backslashreplace")
        if os.getpid() != own:
            os._exit(0)  # a copy that the function forked: two would answer
        os.chdir(folder)
        _reopen()
        write_message(target, answer)
    return 0


def _reopen() -> None:
    """A function that closed streams may close them again in the next trial, and no file of ours in their place."""
    try:
        os.fstat(0)
    except OSError:
        os.open(os.devnull, os.O_RDONLY)
    if sys.stdout.closed:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr.closed:
        sys.stderr = os.fdopen(2, "w", closefd=False)


def load(path: Path) -> Callable[[Any], Any]:
    """The function PostProcess of the file."""
    sys.path.insert(0, str(path.parent))
    found = importlib.util.spec_from_file_location(path.stem, path)
    if found is None or found.loader is None:
        raise ImportError(f"{path.name} is no Python file")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    function: Any = getattr(module, "PostProcess", None)
    if not callable(function):
        raise AttributeError("the file defines no PostProcess(data)")
    return function  # pyright: ignore[reportUnknownVariableType]


def _data(body: bytes) -> Mapping[str, Any]:
    """Arrays by tensor name, found by the model's own output names too."""
    from ..engine.run.trials.comparison import Outputs

    arrays, labels = unpack_arrays(body)
    known = {tensor: tensor for tensor in arrays}
    return Outputs(arrays, {**known, **labels} if set(labels.values()) <= set(arrays) else known)


def _checked(value: Any) -> Mapping[str, Any]:
    import numpy as np

    if not isinstance(value, Mapping):
        raise TypeError(f"it returned {type(value).__name__}; let it return a dict of arrays by name")
    arrays = {str(name): np.asarray(item) for name, item in value.items()}  # pyright: ignore
    for name, item in arrays.items():
        if item.dtype.kind not in "fbiu":
            raise TypeError(f"it returned {item.dtype} for {name}; let it return numbers")
    return arrays


def _sentence(error: BaseException) -> str:
    from ..engine.text import visible

    lines = str(error).strip().splitlines()
    detail = f": {visible(lines[0])}" if lines else ""
    return f"failed with {type(error).__name__}{detail}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
