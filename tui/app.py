"""The way in: checks the terminal first, imports Textual only when the workbench can really open."""

import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ..engine.errors import QuantdeckError
from ..engine.text import visible
from ..sessions.faults import explained
from .config import read_config
from .feed import Feed
from .reader import SessionReader
from .terminal import (
    PAGE,
    choose_colors,
    choose_glyphs,
    is_page,
    prepare_environment,
    refuse_terminal,
)

if TYPE_CHECKING:
    from textual.driver import Driver


def run(
    path: str | None,
    *,
    mouse: bool = False,
    colors: str = "auto",
    glyphs: str = "auto",
    sessions_folder: Path | None = None,
) -> int:
    """Open the workbench on a session, on a model (new session), or on the list of sessions; exit status.

    *path*: a session file, an ONNX model, or None for the start screen. *colors*: auto, 256, 16 or none.
    *glyphs*: auto, braille, block or ascii. 0 after a normal end, 2 when the terminal or the path does not
    serve (one sentence on stderr).
    """
    page, notice = is_page(), ""
    try:
        try:
            feed, model = target_of(path)
        except QuantdeckError as error:
            if not page:
                raise
            feed, model, notice = None, None, str(error)  # whoever looks at a page sees no standard error
        if not page:
            refuse_terminal()
        here = PAGE if page else os.environ
        config, wrong = read_config()
        palette = choose_colors(config.colors if colors == "auto" else colors, here)
        signs = choose_glyphs(config.glyphs if glyphs == "auto" else glyphs, here)
    except QuantdeckError as error:
        print(f"quantdeck: {error}", file=sys.stderr)
        return 2
    prepare_environment(palette)
    from .typed import accept_any_bytes
    from .workbench import Workbench

    accept_any_bytes()
    gc.freeze()  # what is imported never becomes garbage: no key waits for a collection that looks through it
    ansi = palette in ("16", "none")
    app = Workbench(
        feed, model, ansi=ansi, glyphs=signs, folder=sessions_folder, config=config, driver=_driver(page)
    )
    app.notice, app.warning = notice, wrong
    app.run(mouse=mouse)
    if app.fault is not None:
        _tell(*app.fault)
    return app.return_code or 0


def _tell(fault: Exception, session: Path) -> NoReturn:
    """Raise what ended the workbench: damage that SQLite met in the session as the sentence that says so."""
    with explained(session):
        raise fault


def _driver(page: bool) -> "type[Driver] | None":
    """What writes to the terminal; None leaves it to Textual."""
    if not page:
        return None
    from .browser import BrowserDriver, prepare_browser

    prepare_browser()
    return BrowserDriver


def target_of(path: str | None) -> tuple[Feed | None, Path | None]:
    """The session, or the model of a new session, that *path* names."""
    if path is None:
        return None, None
    target = Path(path).expanduser()
    if not target.is_file():
        what = "is a folder" if target.is_dir() else "is neither a command nor a file"
        raise QuantdeckError(
            f"{visible(path)} {what}; give a session file or an ONNX model (quantdeck --help lists the commands)"
        )
    if target.suffix.lower() == ".onnx":
        return None, target
    return Feed(SessionReader(target)), None
