"""Whether a picture is whole, before anything long starts.

OpenCV fills the missing part of a truncated JPEG with grey and says nothing, so the markers are walked here; the
other formats are checked as far as their headers tell what must follow.
"""

import zlib
from collections.abc import Iterator

import cv2

from .files import BadFileError
from .preprocess import decode

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
JPEG_MAGIC = b"\xff\xd8"
MOST_PIXELS = 1 << 28
"""A few kilobytes may say that they are a picture larger than any memory."""
_START_OF_SCAN, _END = 0xDA, b"\xff\xd9"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # markers that give a JPEG's size


def check_image(data: bytes) -> tuple[int, int]:
    """Height and width as OpenCV gives them, turned where the camera says so.

    Errors: BadFileError with the reason.
    """
    if data[:2] == JPEG_MAGIC:
        if not _jpeg_ends(data):
            raise BadFileError("is cut off: the JPEG has no end marker")
    elif data[:8] == PNG_MAGIC:
        _check_png(data)
    elif data[:2] == b"BM" and len(data) >= 26:
        _check_bmp(data)
    height, width = _declared(data)
    if height * width > MOST_PIXELS:
        raise BadFileError(f"has {height} x {width} pixels, more than {MOST_PIXELS}; scale it down")
    image = decode(data, cv2.IMREAD_COLOR)
    if image is None or not image.size:
        raise BadFileError("is no picture that OpenCV can decode")
    return int(image.shape[0]), int(image.shape[1])


def _declared(data: bytes) -> tuple[int, int]:
    """Height and width as the header of a PNG or a JPEG states them; (0, 0) where it states none."""
    if data[:8] == PNG_MAGIC:
        return int.from_bytes(data[20:24], "big"), int.from_bytes(data[16:20], "big")
    if data[:2] != JPEG_MAGIC:
        return 0, 0
    for marker, position in _segments(data):
        if marker in _FRAMES:
            height, width = data[position + 5 : position + 7], data[position + 7 : position + 9]
            return int.from_bytes(height, "big"), int.from_bytes(width, "big")
    return 0, 0


def _jpeg_ends(data: bytes) -> bool:
    """Whether an end marker follows the first scan; one in an embedded thumbnail does not count."""
    scans = (position for marker, position in _segments(data) if marker == _START_OF_SCAN)
    scan = next(scans, None)
    return scan is not None and data.find(_END, scan) >= 0


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """The markers of a JPEG with their places, up to the first scan."""
    position = 2
    while position + 4 <= len(data):
        marker = data[position + 1]
        if data[position] != 0xFF or marker == 0xFF:
            position += 1
            continue
        yield marker, position
        if marker == _START_OF_SCAN:
            return
        alone = marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD8
        position += 2 + (0 if alone else int.from_bytes(data[position + 2 : position + 4], "big"))


def _check_png(data: bytes) -> None:
    position = len(PNG_MAGIC)
    while position + 12 <= len(data):
        end = position + 12 + int.from_bytes(data[position : position + 4], "big")
        if end > len(data):
            break
        body, check = data[position + 4 : end - 4], data[end - 4 : end]
        if zlib.crc32(body) != int.from_bytes(check, "big"):
            raise BadFileError("is damaged: the checksum of a PNG chunk is wrong")
        if body[:4] == b"IEND":
            return
        position = end
    raise BadFileError("is cut off: the PNG has no end chunk")


def _check_bmp(data: bytes) -> None:
    """An uncompressed BMP holds all its rows, each filled up to four bytes."""
    start, header = int.from_bytes(data[10:14], "little"), int.from_bytes(data[14:18], "little")
    if header < 40 or int.from_bytes(data[30:34], "little") not in (0, 3):
        return
    width = int.from_bytes(data[18:22], "little", signed=True)
    height = abs(int.from_bytes(data[22:26], "little", signed=True))
    bits = int.from_bytes(data[28:30], "little")
    missing = start + (width * bits + 31) // 32 * 4 * height - len(data)
    if missing > 0:
        raise BadFileError(f"is cut off: {missing} bytes of the BMP are missing")
