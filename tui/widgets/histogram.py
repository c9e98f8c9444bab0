"""An activation's histogram with every method's threshold drawn on it."""

import math
from collections.abc import Sequence

from ..columns import short_method
from ..figures import real
from ..snapshots import TensorView
from .canvas import Grid

LETTERS = {
    "kl": "k",
    "kl_tune": "K",
    "mse": "m",
    "max": "x",
    "percentile9999": "p",
    "aciq_gauss": "g",
    "aciq_laplace": "l",
    "observer": "o",
}
"""The sign under a threshold's line."""


def letter(method: str) -> str:
    """The sign of a method; a method unknown here is a star."""
    return LETTERS.get(method, "*")


def draw(grid: Grid, tensor: TensorView, chosen: str, mark: str, rule: str) -> None:
    """Curve, threshold lines, axis and letters; the lowest three lines of the grid are axis and text."""
    body = grid.height - 3
    heights = columns(tensor.counts, grid.dots[0], body * grid.raster.high)
    for x, tall in enumerate(heights):
        for y in range(body * grid.raster.high - tall, body * grid.raster.high):
            grid.dot(x, y)
    for x in range(grid.width):
        grid.write(x, body, rule, "muted")
    for method, value in sorted(tensor.thresholds, key=lambda row: row[0] == chosen):
        tone = "accent" if method == chosen else "key"
        for place in (value, -value):
            x = cell_of(place, tensor, grid.width)
            if x is None or (place < 0 and tensor.low >= 0):
                continue
            for y in range(body):
                if method == chosen or y % 2:
                    grid.write(x, y, mark, tone)
            grid.write(x, body + 1, letter(method), tone)
    _axis(grid, tensor, body + 2)


def columns(counts: Sequence[float], width: int, height: int) -> list[int]:
    """Height in dots of each of *width* columns, logarithmic in the largest count of the column's bins."""
    logs: list[float] = []
    for x in range(width):
        first = x * len(counts) // width
        last = max(first + 1, (x + 1) * len(counts) // width)
        logs.append(math.log1p(max(0.0, *counts[first:last])))
    top = max(logs) or 1.0
    return [min(height, math.ceil(value / top * height)) if value > 0 else 0 for value in logs]


def cell_of(value: float, tensor: TensorView, width: int) -> int | None:
    """The cell of a value on the axis; the very end counts, beyond it there is none."""
    span = tensor.high - tensor.low
    place = (value - tensor.low) / span
    if not -1e-6 <= place <= 1 + 1e-6:
        return None
    return max(0, min(width - 1, int(place * width)))


def _axis(grid: Grid, tensor: TensorView, y: int) -> None:
    low, high = real(tensor.low), real(tensor.high)
    _write(grid, 0, y, low, "muted")
    _write(grid, grid.width - len(high), y, high, "muted")
    zero = cell_of(0.0, tensor, grid.width)
    if zero is not None and len(low) + 2 < zero < grid.width - len(high) - 2:
        _write(grid, zero, y, "0", "muted")


def _write(grid: Grid, x: int, y: int, text: str, tone: str) -> None:
    for offset, sign in enumerate(text):
        grid.write(x + offset, y, sign, tone)


def legend(tensor: TensorView, chosen: str) -> list[tuple[str, str, float, bool]]:
    """Letter, method, threshold and whether it is the plan's, from the smallest to the largest."""
    return [(letter(name), short_method(name), value, name == chosen) for name, value in tensor.thresholds]
