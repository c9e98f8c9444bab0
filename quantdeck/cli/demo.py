"""``quantdeck demo``: the embedded example from its pictures to the workbench."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..engine.text import visible
from .console import Console, console
from .options import option, sessions_folder

if TYPE_CHECKING:
    from ..demo import Demo


@click.command("demo")
@option("--headless", is_flag=True, help="Print tables instead of opening the workbench.")
@sessions_folder("Where the session goes.")
def demo(headless: bool, sessions_folder: Path | None) -> int:
    """Calibrate the embedded example and open the workbench on it.

    The example is a small classifier of handwritten digits with 100 pictures for calibration and 200 labelled
    ones. With --headless, and where standard input, output or error is no terminal, the table of layers and the
    accuracy of the float and the int8 network are printed instead. The session is used again by the next demo.
    """
    opens = not (headless or _no_screen())
    with console() as out:
        done = _run(out, sessions_folder)
        if not opens:
            _print(out, done)
    if not opens:
        return 0
    from ..tui.app import run

    return run(str(done.session))


def _no_screen() -> bool:
    """Whether a full-screen program cannot work here."""
    from ..engine.errors import QuantdeckError
    from ..tui.terminal import refuse_terminal

    if not sys.stdout.isatty():
        return True
    try:
        refuse_terminal()
    except QuantdeckError:
        return True
    return False


def _run(out: Console, sessions_folder: Path | None) -> "Demo":
    from ..demo import run_demo, session_folder
    from ..sessions.locations import prepare_folder

    with out.progress() as report:
        if sessions_folder is not None:
            prepare_folder(sessions_folder)
        done = run_demo(sessions_folder or session_folder(report), report)
    out.say(f"session: {visible(str(done.session))}")
    return done


def _print(out: Console, done: "Demo") -> None:
    from .evaluate import as_text
    from .layers import session_rows, table

    rows, _ = session_rows(done.session)
    out.result(table(rows, wide=False))
    out.result("")
    out.result(as_text(done.graph, done.plan, done.score))
