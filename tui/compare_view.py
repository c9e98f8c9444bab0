"""The two plans of a comparison as lines and rows: scores, cost and what differs; sqlite3 only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from . import figures
from .glyphs import Glyphs
from .queries import Difference, PlanEntry, SampleEntry
from .widgets.cells import Part, cut_middle, fit

HEADS = (
    ("chip", 7), ("cosine", 8), ("SQNR", 8), ("on", 5), ("top-1", 7), ("float", 5), ("MACs", 7), ("predicted", 9),
)  # fmt: skip
"""What stands behind a plan's label, each with its cells; top-1 only where one of the two knows it.

On: so many samples; predicted: time.
"""
MULTIPLE = 10  # what takes so many times as long is told as a multiple
SIGN = 3
NARROWEST = 12
WIDEST = 60


@dataclass(frozen=True, slots=True)
class Side:
    """A plan as one side: *chip* it runs on, *part* of the MACs that it floats, predicted *seconds* of a sample.

    samples: how many its score was measured on.
    """

    sign: str
    entry: PlanEntry | None
    where: str = ""
    chip: str = ""
    part: float | None = None
    seconds: float | None = None
    samples: int | None = None


def score_lines(sides: Sequence[Side], glyphs: Glyphs, width: int) -> list[list[Part]]:
    """A head, a line for each plan, and what the second has more or less than the first."""
    first, second = sides
    accuracy = any(side.entry is not None and side.entry.top1 is not None for side in sides)
    heads = [(title, cells) for title, cells in HEADS if accuracy or title != "top-1"]
    room = max(NARROWEST, min(WIDEST, width - SIGN - sum(cells + 1 for _, cells in heads) - 1))
    lines: list[list[Part]] = [
        [(" " * SIGN + fit("plan", room), "muted"), *_cells([title for title, _ in heads], heads, "muted")]
    ]
    for side in sides:
        if side.entry is None:
            lines.append([(f" {side.sign} ", "key"), ("no plan", "muted")])
            continue
        label = cut_middle(glyphs.show(side.where + side.entry.label), room, glyphs.cut)
        told = _told(side, side.entry)
        line: list[Part] = [(f" {side.sign} ", "key"), (fit(label, room), "strong")]
        lines.append([*line, *_cells([told[title] for title, _ in heads], heads, "plain")])
    if first.entry is not None and second.entry is not None and first.entry != second.entry:
        more = _more(first, second)
        words = fit("B against A", room, sign=glyphs.cut)
        lines.append(
            [(" " * SIGN + words, "muted"), *_cells([more[title] for title, _ in heads], heads, "accent")]
        )
    return lines


def _cells(texts: Sequence[str], heads: Sequence[tuple[str, int]], tone: str) -> list[Part]:
    return [
        (" " + fit(text, cells, right=title != "chip"), tone)
        for text, (title, cells) in zip(texts, heads, strict=True)
    ]


def _told(side: Side, entry: PlanEntry) -> dict[str, str]:
    return {
        "chip": side.chip,
        "cosine": figures.cosine(entry.cos),
        "SQNR": figures.decibels(entry.sqnr),
        "on": str(side.samples or ""),
        "top-1": figures.share(entry.top1),
        "float": str(entry.floats),
        "MACs": figures.share(side.part),
        "predicted": figures.milliseconds(side.seconds) if side.seconds is not None else "",
    }


def _more(first: Side, second: Side) -> dict[str, str]:
    a, b = first.entry, second.entry
    assert a is not None
    assert b is not None
    gain = _less(a.sqnr, b.sqnr)
    top, cos, part = _less(a.top1, b.top1), _less(a.cos, b.cos), _less(first.part, second.part)
    return {
        "chip": "",
        "cosine": f"{cos:+.5f}" if cos is not None else "",
        "SQNR": f"{figures.gain(gain)} dB" if gain is not None else "",
        "on": "other" if first.samples != second.samples else "",
        "top-1": f"{top * 100:+.1f} %" if top is not None else "",
        "float": f"{b.floats - a.floats:+d}" if b.floats != a.floats else "",
        "MACs": f"{part * 100:+.1f} %" if part else "",
        "predicted": _times(first.seconds, second.seconds),
    }


def _times(first: float | None, second: float | None) -> str:
    """How much longer the second takes; as a multiple where they have little in common."""
    if not first or second is None:
        return ""
    ratio = second / first
    if ratio < MULTIPLE:
        return f"{(ratio - 1) * 100:+.1f} %"
    return f"x {ratio:.0f}" if ratio < 1e6 else f"x {ratio:.0e}"


def _less(a: float | None, b: float | None) -> float | None:
    """The second minus the first, where both are finite; stale where one of them is."""
    if a is None or b is None or abs(a) + abs(b) == float("inf"):
        return None
    return figures.Stale(b - a) if isinstance(a, figures.Stale) or isinstance(b, figures.Stale) else b - a


def changed(one: Difference) -> str:
    """In which of its settings a layer differs, in a word."""
    mode, threshold = one.modes[0] != one.modes[1], one.thresholds[0] != one.thresholds[1]
    return "both" if mode and threshold else "mode" if mode else "thresh." if threshold else ""


def layer_rows(found: Sequence[Difference]) -> list[dict[str, object]]:
    """The layers that differ: those that are set otherwise first, then those whose noise alone is another.

    Among both kinds the greatest loss comes first.
    """
    rows: list[dict[str, object]] = []
    for one in found:
        row: dict[str, object] = {"name": one.layer, "op": one.op, "changed": changed(one)}
        row["gain"] = _less(*one.sqnr)
        for sign, place in (("a", 0), ("b", 1)):
            row[f"mode_{sign}"], row[f"sqnr_{sign}"] = one.modes[place], one.sqnr[place]
            row[f"threshold_{sign}"] = one.thresholds[place]
        rows.append(row)
    return sorted(rows, key=lambda row: (not row["changed"], _order(row["gain"])))


def sample_rows(
    found: Sequence[SampleEntry], before: Mapping[str, tuple[float, float]]
) -> list[dict[str, object]]:
    """The samples of the second plan with the first's figures of the same files; the worst first."""
    rows: list[dict[str, object]] = []
    for one in found:
        cos, sqnr = before.get(one.file, (None, None))
        rows.append(
            {
                "name": one.entry,
                "file": one.file,
                "cos_a": cos,
                "cos_b": one.cos,
                "sqnr_a": sqnr,
                "sqnr_b": one.sqnr,
                "gain": _less(sqnr, one.sqnr),
            }
        )
    return sorted(rows, key=lambda row: _order(row["sqnr_b"]))


def _order(value: object) -> tuple[bool, float]:
    """Figures upwards, what has none at the end."""
    return (False, value) if isinstance(value, float) else (True, 0.0)
