"""Bytes that a terminal sends and that are not UTF-8 must not end the program.

Textual decodes what is typed strictly: one accented letter of a Latin-1 terminal ends its input thread and
with it the application. Its driver is given a decoder that puts U+FFFD in their place.
"""

import codecs
import sys
from functools import partial


def accept_any_bytes() -> None:
    """Let Textual's driver replace undecodable bytes; once, before the application runs."""
    if sys.platform == "win32":
        return
    from textual.drivers import linux_driver

    def tolerant(encoding: str) -> partial[codecs.IncrementalDecoder]:
        return partial(codecs.getincrementaldecoder(encoding), errors="replace")

    linux_driver.getincrementaldecoder = tolerant  # pyright: ignore[reportPrivateImportUsage]
