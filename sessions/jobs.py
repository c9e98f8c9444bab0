"""Jobs: rows that say what is done, what is wanted, and who works; the processes behind them."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engine.errors import QuantdeckError
from ..engine.text import visible
from .diagnosis import end_of
from .lease import Holder, is_alive, is_copy, myself, parted, stored
from .session import Session, Writer
from .store import open_session

KINDS = ("calibrate", "evaluate", "search")
RESUMABLE = ("search",)  # kinds whose work is kept in the journal
ACTIVE = ("waiting", "running")
GRACE = 60.0  # seconds that a waiting job has to be claimed by its process
STOPPED = "could not go on: "  # in a log, before the reason that found no room in the session
TAIL = 4096  # bytes of a log in which its last line lies
_DIED = "the process that worked on it ended without a word; its log may say why"
_DIED_RESUMABLE = "the process that worked on it ended without a word; quantdeck resume goes on with it"
_COPIED = "this file is a copy that was made while the job ran; start it again"
_COPIED_RESUMABLE = (
    "this file is a copy that was made while the job ran; quantdeck resume goes on from what it holds"
)


@dataclass(frozen=True, slots=True)
class Job:
    """A row of the table of jobs. copied: the file is a copy, made while the job ran on the original."""

    id: int
    kind: str
    title: str
    spec: Mapping[str, Any]
    state: str
    wanted: str
    created: float
    holder: Holder | None
    heartbeat: float | None
    stage: str
    done: int
    total: int
    rate: float | None
    eta: float | None
    message: str
    log: str
    status: int | None = None
    copied: bool = False

    @property
    def resumable(self) -> bool:
        """Whether its work is kept and can be gone on with."""
        return self.kind in RESUMABLE

    @property
    def active(self) -> bool:
        """Whether it still has something to do."""
        return self.state in ACTIVE

    def alive(self, now: float) -> bool:
        """Whether a process works on it, or is still starting to."""
        if self.state == "waiting" and self.holder is None:
            return now - max(self.created, self.heartbeat or 0.0) < GRACE
        return not self.copied and is_alive(self.holder, self.heartbeat, now)


@dataclass(frozen=True, slots=True)
class Following:
    """A job that is to wait for a process: its kind, what is wished of it, and a few words, "" for its kind's."""

    kind: str
    spec: Mapping[str, Any]
    title: str


def list_jobs(session: Session) -> tuple[Job, ...]:
    """All jobs, newest first."""
    return tuple(_job(row, session.file) for row in session.rows("SELECT * FROM job ORDER BY id DESC"))


def get_job(session: Session, number: int) -> Job:
    """One job; QuantdeckError when there is none of that number."""
    row = session.row("SELECT * FROM job WHERE id = ?", number)
    if row is None:
        raise QuantdeckError(f"the session {visible(str(session.path))} has no job {number}")
    return _job(row, session.file)


def _job(row: Any, file: str) -> Job:
    boot, held = parted(row["boot"] or "")
    holder = Holder(row["pid"], row["pid_started"] or 0.0, boot, held) if row["pid"] is not None else None
    return Job(
        id=row["id"],
        kind=row["kind"],
        title=row["title"],
        spec=json.loads(row["spec"]),
        state=row["state"],
        wanted=row["wanted"],
        created=row["created"],
        holder=holder,
        heartbeat=row["heartbeat"],
        stage=row["stage"] or "",
        done=row["done"],
        total=row["total"],
        rate=row["rate"],
        eta=row["eta"],
        message=row["message"] or "",
        log=row["log"] or "",
        copied=holder is not None and is_copy(file, held),
        status=row["status"] if "status" in row.keys() else None,  # noqa: SIM118 - a row, not a dict
    )


def start_job(session_path: Path, kind: str, spec: Mapping[str, Any], title: str = "") -> int:
    """Start a job in a process of its own, which outlives this one; its number.

    Errors: QuantdeckError when another job works on the session, or the session cannot be written.
    """
    with open_session(session_path) as session:
        number = add_job(session, kind, spec, title)
        begin(session, number)
    return number


