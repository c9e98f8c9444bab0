"""What the search screen reads of a session: searches with their trials, rankings and plans; sqlite3 only."""

import json
import math
from dataclasses import dataclass
from typing import Any

from ..engine.errors import QuantdeckError
from ..sessions.packing import damaged, unpack, well_formed
from ..sessions.proposals import plan_text
from .reader import SessionReader
from .search_points import Points, SearchPoint


@dataclass(frozen=True, slots=True)
class RankedLayer:
    """A layer, the cos that it costs alone in int8, and the method that costs least."""

    layer: str
    op: str
    loss: float
    method: str = ""


@dataclass(frozen=True, slots=True)
class SearchView:
    """A search: what it looks for, what it tried, what it found. *points*: while it runs those of its ``Watched``."""

    job: int
    kind: str
    strategy: str
    target: float | None
    trials: int
    failed: int
    best_cos: float | None
    best_floats: int | None
    points: Points
    best: int | None  # the place among the points of the best plan so far
    ranking: tuple[RankedLayer, ...]
    reason: str


class Watched:
    """The trials of one search, read once each: of a search that grows only what is new is read again."""

    def __init__(self, job: int) -> None:
        self.job = job
        self.trials = 0
        self.failed = 0
        self._last = 0
        self.points = Points()
        self._places: dict[tuple[int, float], int] = {}  # of the points, by float layers and cos
        self._judged: dict[str, dict[str, RankedLayer]] = {}

    def read(self, reader: SessionReader, most: int = -1) -> bool:
        """Take in what was committed since the last call, *most* trials of it; whether there may be more."""
        rows = reader.rows(
            "SELECT t.position, t.key, t.float_layers, t.cos, t.error IS NOT NULL, p.key IS NOT NULL, p.layer,"
            " p.method, p.cost, p.body IS NOT NULL, l.op FROM trial t LEFT JOIN tried p ON p.key = t.key"
            " LEFT JOIN layer l ON l.name = p.layer WHERE t.job = ? AND t.position > ? ORDER BY t.position"
            " LIMIT ?",
            self.job, self._last, most,
        )  # fmt: skip
        for at, key, floats, cos, failed, known, layer, method, cost, kept, op in rows:
            self._last = at
            self.trials += 1
            self.failed += failed
            if cos is None:
                continue
            if layer:
                one = RankedLayer(layer, op or "", 1 - cos, method or "")
                self._judged.setdefault(layer, {})[method] = one
            place = (floats, cos)
            if floats is not None and (kept or not known) and place not in self._places:
                self._places[place] = len(self.points)
                self.points.append(SearchPoint(floats, cos, cost, key if kept else ""))
        return len(rows) == most

    def place(self, floats: int | None, cos: float | None) -> int | None:
        """Where a point stands among the plans."""
        return self._places.get((floats, cos)) if floats is not None and cos is not None else None

    @property
    def ranking(self) -> tuple[RankedLayer, ...]:
        """The layers judged so far, the most costly first, each by its best method's last figure."""
        least = [min(by.values(), key=lambda one: one.loss) for by in self._judged.values()]
        return tuple(sorted(least, key=lambda one: -one.loss))


def search(reader: SessionReader, job: int, watched: Watched | None = None) -> SearchView | None:
    """A search by its job; points and ranking are those of its outcome, or of its trials while it runs.

    *watched*: what was read of the same search before.
    """
    wanted = reader.one("SELECT spec FROM job WHERE id = ? AND kind = 'search'", job)
    if wanted is None:
        return None
    spec: dict[str, Any] = json.loads(wanted[0])
    row: Any = (
        reader.one("SELECT target, best, cos, float_layers, reason, outcome FROM search WHERE job = ?", job)
        or (None,) * 6
    )
    tried = watched or Watched(job)
    tried.read(reader)
    kind = str(spec.get("kind", ""))
    outcome, points, ranking, damage = _ended(row[5], kind)
    place = _place_of(points, row[3], row[2]) if points else tried.place(row[3], row[2])
    points, best = _with_best(points or tried.points, place, row[3], row[2], outcome, row[1])
    return SearchView(
        job=job,
        kind=kind,
        strategy=str(spec.get("strategy", "")),
        target=row[0] if row[0] is not None else _number(spec.get("expected_cos")),
        trials=tried.trials,
        failed=tried.failed,
        best_cos=row[2],
        best_floats=row[3],
        points=points,
        best=best,
        ranking=ranking or tried.ranking,
        reason=damage or row[4] or "",
    )


