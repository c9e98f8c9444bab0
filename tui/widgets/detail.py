"""What the table has no room for, as one column of sections that scrolls (sections.py)."""

from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.geometry import Region
from textual.strip import Strip

from ..glyphs import Glyphs
from ..keys import bindings
from ..messages import LayerStep
from .cells import Part, clip, difference
from .painted import Painted
from .sections import Lines, Subject, rule_line, sections

MARGIN = 1


class DetailPane(Painted, can_focus=True):
    """A rule with the layer's name; below it everything that is known of it."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("detail")

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.subject: Subject | None = None
        self.top = 0
        self._lines: Lines = []
        self._shown: Lines = []  # what stands on the screen

    def show(self, subject: Subject | None) -> None:
        """Show a layer; of the same one only what differs is painted."""
        before, self.subject = self.subject, subject
        if before is None or subject is None or before.layer.name != subject.layer.name:
            self.top = 0
        self._draw()

    @property
    def page(self) -> int:
        """Lines that can be seen at once, the rule left out."""
        return max(1, self.size.height - 1)

    @property
    def text(self) -> str:
        """Everything, seen or not, for tests."""
        return "\n".join("".join(text for text, _ in line) for line in self._lines)

    def on_resize(self) -> None:
        """Draw for the new size."""
        self._draw()

    def on_focus(self, event: events.Focus) -> None:
        """The rule says which part has the keys."""
        self._paint()

    def on_blur(self, event: events.Blur) -> None:
        """The rule says which part has the keys."""
        self._paint()

    # keys

    def action_up(self) -> None:
        """One line up."""
        self._go(self.top - 1)

    def action_down(self) -> None:
        """One line down."""
        self._go(self.top + 1)

    def action_page_up(self) -> None:
        """One page up."""
        self._go(self.top - self.page)

    def action_page_down(self) -> None:
        """One page down."""
        self._go(self.top + self.page)

    def action_first(self) -> None:
        """To the beginning."""
        self._go(0)

    def action_last(self) -> None:
        """To the end."""
        self._go(len(self._lines))

    def action_step(self, step: str) -> None:
        """Show the layer above or below in the table."""
        self.post_message(LayerStep(int(step)))

    # painting

    def _go(self, top: int) -> None:
        before, self.top = self.top, max(0, min(top, len(self._lines) - self.page))
        if self.top != before:
            self._paint()

    def _draw(self) -> None:
        width = self.size.width - 2 * MARGIN
        if width < 20:
            return
        self._lines = sections(self.subject, self.glyphs, width, self.key) if self.subject is not None else []
        self.top = max(0, min(self.top, len(self._lines) - self.page))
        self._paint()

    def _paint(self) -> None:
        width, before = self.size.width, self._shown
        body = self._lines[self.top : self.top + self.page]
        self._shown = [clip(self._rule(self.glyphs), width)]
        self._shown += [clip([(" " * MARGIN, "plain"), *line], width) for line in body]
        self._shown += [clip([], width)] * (self.size.height - len(self._shown))
        if len(before) != len(self._shown):
            self.refresh()
            return
        for y, (old, new) in enumerate(zip(before, self._shown, strict=True)):
            changed = difference(old, new)
            if changed:
                self.refresh(Region(changed[0], y, changed[1], 1))

    def _rule(self, glyphs: Glyphs) -> list[Part]:
        width = self.size.width
        if self.subject is None:
            return [(glyphs.rule * width, "muted")]
        more = len(self._lines) - self.page
        last = min(self.top + self.page, len(self._lines))
        tail = f" {last} of {len(self._lines)} lines " if more > 0 else ""
        if tail and not self.has_focus:
            key = self.key("layers.other_part")
            tail = f" {key}: {len(self._lines) - last} more lines " if last < len(self._lines) else f" {key} "
        line = clip(rule_line(self.subject.layer, glyphs, width - len(tail)), max(1, width - len(tail)))
        return [*line, (tail, "accent" if self.has_focus else "muted")]

    def render_line(self, y: int) -> Strip:
        """One line in the widget's width."""
        line = self._shown[y] if y < len(self._shown) else []
        return self.strip(clip(line, self.size.width))
