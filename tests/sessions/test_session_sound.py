"""A session whose rows hold what they never should is refused with one sentence, wherever it is opened."""

import math
import sqlite3
from pathlib import Path

import pytest
from quantdeck.engine.errors import QuantdeckError
from quantdeck.sessions.store import list_sessions, open_session
from quantdeck.tui.listing import list_folder
from session_files import make

SPOILED = (
    ("layer", "macs", "many"),
    ("layer", "name", b"\xff\x00"),
    ("layer", "inputs", "-5"),
    ("layer", "outputs", "[1, [2]]"),
    ("layer", "inputs", "{"),
    ("model", "notes", "{}"),
    ("model", "inputs", ""),
    ("state", "title", b"x"),
    ("state", "settings", "[]"),
    ("state", "current_plan", "\x1b[2J"),
    ("plan", "created", "yesterday"),
    ("plan", "body", b"{}"),
    ("plan", "body", "running"),
    ("plan", "body", "[]"),
)


@pytest.mark.parametrize(("table", "column", "value"), SPOILED)
def test_a_row_of_a_wrong_type_is_told(tmp_path: Path, table: str, column: str, value: object) -> None:
    path = make(tmp_path / "a.qdeck")
    connection = sqlite3.connect(path)
    with connection:
        last = f"(SELECT max(rowid) FROM {table})"
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = {last}", (value,))
    connection.close()
    for readonly in (True, False):
        with pytest.raises(QuantdeckError, match=rf"is damaged \({table}\.{column} holds"):
            open_session(path, readonly=readonly)
    (one,) = list_sessions(tmp_path)
    (shown,) = list_folder(tmp_path)
    assert f"{table}.{column}" in one.problem
    assert one.problem == shown.problem


def test_a_text_that_is_not_utf8_and_a_missing_column_are_told_in_the_lists(tmp_path: Path) -> None:
    for name, statement in (
        ("a.qdeck", "UPDATE state SET title = CAST(x'ff41' AS TEXT)"),
        ("b.qdeck", "ALTER TABLE model RENAME COLUMN notes TO n"),
    ):
        connection = sqlite3.connect(make(tmp_path / name))
        with connection:
            connection.execute(statement)
        connection.close()
    for entries in (list_sessions(tmp_path), list_folder(tmp_path)):
        assert all("damaged" in one.problem for one in entries), entries


def test_figures_of_any_size_are_no_damage(tmp_path: Path) -> None:
    path = make(tmp_path / "a.qdeck")
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE plan SET created = ?", (math.inf,))
        connection.execute("UPDATE layer SET macs = ?", (2**62,))
    connection.close()
    open_session(path).close()