def _ended(blob: bytes | None, kind: str) -> tuple[dict[str, Any], Points, tuple[RankedLayer, ...], str]:
    """The outcome of a search that has ended with its points and its ranking, and what is wrong with it."""
    try:
        outcome = _unpacked(blob)
        with well_formed():
            return outcome, _curve(outcome), _ranked(outcome, kind), ""
    except QuantdeckError as error:
        return {}, Points(), (), str(error)


def _unpacked(blob: bytes | None) -> dict[str, Any]:
    """A body. Errors: QuantdeckError where it is none."""
    body: Any = unpack(blob) if blob else {}
    if not isinstance(body, dict):
        raise damaged("no object")
    return body  # pyright: ignore[reportUnknownVariableType] - JSON


def _curve(outcome: dict[str, Any]) -> Points:
    """The points of a search that has ended, by their number of float layers."""
    curve: list[Any] = outcome.get("curve", [])
    costs: list[float | None] = outcome.get("costs") or [None] * len(curve)
    found = {
        (int(one[0]), float(one[1])): SearchPoint(
            int(one[0]), float(one[1]), None if cost is None else float(cost), plan=str(one[2])
        )
        for one, cost in zip(curve, costs, strict=True)
    }
    points = Points()
    for key in sorted(found):
        points.append(found[key])
    return points


def _with_best(
    points: Points,
    place: int | None,
    floats: int | None,
    cos: float | None,
    outcome: dict[str, Any],
    best: Any,
) -> tuple[Points, int | None]:
    """The points with the best one's plan, and its *place*; sessions are older than what trials keep of theirs."""
    if floats is None or cos is None:
        return points, None
    if place is not None and points.known(place):
        return points, place
    try:
        text = str(outcome.get("plan") or _unpacked(best).get("plan", ""))
    except QuantdeckError:
        text = ""  # said where somebody takes it
    at = len(points) if place is None else place
    cost = points.costs[at] if place is not None else None
    return points.mended(at, SearchPoint(floats, cos, cost, plan=text)), at


def _place_of(points: Points, floats: int | None, cos: float | None) -> int | None:
    """Where a point stands among those of an outcome."""
    wanted = (floats, cos)
    return next(
        (at for at, one in enumerate(zip(points.floats, points.cos, strict=True)) if one == wanted), None
    )


def _ranked(outcome: dict[str, Any], kind: str) -> tuple[RankedLayer, ...]:
    """The ranking as the outcome has it; of search_threshold, which keeps the order of trying, the best first."""
    found = [
        RankedLayer(str(one[0]), str(one[1]), float(one[2]), str(one[3] or "") if len(one) > 3 else "")
        for one in outcome.get("ranking", ())
    ]
    if kind == "search_threshold":
        found.sort(key=lambda one: (math.isnan(one.loss), one.loss))
    return tuple(found)


def has_ended(reader: SessionReader, job: int) -> bool:
    """Whether a search's points are those of its outcome."""
    return bool(reader.one("SELECT 1 FROM search WHERE job = ? AND outcome IS NOT NULL", job))


def plan_of(reader: SessionReader, point: SearchPoint) -> str:
    """The plan of a point as JSON; empty when the session does not hold it."""
    if point.plan:
        return point.plan

    def find(key: str) -> bytes | None:
        row = reader.one("SELECT body FROM tried WHERE key = ?", key)
        return row[0] if row else None

    blob = find(point.key) if point.key else None
    return plan_text(blob, find) if blob else ""


def searches(reader: SessionReader) -> tuple[tuple[int, str, str], ...]:
    """The session's searches, newest first: job, title, state."""
    rows = reader.rows("SELECT id, title, state FROM job WHERE kind = 'search' ORDER BY id DESC")
    return tuple((row[0], row[1], row[2]) for row in rows)


WISHED = "kind = 'search' AND json_extract(spec, '$.kind') IS NOT 'calibrate'"
"""Jobs that are searches to whoever reads; a calibration that corrects is one to the worker only."""


def last_spec(reader: SessionReader) -> dict[str, Any]:
    """What the newest search was asked for."""
    row = reader.one(f"SELECT spec FROM job WHERE {WISHED} ORDER BY id DESC LIMIT 1")
    found: dict[str, Any] = json.loads(row[0]) if row else {}
    return found


def last_target(reader: SessionReader) -> float | None:
    """The newest search's target in the chapter's cos; None where none had one."""
    row = reader.one(
        f"SELECT json_extract(spec, '$.expected_cos') FROM job WHERE {WISHED}"
        " AND json_type(spec, '$.expected_cos') IN ('real', 'integer') ORDER BY id DESC LIMIT 1"
    )
    return float(row[0]) if row else None


def _number(value: object) -> float | None:
    """A figure of a job's settings; None for anything else that may stand there."""
    return float(value) if isinstance(value, (int, float)) else None
