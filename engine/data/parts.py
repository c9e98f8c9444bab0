"""Names of parts of samples: a digest that follows from that of the whole, so that figures find the samples again."""

import hashlib
from collections.abc import Sequence


def first_digest(whole: str, count: int) -> str:
    """The digest of the first *count* samples of those of digest *whole*."""
    return _digest(f"{whole}:{count}")


def picked_digest(whole: str, places: Sequence[int]) -> str:
    """The digest of the samples at these positions, in this order."""
    return _digest(f"{whole}:{','.join(map(str, places))},")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
