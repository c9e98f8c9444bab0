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
        self._base: tuple[Grid, Plot] | None = None  # everything but the light

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
            self._light()

    def on_resize(self) -> None:
        """Draw for the new size."""
        self._draw()

    def _draw(self) -> None:
        self._base = None
        width, height = self.size
        if width < LEFT + 8 or height < 4:
            return
        grid = Grid(width, height, self.glyphs.kind)
        if self._points:
            plot = Plot(grid, self._points, self._target, self._axis)
            plot.draw(self.glyphs.rule)
            self._base = grid, plot
            self._light()
        else:
            write(grid, max(0, (width - len(self._empty)) // 2), height // 2, self._empty, "muted")
            self.show(grid)

    def _light(self) -> None:
        """Show what was drawn with the chosen point lit."""
        if self._base is None:
            return
        grid, plot = self._base[0].copy(), self._base[1]
        if self._chosen is not None and self._chosen in self._points:
            plot.light(grid, self._chosen)
        self.show(grid)


def steps(low: float, high: float) -> tuple[float, float]:
    """A range in round numbers that holds both, so that a new point seldom moves the axis."""
    size = 10.0 ** math.floor(math.log10(max(high - low, 1e-6)))
    return math.floor(low / size) * size, math.ceil(high / size) * size


class Plot:
    """Where points stand on a grid; its axes are drawn into it."""

    def __init__(self, grid: Grid, points: Sequence[Place], target: float | None, axis: Axis) -> None:
        self._grid, self._target, self._axis = grid, target, axis
        self._columns: dict[float, list[float]] = {}
        for cost, cos in points:
            self._columns.setdefault(cost, []).append(cos)
        ends = [end for column in self._columns.values() for end in (min(column), max(column))]
        ends += [target] if target is not None else []
        self._low, top = steps(min(ends), max(ends))
        self._top = max(top, self._low + 1e-9)
        self._most = _end(axis, max(self._columns))
        self._body = grid.height - 2

    def _x(self, cost: float) -> int:
        wide, start = self._grid.raster.wide, self._axis.start
        dots = (self._grid.width - LEFT) * wide - 1
        return LEFT * wide + round((cost - start) / (self._most - start) * dots)

    def _y(self, cos: float) -> int:
        return round((self._top - cos) * self._scale)

    @property
    def _scale(self) -> float:
        """Dots for a step of one."""
        return (self._body * self._grid.raster.high - 1) / (self._top - self._low)

    def draw(self, rule: str) -> None:
        """Axis, target line, points, and the line of the best so far."""
        grid, scale, top = self._grid, self._scale, self._top
        for cost, column in self._columns.items():
            x = self._x(cost)
            for y in {round((top - cos) * scale) for cos in column}:
                grid.dot(x, y)
                grid.dot(x + 1, y)
        best = {cost: max(column) for cost, column in self._columns.items()}
        _joined(grid, [(self._x(cost), self._y(cos)) for cost, cos in _front(best)])
        if self._target is not None:
            self._draw_target(self._target, rule)
        for x in range(LEFT, grid.width):
            grid.write(x, self._body, rule, "muted")
        self._draw_ends()

    def _draw_target(self, target: float, rule: str) -> None:
        grid = self._grid
        y = self._y(target) // grid.raster.high
        for x in range(LEFT, grid.width):
            if grid.empty(x, y):
                grid.write(x, y, rule, "accent")
        write(grid, LEFT + 1, y - 1 if y else y + 1, "target", "accent")

    def _draw_ends(self) -> None:
        """What the axes reach."""
        grid, top, low, axis = self._grid, self._top, self._low, self._axis
        near = top - low < 1e-4
        first = f"{top:.7f}"[1 if top < 1 else 0 :][: LEFT - 1] if near else figures.cosine(top)
        write(grid, 0, 0, first, "muted")
        write(grid, 0, self._body - 1, f"{low:.7f}"[1:] if near else figures.cosine(low), "muted")
        write(grid, LEFT, self._body + 1, f"{axis.show(axis.start)} {axis.title}", "muted")
        end = axis.show(self._most)
        write(grid, grid.width - len(end), self._body + 1, end, "muted")

    def light(self, grid: Grid, chosen: Place) -> None:
        """Light the cell of a point, with a mark on the axis below it."""
        _light(grid, self._x(chosen[0]), self._y(chosen[1]), self._body)


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
