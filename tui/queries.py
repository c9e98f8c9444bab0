"""What the screens beside the layers read of a session: plans, samples, jobs; sqlite3 only."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..engine.data.parts import first_digest, picked_digest
from ..engine.errors import QuantdeckError
from ..sessions.judged import Chosen
from ..sessions.layer_table import plan_body
from ..sessions.whole_name import whole_name
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
    score: tuple[int, float] | None = None  # number and time of that score
    parent: int | None = None  # the plan that it was made from


def plans(reader: SessionReader) -> tuple[PlanEntry, ...]:
    """Every plan, the newest first."""
    rows = reader.rows(
        "SELECT p.id, p.label, p.created, p.body, s.cos, s.sqnr, s.top1_int8, s.id, s.created, p.parent"
        " FROM plan p LEFT JOIN score s ON s.id ="
        " (SELECT id FROM score WHERE plan = p.id ORDER BY created DESC, id DESC LIMIT 1) ORDER BY p.id DESC"
    )
    return tuple(
        PlanEntry(
            row[0],
            row[1],
            row[2],
            len((plan_body(row[3]) or ({}, {}))[1]),
            row[4],
            row[5],
            row[6],
            row[7:9] if row[7] is not None else None,
            row[9],
        )
        for row in rows
    )


@dataclass(frozen=True, slots=True)
class SampleEntry:
    """A sample with what the worst output has on it under a plan.

    *note*: why it was skipped. *file*: its whole name, by which another session knows it too.
    """

    number: int | None
    entry: str
    cos: float | None
    sqnr: float | None
    note: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class SampleSet:
    """The samples of a role; *each*: entries that share the figures of a sample, as those of a batch do.

    *chosen*: those of them on which edits are judged, where they are not the first ones. *path*: their folder or list.
    """

    role: str
    digest: str
    entries: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    each: int
    chosen: Chosen | None = None
    path: str = ""

    def measured(self, digest: str, count: int) -> Sequence[int]:
        """Which of these samples a score of *count* samples is of, by the digest of its samples; empty for none."""
        chosen = self.chosen
        if chosen is not None and digest == picked_digest(self.digest, chosen.places):
            return chosen.places
        return range(count) if digest in (self.digest, first_digest(self.digest, count)) else ()


Figures = Mapping[int, tuple[float, float]]
"""Cosine and SQNR in dB of the worst output on samples, by their number."""


def sample_sets(reader: SessionReader) -> list[SampleSet]:
    """Those that plans are scored on: of the evaluation, if there was one, then of the calibration."""
    rows = reader.rows(
        "SELECT role, digest, entries, skipped, formed, path FROM samples WHERE role IN ('evaluation', 'calibration')"
        " ORDER BY role DESC"
    )
    chosen = Chosen.of(reader.settings())
    found: list[SampleSet] = []
    for role, digest, entries, skipped, formed, path in rows:
        names = tuple(str(one) for one in json.loads(entries))
        left = tuple((str(pair[0]), str(pair[1])) for pair in json.loads(skipped))
        each = max(1, -(-len(names) // max(1, formed)))
        found.append(SampleSet(role, digest, names, left, each, chosen, path))
    return found


def _scores(reader: SessionReader, plan: int | None) -> Iterator[tuple[SampleSet, Figures]]:
    """The plan's scores with the samples that each was measured on, the newest first; read as they are asked for."""
    sets = sample_sets(reader)
    query = "SELECT samples_digest, body FROM score WHERE plan = ? ORDER BY created DESC, id DESC"
    for digest, body in reader.rows(query, plan):
        figures = _read_figures(body)
        for known in sets:
            places = known.measured(digest, len(figures))
            if places and len(places) == len(figures):
                yield known, dict(zip(places, figures, strict=True))
                break


def _read_figures(body: str) -> list[tuple[float, float]]:
    try:
        return _figures(json.loads(body))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise QuantdeckError("a score of this plan is damaged; have it scored again") from error


def _figures(body: dict[str, Any]) -> list[tuple[float, float]]:
    columns: list[list[tuple[float, float]]] = []
    for output in body.get("outputs", []):
        one: dict[str, list[float]] = output["similarity"]
        columns.append(
            [
                (float(cosine), decibels(signal, noise))
                for cosine, signal, noise in zip(one["cosine"], one["signal"], one["noise"], strict=True)
            ]
        )
    return [min(together) for together in zip(*columns, strict=True)]


def samples(reader: SessionReader, plan: int | None) -> tuple[SampleEntry, ...]:
    """The samples of *plan*'s newest score with its figures of each, be they of an earlier score on the same ones.

    Without one those of the evaluation, or else of the calibration.
    """
    shown = _shown(reader, plan)
    if shown is None:
        return ()
    known, figures = shown
    found = [
        SampleEntry(
            place, entry, *figures.get(place // known.each, (None, None)), "", whole_name(entry, known.path)
        )
        for place, entry in enumerate(known.entries)
    ]
    return (*found, *(SampleEntry(None, entry, None, None, why) for entry, why in known.skipped))


def _shown(reader: SessionReader, plan: int | None) -> tuple[SampleSet, Figures] | None:
    """The samples that are shown for a plan, with its figures of them; None where the session has none."""
    shown: tuple[SampleSet, Figures] | None = None
    for one, figures in _scores(reader, plan):
        if shown is None or one == shown[0]:
            shown = one, {**figures, **(shown[1] if shown else {})}
    return shown or next(((one, {}) for one in sample_sets(reader)), None)


def samples_role(reader: SessionReader, plan: int | None) -> str:
    """Which samples ``samples`` gives: evaluation or calibration."""
    try:
        newest = next(_scores(reader, plan), None)
        shown = newest[0] if newest else next(iter(sample_sets(reader)), None)
    except QuantdeckError:  # said where the figures themselves are read
        shown = None
    return shown.role if shown else "calibration"


def sample_figures(reader: SessionReader, plan: int | None) -> dict[str, tuple[float, float]]:
    """Figures of every sample, by its whole name, that a score of the plan has seen; the newest score goes first."""
    found: dict[str, tuple[float, float]] = {}
    for one, figures in reversed(list(_scores(reader, plan))):
        found |= {
            whole_name(entry, one.path): figures[place // one.each]
            for place, entry in enumerate(one.entries)
            if place // one.each in figures
        }
    return found


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
