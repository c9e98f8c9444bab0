"""Similarity against the number of float layers, with the target, on the braille canvas."""

import math
from collections.abc import Sequence
from itertools import pairwise

from .. import figures
from .canvas import Canvas, Grid

LEFT = 9  # cells of the axis on the left


class Curve(Canvas):
    """Points of a search; the best so far at each number of float layers is joined."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._points: tuple[tuple[int, float], ...] = ()
        self._target: float | None = None
        self._empty = ""

    def set_points(self, points: Sequence[tuple[int, float]], target: float | None, empty: str = "") -> None:
        """Show points (float layers, cos) and the wanted cos; *empty* is said when there are none."""
        self._points, self._target, self._empty = tuple(points), target, empty
        self._draw()

    def on_resize(self) -> None:
        """Draw for the new size."""
        self._draw()

    def _draw(self) -> None:
        width, height = self.size
        if width < LEFT + 8 or height < 4:
            return
        grid = Grid(width, height, self.glyphs.kind)
        if not self._points:
            write(grid, max(0, (width - len(self._empty)) // 2), height // 2, self._empty, "muted")
        else:
            draw(grid, self._points, self._target, self.glyphs.rule)
        self.show(grid)


def steps(low: float, high: float) -> tuple[float, float]:
    """A range in round numbers that holds both, so that a new point seldom moves the axis."""
    size = 10.0 ** math.floor(math.log10(max(high - low, 1e-6)))
    return math.floor(low / size) * size, math.ceil(high / size) * size


def draw(grid: Grid, points: Sequence[tuple[int, float]], target: float | None, rule: str) -> None:
    """Axis, target line, points, and the line of the best so far."""
    body, wide, high = grid.height - 2, grid.raster.wide, grid.raster.high
    values = [cos for _, cos in points] + ([target] if target is not None else [])
    low, top = steps(min(values), max(values))
    top = max(top, low + 1e-9)
    most = max(1, *(count for count, _ in points))
    columns, rows = (grid.width - LEFT) * wide - 1, body * high - 1

    def place(count: float, cos: float) -> tuple[int, int]:
        x = LEFT * wide + round(count / most * columns)
        return x, round((top - cos) / (top - low) * rows)

    best: dict[int, float] = {}
    for count, cos in points:
        x, y = place(count, cos)
        for step in range(2):
            grid.dot(x + step, y)
        best[count] = max(cos, best.get(count, -1.0))
    _joined(grid, [place(count, cos) for count, cos in sorted(best.items())])
    if target is not None:
        y = place(0, target)[1] // high
        for x in range(LEFT, grid.width):
            if grid.empty(x, y):
                grid.write(x, y, rule, "accent")
        write(grid, LEFT + 1, max(0, y - 1), "target", "accent")
    for x in range(LEFT, grid.width):
        grid.write(x, body, rule, "muted")
    write(grid, 0, 0, figures.cosine(top), "muted")
    write(grid, 0, body - 1, figures.cosine(low), "muted")
    write(grid, LEFT, body + 1, "0 float layers", "muted")
    write(grid, grid.width - len(str(most)), body + 1, str(most), "muted")


def _joined(grid: Grid, places: Sequence[tuple[int, int]]) -> None:
    for (x, y), (to_x, to_y) in pairwise(places):
        for step in range(max(1, to_x - x)):
            grid.dot(x + step, round(y + (to_y - y) * step / max(1, to_x - x)))


def write(grid: Grid, x: int, y: int, text: str, tone: str) -> None:
    """Text over the dots."""
    for offset, sign in enumerate(text):
        grid.write(x + offset, y, sign, tone)
