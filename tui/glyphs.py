"""Signs that the screens draw with, in Unicode and in ASCII, and names made safe for either."""

from dataclasses import dataclass

from ..engine.text import visible

# Terminals disagree about the width of what these join; as visible signs every one shows the same.
_JOINERS = {code: f"\\u{{{code:x}}}" for code in (0x200D, 0xFE0E, 0xFE0F)}

_HUGE = 10_000  # signs, more than any screen has room for: to look at a million takes a second, each time


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One set of signs; each is one cell wide."""

    kind: str  # braille, block, ascii: how curves are drawn
    cursor: str
    rule: str
    dot: str
    cut: str
    up: str
    down: str
    bar: str
    half_bar: str
    mark: str
    left: str
    right: str

    @property
    def plain(self) -> bool:
        """Whether only ASCII may be written."""
        return self.kind == "ascii"

    def show(self, name: str) -> str:
        """A name from a model or file as it may stand on the screen (style 2.7); of a huge one its two ends."""
        if len(name) > _HUGE:
            name = name[: _HUGE // 2] + self.cut + name[-_HUGE // 2 :]
        shown = visible(name).translate(_JOINERS)
        return shown.encode("ascii", "backslashreplace").decode("ascii") if self.plain else shown


_UNICODE = ("▌", "─", "·", "…", "▲", "▼", "━", "╸", "┆", "◂", "▸")
# What is cut ends with the sign that nano and Emacs write there: `~` means that a figure is stale.
_ASCII = (">", "-", "-", "$", "^", "v", "=", "-", "|", "<", ">")

GLYPHS = {
    "braille": Glyphs("braille", *_UNICODE),
    "block": Glyphs("block", *_UNICODE),
    "ascii": Glyphs("ascii", *_ASCII),
}

_PLAIN = str.maketrans(dict(zip(_UNICODE, _ASCII, strict=True)))


def to_ascii(text: str) -> str:
    """Text of our own in ASCII, one sign for one cell; the last guard before a terminal without UTF-8."""
    if text.isascii():
        return text
    return text.translate(_PLAIN).encode("ascii", "replace").decode("ascii")
