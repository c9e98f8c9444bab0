"""What the terminal at hand can do: refusals, colours, glyphs (style 2.7). Imports nothing heavy."""

import os
import sys
from collections.abc import Mapping

from ..engine.errors import QuantdeckError

COLORS = ("auto", "256", "16", "none")
GLYPHS = ("auto", "braille", "block", "ascii")
_INSTEAD = "use the command line instead: quantdeck layers MODEL, quantdeck evaluate MODEL, quantdeck --help"

PAGE = {"COLORTERM": "truecolor", "LANG": "C.UTF-8"}
"""What a page of ``quantdeck serve`` can do, in the words of an environment."""


def is_page(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a page in a browser is the terminal: textual-serve says so by the driver that it names."""
    return environment.get("TEXTUAL_DRIVER", "") == "textual.drivers.web_driver:WebDriver"


def refuse_terminal() -> None:
    """Raise QuantdeckError where a full-screen program cannot work.

    Textual reads stdin and draws on stderr; without a terminal there it would spin for ever (style 2.7).
    """
    for stream, name in ((sys.stdin, "standard input"), (sys.stderr, "standard error")):
        if not _is_terminal(stream):
            raise QuantdeckError(f"The workbench needs a terminal and {name} is none; {_INSTEAD}.")
    term = os.environ.get("TERM", "")
    if term in ("", "dumb", "unknown"):
        found = f"TERM={term}" if term else "no TERM"
        raise QuantdeckError(f"The workbench cannot draw on a terminal with {found}; {_INSTEAD}.")


def _is_terminal(stream: object) -> bool:
    try:
        return bool(stream.isatty())  # type: ignore[attr-defined]
    except (AttributeError, ValueError, OSError):
        return False


def resumable() -> bool:
    """Whether a shell waits that can continue this process's group once it is stopped.

    A terminal's or a multiplexer's first program has none: stopped, it would stay so for ever (POSIX: an
    orphaned process group).
    """
    import psutil

    group = os.getpgrp()
    try:
        parent = psutil.Process().parent()
        while parent is not None and os.getpgid(parent.pid) == group:
            parent = parent.parent()
        return parent is not None and os.getsid(parent.pid) == os.getsid(0)
    except (psutil.Error, OSError):
        return False


def choose_colors(wanted: str, environment: Mapping[str, str] = os.environ) -> str:
    """One of auto (truecolor or 256, as Textual finds), 256, 16, none."""
    if wanted not in COLORS:
        raise QuantdeckError(f"--colors is one of {', '.join(COLORS)}, not {wanted!a}.")
    if wanted != "auto":
        return wanted
    if "NO_COLOR" in environment:
        return "none"
    rich = environment.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit")
    return "auto" if rich or environment.get("TERM", "").endswith("256color") else "16"


def choose_glyphs(wanted: str, environment: Mapping[str, str] = os.environ) -> str:
    """One of braille, block, ascii; auto gives braille where the locale is UTF-8 and ascii elsewhere."""
    if wanted not in GLYPHS:
        raise QuantdeckError(f"--glyphs is one of {', '.join(GLYPHS)}, not {wanted!a}.")
    encoding = str(getattr(sys.__stderr__, "encoding", "") or "").lower().replace("-", "")
    if encoding and encoding != "utf8":
        return "ascii"  # nothing else could be written
    if wanted != "auto":
        return wanted
    return "braille" if speaks_utf8(environment) else "ascii"


def speaks_utf8(environment: Mapping[str, str]) -> bool:
    """Whether the locale that the user set is UTF-8.

    Python turns on UTF-8 for itself under a C locale (PEP 538 and 540), which says nothing about the
    terminal: the LC_CTYPE that it sets beside an empty or C LANG does not count.
    """
    plain = ("", "C", "POSIX")
    lang = environment.get("LANG", "")
    kind = environment.get("LC_CTYPE", "")
    if kind in ("C.UTF-8", "C.utf8") and lang in plain:
        kind = ""
    for name in (environment.get("LC_ALL", ""), kind, lang):
        if name:
            return "utf8" in name.lower().replace("-", "")
    return False


def prepare_environment(palette: str) -> None:
    """Set what Textual reads when it is imported: no animation, and the colours chosen."""
    os.environ["TEXTUAL_ANIMATIONS"] = "none"
    if palette == "none":
        os.environ["NO_COLOR"] = "1"
    else:
        os.environ.pop("NO_COLOR", None)
    system = {"256": "256", "16": "standard", "none": "standard"}.get(palette)
    if system:
        os.environ["TEXTUAL_COLOR_SYSTEM"] = system