def begin(session: Session, number: int) -> None:
    """Give a waiting job a process of its own.

    Errors: QuantdeckError when none can be started or the session cannot be written.
    """
    log = session.path.with_name(f"{session.path.name}.job{number}.log")
    with session.write() as writer:
        _set(writer, number, log=str(log))
    try:
        _spawn(session.path, number, log)
    except OSError as error:
        finish(session, number, "failed", f"no process could be started ({error.strerror})")
        raise QuantdeckError(f"no process could be started for the job ({error.strerror})") from error


def _spawn(path: Path, number: int, log: Path) -> None:
    log.write_bytes(b"")
    with log.open("ab") as output:  # a process that stood still may yet write behind what the new one writes
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "quantdeck.sessions.worker", os.fspath(path), str(number)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # a closed terminal does not end it
        )
    threading.Thread(target=process.wait, daemon=True).start()  # leaves no zombie while this process lives


def resume_job(session_path: Path, number: int) -> None:
    """Go on with a paused job, or one whose process died, in a new process.

    Errors: QuantdeckError when it cannot be gone on with, or another job works on the session.
    """
    with open_session(session_path) as session:
        faulty = get_job(session, number).status == 1
        reopen(session, number)
        job = get_job(session, number)
        log = session.path.with_name(f"{session.path.name}.job{number}.log")
        if faulty and log.exists():  # the new log replaces it, and a traceback is worth keeping
            log.replace(log.with_name(f"{log.name}.fault"))
        try:
            _spawn(session.path, number, log)
        except OSError as error:
            finish(session, number, "paused", f"no process could be started ({error.strerror})")
            raise QuantdeckError(
                f"no process could be started for job {job.id} ({error.strerror})"
            ) from error


def reopen(session: Session, number: int) -> None:
    """Let a paused, failed or cancelled search wait for a process again."""
    with session.write() as writer:
        _close_dead(session, writer)
        job = get_job(session, number)
        if not job.resumable:
            raise QuantdeckError(f"job {number} begins anew ({job.kind}); start it again")
        if job.state == "done":
            raise QuantdeckError(f"job {number} has ended already: {visible(job.message)}")
        _refuse_busy(session)
        log = session.path.with_name(f"{session.path.name}.job{number}.log")
        _set(
            writer, number, state="waiting", wanted="run", finished=None, message=None, pid=None,
            pid_started=None, boot=None, heartbeat=time.time(), status=None, log=str(log),
        )  # fmt: skip


class BusyError(QuantdeckError):
    """Another job works on the session."""


def _refuse_busy(session: Session) -> None:
    busy = session.row("SELECT id, title FROM job WHERE state IN (?, ?)", *ACTIVE)
    if busy is not None:
        raise BusyError(
            f"job {busy['id']} ({visible(busy['title'])}) works on the session "
            f"{visible(str(session.path))}; wait until it has ended, or cancel it"
        )


def add_job(session: Session, kind: str, spec: Mapping[str, Any], title: str = "") -> int:
    """A new waiting job; QuantdeckError when another one is active. Jobs whose process died are closed."""
    if kind not in KINDS:
        raise QuantdeckError(f"there is no job {visible(kind)}; it is one of {', '.join(KINDS)}")
    with session.write() as writer:
        _close_dead(session, writer)
        _refuse_busy(session)
        return _add(writer, Following(kind, spec, title))


def _add(writer: Writer, job: Following) -> int:
    row = {
        "kind": job.kind,
        "title": job.title or _title(job.kind, job.spec),
        "spec": json.dumps(dict(job.spec)),
        "state": "waiting",
        "wanted": "run",
        "created": time.time(),
        "rev": writer.rev,
    }
    return writer.add("job", row)


def _title(kind: str, spec: Mapping[str, Any]) -> str:
    method = spec.get("method")
    return f"{kind} with {method}" if kind == "calibrate" and method else kind


def close_dead(session: Session) -> None:
    """Mark jobs whose process has died as failed."""
    now = time.time()
    if any(job.active and not job.alive(now) for job in list_jobs(session)):
        with session.write() as writer:
            _close_dead(session, writer)


def _close_dead(session: Session, writer: Writer) -> None:
    now = time.time()
    for job in list_jobs(session):
        if job.active and not job.alive(now):
            kept = "paused" if job.resumable else "failed"
            state = "cancelled" if job.wanted == "cancel" else kept
            message = _died(job, resumable=state == "paused")
            if state == "cancelled":
                message = stopped_text(session, job.id)
            elif job.copied:
                message = _COPIED_RESUMABLE if state == "paused" else _COPIED
            _set(writer, job.id, state=state, finished=now, message=message, eta=None)


