"""What a sample file is called and how its bytes are read; every fault ends in a reason in words."""

from pathlib import Path

from ..regular import irregular

IMAGE_SUFFIXES = frozenset({"jpg", "bmp", "png", "jpeg", "jfif"})
KINDS = "npz, npy, jpg, jpeg, jfif, png, bmp"


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
        what = irregular(path)
        if what is not None:
            raise BadFileError(what)
        data = Path(path).read_bytes()
    except FileNotFoundError:
        linked = Path(path).is_symlink()
        raise BadFileError("is a link to nothing" if linked else "does not exist") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise BadFileError(f"cannot be read ({reason})") from None
    if not data:
        raise BadFileError("is empty")
    return data
