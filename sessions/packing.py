"""JSON as small blobs."""

import json
import zlib
from typing import Any


def pack(value: Any) -> bytes:
    """Compressed JSON; numbers keep every digit, NaN and infinities are kept too."""
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 6)


def unpack(blob: bytes) -> Any:
    """What ``pack`` took."""
    return json.loads(zlib.decompress(blob))
