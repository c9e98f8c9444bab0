"""Reads a session file's first bytes without taking SQLite's locks away.

POSIX drops all locks of a process on a file when the process closes *any* handle of that file
(https://www.sqlite.org/howtocorrupt.html section 2.2). A process that looks at the header of a session which it has
open would lose its locks, and another one that closes the session as the last, as it then thinks, would delete the
write-ahead log under it. So such a handle is kept until the last connection of this process is closed. The record of
them belongs to the process as the locks do; that is why it is one of the module.
"""

import os
import threading
from collections import Counter
from pathlib import Path

Identity = tuple[int, int]
"""Device and inode."""


class Handles:
    """The session files that this process has open through SQLite."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections: Counter[Identity] = Counter()
        self._kept: dict[Identity, int] = {}

    def opened(self, identity: Identity | None) -> None:
        """A connection was opened."""
        if identity is not None:
            with self._lock:
                self._connections[identity] += 1

    def closed(self, identity: Identity | None) -> None:
        """A connection was closed."""
        if identity is None:
            return
        with self._lock:
            self._connections[identity] -= 1
            if self._connections[identity] <= 0:
                del self._connections[identity]
                handle = self._kept.pop(identity, None)
                if handle is not None:
                    os.close(handle)

    def read_start(self, path: Path, size: int) -> bytes:
        """The first bytes of a regular file. Errors: OSError."""
        with self._lock:
            found = path.stat()
            identity = (found.st_dev, found.st_ino)
            handle = self._kept.get(identity)
            if handle is not None:
                return os.pread(handle, size, 0)
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
            if self._connections[identity] > 0:
                self._kept[identity] = handle
                return os.pread(handle, size, 0)
            del self._connections[identity]
            try:
                return os.pread(handle, size, 0)
            finally:
                os.close(handle)


HANDLES = Handles()
