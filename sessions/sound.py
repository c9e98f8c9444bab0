"""Sees that every column of a session holds what its table says: SQLite itself stores anything anywhere."""

import sqlite3
from collections.abc import Iterator, Mapping
from functools import cache

from .layer_table import plan_body
from .schema import MIGRATIONS

_HOLDS: Mapping[str, str] = {
    "INTEGER": "'integer'",
    "REAL": "'real', 'integer'",
    "TEXT": "'text'",
    "BLOB": "'blob'",
}
_LISTS = (
    "model.inputs", "model.outputs", "model.notes", "samples.entries", "samples.skipped",
    "layer.inputs", "layer.outputs",
)  # fmt: skip
_OBJECTS = ("state.settings", "samples.preprocess", "job.spec", "plan.body")
_NAMES = ("samples.entries", "layer.inputs", "layer.outputs")  # lists of texts
_UNREAD = "trial"  # a hundred thousand rows: what is wrong there is met when they are read


def wrong_column(connection: sqlite3.Connection, version: int) -> str:
    """The first column of a session of that format that lacks or holds what it should not ("layer.macs"); "" if none.

    What stands in bodies that only the engine reads (scores, outcomes) is seen when they are read.
    """
    for table, columns in _tables(version).items():
        found = connection.execute(f"SELECT {', '.join(columns.values())} FROM {table}").fetchone()
        for name, wrong in zip(columns, found, strict=True):
            if wrong:
                return f"{table}.{name}"
    if not _plan_stands(connection):
        return "plan.body"
    if not _are_pairs(connection):
        return "samples.skipped"
    return next((place for place in _NAMES if _not_texts(connection, place)), "")


def _plan_stands(connection: sqlite3.Connection) -> bool:
    """Whether the plan that the session stands on can be read; what others hold is seen when they are."""
    row = connection.execute(
        "SELECT body FROM plan WHERE id = (SELECT current_plan FROM state WHERE id = 1)"
    ).fetchone()
    return row is None or plan_body(row[0]) is not None


def _are_pairs(connection: sqlite3.Connection) -> bool:
    """Whether each sample that was left out has its reason."""
    query = """SELECT 1 FROM samples t, json_each(t.skipped) j
        WHERE CASE WHEN j.type = 'array' THEN json_array_length(j.value) ELSE 0 END != 2 LIMIT 1"""
    return connection.execute(query).fetchone() is None


def _not_texts(connection: sqlite3.Connection, place: str) -> bool:
    table, name = place.split(".")
    query = f"SELECT 1 FROM {table} t, json_each(t.{name}) j WHERE j.type != 'text' LIMIT 1"
    return connection.execute(query).fetchone() is not None


@cache
def _tables(version: int) -> Mapping[str, Mapping[str, str]]:
    """By table and column an expression that is true where a row holds something else."""
    model = sqlite3.connect(":memory:")
    try:
        for migration in MIGRATIONS[:version]:
            migration(model)
        names = [row[0] for row in model.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: dict(_checks(model, table)) for table in names if table != _UNREAD}
    finally:
        model.close()


def _checks(model: sqlite3.Connection, table: str) -> Iterator[tuple[str, str]]:
    for _, name, kind, required, _, key in model.execute(f"PRAGMA table_info({table})"):
        allowed = _HOLDS[kind] + ("" if required or key else ", 'null'")
        wrong = f"typeof({name}) NOT IN ({allowed})"
        place = f"{table}.{name}"
        json = "array" if place in _LISTS else "object" if place in _OBJECTS else ""
        if json:
            wrong += f" OR CASE WHEN json_valid({name}) THEN json_type({name}) != '{json}' ELSE 1 END"
        yield name, f"max({wrong})"
