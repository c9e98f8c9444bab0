"""Where an open file has gone: the descriptors of this process know."""

import os
from collections.abc import Iterator
from pathlib import Path

from .locations import default_folder

_OPEN = Path("/proc/self/fd")


def place_of(identity: tuple[int, int] | None) -> Path | None:
    """The present path of an open file of that device and inode; None when it is removed or unknown."""
    return next((place for place, names in _places(identity) if names), None)


def is_removed(identity: tuple[int, int] | None) -> bool:
    """Whether an open file of that device and inode is known to have no name any more."""
    return any(not names for _, names in _places(identity))


def _places(identity: tuple[int, int] | None) -> Iterator[tuple[Path, int]]:
    """Path and number of names of the file, for each descriptor of it."""
    if identity is None or not _OPEN.is_dir():
        return
    for entry in _OPEN.iterdir():
        try:
            found = entry.stat()
            target = entry.readlink()
        except OSError:  # closed meanwhile
            continue
        if (found.st_dev, found.st_ino) == identity:
            yield target, found.st_nlink


def remove_left_behind(path: Path, *, removed: bool = False) -> None:
    """Take away the log and its index that a session leaves where it was moved from, or where it was *removed*.

    SQLite keeps both. Only where no session stands, and of one that was moved only an empty log: what has bytes may be
    somebody's only copy. The log of a removed file is of no use, and a new one of that name would take it for its own.
    """
    log, index = (path.with_name(path.name + end) for end in ("-wal", "-shm"))
    try:
        if path.exists() or (not removed and log.stat().st_size):
            return
        log.unlink(missing_ok=True)
        index.unlink(missing_ok=True)
    except OSError:  # gone already, or the folder may not be written any more
        return


def rescue_path(lost: Path) -> Path:
    """A new file's path beside one that was removed, or in the default folder."""
    folder = lost.parent if os.access(lost.parent, os.W_OK) else default_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return folder / _rescued_name(lost, os.getpid())


def rescued_by(lost: Path, process: int) -> Path | None:
    """The file that another process saved a removed one as; None where there is none yet."""
    for folder in (lost.parent, default_folder()):
        found = folder / _rescued_name(lost, process)
        if found.exists():
            return found
    return None


def _rescued_name(lost: Path, process: int) -> str:
    return f"{lost.stem}-rescued-{process}{lost.suffix}"
