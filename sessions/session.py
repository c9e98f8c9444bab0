"""An open session: reads rows with sqlite3 alone, writes commits through sqlite-utils."""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from ..engine.errors import QuantdeckError
from ..engine.text import visible
from .faults import explained
from .handles import HANDLES
from .moved import is_removed, place_of, remove_left_behind, rescue_path

if TYPE_CHECKING:
    from sqlite_utils import Database

BUSY_TIMEOUT = 5.0  # seconds that a writer waits for another (style 2.6)
CHECKPOINT = 5.0  # seconds of writing after which the write-ahead log goes into the main file
Row = Mapping[str, Any]


class Writer:
    """What one commit writes; every row of a table with a rev column is stamped with the commit's rev."""

    def __init__(self, connection: sqlite3.Connection, rev: int) -> None:
        self._connection = connection
        self.rev = rev

    @cached_property
    def _database(self) -> "Database":
        """Imported when rows are inserted in bulk only: an edit of the workbench must not wait for it."""
        from sqlite_utils import Database

        return Database(self._connection, execute_plugins=False)

    def insert(self, table: str, rows: Sequence[Row], *, replace: bool = False) -> None:
        """Add rows; *replace* overwrites those with equal keys. All rows have the same columns."""
        if rows:
            self._database.table(table).insert_all([dict(row) for row in rows], replace=replace)

    def add(self, table: str, row: Row, *, ignore: bool = False) -> int:
        """Add one row and return its number; *ignore* keeps a row of the same key as it is."""
        verb = "INSERT OR IGNORE" if ignore else "INSERT"
        cursor = self._connection.execute(
            f"{verb} INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
            tuple(row.values()),
        )
        return int(cursor.lastrowid or 0)

    def update(self, table: str, key: object, values: Row, *, column: str = "id") -> None:
        """Change columns of the rows whose *column* equals *key*."""
        names = ", ".join(f"{name} = ?" for name in values)
        self._connection.execute(f"UPDATE {table} SET {names} WHERE {column} = ?", (*values.values(), key))

    def delete(self, table: str, column: str | None = None, key: object = None) -> None:
        """Remove the rows whose *column* equals *key*, or all."""
        where = f" WHERE {column} = ?" if column else ""
        self._connection.execute(f"DELETE FROM {table}{where}", (key,) if column else ())


class Session:
    """An open session; a context manager.

    ``readonly``: nothing may be written. ``frozen``: the file lies where nobody may write, so that it cannot
    change while it is open.
    """

    def __init__(
        self, path: Path, connection: sqlite3.Connection, *, readonly: bool, frozen: bool = False
    ) -> None:
        self.path = path
        self.readonly = readonly
        self.frozen = frozen
        self.connection = connection
        self._checkpointed = time.monotonic()
        self._lock = threading.RLock()  # a job's pulse shares the connection with its work
        self._identity = _identity(path)
        self._held = True
        HANDLES.opened(self._identity)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Put everything into the main file and let it go."""
        if not self.readonly:
            self.checkpoint()
        self.abandon()

    def abandon(self) -> None:
        """Let the file go without writing anything; of a file that is gone nothing stays behind."""
        gone = self._held and not self.frozen and not self.path.exists()
        removed = gone and is_removed(self._identity)
        self.connection.close()
        if self._held:
            self._held = False
            HANDLES.closed(self._identity)
        if gone:
            remove_left_behind(self.path, removed=removed)

    def checkpoint(self) -> bool:
        """Move the write-ahead log into the main file; False when a reader held that up."""
        with self._lock:
            return self._checkpoint()

    def _checkpoint(self) -> bool:
        try:
            busy = self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except (
            sqlite3.DatabaseError
        ):  # damage, too: the error that matters is told by what was written or read
            return False
        self._checkpointed = time.monotonic()
        return not busy

    @contextmanager
    def write(self) -> Generator[Writer]:
        """One commit: raises the session's rev, and everything written inside is stamped or none of it.

        Errors: QuantdeckError when the session is read-only, locked for long, or its disk is full.
        """
        if self.readonly:
            raise QuantdeckError(
                f"the session {visible(str(self.path))} is open for reading only; make a copy to work on "
                "with quantdeck backup SESSION TARGET"
            )
        with self._lock, explained(self.path):
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                self.connection.execute("UPDATE state SET rev = rev + 1")
                yield Writer(self.connection, self.rev)
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
        if time.monotonic() - self._checkpointed > CHECKPOINT:
            self.checkpoint()

    def rows(self, query: str, *values: object) -> list[sqlite3.Row]:
        """All rows of a query, by column name and position."""
        with self._lock, explained(self.path):
            return self.connection.execute(query, values).fetchall()

    def row(self, query: str, *values: object) -> sqlite3.Row | None:
        """The first row of a query."""
        with self._lock, explained(self.path):
            found: sqlite3.Row | None = self.connection.execute(query, values).fetchone()
        return found

    @property
    def rev(self) -> int:
        """Number of the last commit."""
        row = self.row("SELECT rev FROM state WHERE id = 1")
        return int(row[0]) if row else 0

    def copy_to(self, target: Path) -> None:
        """SQLite's backup call into a new file that is complete by itself."""
        with explained(target):
            copy = sqlite3.connect(target, isolation_level=None)
            try:
                self.connection.backup(copy)
                copy.execute("PRAGMA journal_mode=WAL")
                copy.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                copy.close()

    @property
    def file(self) -> str:
        """The open file's inode as text, "" where there is none."""
        return str(self._identity[1]) if self._identity is not None else ""

    @property
    def lost(self) -> bool:
        """Whether the path names another file than the open one by now, or none."""
        return _identity(self.path) != self._identity

    def place(self) -> Path | None:
        """The present path of the open file; None where it was removed."""
        return place_of(self._identity)

    def follow(self, adopt: Callable[[sqlite3.Connection, str], None] | None = None) -> str | None:
        """Notice that the file was renamed or removed while it is written, and go on in the right one.

        Renamed: everything goes into it and it is opened under its new name. Removed: what is known is saved
        as a new file, which is used from now on. Returns a sentence, or None when nothing happened. adopt: changes
        the new file, given its inode as text, before others see it.
        """
        if self.readonly or not self.lost:
            return None
        with self._lock:
            old = self.path
            found = place_of(self._identity) if self._checkpoint() else None
            if found is None:
                found = self._saved(rescue_path(old), adopt)
            self.connection.close()
            HANDLES.closed(self._identity)
            remove_left_behind(old)
            self.connection = connect(f"{address(found)}?mode=rw")
            self.path, self._identity = found, _identity(found)
            HANDLES.opened(self._identity)
        return f"the session {visible(str(old))} was moved or removed; it goes on in {visible(str(found))}"

    def _saved(self, target: Path, adopt: Callable[[sqlite3.Connection, str], None] | None) -> Path:
        """The new file of a session whose own was removed; it appears whole."""
        unfinished = target.with_name(f".{target.name}")
        self.copy_to(unfinished)
        if adopt is not None:
            connection = connect(f"{address(unfinished)}?mode=rw")
            adopt(connection, str(unfinished.stat().st_ino))
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.close()
        return unfinished.rename(target)


def connect(uri: str) -> sqlite3.Connection:
    """A connection whose transactions are begun by hand; rows answer to column names."""
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False
    )
    connection.row_factory = sqlite3.Row
    return connection


def address(path: Path) -> str:
    """The path as SQLite's file address; options may be appended."""
    return "file:" + quote(os.fsencode(path))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
