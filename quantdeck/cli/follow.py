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
from .diagnostics import FAULT, INTERRUPTED, MENDABLE

if TYPE_CHECKING:
    from ..sessions.jobs import Job
    from ..sessions.session import Session

POLL = 0.15  # seconds between looks at the job's row
_HOW = "go on with quantdeck resume {0} {1}, watch with quantdeck attach {0} {1}"


def follow(out: Console, path: Path, number: int) -> int:
    """Wait for a job's end, printing what it says and leaves; the exit status.

    Ctrl-C asks whether to pause or to go on in the background (pause where nobody can be asked).
    """
    tail = _Tail()
    try:
        with _terminated(), out.progress() as report:
            job = _watch(path, number, report, tail)
    except KeyboardInterrupt:
        return _interrupted(out, path, number)
    return _ended(out, path, job)


def _watch(path: Path, number: int, report: TerminalReport, tail: "_Tail") -> "Job":
    """Show the row until the job rests."""
    from ..sessions.jobs import close_dead, get_job
    from ..sessions.store import open_session

    stage, advance = "", None
    with open_session(path, readonly=True) as session:
        while True:
            session.follow()
            job = get_job(session, number)
            tail.tell(job, report)
            if not job.active:
                return job
            if job.stage and job.stage != stage:
                stage, advance = job.stage, report.stage(job.stage)
            if advance is not None and job.total:
                advance(job.done, job.total)
            if not job.alive(time.time()):
                with open_session(session.path) as writer:
                    close_dead(writer)
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
        return job.status or 0
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
    """The chapter's lines on standard output, the files on standard error."""
    from ..sessions.store import open_session

    with open_session(path, readonly=True) as session:
        lines, files = _stored(session, job.id)
    if lines:
        out.result(lines)
    for _, name in files:
        out.say(f"written: {name}")
    if not lines:
        out.result(visible(job.message))


def _stored(session: "Session", number: int) -> tuple[str, list[list[str]]]:
    row = session.row("SELECT lines, files FROM search WHERE job = ?", number)
    if row is None:
        return "", []
    return row["lines"] or "", json.loads(row["files"] or "[]")


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
    if not sys.stdin.isatty() or not out.columns():
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
