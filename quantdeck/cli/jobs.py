"""``quantdeck jobs``: what a session is doing and did."""

import json
import time
from dataclasses import asdict
from pathlib import Path

import click

from ..engine.text import visible
from .options import FILE, option


@click.command("jobs")
@click.argument("session", type=FILE)
@option("--cancel", type=int, help="Number of a job that shall stop at its next step.")
@option("--json", "as_json", is_flag=True, help="JSON in ASCII.")
def jobs(session: Path, cancel: int | None, as_json: bool) -> None:
    """List the jobs of SESSION, newest first; or ask one to stop."""
    from ..sessions.jobs import best_so_far, list_jobs, request_cancel
    from ..sessions.store import open_session
    from .tables import figure, render, shorten

    if cancel is not None:
        request_cancel(session, cancel)
    with open_session(session, readonly=True) as opened:
        found, best = list_jobs(opened), best_so_far(opened)
    if as_json:
        rows = [{**asdict(job), "best": best.get(job.id)} for job in found]
        click.echo(json.dumps(rows, indent=1))
        return
    now = time.time()
    cells = [
        (
            str(job.id),
            shorten(job.title),
            visible(
                job.state if not job.active or job.alive(now) else f"{job.state}, but its process is gone"
            ),
            shorten(job.stage, 30),
            f"{job.done}/{job.total}",
            figure(job.rate, 2),
            figure(job.eta, 0),
            _best(best.get(job.id)),
            visible(job.message),
        )
        for job in found
    ]
    heads = ("job", "title", "state", "stage", "done", "1/s", "s left", "best so far", "message")
    click.echo(render(heads, cells, (True, False, False, False, True, True, True, False, False)))


def _best(found: tuple[float, int] | None) -> str:
    return f"cos {found[0]:.6f}, {found[1]} float" if found else "-"
