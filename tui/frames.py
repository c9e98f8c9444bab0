"""Writes only the cells that differ from what stands on the terminal (style 2.2 to 2.4).

Textual paints a screen several times while it settles, and for one changed cell the part of its widget's
line that lies before it. This module keeps what was written last and turns each update of the compositor into
the runs of cells that really change. It uses names of Textual that are not public: ``App._display`` and the update
classes of ``textual._compositor``. They are as they are used here from 8.2.7 up; pyproject.toml keeps to that, and
tests/tui/test_tui_frames.py says so by name when a newer Textual has changed them.
"""

from collections.abc import Iterator, Mapping, Sequence

from rich.cells import cell_len, get_character_cell_size
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import (  # pyright: ignore[reportPrivateUsage]
    ChopsUpdate,
    CompositorUpdate,
    LayoutUpdate,
)
from textual.geometry import Size
from textual.strip import Strip

from .sgr import Writer

Cell = tuple[str, Style | None]
"""What a cell shows; the further cells of a wide character hold empty text."""

_SEEN_ON_BLANKS = ("underline", "underline2", "reverse", "strike", "overline", "frame", "encircle")

GAP = 8
"""Unchanged cells up to which two runs are written as one: moving the cursor costs as much."""

Piece = tuple[int, int, Strip]
"""Column, line and content of a painted stretch."""

Lines = dict[int, list[Cell | None]]
"""Cells by line; None where nothing is known."""


class Frame:
    """The cells that were written last."""

    def __init__(self) -> None:
        self._size = Size(0, 0)
        self._lines: Lines = {}
        self._styles: dict[Style, Style] = {}
        self.writer = Writer()

    def forget(self) -> None:
        """The terminal shows something else now: the next update is written whole."""
        self._lines.clear()

    def compare(self, update: CompositorUpdate, size: Size) -> tuple[Lines, list[Piece]]:
        """The lines that *update* leaves, and the runs of them that differ; nothing counts as written yet."""
        if size != self._size:
            self._size = size
            self._lines.clear()
        touched: Lines = {}
        for x, y, strip in pieces(update):
            if not 0 <= y < size.height:
                continue
            line = touched.get(y)
            if line is None:
                line = touched[y] = list(self._line(y))
            self._put(line, x, strip)
        runs = [
            (start, y, _strip(line[start:stop]))
            for y, line in touched.items()
            for start, stop in changed(self._line(y), line)
        ]
        return touched, runs

    def keep(self, lines: Lines) -> None:
        """These lines have been written."""
        self._lines.update(lines)

    def _line(self, y: int) -> list[Cell | None]:
        return self._lines.get(y) or [None] * self._size.width

    def _put(self, line: list[Cell | None], x: int, strip: Strip) -> None:
        for cell in cells(strip, self._styles):
            if x >= len(line):
                return
            if x >= 0:
                line[x] = cell
            x += 1


class FrameUpdate(CompositorUpdate):
    """An update as the runs that differ; it counts as written when it is, for updates may be dropped."""

    def __init__(self, frame: Frame, update: CompositorUpdate, size: Size, console: Console) -> None:
        self._frame = frame
        self._lines, runs = frame.compare(update, size)
        self.text = frame.writer.write(runs, console) if runs else ""

    def render_segments(self, console: Console) -> str:
        """Cursor moves and the runs that differ."""
        self._frame.keep(self._lines)
        return self.text


def comparable(update: object) -> bool:
    """Whether an update is of a kind that can be compared."""
    return isinstance(update, (ChopsUpdate, LayoutUpdate))


def pieces(update: CompositorUpdate) -> Iterator[Piece]:
    """What an update paints, cut to its region."""
    if isinstance(update, LayoutUpdate):
        for y, strips in enumerate(update.strips, update.region.y):
            x = update.region.x
            for strip in strips:
                yield x, y, strip
                x += strip.cell_length
    elif isinstance(update, ChopsUpdate):
        for y, first, last in update.spans:
            yield from _chops(update.chops[y], update.chop_ends[y], y, first, last)


def _chops(
    line: Mapping[int, Strip | None], ends: Sequence[int], y: int, first: int, last: int
) -> Iterator[Piece]:
    for end, (x, strip) in zip(ends, line.items(), strict=False):
        if strip is None or x >= last or end <= first:
            continue
        start = max(x, first)
        yield start, y, strip.crop(start - x, min(end, last) - x)


def cells(strip: Strip, styles: dict[Style, Style]) -> Iterator[Cell]:
    """One entry for each cell of a strip; a style is interned in *styles*, so that equal is identical."""
    for text, style, control in strip:
        if control:
            continue
        kept = styles.setdefault(style, style) if style is not None else None
        if text.isascii():
            blank = blank_style(kept, styles) if " " in text else kept
            for character in text:
                yield character, blank if character == " " else kept
        else:
            for chunk, width in chunks(text):
                yield chunk, kept
                for _ in range(width - 1):
                    yield "", kept


def blank_style(style: Style | None, styles: dict[Style, Style]) -> Style | None:
    """The style of a space: of most styles only the background shows there."""
    if style is None or style.link or any(getattr(style, name) for name in _SEEN_ON_BLANKS):
        return style
    plain = style.background_style
    return styles.setdefault(plain, plain)


def chunks(text: str) -> Iterator[tuple[str, int]]:
    """Characters with the combining signs after them, and their widths.

    A text whose width is not the sum of its characters' (emoji families) stays in one piece.
    """
    widths = [get_character_cell_size(character) for character in text]
    if sum(widths) != cell_len(text) or (widths and widths[0] == 0):
        if cell_len(text):
            yield text, cell_len(text)
        return
    start = 0
    for place in range(1, len(text) + 1):
        if place == len(text) or widths[place]:
            yield text[start:place], widths[start]
            start = place


def changed(old: Sequence[Cell | None], new: Sequence[Cell | None]) -> list[tuple[int, int]]:
    """Where two lines differ, as (start, stop); near runs are joined, wide characters stay whole."""
    runs: list[tuple[int, int]] = []
    for x, (before, after) in enumerate(zip(old, new, strict=True)):
        if before == after or after is None:
            continue
        start, stop = x, x + 1
        while start > 0 and new[start] is not None and new[start][0] == "":  # type: ignore[index]
            start -= 1
        while stop < len(new) and new[stop] is not None and new[stop][0] == "":  # type: ignore[index]
            stop += 1
        if runs and start - runs[-1][1] <= GAP and None not in new[runs[-1][1] : start]:
            runs[-1] = (runs[-1][0], max(stop, runs[-1][1]))
        else:
            runs.append((start, stop))
    return runs


def _strip(line: Sequence[Cell | None]) -> Strip:
    segments: list[Segment] = []
    text, style = "", None
    for cell in line:
        if cell is None:
            continue
        if cell[1] is not style and text:
            segments.append(Segment(text, style))
            text = ""
        text += cell[0]
        style = cell[1]
    if text:
        segments.append(Segment(text, style))
    return Strip(segments)
