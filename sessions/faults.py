"""SQLite's errors in sentences."""

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ..engine.errors import QuantdeckError
from ..engine.text import visible

_REASONS = (
    ("full", "there is no space left on its disk; make room or name another place with --session"),
    ("locked", "another process has been writing to it for long; try again when that is done"),
    ("busy", "another process has been writing to it for long; try again when that is done"),
    ("readonly", "it can only be read; make a copy to work on with quantdeck backup SESSION TARGET"),
    ("unable to open", "it cannot be opened for writing; check its folder's permissions"),
    ("disk i/o", "its disk reports an error; copy it to another one"),
    ("malformed", "it is damaged; take a backup of it"),
    ("not a database", "it is damaged; take a backup of it"),
    ("no such table", "it is damaged (a table is missing); take a backup of it"),
    ("could not decode", "it is damaged (a text is not UTF-8); take a backup of it"),
    ("no such column", "it is damaged (a column is missing); take a backup of it"),
)


@contextmanager
def explained(path: Path) -> Generator[None]:
    """Turn what SQLite may report about the user's file into a QuantdeckError; the rest passes."""
    try:
        yield
    except UnicodeDecodeError as error:  # of its schema; of the texts of rows SQLite reports it itself
        raise QuantdeckError(
            f"the session {visible(str(path))}: it is damaged (its schema is not UTF-8); take a backup of it"
        ) from error
    except sqlite3.DatabaseError as error:
        text = str(error).lower()
        for sign, reason in _REASONS:
            if sign in text:
                raise QuantdeckError(f"the session {visible(str(path))}: {reason}") from error
        raise
