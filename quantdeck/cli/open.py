"""``quantdeck [SESSION|MODEL]``: the workbench."""

from pathlib import Path

import click

from .options import SESSION, option, sessions_folder


@click.command("open")
@click.argument("path", required=False, type=SESSION, metavar="[SESSION|MODEL]")
@option(
    "--mouse",
    is_flag=True,
    help="Let the program have the mouse; the terminal's own selection then needs Shift.",
)
@option("--colors", type=click.Choice(["auto", "256", "16", "none"]), default="auto",
        help="How many colours the terminal shows. [auto: by TERM, COLORTERM and NO_COLOR]")  # fmt: skip
@option("--glyphs", type=click.Choice(["auto", "braille", "block", "ascii"]), default="auto",
        help="Signs that curves and bars are drawn with. [auto: by the locale]")  # fmt: skip
@sessions_folder("Where sessions lie.")
def open(path: Path | None, mouse: bool, colors: str, glyphs: str, sessions_folder: Path | None) -> int:
    """Open the workbench on a SESSION, on a MODEL (a new session), or on the list of sessions."""
    from ..tui.app import run

    text = str(path) if path is not None else None
    return run(text, mouse=mouse, colors=colors, glyphs=glyphs, sessions_folder=sessions_folder)
