"""What a terminal sends, pasted garbage too, must not end the program.

Textual decodes what is typed strictly: one accented letter of a Latin-1 terminal ends its input thread and
with it the application. Its driver is given a decoder that puts U+FFFD in their place. Numbers in escape
sequences are taken as they come: a key code that is no character ends the thread too; such a sequence is no key.
"""

import codecs
import sys
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, TypeVar

Found = TypeVar("Found")


def accept_any_bytes() -> None:
    """Let Textual's driver replace undecodable bytes; once, before the application runs."""
    if sys.platform == "win32":
        return
    from textual.drivers import linux_driver

    def tolerant(encoding: str) -> partial[codecs.IncrementalDecoder]:
        return partial(codecs.getincrementaldecoder(encoding), errors="replace")

    linux_driver.getincrementaldecoder = tolerant  # pyright: ignore[reportPrivateImportUsage]

    _forgive_numbers()


def _forgive_numbers() -> None:
    from textual._xterm_parser import XTermParser

    parser: Any = XTermParser
    for name in ("_parse_extended_key", "parse_mouse_code"):
        setattr(parser, name, _or_nothing(getattr(parser, name)))


def _or_nothing(parse: Callable[[object, str], Found]) -> Callable[[object, str], Found | None]:
    """The parser's method, which finds nothing where a number is none that it can use."""

    @wraps(parse)
    def tolerant(self: object, sequence: str) -> Found | None:
        try:
            return parse(self, sequence)
        except (OverflowError, ValueError):
            return None

    return tolerant
