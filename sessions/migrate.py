"""Brings a session file to the newest version, each step whole or not at all."""

import sqlite3
from collections.abc import Iterator

from .schema import APPLICATION_ID, MIGRATIONS, VERSION


class _Statements:
    """A connection whose scripts stay inside the transaction that is open (sqlite3's own commits first)."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def executescript(self, sql: str, /) -> None:
        for statement in statements(sql):
            self._connection.execute(statement)


def statements(sql: str) -> Iterator[str]:
    """The single statements of a script."""
    text = ""
    for piece in sql.split(";")[:-1]:
        text += piece + ";"
        if sqlite3.complete_statement(text):  # false inside comments and strings
            yield text.strip()
            text = ""


def migrate(connection: sqlite3.Connection) -> None:
    """Apply the missing migrations to a file that was recognised before."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    for number in range(version, VERSION):
        connection.execute("BEGIN IMMEDIATE")
        try:
            MIGRATIONS[number](_Statements(connection))
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number + 1}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
