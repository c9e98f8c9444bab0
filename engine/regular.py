"""Files that a user names: only regular ones are opened, since a pipe without a writer or a device never ends.

What is replaced when a result is written is looked at in the same way: a device, a pipe or a socket that is
replaced by a file is lost to everybody on the machine.
"""

import os
import stat
from pathlib import Path

_KINDS = (
    (stat.S_ISDIR, "is a folder"),
    (stat.S_ISFIFO, "is no regular file but a pipe"),
    (stat.S_ISSOCK, "is no regular file but a socket"),
    (stat.S_ISCHR, "is no regular file but a device"),
    (stat.S_ISBLK, "is no regular file but a device"),
)


def irregular(path: Path | str) -> str | None:
    """What stands at *path* in words, unless it is a regular file or a link to one; None where it is.

    Errors: OSError where nothing stands there or it cannot be looked at.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISREG(mode):
        return None
    return next((words for test, words in _KINDS if test(mode)), "is no regular file")


def read_regular(path: Path | str, limit: int) -> bytes:
    """The bytes of a regular file of at most *limit* bytes.

    Errors: OSError, with a reason in words as its strerror for what is no regular file or larger.
    """
    what = irregular(path)
    if what is not None:
        raise OSError(None, what, str(path))
    with open(path, "rb") as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise OSError(None, f"is larger than {limit >> 20} MiB", str(path))
    return data
