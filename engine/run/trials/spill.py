"""The file that takes the values which the memory budget has no room for.

It grows by plain writes, so that a full disk is an error to catch and no signal, and is read through a memory
map. The file is locked while it is in use; a file without a lock was left by a crash, and the next one to
start removes it.
"""

import mmap
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    import fcntl
except ImportError:  # Windows refuses to remove an open file, which serves the same end
    fcntl = None

Array = NDArray[Any]

PREFIX, SUFFIX = "quantdeck-values-", ".tmp"
SPARE = 1 << 30
"""Bytes of the disk that are left to others."""


@dataclass(frozen=True, slots=True)
class Spilled:
    """Where a value lies in the file, and its form; ``order``: axes from outermost to innermost in memory."""

    offset: int
    size: int
    shape: tuple[int, ...]
    order: tuple[int, ...]
    dtype: str


class Spill:
    """One file in *folder* of at most *limit* bytes; without a limit half of what the disk has free."""

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        remove_stale(folder)
        self.path, self._file = _create(folder)
        free = max(0, shutil.disk_usage(folder).free - SPARE) // 2
        self._limit = free if limit is None else limit
        self._end = 0
        self._holes: dict[int, list[int]] = {}
        self._map: mmap.mmap | None = None

    def write(self, value: Array) -> Spilled | None:
        """Store a value; None where it does not fit or the disk is full."""
        order = tuple(sorted(range(value.ndim), key=lambda axis: -abs(value.strides[axis])))
        dense = np.ascontiguousarray(value.transpose(order))
        holes = self._holes.get(dense.nbytes)
        offset = holes[-1] if holes else self._end
        if not holes and offset + dense.nbytes > self._limit:
            return None
        try:
            self._write(offset, dense.reshape(-1).view(np.uint8).data)
        except OSError:
            self._limit = self._end
            return None
        if holes:
            holes.pop()
        else:
            self._end = offset + -(-dense.nbytes // 64) * 64
        shape = tuple(value.shape[axis] for axis in order)
        return Spilled(offset, dense.nbytes, shape, order, dense.dtype.str)

    def _write(self, offset: int, data: memoryview) -> None:
        self._file.seek(offset)
        while data:
            data = data[self._file.write(data) :]

    def read(self, place: Spilled) -> Array:
        """A value from the file, as a read-only array over the map."""
        if not place.size:
            return np.empty(place.shape, place.dtype).transpose(np.argsort(place.order))
        if self._map is None or len(self._map) < place.offset + place.size:
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        count = place.size // np.dtype(place.dtype).itemsize
        flat = np.frombuffer(self._map, place.dtype, count, place.offset)
        return flat.reshape(place.shape).transpose(np.argsort(place.order))

    def free(self, place: Spilled) -> None:
        """The value is not needed any more; its room is used again by one of the same size."""
        self._holes.setdefault(place.size, []).append(place.offset)

    def close(self) -> None:
        """Remove the file."""
        self._map = None  # arrays that are still in use keep the old map
        self._file.close()
        with suppress(OSError):
            self.path.unlink()


def _create(folder: Path) -> tuple[Path, FileIO]:
    number = 0
    while True:
        path = folder / f"{PREFIX}{os.getpid()}-{number}{SUFFIX}"
        try:
            file = FileIO(path, "x+")
        except FileExistsError:
            number += 1
            continue
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return path, file


def remove_stale(folder: Path) -> None:
    """Remove files of this kind that no running process holds."""
    for path in folder.glob(f"{PREFIX}*{SUFFIX}"):
        if path.is_symlink() or not path.is_file():
            continue
        with suppress(OSError), path.open("rb") as file:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
        if fcntl is None:
            with suppress(OSError):
                path.unlink()
