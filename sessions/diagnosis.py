"""What is kept for whoever mends the program: tracebacks and libraries' chatter, without control bytes."""

import os
import sys
import tempfile
import traceback
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import IO, Protocol

from ..engine.text import visible

_KEPT = 200_000  # bytes of chatter that go into a log


def visible_lines(text: str) -> str:
    """Text of several lines of our own, each made visible."""
    return "".join(visible(line) + "\n" for line in text.split("\n") if line)


def fault_text(error: BaseException) -> str:
    """A traceback in which names cannot forge a line or reach the terminal as commands."""
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = visible_lines("".join(traceback.format_tb(current.__traceback__)))
        kind = f"{type(current).__module__}.{type(current).__qualname__}"
        parts.append(f"Traceback (most recent call last):\n{frames}{kind}: {visible(str(current))}\n")
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\nwhich came from\n\n".join(parts)


class Log(Protocol):
    """Where a job tells what happens."""

    def write(self, text: str, /) -> object:
        """Add text."""
        ...

    def flush(self) -> None:
        """Let others see it."""
        ...


class PatientLog:
    """A log behind a descriptor; a disk without room costs its lines and never the work."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, text: str, /) -> None:
        """Add text at once."""
        data = text.encode("utf-8", "backslashreplace")
        with suppress(OSError):
            while data:
                data = data[os.write(self._descriptor, data) :]

    def flush(self) -> None:
        """Nothing is held back."""


def end_of(file: IO[bytes], most: int) -> str:
    """The last *most* bytes of a file, as text."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - most))
    return file.read().decode("utf-8", "replace")


class Chatter:
    """What libraries wrote to standard output and standard error while they were diverted."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def text(self) -> str:
        """The end of it, made visible line by line."""
        return visible_lines(end_of(self._file, _KEPT))


@contextmanager
def diverted_output() -> Generator[Chatter]:
    """Let descriptors 1 and 2 lead into a file: libraries print names that no terminal must act on.

    Whoever wants to write meanwhile needs descriptors of its own, duplicated before.
    """
    with _sink() as file:
        _flush()
        kept = [os.dup(number) for number in (1, 2)]
        try:
            for number in (1, 2):
                os.dup2(file.fileno(), number)
            yield Chatter(file)
        finally:
            _flush()
            for number, saved in zip((1, 2), kept, strict=True):
                os.dup2(saved, number)
                os.close(saved)


def _sink() -> IO[bytes]:
    """A file without a name; where no disk has room for one, nowhere."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return open(os.devnull, "w+b")


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()
