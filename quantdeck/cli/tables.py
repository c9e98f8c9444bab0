"""Tables in plain text: aligned by terminal cells, the same whatever the width of the terminal."""

import math
from collections.abc import Sequence
from typing import Any, cast

from rich.cells import cell_len, set_cell_size

from ..engine.text import visible

LONGEST = 60  # cells of a name before its middle is left out
_HEAD = 16  # cells of the beginning that a cut name keeps
_MARK = "..."


def shorten(name: str, longest: int = LONGEST) -> str:
    """A visible name of at most *longest* cells; the middle is left out, cut between cells."""
    shown = visible(name)
    if cell_len(shown) <= longest:
        return shown
    rest = longest - len(_MARK)
    head = set_cell_size(shown, min(_HEAD, rest // 2)).rstrip()
    tail = _tail(shown, rest - cell_len(head))
    return head + _MARK + tail


def _tail(text: str, cells: int) -> str:
    start = len(text)
    while start and cell_len(text[start - 1 :]) <= cells:
        start -= 1
    return text[start:]


def render(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    """Lines of a table; cells are visible text already. *right*: which columns are set flush right."""
    widths = [max(map(cell_len, column)) for column in zip(heads, *rows, strict=True)]
    lines = [_line(heads, widths, right)]
    lines += [_line(row, widths, right) for row in rows]
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = [
        " " * (width - cell_len(cell)) + cell if flush else cell + " " * (width - cell_len(cell))
        for cell, width, flush in zip(cells, widths, right, strict=True)
    ]
    return "  ".join(padded).rstrip()


def figure(value: float | None, digits: int) -> str:
    """A number with a fixed number of decimals; "-" where there is none, "inf" without noise."""
    if value is None or math.isnan(value):
        return "-"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return f"{value:.{digits}f}"


def short(value: float | None) -> str:
    """A threshold: six significant digits."""
    return "-" if value is None else f"{value:.6g}"


def plain(value: Any) -> Any:
    """For JSON: infinities as "inf" and "-inf", NaN as null, everything else as it is."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in cast(dict[Any, Any], value).items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in cast(Sequence[Any], value)]
    return value
