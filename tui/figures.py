"""Figures as text: aligned, with units, the same everywhere on the screens."""

import math
from typing import Any

from ..engine.text import percent
from ..sessions.layer_table import Stale

_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
NOTHING = "-"
STALE = "~"


class StalePair(tuple[Any, Any]):
    """Two figures of another plan than the one that is shown, such as a gain with its error."""

    __slots__ = ()


def stale(value: object) -> str:
    """The sign before a figure that belongs to another plan."""
    return STALE if isinstance(value, (Stale, StalePair)) else ""


def count(value: float | None) -> str:
    """A large count with one decimal and a unit: 10838016 is ``10.8 M``."""
    if value is None:
        return NOTHING
    for size, unit in _UNITS:
        if abs(value) >= size * 0.9995:
            return f"{value / size:.1f} {unit}"
    return f"{value:.0f}  "


def cosine(value: float | None, digits: int = 5) -> str:
    """A cosine with five decimals, or fewer; never rounded up to one."""
    if value is None or math.isnan(value):
        return NOTHING
    if 0.999995 <= value < 1:
        return "0.99999"
    return f"{value:.{digits}f}" if value >= 0 else f"{value:.{digits - 1}f}"


def decibel(value: float | None) -> str:
    """An SQNR in dB with one decimal; ``exact`` without any noise."""
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "exact" if value > 0 else "none"
    return f"{value:.1f}"


def decibels(value: float | None) -> str:
    """An SQNR with its unit; ``exact`` and ``-`` have none."""
    text = decibel(value)
    return f"{text} dB" if text[-1].isdigit() else text


def gain(value: float) -> str:
    """A difference in dB with its sign; what rounds to nothing is no loss."""
    return f"{round(value, 1) + 0.0:+.1f}"


def real(value: float | None) -> str:
    """A real figure with four significant digits."""
    if value is None or math.isnan(value):
        return NOTHING
    if value != 0 and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.2e}"
    if value == 0:
        return "0"
    return f"{value:#.4g}" if abs(value) < 1e4 else f"{value:.0f}"


def share(value: float | None) -> str:
    """A share in per cent."""
    if value is None or math.isnan(value):
        return NOTHING
    return percent(value)


def duration(seconds: float | None) -> str:
    """Seconds as a person says them: ``12 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds is None or math.isnan(seconds) or math.isinf(seconds):
        return NOTHING
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def milliseconds(seconds: float) -> str:
    """A short time with three significant digits."""
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} us"


def number(text: str) -> int | None:
    """A whole number typed by the user, or None."""
    stripped = text.strip()
    return int(stripped) if stripped.isascii() and stripped.isdigit() else None


def verdict(sqnr: float | None) -> tuple[str, str]:
    """Tone and sign of an SQNR: from 20 dB on (noise a tenth of the signal) ok, below 10 dB bad."""
    if sqnr is None or math.isnan(sqnr):
        return "plain", "  "
    if sqnr < 10:
        return "bad", "!!"
    return ("weak", "! ") if sqnr < 20 else ("good", "ok")
