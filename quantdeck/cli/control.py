"""``quantdeck attach``, ``pause``, ``resume`` and ``cancel``: a session's jobs, the newest unless one is named."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..engine.errors import QuantdeckError
from ..engine.text import visible
from .console import console
from .follow import attached, follow
from .options import SESSION, option

if TYPE_CHECKING:
    from ..sessions.jobs import Job


@click.command("attach")
@click.argument("session", type=SESSION)
@click.argument("job", type=int, required=False)
def attach(session: Path, job: int | None) -> int:
    """Stay with JOB of SESSION: progress, and at its end its lines and its exit status.

    Ctrl-C asks whether the job shall pause or go on without this terminal.
    """
    return attached(session, job)


@click.command("pause")
@click.argument("session", type=SESSION)
@click.argument("job", type=int, required=False)
def pause(session: Path, job: int | None) -> None:
    """Let JOB of SESSION rest at its next step; quantdeck resume goes on with it."""
    from ..sessions.jobs import request_pause

    found = _job(session, job)
    request_pause(session, found.id)
    click.echo(_state(session, found.id))


@click.command("resume")
@click.argument("session", type=SESSION)
@click.argument("job", type=int, required=False)
@option("--detach", is_flag=True, help="Return at once.")
def resume(session: Path, job: int | None, detach: bool) -> int:
    """Go on with JOB of SESSION, paused or killed, and stay with it.

    Trials that were scored are not scored again.
    """
    found = _job(session, job)
    with console() as out:
        if not found.active or not found.alive(_now()):
            go_on(session, found.id)
        if detach:
            out.result(f"{visible(str(session))} {found.id}")
            return 0
        return follow(out, session, found.id)


@click.command("cancel")
@click.argument("session", type=SESSION)
@click.argument("job", type=int, required=False)
def cancel(session: Path, job: int | None) -> None:
    """Let JOB of SESSION stop at its next step; a search writes the best plan so far.

    What it has found is kept: resume goes on with it.
    """
    from ..sessions.jobs import request_cancel

    found = _job(session, job)
    request_cancel(session, found.id)
    click.echo(_state(session, found.id))


def go_on(path: Path, number: int) -> None:
    """Resume a job; where another resume was quicker there is nothing to do."""
    from ..sessions.jobs import resume_job

    try:
        resume_job(path, number)
    except QuantdeckError:
        if not _job(path, number).active:
            raise


def _now() -> float:
    import time

    return time.time()


def _job(path: Path, number: int | None) -> "Job":
    from ..sessions.jobs import get_job, newest
    from ..sessions.store import open_session

    with open_session(path, readonly=True) as session:
        return newest(session) if number is None else get_job(session, number)


def _state(path: Path, number: int) -> str:
    found = _job(path, number)
    if found.active:
        return f"job {found.id} ({visible(found.title)}) is asked to {found.wanted}"
    return f"job {found.id} ({visible(found.title)}) is {found.state}"
