"""Reading and writing the two table files as lines, with errors that a user can act on."""

import os
import tempfile
from pathlib import Path

from ..errors import QuantdeckError
from ..regular import irregular, read_regular
from ..text import visible

LARGEST = 1 << 28
"""Bytes of a table; one of 10,000 layers has about a million."""


def read_lines(path: Path | str, what: str) -> list[str]:
    """Lines of a UTF-8 text without their ends (LF or CR LF; a byte order mark is dropped).

    what: "calibration table" or "quantize table", for the message. Errors: QuantdeckError.
    """
    try:
        data = read_regular(path, LARGEST)
    except OSError as error:
        reason = error.strerror or "unreadable"
        raise QuantdeckError(
            f"{visible(str(path))}: the {what} cannot be read ({reason}); give the path of an existing file."
        ) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise QuantdeckError(
            f"{visible(str(path))} line {line}: not UTF-8 text, so this is no {what}; give another file."
        ) from error
    return [line.rstrip("\r") for line in text.split("\n")]


def write_text(path: Path | str, text: str, what: str) -> None:
    """Write *text* whole or not at all.

    Errors: QuantdeckError when the folder is missing or cannot be written to, and where *path* is no regular
    file (a device would be lost).
    """
    path, temporary = Path(path), None
    try:
        _refuse_irregular(path)
        handle, temporary = tempfile.mkstemp(prefix=".quantdeck-", dir=path.parent or None)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        reason = error.strerror or "not writable"
        raise QuantdeckError(
            f"{visible(str(path))}: the {what} cannot be written ({reason}); choose another place."
        ) from error


def _refuse_irregular(path: Path) -> None:
    """A device, a pipe or a socket is never replaced by a file."""
    try:
        what = irregular(path)
    except FileNotFoundError:
        return
    if what is not None:
        raise OSError(None, what, str(path))


def _mode(path: Path) -> int:
    """Permissions of the file that is replaced, or those of a new file."""
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
