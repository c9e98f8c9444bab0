"""The embedded example as a session, worked on by real jobs in this process."""

import io
import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from quantdeck.sessions.jobs import add_job
from quantdeck.sessions.report import Silent
from quantdeck.sessions.store import open_session
from quantdeck.sessions.worker import run_job
from quantdeck.tui.search_form import search_fields, search_spec

from quantdeck.demo import run_demo

_MADE: dict[Path, Path] = {}


def digits(base: Path, folder: Path) -> Path:
    """A copy in *folder* of the calibrated and scored example, which is made once in *base*."""
    if base not in _MADE:
        _MADE[base] = run_demo(base, Silent()).session
    return Path(shutil.copy(_MADE[base], folder / "digits.qdeck"))


def answers(**changes: str) -> dict[str, str]:
    """What the form of a search holds, some fields changed."""
    values = {field.key: field.value for field in search_fields()}
    return {**values, "inference_num": "4", "jobs": "1", **changes}


def do_search(path: Path, values: Mapping[str, str]) -> int:
    """Do a search as its job would; its number."""
    spec, title = search_spec(path, values)
    with open_session(path) as session:
        number = add_job(session, "search", spec, title)
        run_job(session, number, io.StringIO())
    return number


def current(path: Path) -> int:
    """The number of the plan that a session stands on."""
    with open_session(path, readonly=True) as session:
        return int(session.rows("SELECT current_plan FROM state")[0][0])


def as_running(path: Path, job: int, stands: int) -> None:
    """Leave a session as it was in the midst of a search: trials, but no outcome, and the plan from before it."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE state SET rev = rev + 1, current_plan = ?", (stands,))
        connection.execute("UPDATE search SET outcome = NULL, reason = NULL WHERE job = ?", (job,))
        connection.execute(
            "UPDATE job SET state = 'running', heartbeat = 4e9, finished = NULL WHERE id = ?", (job,)
        )
    connection.close()
