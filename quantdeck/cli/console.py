"""Where commands write: results on standard output, the rest on standard error, libraries nowhere."""

import os
import shutil
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from ..engine.text import visible
from ..sessions.report import Advance, Meter

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

NARROWEST = 40  # columns below which a bar is no use
INTERVAL = 30.0  # seconds between lines of progress where there is no terminal


class Console:
    """A command's two streams."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out = out
        self._err = err

    def result(self, text: str) -> None:
        """A line (or several) of the result, on standard output; names in it are visible already."""
        self._out.write(text + "\n")
        self._out.flush()

    def say(self, sentence: str) -> None:
        """A sentence beside the result, on standard error."""
        self._err.write(f"{visible(sentence)}\n")
        self._err.flush()

    @property
    def terminal(self) -> bool:
        """Whether somebody may read standard error as it comes."""
        return self._err.isatty()

    def columns(self) -> int:
        """Width of the terminal behind standard error; 0 where there is none or it is unknown."""
        if not self.terminal:
            return 0
        try:
            found = os.get_terminal_size(self._err.fileno()).columns
        except OSError:
            found = 0
        return found or (shutil.get_terminal_size((0, 0)).columns if "COLUMNS" in os.environ else 0)

    def progress(self) -> "TerminalReport":
        """Bars on a terminal wide enough, else a line now and then."""
        return TerminalReport(self, self._err, self.columns())


@contextmanager
def console() -> Generator[Console, None, None]:
    """A command's streams, while everything that libraries print goes into a log that only a fault shows.

    Libraries print names from models, and file names, which no terminal must act on (case 51).
    """
    from ..sessions.diagnosis import diverted_output

    sys.stdout.flush()
    sys.stderr.flush()
    out, err = _twin(sys.stdout), _twin(sys.stderr)
    try:
        with diverted_output() as chatter:
            try:
                yield Console(out, err)
            except Exception as error:
                error.__dict__["quantdeck_chatter"] = chatter.text()
                raise
    finally:
        for stream in (out, err):
            _close(stream)


def _twin(stream: TextIO) -> TextIO:
    """The same file behind a descriptor of its own."""
    return os.fdopen(os.dup(stream.fileno()), "w", encoding=stream.encoding, errors="backslashreplace")


def _close(stream: TextIO) -> None:
    with suppress(BrokenPipeError):  # the error that stopped the command is on its way already
        stream.close()


class TerminalReport:
    """Progress of work on standard error; a context manager."""

    def __init__(self, console: Console, stream: TextIO, columns: int) -> None:
        self._console = console
        self._bars = _bars(stream, columns) if columns >= NARROWEST else None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def say(self, sentence: str) -> None:
        """A sentence above the bar."""
        if self._bars is not None:
            self._bars.console.print(visible(sentence), markup=False, highlight=False, soft_wrap=True)
        else:
            self._console.say(sentence)

    def check(self) -> None:
        """A terminal stops work by a signal."""

    def stage(self, name: str) -> Advance:
        """Begin a stage."""
        return self._lines(name) if self._bars is None else self._bar(name, self._bars)

    def _bar(self, name: str, bars: "Progress") -> Advance:
        if self._task is not None:
            bars.remove_task(self._task)
        task = self._task = bars.add_task(visible(name), total=None)
        return lambda done, total: bars.update(task, completed=done, total=total)

    def _lines(self, name: str) -> Advance:
        meter = Meter()
        last = time.monotonic()

        def advance(done: int, total: int) -> None:
            nonlocal last
            if done < total and time.monotonic() - last >= INTERVAL:
                last = time.monotonic()
                rate, left = meter.measure(done, total)
                self._console.say(
                    f"{name}: {done} of {total}, {rate or 0:.2f} a second, {left or 0:.0f} s left"
                )

        return advance


def _bars(stream: TextIO, columns: int) -> "Progress":
    from rich.console import Console as RichConsole
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(TextColumn):
        """Steps a second."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.1f}/s" if task.speed else "")

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(""),
        TimeRemainingColumn(compact=True),
        console=RichConsole(
            file=stream, width=columns, force_terminal=True, highlight=False, markup=False, emoji=False
        ),
        refresh_per_second=4,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
