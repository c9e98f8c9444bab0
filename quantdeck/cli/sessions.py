"""``quantdeck sessions``: what is stored on this machine."""

import json
import time
from dataclasses import asdict
from pathlib import Path

import click

from ..engine.text import visible
from .options import option, sessions_folder


@click.command("sessions")
@sessions_folder("Where to look.")
@option("--json", "as_json", is_flag=True, help="JSON in ASCII.")
def sessions(sessions_folder: Path | None, as_json: bool) -> None:
    """List the sessions of a folder, newest first."""
    from ..sessions.store import default_folder, list_sessions
    from .tables import figure, plain, render, shorten

    folder = sessions_folder or default_folder()
    entries = list_sessions(folder)
    if as_json:
        rows = [{**asdict(entry), "path": str(entry.path)} for entry in entries]
        click.echo(json.dumps(plain(rows), indent=1))
        return
    if not entries:
        click.echo(f"no sessions in {visible(str(folder))}", err=True)
        return
    cells = [
        (
            shorten(entry.path.name),
            shorten(entry.title, 30),
            shorten(entry.model, 30),
            visible(entry.chip),
            figure(entry.cos, 6),
            figure(entry.sqnr, 2),
            visible(entry.job),
            time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.changed)),
            visible(entry.problem),
        )
        for entry in entries
    ]
    heads = ("session", "title", "model", "chip", "cosine", "SQNR dB", "job", "changed", "")
    click.echo(render(heads, cells, (False, False, False, False, True, True, False, False, False)))
