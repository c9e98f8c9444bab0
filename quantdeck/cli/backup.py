"""``quantdeck backup``: a copy of a session that is complete by itself."""

import os
from pathlib import Path

import click

from ..engine.text import visible
from .options import FILE, SESSION


@click.command("backup")
@click.argument("session", type=SESSION)
@click.argument("target", type=FILE)
def backup(session: Path, target: Path) -> None:
    """Copy SESSION to TARGET, at any moment: a job may be running.

    SQLite's own backup is used, so the copy holds every commit. (A plain copy of the file lacks at most the
    last 5 seconds of a running job, and nothing when no job runs.)
    """
    from ..engine.errors import QuantdeckError
    from ..sessions.store import backup as copy

    folder = target.absolute().parent
    if not folder.is_dir():
        raise QuantdeckError(
            f"TARGET {visible(str(target))}: there is no folder {visible(str(folder))}; make it first"
        )
    if not os.access(folder, os.W_OK):
        raise QuantdeckError(f"TARGET {visible(str(target))} cannot be written; name a file elsewhere")
    copy(session, target)
    click.echo(f"{visible(str(target))}: {target.stat().st_size} bytes")
