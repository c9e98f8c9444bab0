"""The layer table's columns: title, width, text, order; and the bar that says how much noise a layer has."""

import math
from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any

from . import figures
from .glyphs import Glyphs
from .widgets.cells import Part, cut, fit
from .widgets.table_model import Column

MEASURED = "meas."
BAR_CELLS = 7
BAR_DECIBELS = 48.0  # a full bar

METHOD_SHORT = {
    "percentile9999": "pct9999",
    "aciq_gauss": "aciq_g",
    "aciq_laplace": "aciq_l",
    "observer": "observer",
}


def short_method(method: object) -> str:
    """A method's name in eight cells."""
    text = str(method or figures.NOTHING)
    return METHOD_SHORT.get(text, text)


@lru_cache(256)
def bar(sqnr: float, glyphs: Glyphs) -> str:
    """An SQNR as a bar of a few cells, half a cell at a time."""
    halves = round(max(0.0, min(sqnr, BAR_DECIBELS)) / BAR_DECIBELS * BAR_CELLS * 2)
    return (glyphs.bar * (halves // 2) + (glyphs.half_bar if halves % 2 else "")).ljust(BAR_CELLS)


def short_sqnr_cell(value: Any, width: int) -> list[Part]:
    """The accumulated SQNR with its sign, without a bar."""
    if value is None:
        return [(" " * width, "plain")]
    text = fit(figures.stale(value) + figures.decibel(value), width - 3, right=True)
    tone, sign = figures.verdict(value)
    return [(text + " ", "plain"), (sign, tone)]


def output_cell(glyphs: Glyphs, bars: bool) -> Callable[[Any, int], list[Part]]:
    """SQNR at the output with nothing but this layer in int8, and a bar for its part of the plan's noise.

    The bar grows with the root of the part, so that 1 % can be seen beside 60 %.
    """

    def parts(value: Any, width: int) -> list[Part]:
        if value is None:
            return [(" " * width, "plain")]
        decibels, part = value
        text = fit(figures.stale(value) + figures.decibel(decibels), 6, right=True)
        tone, sign = noise_verdict(part)
        if not bars:
            return [(fit(text, width - 3, right=True) + " ", "plain"), (sign, tone)]
        halves = round(math.sqrt(part) * BAR_CELLS * 2)
        drawn = (glyphs.bar * (halves // 2) + (glyphs.half_bar if halves % 2 else "")).ljust(BAR_CELLS)
        return [(text + " ", "plain" if part else "muted"), (f"{drawn} {sign}", tone)]

    return parts


def noise_verdict(part: float) -> tuple[str, str]:
    """Tone and sign of a layer's part of the noise: a quarter is much, a tenth worth a look."""
    if part >= 0.25:
        return "bad", "!!"
    return ("weak", "! ") if part >= 0.1 else ("muted", "  ")


def sqnr_cell(glyphs: Glyphs) -> Callable[[Any, int], list[Part]]:
    """The accumulated SQNR with bar and sign; the verdict's colour stands beside its sign."""

    def parts(value: Any, width: int) -> list[Part]:
        if value is None:
            return [(" " * width, "plain")]
        text = fit(figures.stale(value) + figures.decibel(value), 6, right=True)
        if math.isnan(value):
            return [(text + " " * (width - 6), "muted")]
        tone, sign = figures.verdict(value)
        return [(text + " ", "plain"), (f"{bar(value, glyphs)} {sign}", tone)]

    return parts


def mode_cell(value: Any, width: int) -> list[Part]:
    """The precision; a float layer is marked, since int8 is the rule."""
    text = str(value or "")
    return [(fit(text, width), "accent" if text in ("F16", "BF16", "F32") else "plain")]


def gain_cell(value: Any, width: int) -> list[Part]:
    """What the network would gain with this layer in the other mode: dB, and by how much the prediction may err.

    What was measured has no error and says so.
    """
    if value is None:
        return [(" " * width, "plain")]
    gain, error = value
    tone = "good" if gain > (error or 0.0) else "muted"
    text = f"{figures.stale(value)}{figures.gain(gain)} {MEASURED if error is None else f'({error:.1f})'}"
    return [(fit(text if len(text) <= width else text.replace(" ", ""), width, right=True), tone)]


@lru_cache(4096)
def shape_size(shape: str) -> int:
    """How many elements a shape has, for sorting."""
    parts = [part for part in str(shape).split("x") if part.isdigit()]
    return prod(int(part) for part in parts)


def blank(text: Callable[[Any], str]) -> Callable[[Any], str]:
    """Nothing in place of a figure that is not there yet: a column of dashes says less and distracts."""
    return lambda value: "" if value is None else figures.stale(value) + text(value)


def layer_columns(glyphs: Glyphs, *, ranked: bool = False) -> tuple[Column, ...]:
    """The columns, the frozen one first; a low priority number stays longest on a narrow screen.

    *ranked*: the noise at the outputs is known and has the bar; until then the accumulated noise has it.
    """

    def shown(width: int) -> Callable[[Any], str]:
        return lambda value: cut(glyphs.show(str(value)), width, glyphs.cut)

    return (
        Column("name", "layer", 28),
        Column(
            "rank", "rank", 4, blank(lambda place: f"{place:.0f}"), right=True, priority=5 if ranked else 16
        ),
        Column("position", "#", 4, right=True, priority=12),
        Column("op", "op", 9, shown(9), priority=2),
        Column(
            "shape", "output shape", 14, shown(14), right=True, priority=9, rank=shape_size, descending=True
        ),
        Column("macs", "MACs", 7, figures.count, right=True, priority=6, descending=True),
        Column(
            "cost", "cost", 6, blank(figures.share), right=True, priority=7 if ranked else 15, descending=True
        ),
        Column(
            "threshold",
            "threshold",
            9,
            blank(figures.real),
            right=True,
            priority=6 if ranked else 4,
            descending=True,
        ),
        Column("method", "method", 8, blank(short_method), priority=8),
        Column("local_cos", "local cosine", 12, blank(figures.cosine), right=True, priority=10),
        Column("local_sqnr", "local dB", 8, blank(figures.decibel), right=True, priority=7),
        Column("cos", "cosine", 8, blank(figures.cosine), right=True, priority=11 if ranked else 3),
        Column("sqnr", "SQNR dB", 9, priority=3, parts=short_sqnr_cell)
        if ranked
        else Column("sqnr", "SQNR dB", 17, priority=0, parts=sqnr_cell(glyphs)),
        Column(
            "output",
            "output dB",
            17 if ranked else 9,
            priority=0 if ranked else 17,
            parts=output_cell(glyphs, ranked),
            rank=lambda value: (-value[1], value[0]),
        ),
        Column(
            "gain",
            "if changed",
            11,
            parts=gain_cell,
            priority=4 if ranked else 14,
            rank=lambda gain: gain[0],
            descending=True,
        ),
        Column("saturation", "clipped", 7, blank(figures.share), right=True, priority=11, descending=True),
        Column("mode", "mode", 4, priority=1, parts=mode_cell),
    )
