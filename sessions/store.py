"""The session file: made, opened, copied and listed.

The file is in WAL mode; it is checkpointed when a writer closes it and at least every ``CHECKPOINT`` seconds
of writing, so that a copy of the main file alone lacks no more than that.
"""

import os
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..engine.errors import QuantdeckError
from ..engine.text import visible
from .faults import explained
from .filesystem import network_type
from .locations import SUFFIX, default_folder, path_of, path_text, prepare_folder
from .migrate import migrate
from .moved import remove_left_behind
from .recognise import check_session_file, check_version, is_session, newer_bytes
from .session import CHECKPOINT, Session, Writer, address, connect
from .sound import wrong_column

__all__ = [
    "CHECKPOINT",
    "SUFFIX",
    "Session",
    "SessionEntry",
    "Writer",
    "backup",
    "check_place",
    "create_session",
    "default_folder",
    "list_sessions",
    "open_session",
    "path_of",
    "path_text",
]


def create_session(
    path: Path,
    *,
    title: str,
    chip: str,
    fp_type: str,
    settings: str = "{}",
    created_by: str = "",
    fill: Callable[[Session], None] | None = None,
) -> Session:
    """Make a session file and open it for writing; it appears whole or not at all.

    fp_type is resolved (F16, BF16, F32); settings is a JSON object. fill: writes the rows without which the
    session is of no use, before its name appears, so that no kill leaves one without them.
    Errors: QuantdeckError when the folder cannot be written, lies on a network file system, or the file exists.
    """
    path = path.absolute()
    if not path.exists():
        check_place(path)
    unfinished = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        with explained(path):
            _write_empty(unfinished, title, chip, fp_type, settings, created_by)
            if fill is not None:
                with open_session(unfinished) as session:
                    fill(session)
        remove_left_behind(path, removed=True)
        os.link(unfinished, path)  # unlike a rename, this never replaces a file
    except FileExistsError as error:
        raise QuantdeckError(
            f"{visible(str(path))} exists already; open it, or name another file with --session"
        ) from error
    except PermissionError:  # a file system without hard links
        unfinished.rename(path)
    finally:
        for suffix in ("", "-wal", "-shm"):
            unfinished.with_name(unfinished.name + suffix).unlink(missing_ok=True)
    return open_session(path)


def check_place(path: Path) -> None:
    """See that a session can be written at *path*, before any work: a new file, or the one that is there.

    Errors: QuantdeckError naming the folder or the file.
    """
    path = path.absolute()
    if path.exists():
        open_session(path).close()
        return
    prepare_folder(path.parent)
    _refuse_network(path.parent)


