"""A grid of cells that knows which of them changed; dots in braille, quadrants or ASCII (style 2.5)."""

from dataclasses import dataclass

from textual.geometry import Region
from textual.strip import Strip

from .cells import Part, merge
from .painted import Painted

_BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_QUADRANTS = " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█"
_HALVES = " '.:"


@dataclass(frozen=True, slots=True)
class Raster:
    """How many dots a cell holds, and the sign for each pattern of dots."""

    wide: int
    high: int
    base: int
    signs: str

    def bit(self, x: int, y: int) -> int:
        """The pattern's bit of a dot, counted from the cell's top left."""
        return _BRAILLE[y][x] if not self.signs else 1 << (y * self.wide + x)

    def sign(self, pattern: int) -> str:
        """What is written for a pattern."""
        if not pattern:
            return " "
        return self.signs[pattern] if self.signs else chr(self.base + pattern)


RASTERS = {
    "braille": Raster(2, 4, 0x2800, ""),
    "block": Raster(2, 2, 0, _QUADRANTS),
    "ascii": Raster(1, 2, 0, _HALVES),
}


class Grid:
    """Cells of (sign, tone) with dots drawn into them."""

    def __init__(self, width: int, height: int, kind: str) -> None:
        """*width* and *height* in cells; *kind*: braille, block or ascii."""
        self.width, self.height = width, height
        self.raster = RASTERS[kind]
        self._patterns = [bytearray(width) for _ in range(height)]
        self._tones: dict[tuple[int, int], str] = {}
        self._signs: dict[tuple[int, int], str] = {}

    @property
    def dots(self) -> tuple[int, int]:
        """Width and height in dots."""
        return self.width * self.raster.wide, self.height * self.raster.high

    def dot(self, x: int, y: int) -> None:
        """Set a dot; (0, 0) is the top left; outside nothing happens."""
        wide, high = self.raster.wide, self.raster.high
        column, row = x // wide, y // high
        if 0 <= column < self.width and 0 <= row < self.height:
            self._patterns[row][column] |= self.raster.bit(x % wide, y % high)

    def copy(self) -> "Grid":
        """Another grid with the same content."""
        other = Grid.__new__(Grid)
        other.width, other.height, other.raster = self.width, self.height, self.raster
        other._patterns = [bytearray(line) for line in self._patterns]
        other._tones, other._signs = dict(self._tones), dict(self._signs)
        return other

    def write(self, x: int, y: int, sign: str, tone: str) -> None:
        """Put one sign of one cell over the dots."""
        if 0 <= x < self.width and 0 <= y < self.height:
            self._signs[x, y] = sign
            self._tones[x, y] = tone

    def empty(self, x: int, y: int) -> bool:
        """Whether a cell has neither dots nor a sign."""
        return not self._patterns[y][x] and (x, y) not in self._signs

    def tint(self, x: int, y: int, tone: str) -> None:
        """Give a cell's dots another tone."""
        self._tones[x, y] = tone

    def rows(self, tone: str) -> list[list[tuple[str, str]]]:
        """All cells as (sign, tone), dots in *tone* unless tinted."""
        return [
            [
                (self._signs.get((x, y)) or self.raster.sign(pattern), self._tones.get((x, y), tone))
                for x, pattern in enumerate(line)
            ]
            for y, line in enumerate(self._patterns)
        ]


class Canvas(Painted):
    """Shows a grid and repaints only the cells that differ from what stood there."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: list[list[tuple[str, str]]] = []

    def show(self, grid: Grid, tone: str = "fill") -> None:
        """Show a grid; runs of changed cells are repainted one by one."""
        old, self._rows = self._rows, grid.rows(tone)
        if [len(row) for row in old] != [len(row) for row in self._rows]:
            self.refresh()
            return
        regions = [region for y, row in enumerate(self._rows) for region in changed_runs(old[y], row, y)]
        if regions:
            self.refresh(*regions)

    def render_line(self, y: int) -> Strip:
        """One line of cells."""
        row = self._rows[y] if y < len(self._rows) else []
        parts: list[Part] = merge([(sign, "plain" if sign == " " else tone) for sign, tone in row])
        return self.strip(parts).adjust_cell_length(self.size.width, self.rich_style)


def changed_runs(old: list[tuple[str, str]], new: list[tuple[str, str]], y: int) -> list[Region]:
    """Regions of neighbouring changed cells of a line; a gap below four cells is painted along."""
    runs: list[list[int]] = []
    for x, (before, after) in enumerate(zip(old, new, strict=True)):
        if before == after:
            continue
        if runs and x - runs[-1][1] <= 4:
            runs[-1][1] = x
        else:
            runs.append([x, x])
    return [Region(first, y, last - first + 1, 1) for first, last in runs]
