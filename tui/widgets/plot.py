"""Where the points of a curve stand, and what lies over them: target, axes, the line of the best."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeGuard

from .. import figures
from .canvas import Grid

LEFT = 9  # cells of the axis on the left
FARTHEST = 1e6  # what lies beyond, or nowhere (NaN), has no place on an axis
PORTION = 4000  # points that are drawn at once: a key waits for no more

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


class Cloud:
    """Points by what they cost, and what they span."""

    def __init__(self) -> None:
        self.columns: dict[float, list[float]] = {}
        self.best: dict[float, float] = {}
        self.low, self.high, self.most = math.inf, -math.inf, -math.inf

    def add(self, points: Iterable[Place]) -> None:
        """Take points (cost, cos) in."""
        columns, best = self.columns, self.best
        for cost, cos in points:
            if not (-FARTHEST < cos < FARTHEST and -FARTHEST < cost < FARTHEST):
                continue
            if cost in columns:
                columns[cost].append(cos)
                best[cost] = max(best[cost], cos)
            else:
                columns[cost], best[cost] = [cos], cos
                self.most = max(self.most, cost)
            if not self.low <= cos <= self.high:
                self.low, self.high = min(self.low, cos), max(self.high, cos)

    def __contains__(self, point: Place) -> bool:
        return point[1] in self.columns.get(point[0], ())


def steps(low: float, high: float) -> tuple[float, float]:
    """A range in round numbers that holds both, so that a new point seldom moves the axis."""
    size = 10.0 ** math.floor(math.log10(max(high - low, 1e-6)))
    return math.floor(low / size) * size, math.ceil(high / size) * size


@dataclass(frozen=True, slots=True)
class Plot:
    """Where points stand on a grid of some cells (*width*, *height*) with *wide* by *high* dots each."""

    axis: Axis
    low: float
    top: float
    most: float
    width: int
    height: int
    wide: int
    high: int

    @property
    def body(self) -> int:
        """Lines of cells above the axis."""
        return self.height - 2

    def x(self, cost: float) -> int:
        """Column of dots."""
        dots = (self.width - LEFT) * self.wide - 1
        return LEFT * self.wide + round((cost - self.axis.start) / (self.most - self.axis.start) * dots)

    def y(self, cos: float) -> int:
        """Line of dots."""
        return round((self.top - cos) * self._scale)

    @property
    def _scale(self) -> float:
        """Dots for a step of one."""
        return (self.body * self.high - 1) / (self.top - self.low)

    def dot(self, grid: Grid, columns: Mapping[float, Sequence[float]]) -> Iterator[None]:
        """Draw the points; after each PORTION of them others may go first."""
        scale, top, done = self._scale, self.top, 0
        for cost, column in list(columns.items()):
            x = self.x(cost)
            for start in range(0, len(column), PORTION):
                part = column[start : start + PORTION]
                for y in {round((top - cos) * scale) for cos in part}:
                    grid.dot(x, y)
                    grid.dot(x + 1, y)
                done += len(part)
                if done >= PORTION:
                    done = 0
                    yield

    def draw(self, grid: Grid, best: Mapping[float, float], target: float | None, rule: str) -> None:
        """The line of the best so far, target line, axis."""
        _joined(grid, [(self.x(cost), self.y(cos)) for cost, cos in _front(best)])
        if shown(target):
            self._draw_target(grid, target, rule)
        for x in range(LEFT, grid.width):
            grid.write(x, self.body, rule, "muted")
        self._draw_ends(grid)

    def _draw_target(self, grid: Grid, target: float, rule: str) -> None:
        y = self.y(target) // self.high
        for x in range(LEFT, grid.width):
            if grid.empty(x, y):
                grid.write(x, y, rule, "accent")
        write(grid, LEFT + 1, y - 1 if y else y + 1, "target", "accent")

    def _draw_ends(self, grid: Grid) -> None:
        """What the axes reach."""
        top, low, axis = self.top, self.low, self.axis
        near = top - low < 1e-4
        first = f"{top:.7f}"[1 if top < 1 else 0 :][: LEFT - 1] if near else figures.cosine(top)
        write(grid, 0, 0, first, "muted")
        write(grid, 0, self.body - 1, f"{low:.7f}"[1:] if near else figures.cosine(low), "muted")
        write(grid, LEFT, self.body + 1, f"{axis.show(axis.start)} {axis.title}", "muted")
        end = axis.show(self.most)
        write(grid, grid.width - len(end), self.body + 1, end, "muted")

    def light(self, grid: Grid, chosen: Place) -> None:
        """Light the cell of a point, with a mark on the axis below it."""
        _light(grid, self.x(chosen[0]), self.y(chosen[1]), self.body)


def shown(target: float | None) -> TypeGuard[float]:
    """Whether a target is there and has a place on the axis."""
    return target is not None and -FARTHEST < target < FARTHEST


def plot_of(cloud: Cloud, target: float | None, axis: Axis, grid: Grid) -> Plot:
    """The places of a cloud's points on a grid, the target among them."""
    ends = [cloud.low, cloud.high, *([target] if shown(target) else [])]
    low, top = steps(min(ends), max(ends))
    return Plot(
        axis, low, max(top, low + 1e-9), _end(axis, cloud.most),
        grid.width, grid.height, grid.raster.wide, grid.raster.high,
    )  # fmt: skip


def _end(axis: Axis, most: float) -> float:
    """The right end: a whole number, or one in round steps, so that it seldom moves."""
    if axis.whole:
        return max(axis.start + 1, most)
    return max(axis.start + 0.05, math.ceil(most * 20) / 20)


def _front(best: Mapping[float, float]) -> list[Place]:
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
