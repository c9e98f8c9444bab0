"""Where sessions and logs lie: the one module that knows paths."""

import os
from contextlib import suppress
from pathlib import Path

from ..engine.errors import QuantdeckError
from ..engine.text import visible

VARIABLE = "QUANTDECK_HOME"
SUFFIX = ".qdeck"


def home_folder() -> Path:
    """The folder of everything that quantdeck keeps: QUANTDECK_HOME, else the platform's data folder.

    Errors: QuantdeckError when there is no home folder to derive it from.
    """
    wanted = os.environ.get(VARIABLE)
    if wanted:
        return Path(wanted).absolute()
    from platformdirs import user_data_path

    try:
        folder = user_data_path("quantdeck", appauthor=False)
    except RuntimeError:  # what newer versions of platformdirs do
        folder = Path()
    if not folder.is_absolute():
        raise QuantdeckError(
            "this account has no home folder (HOME is not set), so there is no default place for sessions; "
            f"set {VARIABLE} or give the session's file with --session"
        )
    return folder


def default_folder() -> Path:
    """Where sessions lie unless a file is named; it need not exist yet.

    Errors: QuantdeckError when there is no home folder.
    """
    return home_folder() / "sessions"


def find_session(path: Path, folder: Path | None = None) -> Path:
    """The session that a *path* without folders names: itself, or where nothing is there, the stored one.

    The ending may be left out; *folder* is where sessions are stored, None the default one. What is found
    nowhere comes back as it was, for whoever opens it to say so.
    """
    if os.path.lexists(path):
        return path
    with suppress(QuantdeckError):  # without a home folder nothing is stored
        for place in (path.absolute().parent, folder or default_folder()):
            for name in (path.name, path.name + SUFFIX):
                if (place / name).is_file():
                    return place / name
    return path


def log_folder() -> Path:
    """Where the logs of faults go; it need not exist yet."""
    return home_folder() / "logs"


def prepare_folder(folder: Path) -> None:
    """Make *folder* and see that a file can be written in it, before any work starts.

    Errors: QuantdeckError naming the folder, the reason and the way to another place.
    """
    probe = folder / f".quantdeck-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with probe.open("wb") as file:
                file.write(bytes(65536))
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        raise QuantdeckError(
            f"the folder {visible(str(folder))} cannot hold a session ({error.strerror}); "
            f"name another place with --session FILE or with the environment variable {VARIABLE}"
        ) from error


def path_text(path: Path) -> str:
    """The absolute path as text for a session's row; a name outside UTF-8 becomes a file: address."""
    absolute = path.absolute()
    text = str(absolute)
    try:
        text.encode()
    except UnicodeEncodeError:
        return absolute.as_uri()
    return text


def path_of(text: str) -> Path:
    """The path that ``path_text`` wrote."""
    if not text.startswith("file:///"):
        return Path(text)
    from urllib.parse import unquote_to_bytes

    return Path(os.fsdecode(unquote_to_bytes(text.removeprefix("file://"))))
