"""Where an open file has gone: the descriptors of this process know."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from .locations import default_folder

_OPEN = Path("/proc/self/fd")
_LIVES = 128  # the byte of the index on which SQLite's open connections hold a shared lock (WAL-index, "DMS")


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

    SQLite keeps both. Only where no session stands, and of one that was moved only an empty log that nobody has open:
    what has bytes, or gets some, may be somebody's only copy. The log of a removed file is of no use, and a new one of
    that name would take it for its own. What is no file of this user's is left alone.
    """
    log, index = (path.with_name(path.name + end) for end in ("-wal", "-shm"))
    try:
        if os.path.lexists(path) or (os.path.lexists(log) and not _is_own_file(log)):
            return
        if not removed and (log.stat().st_size or _is_used(index)):
            return
        log.unlink(missing_ok=True)
        index.unlink(missing_ok=True)
    except OSError:  # gone already, or the folder may not be written any more
        return


def _is_own_file(path: Path) -> bool:
    """Whether a path is a plain file, not a link to one, and of this user."""
    found = path.lstat()
    return stat.S_ISREG(found.st_mode) and (os.name != "posix" or found.st_uid == os.geteuid())


def _is_used(index: Path) -> bool:
    """Whether a connection lives to which a log's index belongs: each holds a lock on one of its bytes.

    Errors: OSError when that cannot be seen.
    """
    if os.name != "posix":
        return True  # nobody could take it away anyway
    if not os.path.lexists(index):
        return False
    found = index.stat()
    if any(True for _ in _places((found.st_dev, found.st_ino))):
        return True  # this process; opening and closing the file would end its locks
    import fcntl

    descriptor = os.open(index, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _LIVES)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


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
