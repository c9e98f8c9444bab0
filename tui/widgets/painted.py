"""Base of the widgets that paint their own lines: tones from the style sheet, strips, dirty cells."""

from typing import ClassVar, cast

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from ..glyphs import GLYPHS, Glyphs
from ..keys import USUAL, KeyName
from .cells import Part, difference, ended

TONES = ("muted", "strong", "title", "key", "good", "weak", "bad", "accent", "fill", "mark", "head", "column")


class Painted(Widget):
    """A widget drawn line by line; a tone is a component class of the style sheet."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"tone--{tone}" for tone in TONES} | {"tone--cursor"}
    ALLOW_SELECT = False

    @property
    def glyphs(self) -> Glyphs:
        """The signs that the terminal can show."""
        app = cast("object", self.app)  # pyright: ignore[reportUnknownMemberType]
        found = getattr(app, "glyphs", None)
        return found if isinstance(found, Glyphs) else GLYPHS["braille"]

    @property
    def key(self) -> KeyName:
        """Names the key of an action as it is set."""
        app = cast("object", self.app)  # pyright: ignore[reportUnknownMemberType]
        found: KeyName = getattr(app, "key", USUAL)
        return found

    def tone(self, name: str) -> Style:
        """The style of a tone over this widget's own."""
        return self._tone(name, self.rich_style)

    def _tone(self, name: str, own: Style) -> Style:
        if name == "plain":
            return own
        return own + self.get_component_rich_style(f"tone--{name}", partial=True)

    def strip(self, parts: list[Part], over: Style | None = None) -> Strip:
        """A finished line; *over* is laid over every part (the cursor's row)."""
        own = self.rich_style  # asked once: it looks through everything that the widget lies in
        styles = {tone: self._tone(tone, own) for tone in {tone for _, tone in parts}}
        return Strip([Segment(text, styles[tone] + over if over else styles[tone]) for text, tone in parts])


class Lines(Painted):
    """Some lines of text of which only changed cells are painted again (style 2.3).

    Text is shown as it is given; names must have gone through ``glyphs.show``. What is too long ends with the sign
    of a cut.
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._lines: list[list[Part]] = []

    def set_lines(self, lines: list[list[Part]]) -> None:
        """Show *lines*; each is a list of (text, tone)."""
        width, sign = self.size.width, self.glyphs.cut
        old = self._lines
        self._lines = lines
        if not self.is_mounted or not width:
            self.refresh()
            return
        for y in range(min(self.size.height, max(len(old), len(lines)))):
            before = ended(old[y] if y < len(old) else [], width, sign)
            after = ended(lines[y] if y < len(lines) else [], width, sign)
            changed = difference(before, after)
            if changed:
                self.refresh(Region(changed[0], y, changed[1], 1))

    def set_line(self, line: list[Part]) -> None:
        """Show one line."""
        self.set_lines([line])

    @property
    def text(self) -> str:
        """What stands there, for tests and for copying."""
        return "\n".join("".join(text for text, _ in line) for line in self._lines)

    def render_line(self, y: int) -> Strip:
        """One line in the widget's width."""
        line = self._lines[y] if y < len(self._lines) else []
        return self.strip(ended(line, self.size.width, self.glyphs.cut))
