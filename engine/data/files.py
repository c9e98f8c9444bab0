"""Whether a sample file is whole, before anything long starts.

OpenCV fills the missing part of a truncated JPEG with grey and says nothing, so the markers are walked here.
"""

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.lib import format as npy_format

from .preprocess import decode

IMAGE_SUFFIXES = frozenset({"jpg", "bmp", "png", "jpeg", "jfif"})
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
ZIP_MAGIC = b"PK\x03\x04"
NPY_MAGIC = b"\x93NUMPY"


@dataclass(frozen=True, slots=True)
class ArrayHeader:
    """Shape and type of a stored array, read without its values."""

    shape: tuple[int, ...]
    dtype: np.dtype


class BadFileError(Exception):
    """A file that cannot be a sample; the message is the reason, without the file's name."""


def kind_of(path: str) -> str | None:
    """``npz``, ``npy`` or ``image`` by the text behind the last dot; None for anything else (spec A.2)."""
    suffix = path.rsplit(".", 1)[-1].lower() if "." in path else ""
    if suffix in ("npz", "npy"):
        return suffix
    return "image" if suffix in IMAGE_SUFFIXES else None


def read_bytes(path: str) -> bytes:
    """The whole file. Errors: BadFileError when it is no readable file, or empty."""
    try:
        if not Path(path).is_file():
            raise BadFileError("is a folder" if Path(path).is_dir() else "does not exist")
        data = Path(path).read_bytes()
    except OSError as error:
        raise BadFileError(f"cannot be read ({error.strerror or error})") from None
    if not data:
        raise BadFileError("is empty")
    return data


def check_image(data: bytes) -> tuple[int, int]:
    """Height and width as OpenCV gives them. Errors: BadFileError with the reason."""
    if data[:2] == b"\xff\xd8" and not _jpeg_ends(data):
        raise BadFileError("is cut off: the JPEG has no end marker")
    if data[:8] == PNG_MAGIC:
        _check_png(data)
    image = decode(data, cv2.IMREAD_COLOR)
    if image is None or not image.size:
        raise BadFileError("is no picture that OpenCV can decode")
    return image.shape[0], image.shape[1]


def _jpeg_ends(data: bytes) -> bool:
    """Whether an end marker follows the first scan; one in an embedded thumbnail does not count."""
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            position += 1
            continue
        marker = data[position + 1]
        if marker == 0xFF:
            position += 1
        elif marker == 0xDA:
            return data.find(b"\xff\xd9", position) >= 0
        elif marker in (0x01, 0x00) or 0xD0 <= marker <= 0xD8:
            position += 2
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return False


def _check_png(data: bytes) -> None:
    position = 8
    while position + 12 <= len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        end = position + 12 + size
        if end > len(data):
            break
        body, check = data[position + 4 : end - 4], data[end - 4 : end]
        if zlib.crc32(body) != int.from_bytes(check, "big"):
            raise BadFileError("is damaged: the checksum of a PNG chunk is wrong")
        if body[:4] == b"IEND":
            return
        position = end
    raise BadFileError("is cut off: the PNG has no end chunk")


def npz_headers(data: bytes) -> dict[str, ArrayHeader]:
    """Headers of an npz file's arrays by name, checksums verified. Nothing is unpickled."""
    if not data.startswith(ZIP_MAGIC) and not data.startswith(b"PK\x05\x06"):
        raise BadFileError(
            "is an npy array under the name of an npz file"
            if data.startswith(NPY_MAGIC)
            else "is no npz file"
        )
    headers: dict[str, ArrayHeader] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for item in archive.infolist():
                headers[item.filename.removesuffix(".npy")] = _header(archive.read(item))
    except BadFileError:
        raise
    except Exception as error:  # zipfile raises many kinds on damaged archives
        raise BadFileError(f"is a damaged npz file ({type(error).__name__})") from None
    return headers


def npy_header(data: bytes) -> ArrayHeader:
    """Header of an npy file. Nothing is unpickled."""
    return _header(data)


def _header(data: bytes) -> ArrayHeader:
    stream = io.BytesIO(data)
    try:
        version = npy_format.read_magic(stream)
        read = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
        shape, _, dtype = read(stream)
    except Exception:
        raise BadFileError("holds something that is no numpy array") from None
    if dtype.hasobject:
        raise BadFileError("holds Python objects, which are never opened; store plain numbers")
    if dtype.kind not in "fiub":
        raise BadFileError(f"holds values of type {dtype}, which are no numbers")
    needed = stream.tell() + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if len(data) < needed:
        raise BadFileError(f"is cut off: {needed - len(data)} bytes are missing")
    return ArrayHeader(tuple(int(size) for size in shape), dtype)


def load_npz(path: str) -> dict[str, np.ndarray]:
    """Arrays of an npz file by name."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def load_npy(path: str) -> np.ndarray:
    """The array of an npy file."""
    return np.load(path, allow_pickle=False)
