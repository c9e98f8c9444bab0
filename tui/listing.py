"""Which sessions a folder holds, for the start screen; sqlite3 only."""

from pathlib import Path

from ..engine.errors import QuantdeckError
from ..sessions.faults import explained
from ..sessions.locations import SUFFIX
from ..sessions.moved import remove_left_behind
from ..sessions.recognise import is_session
from .life import is_lost
from .reader import SessionReader
from .snapshots import JobView, SessionEntry


def list_folder(folder: Path) -> tuple[SessionEntry, ...]:
    """The sessions of *folder*, newest first; one that cannot be read stands there with its reason.

    Empty logs of sessions that are gone, as a killed process leaves them, are taken away.
    """
    try:
        for log in list(folder.glob(f"*{SUFFIX}-wal")):
            remove_left_behind(log.with_name(log.name.removesuffix("-wal")))
        files = [path for path in folder.iterdir() if path.is_file() and is_session(path)]
    except OSError:
        return ()
    return tuple(sorted(map(read_entry, files), key=lambda entry: (-entry.changed, entry.path.name)))


def read_entry(path: Path) -> SessionEntry:
    """One session's line."""
    changed = _changed(path)
    try:
        with SessionReader(path) as reader, explained(path):
            head = reader.head()
    except QuantdeckError as error:
        return SessionEntry(path, path.stem, "", "", None, None, None, None, "", changed, str(error))
    score, job = head.score, head.job
    return SessionEntry(
        path=path,
        title=head.title or path.stem,
        model=head.model,
        chip=head.chip,
        cos=score.cos if score else None,
        sqnr=score.sqnr if score else None,
        top1_float=score.top1_float if score else None,
        top1_int8=score.top1_int8 if score else None,
        job=job_words(job),
        changed=changed,
        problem="",
        samples=score.samples if score else None,
        stale=head.stale,
    )


def job_words(job: JobView | None) -> str:
    """The newest job in two words; one that is done is not news, one on which nobody works is broken."""
    if job is None or job.state in ("done", "cancelled"):
        return ""
    name = job.name if job.name == "calibrate" else job.kind
    if is_lost(job):
        return f"{name} broken"
    return f"{name} {job.state}"


def _changed(path: Path) -> float:
    """When the session was last written: the newer of the file and its write-ahead log."""
    times = [path.stat().st_mtime]
    log = path.with_name(path.name + "-wal")
    if log.exists():
        times.append(log.stat().st_mtime)
    return max(times)
