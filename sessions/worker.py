"""The process of one job: ``python -m quantdeck.sessions.worker SESSION JOB``.

It runs at lower priority in a session of its own, so that neither a closed terminal nor a busy screen ends
it. Its standard output and standard error are the job's log.
"""

import faulthandler
import json
import os
import signal
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..engine.errors import QuantdeckError
from ..engine.text import visible
from .diagnosis import Log, PatientLog, diverted_output, fault_text
from .flow import following
from .heart import JobReport, beating
from .jobs import STOPPED, Following, Job, begin, claim, finish, get_job, stopped_text
from .report import Both, Cancelled, Paused, Report
from .session import Session
from .store import open_session

Body = Callable[[Session, Mapping[str, Any], Report], str]
NICE = 10  # style 2.6: the screen stays quick with every core busy


def main(arguments: list[str]) -> int:
    """Run the job; its row says how it went. Exit status 0 done or cancelled, 1 failed."""
    path, number = Path(arguments[0]), int(arguments[1])
    if hasattr(os, "nice"):
        os.nice(NICE)
    descriptor = os.dup(1)
    log = PatientLog(descriptor)
    faulthandler.enable(descriptor)
    try:
        with open_session(path) as session:
            return 0 if run_job(session, number, log) else 1
    except QuantdeckError as error:  # the job is another's, or the file cannot be written
        log.write(f"{STOPPED}{error}\n")
        return 1


def run_job(session: Session, number: int, log: Log, listener: Report | None = None) -> bool:
    """Claim a waiting job and do it in this process; whether it was done. A fault is logged, not raised.

    What stands behind it in a flow waits from the commit on that closes it, and gets a process.
    """
    job = claim(session, number)
    report = JobReport(session, number, log)
    state, message, status = "failed", "", 2
    with _stopping(report.pause if job.resumable else report.stop), diverted_output() as chatter:
        try:
            with beating(report, lambda error: report.say(f"no pulse: {error}")):
                both: Report = Both(listener, report) if listener else report
                message = _body(job.kind)(session, _spec(session, job), both)
            state, status = "done", _status(session, number)
        except Paused:
            state, message = "paused", "paused as asked; quantdeck resume goes on with it"
        except Cancelled as stopped:
            state, message = "cancelled", str(stopped) or stopped_text(session, number)
        except (QuantdeckError, MemoryError) as error:
            state = "paused" if job.resumable and _began(session, number) else "failed"
            message = str(error) or "there was not enough memory; free some or give less with --memory"
        except Exception as error:
            message = f"a fault of the program ({type(error).__name__}); the traceback is in the log"
            status = 1
            log.write(fault_text(error) + chatter.text())
    report.follow()  # nothing of the end goes into a file that was removed
    if not report.held:
        return False  # row and log are those of the process that goes on with it
    then, why = _then(session, number) if state == "done" else (None, "")
    message += why
    log.write(f"{state}: {visible(message)}\n")
    next_job = finish(session, get_job(session, number).id, state, message, status, then)
    if next_job is not None:
        begin(session, next_job)
    return state == "done"


def _then(session: Session, number: int) -> tuple[Following | None, str]:
    """The job behind one that is done, or in words why there is none though there should be."""
    try:
        return following(session, number), ""
    except QuantdeckError as error:
        return None, f"; what was to follow did not start: {error}"


def _spec(session: Session, job: Job) -> Mapping[str, Any]:
    """What the job is to do. An evaluation notes which plan it scores: its figures are of no other one."""
    if job.kind != "evaluate" or job.spec.get("plan") is not None:
        return job.spec
    row = session.row("SELECT current_plan FROM state WHERE id = 1")
    spec = {**job.spec, "plan": row[0] if row is not None else None}
    with session.write() as writer:
        writer.update("job", job.id, {"spec": json.dumps(spec), "rev": writer.rev})
    return spec


def _status(session: Session, number: int) -> int:
    """0, or 3 where the job is a search that missed its target."""
    row = session.row("SELECT reached FROM search WHERE job = ?", number)
    return 3 if row is not None and row["reached"] == 0 else 0


def _began(session: Session, number: int) -> bool:
    """Whether a search got past its preparations, so that going on makes sense once the reason is mended."""
    return session.row("SELECT 1 FROM search WHERE job = ?", number) is not None


def _body(kind: str) -> Body:
    if kind == "search":
        from .search_work import search

        return search
    from . import work

    return {"calibrate": work.calibrate, "evaluate": work.evaluate}[kind]


@contextmanager
def _stopping(stop: Callable[[], None]) -> Generator[None]:
    """SIGTERM and SIGINT let the work stop at its next step; a terminal that closes means nothing."""

    def heard(*_: object) -> None:
        stop()

    numbers = [signal.SIGTERM, signal.SIGINT]
    before = [(number, signal.signal(number, heard)) for number in numbers]
    if hasattr(signal, "SIGHUP"):
        before.append((signal.SIGHUP, signal.signal(signal.SIGHUP, signal.SIG_IGN)))
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
