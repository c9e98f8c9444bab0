"""The way in: checks the terminal first, imports Textual only when the workbench can really open."""

import sys
from pathlib import Path

from ..engine.errors import QuantdeckError
from ..engine.text import visible
from .feed import Feed
from .reader import SessionReader
from .terminal import choose_colors, choose_glyphs, prepare_environment, refuse_terminal


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
    try:
        refuse_terminal()
        feed, model = _target(path)
        palette = choose_colors(colors)
        signs = choose_glyphs(glyphs)
    except QuantdeckError as error:
        print(str(error), file=sys.stderr)
        return 2
    prepare_environment(palette)
    from .typed import accept_any_bytes
    from .workbench import Workbench

    accept_any_bytes()
    app = Workbench(feed, model, ansi=palette in ("16", "none"), glyphs=signs, folder=sessions_folder)
    app.run(mouse=mouse)
    return app.return_code or 0


def _target(path: str | None) -> tuple[Feed | None, Path | None]:
    """The session, or the model of a new session, that *path* names."""
    if path is None:
        return None, None
    target = Path(path).expanduser()
    if not target.is_file():
        what = "is a folder" if target.is_dir() else "does not exist"
        raise QuantdeckError(f"{visible(path)} {what}; give a session file or an ONNX model.")
    if target.suffix.lower() == ".onnx":
        return None, target
    return Feed(SessionReader(target)), None