def _write_empty(path: Path, title: str, chip: str, fp_type: str, settings: str, created_by: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        migrate(connection)
        connection.execute(
            "INSERT INTO state VALUES (1, 1, ?, ?, ?, ?, ?, NULL, ?)",
            (time.time(), title, created_by, chip, fp_type, settings),
        )
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def open_session(path: Path, *, readonly: bool = False) -> Session:
    """Open a session; what it is is known before anything is written.

    readonly: only look; works on files and folders that nobody may write. Errors: QuantdeckError, one
    sentence, for a missing, empty, foreign, newer or damaged file, for one that cannot be written (unless
    readonly), for a network file system, and where a left-over log could not be read.
    """
    path = Path(path).absolute()
    check_session_file(path)
    with explained(path):
        sound = _sound_alone(path)  # makes no file beside it, whatever is found
        session = _open_to_read(path) if readonly else _open_to_write(path)
        if not sound:
            _check(session)
        if not readonly:
            migrate(session.connection)
        return session


def _sound_alone(path: Path) -> bool:
    """Whether the main file alone is seen to be sound; False where that takes its log, or SQLite's locks.

    Without locks a page may be read while another process writes it: what looks like damage then may be none.
    Errors: QuantdeckError when it is not sound and nobody writes it.
    """
    if newer_bytes(path):
        return False
    before = _state(path)
    try:
        _check(_open_frozen(path)).close()
    except (QuantdeckError, sqlite3.DatabaseError):
        if _state(path) == before and not path.with_name(path.name + "-wal").exists():
            raise
        return False
    return True


def _state(path: Path) -> tuple[int, int]:
    """What changes when a file is written."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _open_to_write(path: Path) -> Session:
    _refuse_network(path)
    for place in (path, path.parent):
        if not os.access(place, os.W_OK):
            raise QuantdeckError(
                f"{visible(str(place))} cannot be written, so the session can only be read; make a copy to "
                f"work on with quantdeck backup {visible(str(path))} TARGET"
            )
    connection = connect(f"{address(path)}?mode=rw")
    connection.execute("PRAGMA synchronous=NORMAL")
    return Session(path, connection, readonly=False)


def _open_to_read(path: Path) -> Session:
    """A reader; a file that nobody may write is opened as immutable, which needs no file beside it."""
    unread = newer_bytes(path)
    writable = os.access(path.parent, os.W_OK) and os.access(path, os.W_OK) and not network_type(path)
    if writable:
        connection = connect(f"{address(path)}?mode=rw")  # a mode=ro reader would leave its -shm behind
        try:
            connection.execute("PRAGMA query_only=1")
            connection.execute("SELECT rev FROM state").fetchone()
        except sqlite3.OperationalError:  # a full disk has no room for the file beside it
            connection.close()
            if unread:
                raise
        else:
            return Session(path, connection, readonly=True)
    if not unread:
        return _open_frozen(path)
    connection = connect(f"{address(path)}?mode=ro")
    try:
        connection.execute("SELECT rev FROM state").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        raise QuantdeckError(
            f"the session {visible(str(path))} has {unread} bytes of newer data in {visible(path.name)}-wal "
            "that cannot be read without permission to write beside it; copy both files to a folder of your "
            "own and open that copy"
        ) from error
    return Session(path, connection, readonly=True)


def _open_frozen(path: Path) -> Session:
    return Session(path, connect(f"{address(path)}?mode=ro&immutable=1"), readonly=True, frozen=True)


def _check(session: Session) -> Session:
    """Version once more, the log included; sound pages; the row that every session has."""
    try:
        _check_content(session)
    except BaseException:
        session.abandon()  # Session.close would write
        raise
    return session


def _check_content(session: Session) -> None:
    row = session.row("PRAGMA user_version")
    version = int(row[0]) if row else 0
    check_version(session.path, version)
    for table in _checked_tables(session):
        sound = session.row(f"PRAGMA quick_check({table})")
        if sound is None or sound[0] != "ok":
            raise QuantdeckError(f"the session {visible(str(session.path))} is damaged; take a backup of it")
    if session.row("SELECT 1 FROM state WHERE id = 1") is None:
        raise QuantdeckError(f"the session {visible(str(session.path))} was never finished; make a new one")
    with explained(session.path):
        wrong = wrong_column(session.connection, version)
    if wrong:
        raise QuantdeckError(
            f"the session {visible(str(session.path))} is damaged ({wrong} holds what it never should); take a "
            "backup of it, or make a new one of the model"
        )


def _checked_tables(session: Session) -> list[str]:
    """Every table but the trials, which may be a hundred thousand; damage there is met when they are read."""
    rows = session.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return [f'"{name}"' for name in (str(row[0]).replace('"', '""') for row in rows) if name != "trial"]


def _refuse_network(path: Path) -> None:
    kind = network_type(path)
    if kind is not None:
        raise QuantdeckError(
            f"{visible(str(path))} lies on a network file system ({kind}), where SQLite's write-ahead log "
            "does not work; name a file on a local disk with --session"
        )


def backup(source: Path, target: Path) -> None:
    """Copy a session at any moment, a running job or not; the copy is complete by itself.

    Errors: QuantdeckError as for ``open_session``, and when the target exists or cannot be written.
    """
    target = Path(target).absolute()
    if target.exists():
        raise QuantdeckError(f"{visible(str(target))} exists already; name a file that does not")
    with open_session(source, readonly=True) as session:
        prepare_folder(target.parent)
        unfinished = target.with_name(f".{target.name}-{os.getpid()}")
        try:
            session.copy_to(unfinished)
            remove_left_behind(target, removed=True)
            unfinished.rename(target)
        finally:
            for suffix in ("", "-wal", "-shm"):
                unfinished.with_name(unfinished.name + suffix).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class SessionEntry:
    """A line of the list of sessions; ``problem`` is a sentence where the file cannot be read."""

    path: Path
    title: str
    model: str
    chip: str
    cos: float | None
    sqnr: float | None
    job: str
    changed: float
    problem: str


_ENTRY = """
SELECT s.title, m.name, s.chip, c.cos, c.sqnr,
       (SELECT kind || ' ' || state FROM job WHERE state IN ('waiting', 'running', 'failed')
        ORDER BY id DESC LIMIT 1)
FROM state s LEFT JOIN model m ON m.id = 1 LEFT JOIN score c ON c.plan = s.current_plan
ORDER BY c.created DESC LIMIT 1
"""


def list_sessions(folder: Path) -> tuple[SessionEntry, ...]:
    """The sessions of a folder, newest first; one that cannot be read stands there with its reason.

    Errors: QuantdeckError when the folder exists and cannot be read.
    """
    try:
        files = [path for path in folder.iterdir() if path.is_file() and is_session(path)]
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise QuantdeckError(f"{visible(str(folder))} cannot be listed ({error.strerror})") from error
    return tuple(sorted(map(_entry, files), key=lambda entry: (-entry.changed, entry.path.name)))


def _entry(path: Path) -> SessionEntry:
    changed = path.stat().st_mtime
    try:
        with open_session(path, readonly=True) as session:
            row = session.row(_ENTRY)
    except QuantdeckError as error:
        return SessionEntry(path, path.stem, "", "", None, None, "", changed, str(error))
    title, model, chip, cos, sqnr, job = tuple(row) if row else ("", "", "", None, None, None)
    return SessionEntry(path, title or path.stem, model or "", chip, cos, sqnr, job or "", changed, "")
