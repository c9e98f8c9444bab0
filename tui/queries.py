"""What the screens beside the layers read of a session: plans, samples, jobs; sqlite3 only."""

import json
import math
from dataclasses import dataclass
from typing import Any

from .reader import SessionReader


@dataclass(frozen=True, slots=True)
class PlanEntry:
    """A plan of the session with its newest score."""

    id: int
    label: str
    created: float
    floats: int
    cos: float | None
    sqnr: float | None
    top1: float | None = None  # share of labelled samples whose class int8 has right


def plans(reader: SessionReader) -> tuple[PlanEntry, ...]:
    """Every plan, the newest first."""
    rows = reader.rows(
        "SELECT p.id, p.label, p.created, p.body, s.cos, s.sqnr, s.top1_int8 FROM plan p LEFT JOIN score s ON s.id ="
        " (SELECT id FROM score WHERE plan = p.id ORDER BY created DESC, id DESC LIMIT 1) ORDER BY p.id DESC"
    )
    return tuple(
        PlanEntry(row[0], row[1], row[2], len(json.loads(row[3])["modes"]), *row[4:7]) for row in rows
    )


@dataclass(frozen=True, slots=True)
class SampleEntry:
    """A sample with what the worst output has on it under a plan; *note*: why it was skipped."""

    number: int | None
    entry: str
    cos: float | None
    sqnr: float | None
    note: str


def samples(reader: SessionReader, plan: int | None) -> tuple[SampleEntry, ...]:
    """The evaluation samples, or else those of the calibration, with figures of each sample under *plan*."""
    row = None
    for role in ("evaluation", "calibration"):
        row = row or reader.one("SELECT entries, skipped, formed FROM samples WHERE role = ?", role)
    if row is None:
        return ()
    entries: list[str] = json.loads(row[0])
    figures = sample_figures(reader, plan)
    each = max(1, -(-len(entries) // max(1, row[2])))  # files of a batch share the figures
    found = [
        SampleEntry(
            place, entry, *(figures[place // each] if place // each < len(figures) else (None, None)), ""
        )
        for place, entry in enumerate(entries)
    ]
    skipped = [SampleEntry(None, pair[0], None, None, str(pair[1])) for pair in json.loads(row[1])]
    return (*found, *skipped)


def evaluated(reader: SessionReader) -> bool:
    """Whether the samples of the session are those of an evaluation."""
    return reader.one("SELECT 1 FROM samples WHERE role = 'evaluation'") is not None


def sample_figures(reader: SessionReader, plan: int | None) -> list[tuple[float, float]]:
    """Cosine and SQNR in dB of the worst output on each sample that the plan's newest score saw."""
    row = reader.one("SELECT body FROM score WHERE plan = ? ORDER BY created DESC, id DESC LIMIT 1", plan)
    body: dict[str, Any] = json.loads(row[0]) if row else {}
    outputs: list[dict[str, Any]] = body.get("outputs", [])
    columns: list[list[tuple[float, float]]] = []
    for output in outputs:
        one: dict[str, list[float]] = output["similarity"]
        columns.append(
            [
                (cosine, decibels(signal, noise))
                for cosine, signal, noise in zip(one["cosine"], one["signal"], one["noise"], strict=True)
            ]
        )
    return [min(together) for together in zip(*columns, strict=True)]


def decibels(signal: float, noise: float) -> float:
    """SQNR of two energies."""
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal > 0 else -math.inf


@dataclass(frozen=True, slots=True)
class Difference:
    """A layer in which two plans differ, or whose noise does."""

    layer: str
    op: str
    modes: tuple[str, str]
    thresholds: tuple[float | None, float | None]
    sqnr: tuple[float | None, float | None]


def differences(
    first: SessionReader, plan: int | None, second: SessionReader, other: int | None
) -> tuple[Difference, ...]:
    """The layers of the first plan beside those of the second, where anything differs."""
    left, right = first.layers(plan).columns, second.layers(other).columns
    there = {name: row for row, name in enumerate(right["name"])}
    found: list[Difference] = []
    for row, name in enumerate(left["name"]):
        beside = there.get(name)

        def pair(key: str, row: int = row, beside: int | None = beside) -> tuple[Any, Any]:
            return left[key][row], right[key][beside] if beside is not None else None

        one = Difference(str(name), str(left["op"][row]), pair("mode"), pair("threshold"), pair("sqnr"))
        if any(a != b for a, b in (one.modes, one.thresholds, one.sqnr)):
            found.append(one)
    return tuple(found)
