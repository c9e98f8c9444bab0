"""npz and npy files: headers first, values only where the header fits, and nothing is ever unpickled."""

import contextlib
import io
import math
import os
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import IO, TypeVar

import numpy as np
from numpy.lib import format as npy_format

from ..errors import QuantdeckError
from ..text import visible
from .files import BadFileError

Array = np.ndarray
T = TypeVar("T")
ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
NPY_MAGIC = b"\x93NUMPY"
CHUNK = 1 << 20
PARSER_TRIES = 20
LARGEST_ARRAY = 1 << 32
"""Bytes of one array of an npz file: what is packed small may be more than any memory."""
_LIMIT = f"more than the {LARGEST_ARRAY >> 20} that one array may have; split it into several files"


@dataclass(frozen=True, slots=True)
class ArrayHeader:
    """Shape and type of a stored array, read without its values."""

    shape: tuple[int, ...]
    dtype: np.dtype


def again_where_parser_trips(read: Callable[[], T]) -> T:
    """What *read* gives; it is called again where CPython 3.11 gives up on a header that is in order.

    numpy parses headers as Python text. In several threads at once, with a callback of the garbage collector
    (dask and hypothesis set one), the parser mixes up its depths and raises SystemError (gh-106905).
    """
    for _ in range(PARSER_TRIES - 1):
        with contextlib.suppress(SystemError):
            return read()
    return read()


def npz_headers(data: bytes) -> dict[str, ArrayHeader]:
    """Headers of an npz file's arrays by name. Errors: BadFileError with the reason."""
    if not data.startswith(ZIP_MAGICS):
        twin = data.startswith(NPY_MAGIC)
        raise BadFileError("is an npy array under the name of an npz file" if twin else "is no npz file")
    headers: dict[str, ArrayHeader] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for item in archive.infolist():
                with archive.open(item) as stream:
                    headers[item.filename.removesuffix(".npy")] = _header(stream, item.file_size)
    except BadFileError:
        raise
    except Exception as error:  # zipfile raises many kinds on damaged archives
        raise BadFileError(f"is a damaged npz file ({type(error).__name__})") from None
    return headers


def check_npz_values(data: bytes) -> None:
    """Read all arrays through, a piece at a time, so that their checksums are seen to hold.

    Only where the headers fit: what is packed small may be endless. Errors: BadFileError.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for item in archive.infolist():
                if item.file_size > LARGEST_ARRAY:
                    raise BadFileError(f"unpacks to {item.file_size >> 20} MiB, {_LIMIT}")
                with archive.open(item) as stream:
                    while stream.read(CHUNK):
                        pass
    except BadFileError:
        raise
    except Exception:  # zipfile and zlib raise many kinds on damaged archives
        raise BadFileError("is damaged: the checksum of an array is wrong") from None


def npy_header(data: bytes) -> ArrayHeader:
    """Header of an npy file. Errors: BadFileError with the reason."""
    if data.startswith(ZIP_MAGICS):
        raise BadFileError("is an npz file under the name of an npy array")
    return _header(io.BytesIO(data), len(data))


def _header(stream: IO[bytes], size: int) -> ArrayHeader:
    def parsed() -> tuple[tuple[int, ...], bool, np.dtype]:
        stream.seek(0)
        version = npy_format.read_magic(stream)
        read = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
        return read(stream)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # headers that Python 2 wrote
            shape, _, dtype = again_where_parser_trips(parsed)
    except (zipfile.BadZipFile, zlib.error):
        raise BadFileError("is damaged: the checksum of an array is wrong") from None
    except Exception:  # a header is parsed as Python text: any kind of error may come of it
        raise BadFileError("holds something that is no numpy array") from None
    if dtype.hasobject:
        raise BadFileError("holds Python objects, which are never opened; store plain numbers")
    if dtype.kind not in "fiub":
        raise BadFileError(f"holds values of type {visible(str(dtype))}, which are no numbers")
    if any(length < 0 for length in shape):
        raise BadFileError(f"holds an array of the impossible shape {shape}")
    missing = stream.tell() + math.prod(map(int, shape)) * dtype.itemsize - size
    if missing > 0:
        raise BadFileError(f"is cut off: {missing} bytes are missing")
    return ArrayHeader(tuple(int(length) for length in shape), dtype)


def load_arrays(path: str, kind: str) -> Mapping[str, Array]:
    """Arrays of a checked file by name ("" for the one of an npy file); they cannot be written to.

    The last file stays in memory as long as it does not change: its rows are asked for one by one.
    Errors: QuantdeckError when the file is no longer what was checked.
    """
    try:
        seen = os.stat(path)
        stamp = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
    except OSError:
        stamp = (0, 0, 0)
    return _load(path, kind, stamp)


@lru_cache(1)
def _load(path: str, kind: str, stamp: tuple[int, int, int]) -> Mapping[str, Array]:
    found = _read(path, kind)
    for array in found.values():
        array.flags.writeable = False
    return MappingProxyType(found)


def _read(path: str, kind: str) -> dict[str, Array]:
    def loaded() -> dict[str, Array]:
        if kind == "npy":
            return {"": np.load(path, allow_pickle=False)}
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return again_where_parser_trips(loaded)
    except Exception as error:
        raise QuantdeckError(
            f"{visible(path)} was changed after it had been checked ({type(error).__name__}); "
            "leave the samples alone while they are used"
        ) from None
