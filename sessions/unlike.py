"""Notices pictures that were not made as those of a table: the options of pictures are typed anew each time."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..engine.plan import Threshold
from ..engine.text import visible

if TYPE_CHECKING:
    from ..engine.data.samples import Samples

LOOKED_AT = 8  # samples; together they reach nearly the whole range of a picture's values
BEYOND = 0.4  # of the table's range, outside of which values of the same kind hardly ever are
WITHIN = 0.1  # of the table's range, which values of the same kind always fill


def unlike_table(samples: "Samples", rows: Mapping[str, Threshold]) -> list[str]:
    """A sentence for each input of pictures whose values do not lie where the table's pictures had theirs.

    Forgotten or other --mean and --scale show so; an exchanged order of the channels does not.
    """
    if samples.kind != "image" or not any(tensor.name in rows for tensor in samples.inputs):
        return []
    low: dict[str, float] = {}
    high: dict[str, float] = {}
    for feed in samples.take(LOOKED_AT).batches():
        for name, values in feed.items():
            low[name] = min(low.get(name, float("inf")), float(values.min()))
            high[name] = max(high.get(name, -float("inf")), float(values.max()))
    return [
        f"the values of the input {visible(name)} lie from {low[name]:.4g} to {high[name]:.4g}, those of the "
        f"table's pictures from {rows[name].min:.4g} to {rows[name].max:.4g}; give the options of pictures "
        "(--mean, --scale ...) that the table was made with"
        for name in low
        if name in rows and _unlike(low[name], high[name], rows[name])
    ]


def _unlike(low: float, high: float, row: Threshold) -> bool:
    span = row.max - row.min
    if span <= 0:
        return False
    return high > row.max + BEYOND * span or low < row.min - BEYOND * span or high - low < WITHIN * span
