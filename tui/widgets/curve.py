"""Similarity against what it costs (float layers, or time on the chip), with the target, on the braille canvas."""

from collections.abc import Iterator, Mapping, Sequence

from textual.timer import Timer

from .canvas import Canvas, Grid
from .plot import LAYERS, LEFT, Axis, Cloud, Place, Plot, plot_of, write

SOON = 0.02  # seconds until the next portion of points is drawn


class Curve(Canvas):
    """Points of a search; the best so far at each cost is joined, the chosen one is lit.

    Very many points are drawn a portion at a time, so that no key waits for them.
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._cloud = Cloud()
        self._target: float | None = None
        self._empty = ""
        self._axis = LAYERS
        self._chosen: Place | None = None
        self._plot: Plot | None = None  # where its points stand
        self._dots: Grid | None = None  # the points alone
        self._new: list[Place] = []  # points that are not drawn yet
        self._drawing: Iterator[None] = iter(())
        self._next: Timer | None = None  # runs between two portions

    def begin(self, axis: Axis) -> None:
        """Forget every point."""
        self._cloud, self._plot, self._axis, self._new = Cloud(), None, axis, []

    def add(self, points: Sequence[Place]) -> None:
        """Take more points (cost, cos); ``draw`` shows them."""
        self._cloud.add(points)
        self._new += points

    def draw(self, target: float | None, empty: str) -> None:
        """Show every point, and the wanted cos; *empty* is said where there is none."""
        self._target, self._empty = target, empty
        self._draw()

    def choose(self, point: Place | None) -> None:
        """Light one of the points."""
        if point != self._chosen:
            self._chosen = point
            if self._next is None:
                self._show()

    def on_resize(self) -> None:
        """Draw for the new size."""
        self._draw()

    def _draw(self) -> None:
        width, height = self.size
        if width < LEFT + 8 or height < 4:
            return
        if not self._cloud.columns:
            grid = Grid(width, height, self.glyphs.kind)
            write(grid, max(0, (width - len(self._empty)) // 2), height // 2, self._empty, "muted")
            self.show(grid)
            return
        plot = plot_of(self._cloud, self._target, self._axis, Grid(width, height, self.glyphs.kind))
        if plot != self._plot:
            self._plot, self._dots, self._new = plot, Grid(width, height, self.glyphs.kind), []
            self._start(self._cloud.columns)
        elif self._next is None:
            self._start(self._taken())

    def _taken(self) -> dict[float, list[float]]:
        """The new points, which count as drawn from now on."""
        cloud = Cloud()
        cloud.add(self._new)
        self._new = []
        return cloud.columns

    def _start(self, columns: Mapping[float, Sequence[float]]) -> None:
        assert self._plot is not None
        assert self._dots is not None
        self._drawing = self._plot.dot(self._dots, columns)
        self._go_on()

    def _go_on(self) -> None:
        """Draw a portion; show the picture when all are drawn."""
        if self._next is not None:
            self._next.stop()
            self._next = None
        for _ in self._drawing:
            self._next = self.set_timer(SOON, self._go_on)
            return
        if self._new:
            self._start(self._taken())
        else:
            self._show()

    def _show(self) -> None:
        """The points with all that lies over them."""
        if self._plot is None or self._dots is None:
            return
        grid, plot = self._dots.copy(), self._plot
        plot.draw(grid, self._cloud.best, self._target, self.glyphs.rule)
        if self._chosen is not None and self._chosen in self._cloud:
            plot.light(grid, self._chosen)
        self.show(grid)
