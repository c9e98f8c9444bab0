"""Tells what a file is before anything is written to it, from its first hundred bytes."""

from dataclasses import dataclass
from pathlib import Path

from ..engine.errors import QuantdeckError
from ..engine.regular import irregular
from ..engine.text import visible
from .handles import HANDLES
from .locations import SUFFIX
from .schema import APPLICATION_ID, VERSION

_MAGIC = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True)
class Header:
    """What SQLite's header says: https://www.sqlite.org/fileformat.html section 1.3."""

    application_id: int
    version: int
    page_size: int
    pages: int
    size: int

    @property
    def truncated(self) -> bool:
        """Whether pages that the header counts are missing."""
        return self.pages * self.page_size > self.size


def read_header(path: Path) -> Header:
    """The header of a SQLite file.

    Errors: QuantdeckError when there is no such file, when it is empty, or no database.
    """
    try:
        what = irregular(path)
        if what is not None:
            raise QuantdeckError(f"{visible(str(path))} {what}; give a session file")
        head = HANDLES.read_start(path, 100)
        size = path.stat().st_size
    except OSError as error:
        lost = (
            "; quantdeck sessions lists those that are stored" if isinstance(error, FileNotFoundError) else ""
        )
        raise QuantdeckError(f"{visible(str(path))} cannot be opened ({error.strerror}){lost}") from error
    if not head:
        raise QuantdeckError(f"{visible(str(path))} is empty and so no session; give another file")
    if len(head) < 100 or not head.startswith(_MAGIC):
        raise QuantdeckError(f"{visible(str(path))} is no quantdeck session; give a session file")
    page = int.from_bytes(head[16:18], "big")
    return Header(
        application_id=int.from_bytes(head[68:72], "big"),
        version=int.from_bytes(head[60:64], "big"),
        page_size=65536 if page == 1 else page,
        pages=int.from_bytes(head[28:32], "big"),
        size=size,
    )


def check_session_file(path: Path) -> Header:
    """The header of a session that this version can read; nothing is opened by SQLite yet.

    Errors: QuantdeckError when the file is foreign, newer or cut off.
    """
    header = read_header(path)
    if header.application_id != APPLICATION_ID:
        raise QuantdeckError(
            f"{visible(str(path))} is a database of another program, not a quantdeck session; "
            "it was left as it is"
        )
    check_version(path, header.version)
    if header.truncated and not newer_bytes(path):
        header = read_header(path)  # another process may have been about to write those pages
    if header.truncated and not newer_bytes(
        path
    ):  # else a checkpoint was cut off, and the log has those pages
        raise QuantdeckError(
            f"the session {visible(str(path))} is damaged (it ends after {header.size} of "
            f"{header.pages * header.page_size} bytes); take a backup of it"
        )
    return header


def check_version(path: Path, version: int) -> None:
    """Refuse a session of a newer quantdeck, or one without a version.

    Errors: QuantdeckError.
    """
    if version > VERSION:
        raise QuantdeckError(
            f"the session {visible(str(path))} was written by a newer quantdeck (format {version}, this one "
            f"knows up to {VERSION}); update quantdeck"
        )
    if version < 1:
        raise QuantdeckError(f"the session {visible(str(path))} was never finished; make a new one")


def is_session(path: Path) -> bool:
    """Whether the file is a session of any version; never an error."""
    try:
        return read_header(path).application_id == APPLICATION_ID
    except QuantdeckError:
        return False


def reads_as_session(path: Path) -> bool:
    """Whether a file that may be a model is to be opened as a session instead; never an error.

    Every SQLite file is, and whatever is named as a session, so that the sentence says what is wrong with it.
    """
    if path.suffix == SUFFIX and path.is_file():
        return True
    try:
        read_header(path)
    except QuantdeckError:
        return False
    return True


def newer_bytes(path: Path) -> int:
    """Size of the write-ahead log beside a session: what the main file alone may lack."""
    try:
        return path.with_name(path.name + "-wal").stat().st_size
    except OSError:
        return 0