def _died(job: Job, *, resumable: bool) -> str:
    """Why a process ended, where it could still write it into its log (a full disk has no room for the row)."""
    try:
        with open(job.log, "rb") as log:
            lines = end_of(log, TAIL).splitlines()
    except OSError:
        lines = []
    last = lines[-1] if lines else ""
    if not last.startswith(STOPPED):
        return _DIED_RESUMABLE if resumable else _DIED
    end = "then quantdeck resume goes on with it" if resumable else "then start it again"
    return f"{visible(last.removeprefix(STOPPED))}; {end}"


def claim(session: Session, number: int) -> Job:
    """Take a waiting job for this process.

    Errors: QuantdeckError when it is not waiting any more or another process works on the session.
    """
    me = myself()
    with session.write() as writer:
        job = get_job(session, number)
        others = [other.id for other in list_jobs(session) if other.state == "running"]
        if job.state != "waiting" or others:
            raise QuantdeckError(
                f"job {number} cannot start: it is {job.state}, running is {others or 'none'}"
            )
        now = time.time()
        _set(
            writer, number, state="running", started=now, heartbeat=now, pid=me.pid, pid_started=me.started,
            boot=stored(me.boot, session.file),
        )  # fmt: skip
    return get_job(session, number)


def finish(
    session: Session,
    number: int,
    state: str,
    message: str,
    status: int | None = None,
    then: Following | None = None,
) -> int | None:
    """Close a job as done, paused, failed or cancelled, with one sentence and the command's exit status.

    *then*: a job that waits from the same commit on, so that whatever happens between the two, it is seen; its number.
    """
    with session.write() as writer:
        _set(writer, number, state=state, finished=time.time(), message=message, eta=None, status=status)
        following = _add(writer, then) if then is not None else None
    session.checkpoint()
    return following


def request_cancel(session_path: Path, job: int) -> None:
    """Ask a job to stop; it does at its next step. One whose process is dead, or that rests, is closed at once.

    Errors: QuantdeckError when there is no such job or the session cannot be written.
    """
    with open_session(session_path) as session:
        found = get_job(session, job)
        if found.state == "paused":
            finish(session, job, "cancelled", stopped_text(session, job))
        if not found.active:
            return
        with session.write() as writer:
            _set(writer, job, wanted="cancel")
            _close_dead(session, writer)


def stopped_text(session: Session, number: int) -> str:
    """The sentence of a job that was cancelled where it could not write its best plan; how to get that."""
    if number not in best_so_far(session):
        return "stopped as asked"
    return (
        f"stopped as asked; quantdeck export {visible(str(session.path))} --search {number} --quantize_table FILE "
        "writes its best plan"
    )


def request_pause(session_path: Path, job: int) -> None:
    """Ask a job to rest; it does at its next step, and ``resume_job`` goes on with it.

    Errors: QuantdeckError when it cannot rest, there is none, or the session cannot be written.
    """
    with open_session(session_path) as session:
        found = get_job(session, job)
        if not found.active:
            return
        if not found.resumable:
            raise QuantdeckError(f"job {job} cannot rest ({found.kind}); cancel it instead")
        with session.write() as writer:
            if found.wanted == "run":
                _set(writer, job, wanted="pause")
            _close_dead(session, writer)


def best_so_far(session: Session) -> dict[int, tuple[float, int]]:
    """The chapter's cos and the number of float layers of each search's best plan, by job."""
    if session.row("SELECT 1 FROM sqlite_master WHERE name = 'search'") is None:
        return {}  # a session of an older format that may only be read
    rows = session.rows("SELECT job, cos, float_layers FROM search WHERE cos IS NOT NULL")
    return {row["job"]: (row["cos"], row["float_layers"] or 0) for row in rows}


def newest(session: Session) -> Job:
    """The newest job. Errors: QuantdeckError when there is none."""
    found = list_jobs(session)
    if not found:
        raise QuantdeckError(f"the session {visible(str(session.path))} has no job")
    return found[0]


def _set(writer: Writer, number: int, **values: object) -> None:
    writer.update("job", number, {**values, "rev": writer.rev})
