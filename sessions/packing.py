"""JSON as small blobs."""

import json
import zlib
from typing import Any

from ..engine.errors import QuantdeckError


def pack(value: Any) -> bytes:
    """Compressed JSON; numbers keep every digit, NaN and infinities are kept too."""
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 6)


def unpack(blob: bytes) -> Any:
    """What ``pack`` took. Errors: QuantdeckError where the blob is none that it made."""
    try:
        return json.loads(zlib.decompress(blob))
    except (zlib.error, ValueError, TypeError) as error:
        raise QuantdeckError(
            f"what the session keeps of a search or calibration is damaged ({error}); take a backup of the "
            "session and run that again"
        ) from error
