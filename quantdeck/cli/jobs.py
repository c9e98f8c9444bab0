"""``quantdeck jobs``: what a session, or every session of a folder, is doing and did."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from ..engine.errors import QuantdeckError
from ..engine.text import visible
from .options import SESSION, option, sessions_folder

if TYPE_CHECKING:
    from ..sessions.jobs import Job


class Found(NamedTuple):
    """A job, the session that holds it, and its best plan so far as (cos, float layers)."""

    path: Path
    job: "Job"
    best: tuple[float, int] | None


@click.command("jobs")
@click.argument("session", type=SESSION, required=False)
@option(
    "--cancel",
    type=int,
    help="Number of a job of SESSION that shall stop at its next step, as quantdeck cancel does.",
)
@sessions_folder("Where to look.")
@option("--json", "as_json", is_flag=True, help="JSON in ASCII.")
def jobs(session: Path | None, cancel: int | None, sessions_folder: Path | None, as_json: bool) -> None:
    """List the jobs of SESSION, newest first, or of all sessions of a folder; or ask one to stop."""
    from ..sessions.jobs import request_cancel

    if cancel is not None:
        if session is None:
            raise QuantdeckError(
                f"--cancel {cancel}: name the session too, as in quantdeck jobs SESSION --cancel 1"
            )
        request_cancel(session, cancel)
    found = _of_session(session) if session is not None else _of_folder(sessions_folder)
    if as_json:
        rows = [{**asdict(one.job), "best": one.best, "session": str(one.path)} for one in found]
        click.echo(json.dumps(rows, indent=1))
    elif found or session is not None:
        click.echo(_table(found, with_session=session is None))


def _of_session(path: Path) -> list[Found]:
    from ..sessions.jobs import best_so_far, list_jobs
    from ..sessions.store import open_session

    with open_session(path, readonly=True) as opened:
        best = best_so_far(opened)
        if opened.frozen:
            click.echo(
                f"{visible(str(path))} is read-only: it is shown as it is, and nothing can be changed",
                err=True,
            )
        return [Found(path, job, best.get(job.id)) for job in list_jobs(opened)]


def _of_folder(wanted: Path | None) -> list[Found]:
    """The jobs of all sessions that can be read, the newest first; the others are told."""
    from ..sessions.store import default_folder, list_sessions

    folder, found = wanted or default_folder(), list[Found]()
    for entry in list_sessions(folder):
        try:
            found += _of_session(entry.path)
        except QuantdeckError as error:
            click.echo(visible(str(error)), err=True)
    if not found:
        click.echo(f"no jobs in {visible(str(folder))}", err=True)
    return sorted(found, key=lambda one: -one.job.created)


def _table(found: list[Found], *, with_session: bool) -> str:
    from .tables import figure, render, shorten

    now = time.time()
    cells = [
        (
            str(job.id),
            shorten(job.title),
            visible(_state(job, now)),
            shorten(job.stage, 30),
            f"{job.done}/{job.total}",
            figure(job.rate, 2),
            figure(job.eta, 0),
            _best(best),
            visible(job.message),
        )
        for _, job, best in found
    ]
    heads = ("job", "title", "state", "stage", "done", "1/s", "s left", "best so far", "message")
    right = (True, False, False, False, True, True, True, False, False)
    if with_session:
        heads, right = ("session", *heads), (False, *right)
        cells = [(shorten(one.path.name), *row) for one, row in zip(found, cells, strict=True)]
    return render(heads, cells, right)


def _state(job: "Job", now: float) -> str:
    if not job.active or job.alive(now):
        return job.state
    if job.copied:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(job.heartbeat))
        return f"{job.state} when this copy was made ({when})"
    return f"{job.state}, but its process is gone"


def _best(found: tuple[float, int] | None) -> str:
    return f"cos {found[0]:.6f}, {found[1]} float" if found else "-"
