"""What a terminal sends, pasted garbage too, must not end the program.

Textual decodes what is typed strictly: one accented letter of a Latin-1 terminal ends its input thread and
with it the application. Its driver is given a decoder that puts U+FFFD in their place. Numbers in escape
sequences are taken as they come: a key code that is no character ends the thread too; such a sequence is no key.
A terminal that is gone reads as empty for ever, which the thread would do for ever: it is taken as the hang-up that
not everybody hears of (a terminal that controls no process). What ends takes its time, and is not read meanwhile.
"""

import codecs
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from .pasted import Unmarked

Found = TypeVar("Found")
PAUSE = 0.05  # seconds between looks at a terminal that is gone


def accept_any_bytes() -> None:
    """Let Textual's driver replace undecodable bytes; once, before the application runs."""
    if sys.platform == "win32":
        return
    from textual.drivers import linux_driver

    linux_driver.getincrementaldecoder = decoder_of  # pyright: ignore

    _forgive_numbers()


def decoder_of(encoding: str) -> Callable[[], "Typed"]:
    """Makes decoders, as ``codecs.getincrementaldecoder`` does."""
    return lambda: Typed(codecs.getincrementaldecoder(encoding)(errors="replace"))


class Typed:
    """A decoder that replaces what it cannot decode, and takes nothing at all as the end of the terminal.

    What was pasted is marked so where the terminal does not (pasted.py).
    """

    def __init__(self, decoder: codecs.IncrementalDecoder) -> None:
        self._decoder = decoder
        self._unmarked = Unmarked()
        self._gone = False

    def decode(self, data: bytes, final: bool = False) -> str:
        """The text of *data*."""
        if not data and not final:
            if not self._gone:
                self._gone = True
                os.kill(os.getpid(), signal.SIGHUP)  # which ends the workbench as it always does
            time.sleep(PAUSE)
        return self._unmarked.mark(self._decoder.decode(data, final))


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
