"""Whether a picture is whole, before anything long starts.

OpenCV fills the missing part of a truncated JPEG with grey and says nothing, so the markers are walked here; the
other formats are checked as far as their headers tell what must follow.
"""

import zlib

import cv2

from .files import BadFileError
from .preprocess import decode

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
JPEG_MAGIC = b"\xff\xd8"
_START_OF_SCAN, _END = 0xDA, b"\xff\xd9"


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
    image = decode(data, cv2.IMREAD_COLOR)
    if image is None or not image.size:
        raise BadFileError("is no picture that OpenCV can decode")
    return int(image.shape[0]), int(image.shape[1])


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
        elif marker == _START_OF_SCAN:
            return data.find(_END, position) >= 0
        elif marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD8:
            position += 2
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return False


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
