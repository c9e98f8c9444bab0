"""The user's PostProcess(data) in a process of its own (spec A.8).

The file is imported once. Whatever the function does (raise, print, exit, change the folder, close standard
output, crash) concerns one trial: the process is started again for the next one.
"""

import hashlib
import importlib.machinery
import io
import json
import os
import selectors
import struct
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engine.errors import QuantdeckError
from ..engine.regular import read_regular
from ..engine.text import visible

Array = NDArray[Any]
_LENGTH = struct.Struct("<Q")
LARGEST_FILE = 1 << 26  # bytes
_TICK = 0.5  # seconds between looks at whether the job shall stop


def file_digest(path: Path) -> str:
    """sha256 of the file.

    Errors: QuantdeckError when it cannot be read.
    """
    try:
        return hashlib.sha256(read_regular(path, LARGEST_FILE)).hexdigest()
    except OSError as error:
        raise QuantdeckError(
            f"--post_process {visible(str(path))} cannot be read ({error.strerror}); give a Python file that "
            "defines PostProcess(data)"
        ) from error


def check_file(path: Path) -> None:
    """See that *path* is a Python file that can be read as one and names PostProcess; nothing of it is run.

    Errors: QuantdeckError.
    """
    file_digest(path)
    shown = visible(str(path))
    if not path.name.endswith(tuple(importlib.machinery.all_suffixes())):
        raise QuantdeckError(f"--post_process {shown} is no Python file; its name must end in .py")
    if not path.name.endswith(tuple(importlib.machinery.SOURCE_SUFFIXES)):
        return
    text = path.read_bytes()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, os.fspath(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        where = f" (line {error.lineno})" if isinstance(error, SyntaxError) and error.lineno else ""
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise QuantdeckError(
            f"--post_process {shown} is no Python that can be read{where}: {visible(reason)}; mend it"
        ) from error
    if b"PostProcess" not in text and b"import *" not in text:
        raise QuantdeckError(f"--post_process {shown} defines no PostProcess(data); define it")


class PostProcessor:
    """Callable: arrays by name to arrays by name.

    check: called now and then while the function runs, raises when the job shall stop. Errors: QuantdeckError
    in one sentence for whatever goes wrong in the file.
    """

    def __init__(self, path: Path, check: Callable[[], None] = lambda: None) -> None:
        self._path = path
        self._check = check
        self._process: subprocess.Popen[bytes] | None = None
        self._pipes: tuple[int, int] = (-1, -1)
        self._pid = 0

    def __call__(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """Run the function once."""
        if self._process is None or self._process.poll() is not None:
            self._start()
        labels: Mapping[str, str] = getattr(values, "labels", {})
        self._send(pack_arrays(values, labels))
        return self._receive()

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            for number in self._pipes:
                os.close(number)
            self._process.kill()
            self._process.wait()
            self._process = None

    def _start(self) -> None:
        self.close()
        opened: list[int] = []
        try:
            opened += os.pipe()
            opened += os.pipe()
            to_child, ours_out, ours_in, from_child = opened
            self._process = subprocess.Popen(
                [
                    sys.executable, "-P", "-m", "quantdeck.sessions.post_process_host",
                    os.fspath(self._path), str(to_child), str(from_child),
                ],
                stdin=subprocess.DEVNULL,
                pass_fds=(to_child, from_child),
            )  # fmt: skip
        except OSError as error:  # no memory, processes or descriptors left: the job can go on later
            for number in opened:
                os.close(number)
            raise QuantdeckError(
                f"no process could be started for post_process ({error.strerror}); end other programs and try again"
            ) from error
        os.close(to_child)
        os.close(from_child)
        self._pipes = (ours_in, ours_out)

    def _send(self, body: bytes) -> None:
        try:
            write_message(self._pipes[1], body)
        except BrokenPipeError:
            self._ended()

    def _receive(self) -> dict[str, Array]:
        with selectors.DefaultSelector() as answer:  # select itself knows no descriptor beyond 1023
            answer.register(self._pipes[0], selectors.EVENT_READ)
            while not answer.select(_TICK):
                self._check()
        body = read_message(self._pipes[0])
        if body is None:
            self._ended()
            raise AssertionError
        if body[:1] == b"!":
            self.close()  # what it did to its process is nobody's concern
            raise QuantdeckError(f"post_process {body[1:].decode('utf-8', 'replace')}")
        return unpack_arrays(body[1:])[0]

    def _ended(self) -> None:
        assert self._process is not None
        status = self._process.wait()
        self.close()
        raise QuantdeckError(
            f"post_process ended its process (status {status}); let PostProcess return a dict of arrays"
        )


def pack_arrays(arrays: Mapping[str, Array], labels: Mapping[str, str] | None = None) -> bytes:
    """Arrays as npz under numbers, names and labels beside: names are hostile as file names."""
    buffer = io.BytesIO()
    text = json.dumps([list(arrays), dict(labels or {})]).encode()
    plain = {f"a{index}": np.asarray(value) for index, value in enumerate(arrays.values())}
    np.savez(buffer, names=np.frombuffer(text, np.uint8), **plain)  # pyright: ignore[reportArgumentType]
    return buffer.getvalue()


def unpack_arrays(body: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    """What ``pack_arrays`` took; nothing is ever unpickled."""
    with np.load(io.BytesIO(body), allow_pickle=False) as stored:
        names, labels = json.loads(stored["names"].tobytes())
        return {name: stored[f"a{index}"] for index, name in enumerate(names)}, labels


def write_message(number: int, body: bytes) -> None:
    """A length and that many bytes."""
    data = memoryview(_LENGTH.pack(len(body)) + body)
    while data:
        data = data[os.write(number, data) :]


def read_message(number: int) -> bytes | None:
    """The next message; None when the other side is gone."""
    head = _read(number, _LENGTH.size)
    return None if head is None else _read(number, _LENGTH.unpack(head)[0])


def _read(number: int, size: int) -> bytes | None:
    parts: list[bytes] = []
    while size:
        part = os.read(number, min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
