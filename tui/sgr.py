"""Writes runs of styled text with no more than the differences between their styles (style 2.3, 2.9).

Rich writes a style whole before each piece of text and takes all of it back behind it: in truecolor some 40 bytes.
Neighbours mostly share their background. The codes of a style are Rich's own, so every palette and NO_COLOR hold.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.control import Control
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

_WHOLE = re.compile(r"\x1b\[([0-9;]*)mx\x1b\[0m")
_RESET = "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Codes:
    """The parameters of SGR that a style stands for; colours are empty where the terminal's own are meant."""

    attributes: frozenset[str] = frozenset()
    foreground: str = ""
    background: str = ""


PLAIN = Codes()
_UNSEEN = frozenset("123")  # bold, dim and italic do not show on a space


class Writer:
    """Turns runs into text; what a style's codes are is kept."""

    def __init__(self) -> None:
        self._codes: dict[tuple[Style | None, str | None, bool], Codes | None] = {}

    def write(self, runs: Iterable[tuple[int, int, Strip]], console: Console) -> str:
        """Cursor moves and text of runs (column, line, content); the style is plain at the end as at the start."""
        written: list[str] = []
        now = PLAIN
        for x, y, strip in runs:
            written.append(Control.move_to(x, y).segment.text)
            for segment in strip:
                codes = self._codes_of(segment.style, console)
                if codes is None:  # a link, or whatever else is more than codes
                    written.append(between(now, PLAIN))
                    written.append(Strip([segment]).render(console))
                    now = PLAIN
                    continue
                if segment.text.isspace():
                    codes = on_blanks(now, codes)
                written.append(between(now, codes))
                written.append(segment.text)
                now = codes
        written.append(between(now, PLAIN))
        return "".join(written)

    def _codes_of(self, style: Style | None, console: Console) -> Codes | None:
        key = (style, console.color_system, console.no_color)
        if key not in self._codes:
            self._codes[key] = parse(Strip([Segment("x", style)]).render(console))
        return self._codes[key]


def parse(text: str) -> Codes | None:
    """The codes around an x; None when there is more around it than codes."""
    if text == "x":
        return PLAIN
    match = _WHOLE.fullmatch(text)
    if match is None:
        return None
    attributes: set[str] = set()
    colors = {"3": "", "4": ""}
    parts = iter(match[1].split(";"))
    for part in parts:
        if part in ("38", "48"):
            kind = next(parts, "")
            rest = [next(parts, "") for _ in range({"5": 1, "2": 3}.get(kind, 0))]
            colors[part[0]] = ";".join([part, kind, *rest])
        elif re.fullmatch(r"[349]\d|10[0-7]", part):
            ground = {"9": "3", "1": "4"}.get(part[0], part[0])
            colors[ground] = "" if part in ("39", "49") else part
        elif part:
            attributes.add(part)
    return Codes(frozenset(attributes), colors["3"], colors["4"])


def on_blanks(now: Codes, wanted: Codes) -> Codes:
    """Codes for spaces: what does not show on them stays as it is."""
    if now.attributes <= _UNSEEN and wanted.attributes <= _UNSEEN:
        return Codes(now.attributes, now.foreground, wanted.background)
    return wanted


def between(old: Codes, new: Codes) -> str:
    """What turns the terminal from one style to another."""
    if old == new:
        return ""
    if new == PLAIN:
        return _RESET
    if not old.attributes <= new.attributes:
        return _sequence(["0", *sorted(new.attributes), new.foreground, new.background])
    parts = sorted(new.attributes - old.attributes)
    if new.foreground != old.foreground:
        parts.append(new.foreground or "39")
    if new.background != old.background:
        parts.append(new.background or "49")
    return _sequence(parts)


def _sequence(parts: list[str]) -> str:
    return f"\x1b[{';'.join(part for part in parts if part)}m"
