"""JSON as small blobs."""

import json
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from ..engine.errors import QuantdeckError
from ..engine.text import visible


def pack(value: Any) -> bytes:
    """Compressed JSON; numbers keep every digit, NaN and infinities are kept too."""
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 6)


def unpack(blob: bytes) -> Any:
    """What ``pack`` took. Errors: QuantdeckError where the blob is none that it made."""
    try:
        return json.loads(zlib.decompress(blob))
    except (zlib.error, ValueError, TypeError, RecursionError) as error:
        raise damaged(error) from error


@contextmanager
def well_formed() -> Generator[None]:
    """For whoever takes an unpacked body apart. Errors: QuantdeckError where it holds something else."""
    try:
        yield
    except (
        KeyError,
        IndexError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise damaged(f"{type(error).__name__}: {error}") from error


def damaged(why: object) -> QuantdeckError:
    """The sentence about a body that is not what was packed."""
    return QuantdeckError(
        f"what the session keeps of a search or calibration is damaged ({visible(str(why))}); take a backup of the "
        "session and run that again"
    )
