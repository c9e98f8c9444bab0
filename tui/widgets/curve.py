"""Similarity against what it costs (float layers, or time on the chip), with the target, on the braille canvas."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from .. import figures
from .canvas import Canvas, Grid

LEFT = 9  # cells of the axis on the left

Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """The axis below: where it begins, how its ends are written, what it counts; *whole*: in steps of one."""

    title: str
    start: float = 0.0
    show: Callable[[float], str] = "{:.0f}".format
    whole: bool = True


LAYERS = Axis("float layers")
TIME = Axis("x the time of int8", 1.0, "{:.2f}".format, whole=False)


class Curve(Canvas):
    """Points of a search; the best so far at each cost is joined, the chosen one is lit."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._points: tuple[Place, ...] = ()
        self._target: float | None = None
        self._empty = ""
        self._axis = LAYERS
        self._chosen: Place | None = None

    def set_points(
        self, points: Sequence[Place], target: float | None, empty: str = "", axis: Axis = LAYERS
    ) -> None:
        """Show points (cost, cos) and the wanted cos; *empty* is said when there are none."""
        self._points, self._target, self._empty, self._axis = tuple(points), target, empty, axis
        self._draw()

    def choose(self, point: Place | None) -> None:
        """Light one of the points."""
        if point != self._chosen:
            self._chosen = point
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
            draw(grid, self._points, self._target, self.glyphs.rule, self._axis, self._chosen)
        self.show(grid)


def steps(low: float, high: float) -> tuple[float, float]:
    """A range in round numbers that holds both, so that a new point seldom moves the axis."""
    size = 10.0 ** math.floor(math.log10(max(high - low, 1e-6)))
    return math.floor(low / size) * size, math.ceil(high / size) * size


def draw(
    grid: Grid,
    points: Sequence[Place],
    target: float | None,
    rule: str,
    axis: Axis = LAYERS,
    chosen: Place | None = None,
) -> None:
    """Axis, target line, points, and the line of the best so far."""
    body, wide, high = grid.height - 2, grid.raster.wide, grid.raster.high
    values = [cos for _, cos in points] + ([target] if target is not None else [])
    low, top = steps(min(values), max(values))
    top = max(top, low + 1e-9)
    most = _end(axis, max(cost for cost, _ in points))
    columns, rows = (grid.width - LEFT) * wide - 1, body * high - 1

    def place(cost: float, cos: float) -> tuple[int, int]:
        x = LEFT * wide + round((cost - axis.start) / (most - axis.start) * columns)
        return x, round((top - cos) / (top - low) * rows)

    best: dict[float, float] = {}
    for cost, cos in points:
        x, y = place(cost, cos)
        for step in range(2):
            grid.dot(x + step, y)
        best[cost] = max(cos, best.get(cost, -1.0))
    _joined(grid, [place(cost, cos) for cost, cos in _front(best)])
    if target is not None:
        y = place(axis.start, target)[1] // high
        for x in range(LEFT, grid.width):
            if grid.empty(x, y):
                grid.write(x, y, rule, "accent")
        write(grid, LEFT + 1, y - 1 if y else y + 1, "target", "accent")
    for x in range(LEFT, grid.width):
        grid.write(x, body, rule, "muted")
    if chosen is not None and chosen in points:
        _light(grid, *place(*chosen), body)
    near = top - low < 1e-4
    write(
        grid, 0, 0, f"{top:.7f}"[1 if top < 1 else 0 :][: LEFT - 1] if near else figures.cosine(top), "muted"
    )
    write(grid, 0, body - 1, f"{low:.7f}"[1:] if near else figures.cosine(low), "muted")
    write(grid, LEFT, body + 1, f"{axis.show(axis.start)} {axis.title}", "muted")
    end = axis.show(most)
    write(grid, grid.width - len(end), body + 1, end, "muted")


def _end(axis: Axis, most: float) -> float:
    """The right end: a whole number, or one in round steps, so that it seldom moves."""
    if axis.whole:
        return max(axis.start + 1, most)
    return max(axis.start + 0.05, math.ceil(most * 20) / 20)


def _front(best: dict[float, float]) -> list[Place]:
    """The points that no cheaper one beats, by cost."""
    found: list[Place] = []
    for cost in sorted(best):
        if not found or best[cost] > found[-1][1]:
            found.append((cost, best[cost]))
    return found


def _light(grid: Grid, x: int, y: int, body: int) -> None:
    """The cell of the chosen point, and a mark on the axis below it."""
    column, row = x // grid.raster.wide, y // grid.raster.high
    for beside in (column, column + 1):
        if 0 <= beside < grid.width and row < body:
            grid.tint(beside, row, "good")
    grid.write(min(column, grid.width - 1), body, "^", "good")


def _joined(grid: Grid, places: Sequence[tuple[int, int]]) -> None:
    for (x, y), (to_x, to_y) in pairwise(places):
        for step in range(max(1, to_x - x)):
            grid.dot(x + step, round(y + (to_y - y) * step / max(1, to_x - x)))


def write(grid: Grid, x: int, y: int, text: str, tone: str) -> None:
    """Text over the dots."""
    for offset, sign in enumerate(text):
        grid.write(x + offset, y, sign, tone)
