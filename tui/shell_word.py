"""Paths as words of a command that is shown and copied."""

import os
import shlex
from pathlib import Path

from ..engine.text import visible


def shell_word(path: Path) -> str:
    """*path* as a shell takes it, with nothing in it that a terminal would act on, and never like an option."""
    text = str(path)
    if text.startswith("-"):
        text = f"./{text}"
    if visible(text) == text:
        return shlex.quote(text)
    plain = (
        chr(byte) if 32 <= byte < 127 and byte not in b"'\\" else f"\\x{byte:02x}"
        for byte in os.fsencode(text)
    )
    return f"$'{''.join(plain)}'"  # bash and zsh, sh since POSIX.1-2024
