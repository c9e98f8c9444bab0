"""Stays with a job that runs elsewhere: progress, its sentences, and what it leaves at its end."""

import json
import signal
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.errors import QuantdeckError
from ..engine.text import visible
from .console import Console, TerminalReport, console
from .diagnostics import DONE, FAULT, INTERRUPTED, MENDABLE, MISSED

if TYPE_CHECKING:
    from ..sessions.jobs import Job
    from ..sessions.report import Advance
    from ..sessions.session import Session

POLL = 0.15  # seconds between looks at the job's row
_STATUSES = (DONE, MISSED)  # with which a job that is done ends its command
_HOW = "go on with quantdeck resume {0} {1}, watch with quantdeck attach {0} {1}"


def follow(out: Console, path: Path, number: int, greeting: str = "") -> int:
    """Wait for a job's end, printing what it says and leaves; the exit status.

    Ctrl-C asks whether to pause or to go on in the background (pause where nobody can be asked). A session that is
    renamed or removed meanwhile is followed to where its worker goes on.
    """
    watcher = _Watcher(path, number)
    try:
        if greeting:
            out.say(greeting)
        with _terminated(), out.progress() as report:
            job = watcher.wait(report)
    except KeyboardInterrupt:
        return _interrupted(out, watcher.path, number)
    return _ended(out, watcher.path, job)


class _Watcher:
    """Shows a job's row until the job rests. path: of the session, also after it has moved."""

    def __init__(self, path: Path, number: int) -> None:
        self.path = path
        self._number = number
        self._tail = _Tail()
        self._stage = ""
        self._advance: Advance | None = None

    def wait(self, report: TerminalReport) -> "Job":
        """The job at rest. Errors: QuantdeckError when the session is gone and nobody saved it."""
        from ..sessions.store import open_session

        while True:
            with open_session(self.path, readonly=True) as session:
                job = self._until_rest(session, report)
                if not session.lost:
                    return job
                self.path = self._found(session)
            report.say(f"the session has moved; it goes on in {visible(str(self.path))}")

    def _until_rest(self, session: "Session", report: TerminalReport) -> "Job":
        """The row at its rest, or when the file was lost."""
        from ..sessions.jobs import close_dead, get_job
        from ..sessions.store import open_session

        while True:
            job = get_job(session, self._number)
            self._tail.tell(job, report)
            if session.lost or not job.active:
                return job
            self._show(job, report)
            if not job.alive(time.time()):
                with open_session(session.path) as writer:
                    close_dead(writer)
            time.sleep(POLL)

    def _show(self, job: "Job", report: TerminalReport) -> None:
        if job.stage and job.stage != self._stage:
            self._stage, self._advance = job.stage, report.stage(job.stage)
        if self._advance is not None and job.total:
            self._advance(job.done, job.total)

    def _found(self, session: "Session") -> Path:
        """Where a session goes on whose file was renamed, removed or replaced."""
        from ..sessions.jobs import get_job
        from ..sessions.moved import rescued_by

        while True:
            job = get_job(session, self._number)  # the open file can be read though it has no name any more
            process = job.holder.pid if job.holder is not None else 0
            found = session.place() or rescued_by(session.path, process)
            if found is not None:
                return found
            if not job.alive(time.time()):
                raise QuantdeckError(
                    f"the session {visible(str(session.path))} was removed or replaced while job {job.id} worked on "
                    f"it, and its process has ended; the job's log is {visible(job.log)}"
                )
            time.sleep(POLL)


class _Tail:
    """The sentences of a job's log, each once."""

    def __init__(self) -> None:
        self._offset: int | None = None
        self._rest = b""

    def tell(self, job: "Job", report: TerminalReport) -> None:
        """What has come since."""
        try:
            with Path(job.log).open("rb") as file:
                file.seek(self._offset or 0)
                data = file.read()
        except OSError:
            return
        self._offset = (self._offset or 0) + len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            text = line.decode("utf-8", "replace")
            if not text.startswith(("done: ", "paused: ", "failed: ", "cancelled: ")):
                report.say(text)


def _ended(out: Console, path: Path, job: "Job") -> int:
    """What a job leaves, and its status."""
    if job.state == "done":
        print_result(out, path, job)
        return job.status if job.status in _STATUSES else DONE
    if job.state == "cancelled":
        out.say(job.message or "cancelled")
        return INTERRUPTED
    if job.state == "paused":
        out.say(f"paused: {job.message}")
        out.say(_HOW.format(visible(str(path)), job.id))
        return MENDABLE
    if job.status == FAULT:
        out.say(f"{job.message}: {visible(job.log)}")
        return FAULT
    raise QuantdeckError(job.message or f"job {job.id} has failed")


def print_result(out: Console, path: Path, job: "Job") -> None:
    """The files on standard error, then the chapter's lines on standard output, the target's at the very end."""
    from ..sessions.store import open_session

    with open_session(path, readonly=True) as session:
        lines, files = _stored(session, job.id)
    for name in files:
        out.say(f"written: {name}")
    out.result(lines or visible(job.message))


def _stored(session: "Session", number: int) -> tuple[str, list[str]]:
    """A search's lines and the files that it wrote.

    Errors: QuantdeckError where the session holds something else.
    """
    from ..sessions.packing import well_formed

    row = session.row("SELECT lines, files FROM search WHERE job = ?", number)
    if row is None:
        return "", []
    with well_formed():
        return row["lines"] or "", [str(name) for _, name in json.loads(row["files"] or "[]")]


@contextmanager
def _terminated() -> Generator[None]:
    """SIGTERM counts as Ctrl-C: whoever ends the command wants the work to rest."""

    def heard(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, heard)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupted(out: Console, path: Path, number: int) -> int:
    from ..sessions.jobs import request_pause

    if _asked(out) == "g":
        out.say(f"job {number} goes on; {_HOW.format(visible(str(path)), number)}")
        return INTERRUPTED
    request_pause(path, number)
    out.say(f"job {number} pauses at its next step; {_HOW.format(visible(str(path)), number)}")
    return INTERRUPTED


def _asked(out: Console) -> str:
    """P to pause, g to go on; p where nobody can be asked."""
    if not sys.stdin.isatty() or not out.terminal:
        return "p"
    out.say("pause the job (p), or let it go on without this terminal (g)? [p]")
    try:
        return sys.stdin.readline().strip().lower()[:1] or "p"
    except (KeyboardInterrupt, OSError):
        return "p"


def attached(path: Path, number: int | None) -> int:
    """``quantdeck attach``: follow a job of a session, the newest unless one is named."""
    from ..sessions.jobs import get_job, newest
    from ..sessions.store import open_session

    with open_session(path, readonly=True) as session:
        job = newest(session) if number is None else get_job(session, number)
    with console() as out:
        return follow(out, path, job.id)
