"""Writes only the cells that differ from what stands on the terminal (style 2.2 to 2.4).

Textual paints a screen several times while it settles, and for one changed cell the part of its widget's
line that lies before it. This module keeps what was written last and turns each update of the compositor into
the runs of cells that really change. Runs of a part of the screen that can wait are held back and written later in
slices (pacing.py), as far as nothing newer has taken their place by then.

It uses names of Textual that are not public: ``App._display`` and the update classes of ``textual._compositor``. They
are as they are used here from 8.2.7 up; pyproject.toml keeps to that, and tests/tui/test_tui_frames.py says so by name
when a newer Textual has changed them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.cells import cell_len, get_character_cell_size
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import (  # pyright: ignore[reportPrivateUsage]
    ChopsUpdate,
    CompositorUpdate,
    LayoutUpdate,
)
from textual.geometry import Region, Size
from textual.strip import Strip

from .sgr import Writer

Cell = tuple[str, Style | None]
"""What a cell shows; the further cells of a wide character hold empty text."""

_SEEN_ON_BLANKS = ("underline", "underline2", "reverse", "strike", "overline", "frame", "encircle")

GAP = 8
"""Unchanged cells up to which two runs are written as one: moving the cursor costs as much."""

Piece = tuple[int, int, Strip]
"""Column, line and content of a painted stretch."""

Line = list[Cell | None]
"""The cells of a line; None where nothing is known."""

Lines = dict[int, Line]

KEPT = 500  # strips of which the cells are kept: some screenfuls

LONGEST = 24
"""Cells of a run that is held back: a slice has room for several."""


class Frame:
    """The cells that were written last."""

    def __init__(self) -> None:
        self._size = Size(0, 0)
        self._lines: Lines = {}
        self._wanted: Lines = {}  # lines of which something is held back, as they shall be
        self._styles: dict[Style, Style] = {}
        self._cells: dict[tuple[Segment, ...], list[Cell]] = {}
        self.writer = Writer()

    def forget(self) -> None:
        """The terminal shows something else now: the next update is written whole."""
        self._lines.clear()
        self._wanted.clear()

    @property
    def held(self) -> bool:
        """Whether anything is held back."""
        return bool(self._wanted)

    def compare(
        self, update: CompositorUpdate, size: Size, patient: Region | None = None
    ) -> tuple[Lines, Lines, list[Piece]]:
        """What *update* makes of the lines that it touches; nothing counts as written yet.

        The lines as they shall be, as they stand there once the runs are written, and these runs: what differs, but
        for the part of a partial update that lies in *patient*.
        """
        if size != self._size:
            self._size = size
            self.forget()
        wanted: Lines = {}
        for x, y, strip in pieces(update):
            if not 0 <= y < size.height:
                continue
            line = wanted.get(y)
            if line is None:
                line = wanted[y] = list(self._wanted.get(y) or self._line(y))
            self._put(line, x, strip)
        spared = patient if isinstance(update, ChopsUpdate) else None
        written = {y: self._without(spared, y, line) for y, line in wanted.items()}
        runs = [
            (start, y, _strip(line[start:stop]))
            for y, line in written.items()
            for start, stop in changed(self._line(y), line)
        ]
        return wanted, written, runs

    def keep(self, wanted: Lines, written: Lines) -> None:
        """Lines have been written; what is still wanted of them is held back."""
        self._lines.update(written)
        for y, line in wanted.items():
            if line == self._lines[y]:
                self._wanted.pop(y, None)
            else:
                self._wanted[y] = line

    def slice(self, console: Console, budget: int) -> str:
        """The next part of what is held back, from the top, of about *budget* bytes; it counts as written."""
        runs: list[Piece] = []
        for y in sorted(self._wanted):
            wanted, line = self._wanted.pop(y), list(self._line(y))
            for start, stop in shortened(changed(line, wanted), wanted):
                if budget <= 0:
                    self._wanted[y] = wanted
                    break
                runs.append((start, y, _strip(wanted[start:stop])))
                budget -= len(self.writer.write(runs[-1:], console).encode("utf-8", "replace"))
                line[start:stop] = wanted[start:stop]
            self._lines[y] = line
            if budget <= 0:
                break
        return self.writer.write(runs, console)

    def _without(self, spared: Region | None, y: int, line: Line) -> Line:
        """The line with what stands there now where it can wait."""
        if spared is None or not spared.y <= y < spared.bottom:
            return line
        left, right = max(0, spared.x), spared.right
        return [*line[:left], *self._line(y)[left:right], *line[right:]]

    def _line(self, y: int) -> list[Cell | None]:
        return self._lines.get(y) or [None] * self._size.width

    def _put(self, line: Line, x: int, strip: Strip) -> None:
        taken = self._cells_of(strip)[max(0, -x) : max(0, len(line) - x)]  # some may be of a larger screen
        line[max(0, x) : max(0, x) + len(taken)] = taken

    def _cells_of(self, strip: Strip) -> list[Cell]:
        """The cells of a strip; while it settles Textual paints the same ones several times."""
        key = tuple(strip)
        kept = self._cells.get(key)
        if kept is None:
            if len(self._cells) >= KEPT:
                self._cells.clear()
            kept = self._cells[key] = list(cells(strip, self._styles))
        return kept


class FrameUpdate(CompositorUpdate):
    """An update as the runs that differ; it counts as written when it is, for updates may be dropped."""

    def __init__(
        self,
        frame: Frame,
        update: CompositorUpdate,
        size: Size,
        console: Console,
        patient: Region | None = None,
    ) -> None:
        """*patient*: the part of the screen that can wait."""
        self._frame = frame
        self._wanted, self._written, runs = frame.compare(update, size, patient)
        self.text = frame.writer.write(runs, console) if runs else ""

    def render_segments(self, console: Console) -> str:
        """Cursor moves and the runs that differ."""
        self._frame.keep(self._wanted, self._written)
        return self.text

    def hold(self) -> None:
        """Take over what can wait though there is nothing to write at once."""
        self._frame.keep(self._wanted, self._written)


class SliceUpdate(CompositorUpdate):
    """A part of what was held back."""

    def __init__(self, frame: Frame, budget: int) -> None:
        self._frame = frame
        self._budget = budget

    def render_segments(self, console: Console) -> str:
        """Cursor moves and runs of about as many bytes as were allowed."""
        return self._frame.slice(console, self._budget)


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
    if old == new:
        return []
    runs: list[tuple[int, int]] = []
    pairs = enumerate(zip(old, new, strict=True))
    for x in [x for x, (before, after) in pairs if before is not after and before != after]:
        if new[x] is None:
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


def shortened(runs: Iterable[tuple[int, int]], line: Sequence[Cell | None]) -> Iterator[tuple[int, int]]:
    """Runs cut into ones of about LONGEST cells; wide characters stay whole."""
    for first, stop in runs:
        start = first
        while start < stop:
            end = min(start + LONGEST, stop)
            while end < stop and (cell := line[end]) is not None and cell[0] == "":
                end += 1
            yield start, end
            start = end


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
