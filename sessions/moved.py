"""Where an open file has gone: the descriptors of this process know."""

import os
from pathlib import Path

from .locations import default_folder

_OPEN = Path("/proc/self/fd")


def place_of(identity: tuple[int, int] | None) -> Path | None:
    """The present path of an open file of that device and inode; None when it is removed or unknown."""
    if identity is None or not _OPEN.is_dir():
        return None
    for entry in _OPEN.iterdir():
        try:
            found = entry.stat()
            target = entry.readlink()
        except OSError:  # closed meanwhile
            continue
        if (found.st_dev, found.st_ino) == identity and found.st_nlink > 0:
            return target
    return None


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
