"""``quantdeck serve [SESSION|MODEL]``: the workbench in a browser."""

import importlib.util
from pathlib import Path

import click

from ..engine.errors import QuantdeckError
from .options import SESSION, option, sessions_folder


@click.command("serve")
@click.argument("path", required=False, type=SESSION, metavar="[SESSION|MODEL]")
@option("--host", default="127.0.0.1", help="Address to listen on. [127.0.0.1: this machine only]")
@option("--port", type=click.IntRange(1, 65535), default=8000, help="Port to listen on. [8000]")
@sessions_folder("Where sessions lie.")
def serve(path: Path | None, host: str, port: int, sessions_folder: Path | None) -> None:
    """Show the workbench in a browser, on a SESSION, on a MODEL (a new session), or on the list of sessions.

    Every page that is opened is a workbench of its own, which ends with the page; jobs go on. Ctrl-C ends the
    server. There is no password: whoever reaches the port can read and write files as you, so listen on
    127.0.0.1 and reach it from elsewhere through ssh -L.
    """
    from ..tui.app import target_of

    if importlib.util.find_spec("textual_serve") is None:
        raise QuantdeckError(
            "quantdeck serve needs the package textual-serve; install it with: pip install 'quantdeck[serve]'"
        )
    feed, _ = target_of(str(path) if path is not None else None)
    if feed is not None:
        feed.close()
    from ..tui.served import serve_workbench

    serve_workbench(path, host, port, sessions_folder)
