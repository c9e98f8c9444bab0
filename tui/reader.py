"""Reads a session file with sqlite3 alone, read-only, in short transactions (style 2.6)."""

import json
from array import array
from collections.abc import Iterable, Mapping
from math import isfinite
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..engine.errors import QuantdeckError
from ..engine.text import visible
from ..sessions.store import open_session
from .figures import Stale
from .reach import Wiring
from .snapshots import JobView, LayerColumns, LayerView, ScoreView, SessionView, TensorView

BUSY_TIMEOUT = 50  # milliseconds; the screen waits no longer for a writer
_JOB_COLUMNS = (
    "id", "kind", "title", "state", "wanted", "created", "started", "finished", "heartbeat", "stage",
    "done", "total", "rate", "eta", "message", "log",
    "pid", "pid_started", "boot",
)  # fmt: skip
_JOB = ", ".join(_JOB_COLUMNS)
_FIGURES = ("mode", "local_cos", "local_sqnr", "cos", "sqnr", "saturation")
_LAYERS = """
SELECT l.position, l.name, l.op, l.shape, l.macs, l.params, l.inputs, l.outputs,
       s.mode, s.local_cos, s.local_sqnr, s.cos, s.sqnr, s.saturation
FROM layer l LEFT JOIN layer_score s ON s.layer = l.name AND s.plan = ?
ORDER BY l.position
"""
_JOINS = ("Add", "Sub", "Mul")  # ops without products in the count that do not pass thresholds on
_LINEAGE = """
WITH RECURSIVE line(id, depth) AS (
    SELECT ?, 0 UNION ALL
    SELECT p.parent, depth + 1 FROM plan p JOIN line ON p.id = line.id WHERE p.parent IS NOT NULL AND depth < 500
)
SELECT id FROM line WHERE EXISTS (SELECT 1 FROM {table} t WHERE t.plan = line.id) ORDER BY depth LIMIT 1
"""  # a plan, or the nearest one before it, of which there are figures


PlanRows = tuple[Mapping[str, tuple[float, str]], Mapping[str, str]]
"""Threshold and method by tensor, and mode by layer."""


class SessionReader:
    """One held connection to a session file that is only looked at."""

    def __init__(self, path: Path) -> None:
        """Open *path*; QuantdeckError when it is no session, or a newer one, or damaged."""
        self.path = path
        self._session = open_session(path, readonly=True)
        self._connection = self._session.connection
        self._connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT}")
        self._seen = -1
        self._counts: dict[tuple[int, float], int | None] = {}  # samples by number and time of a score

    @property
    def frozen(self) -> bool:
        """Whether the file lies where nobody may write, so that nothing can change."""
        return self._session.frozen

    def close(self) -> None:
        """Let the file go."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def changed(self) -> bool:
        """Whether another process has committed since the last call; the first call says yes."""
        version = int(self._connection.execute("PRAGMA data_version").fetchone()[0])
        changed = version != self._seen
        self._seen = version
        return changed

    def head(self) -> SessionView:
        """Session, plan, score and the newest job."""
        state = self.one(
            "SELECT rev, title, chip, fp_type, current_plan, settings FROM state WHERE id = 1",
        )
        model = self.one("SELECT name, path, notes FROM model WHERE id = 1")
        samples = self.one("SELECT path, formed FROM samples WHERE role = 'calibration'")
        if state is None or model is None:
            raise QuantdeckError(
                f"The session {visible(str(self.path))} is not complete; make a new one of the model."
            )
        rev, title, chip, fp_type, plan, settings = state
        label = self.one("SELECT label FROM plan WHERE id = ?", plan)
        return SessionView(
            path=self.path,
            rev=rev,
            title=title,
            chip=chip,
            fp_type=fp_type,
            model=model[0],
            model_path=model[1],
            notes=tuple(str(note) for note in json.loads(model[2])),
            samples_path=samples[0] if samples else "",
            samples=samples[1] if samples else 0,
            settings=json.loads(settings),
            plan=plan,
            plan_label=label[0] if label else "",
            score=self._score(plan),
            job=next(iter(self.jobs(limit=1)), None),
            read_only=self.frozen,
        )

    def _known(self, plan: int | None, table: str) -> int | None:
        """The plan whose figures stand for *plan*'s until it has some."""
        row = self.one(_LINEAGE.format(table=table), plan)
        return row[0] if row else None

    def _score(self, plan: int | None) -> ScoreView | None:
        row = self.one(
            "SELECT id, created, cos, sqnr, dead, top1_float, top1_int8, labelled, plan FROM score"
            " WHERE plan = ? ORDER BY created DESC, id DESC LIMIT 1",
            self._known(plan, "score"),
        )
        return ScoreView(*row[2:], samples=self.sample_count(row[0], row[1])) if row else None

    def sample_count(self, score: int, created: float) -> int | None:
        """On how many samples a score was measured; a body may be megabytes, so it is read once."""
        if (score, created) not in self._counts:
            row = self.one(
                "SELECT CASE WHEN json_valid(body) THEN json_extract(body, '$.samples') END FROM score WHERE id = ?",
                score,
            )
            count = row[0] if row else None
            self._counts[score, created] = count if isinstance(count, int) and count > 0 else None
        return self._counts[score, created]

    def jobs(self, *, limit: int = 20) -> tuple[JobView, ...]:
        """The newest jobs, active ones first."""
        rows = self._connection.execute(
            f"SELECT {_JOB} FROM job ORDER BY state IN ('waiting', 'running') DESC, id DESC LIMIT ?", (limit,)
        )
        return tuple(job_view(row) for row in rows)

    def job(self, number: int) -> JobView | None:
        """One job by its number."""
        row = self.one(f"SELECT {_JOB} FROM job WHERE id = ?", number)
        return job_view(row) if row else None

    def layers(self, plan: int | None) -> LayerColumns:
        """The layer table under *plan*; figures that may not hold for it are ``Stale``."""
        known = self._known(plan, "layer_score")
        rows = self._connection.execute(_LAYERS, (known,)).fetchall()
        keys = ("position", "name", "op", "shape", "macs", "params", "inputs", "outputs", *_FIGURES)
        columns: dict[str, list[Any]] = (
            {key: list(values) for key, values in zip(keys, zip(*rows, strict=True), strict=True)}
            if rows
            else {key: [] for key in keys}
        )
        outputs = columns.pop("outputs")
        carriers = [
            name
            for name, op, macs in zip(columns["name"], columns["op"], columns["macs"], strict=True)
            if not macs and op not in _JOINS
        ]
        wiring = Wiring(columns["name"], columns.pop("inputs"), outputs, carriers)
        tensors = tuple(_first(text) for text in outputs)
        new = self.plan_rows(plan)
        old = new if known == plan else self.plan_rows(known)
        found = [new[0].get(tensor) for tensor in tensors]
        columns["threshold"] = [row[0] if row else None for row in found]
        columns["method"] = [row[1] if row else None for row in found]
        unset = {
            str(name)
            for name, mode in zip(columns["name"], columns["mode"], strict=True)
            if mode not in (None, "INT8") and name not in old[1]
        }
        carried = self._int8_elsewhere(unset)
        changed = changed_layers(old, new, wiring) if old is not new else set[str]()
        if old is not new:
            mark_stale(columns, wiring, changed)
        freed = carried & wiring.touched(changed)
        columns["mode"] = [
            _mode_now(mode, old[1].get(name), new[1].get(name), freed=name in freed)
            for mode, name in zip(columns["mode"], columns["name"], strict=True)
        ]
        still = frozenset(
            name
            for name, mode in zip(columns["name"], columns["mode"], strict=True)
            if name in carried and mode != "INT8" and name not in new[1]
        )
        return LayerColumns(columns, tensors, wiring, frozenset(unset - carried), still)

    def _int8_elsewhere(self, layers: set[str]) -> set[str]:
        """Which of these layers ran in int8 under some plan: the chip can, so that a neighbour made them float."""
        if not layers:
            return set()
        rows = self._connection.execute(
            "SELECT DISTINCT layer FROM layer_score WHERE mode = 'INT8'"
            " AND layer IN (SELECT value FROM json_each(?))",
            (json.dumps(sorted(layers)),),
        )
        return {str(row[0]) for row in rows}

    def plan_rows(self, plan: int | None) -> PlanRows:
        """Threshold and method by tensor, and mode by layer, of a plan."""
        row = self.one("SELECT body FROM plan WHERE id = ?", plan)
        if row is None:
            return {}, {}
        body: dict[str, Any] = json.loads(row[0])
        thresholds = {name: (float(value[0]), str(value[3])) for name, value in body["thresholds"].items()}
        return thresholds, {str(name): str(mode) for name, mode in body["modes"].items()}

    def figures_since(self, plan: int | None, rev: int) -> tuple[tuple[str, Mapping[str, object]], ...]:
        """Layer figures of *plan* written after revision *rev*: (layer, figures by column)."""
        rows = self._connection.execute(
            f"SELECT layer, {', '.join(_FIGURES)} FROM layer_score WHERE rev > ? AND plan = ?", (rev, plan)
        )
        return tuple((row[0], dict(zip(_FIGURES, row[1:], strict=True))) for row in rows)

    def layer(self, name: str) -> LayerView | None:
        """One layer with its neighbours and its activation."""
        row = self.one(
            "SELECT op, shape, detail, macs, params, inputs, outputs FROM layer WHERE name = ?",
            name,
        )
        if row is None:
            return None
        op, shape, detail, macs, params, inputs, outputs = row
        return LayerView(
            name=name,
            op=op,
            shape=shape,
            detail=detail,
            macs=macs,
            params=params,
            inputs=self._producers(json.loads(inputs)),
            outputs=self._consumers(json.loads(outputs)),
            tensor=self.tensor(_first(outputs)),
        )

    def _producers(self, tensors: Iterable[str]) -> tuple[tuple[str, str], ...]:
        """The activations among a layer's inputs with the op that makes them; weights are left out."""
        model = self.one("SELECT inputs FROM model WHERE id = 1")
        fed = {str(row[0]) for row in json.loads(model[0])} if model else set[str]()
        found: list[tuple[str, str]] = []
        for tensor in tensors:
            row = self.one(
                "SELECT l.op FROM layer l, json_each(l.outputs) o WHERE o.value = ? LIMIT 1", tensor
            )
            if row or tensor in fed:
                found.append((tensor, row[0] if row else "input"))
        return tuple(found)

    def _consumers(self, tensors: Iterable[str]) -> tuple[tuple[str, str], ...]:
        rows = self._connection.execute(
            "SELECT DISTINCT l.position, l.name, l.op FROM layer l, json_each(l.inputs) i"
            " WHERE i.value IN (SELECT value FROM json_each(?)) ORDER BY l.position",
            (json.dumps(list(tensors)),),
        )
        return tuple((name, op) for _, name, op in rows)

    def tensor(self, name: str) -> TensorView | None:
        """Statistics, histogram and thresholds of an activation."""
        row = self.one(
            "SELECT shape, min, max, mean, std, zero_share, warning, histogram, histogram_lo, histogram_hi"
            " FROM tensor WHERE name = ?",
            name,
        )
        if row is None:
            return None
        shape, low, high, mean, std, zeros, warning, blob, start, end = row
        counts = array("f")
        counts.frombytes(blob[: len(blob) // counts.itemsize * counts.itemsize] if blob else b"")
        thresholds = self._connection.execute(
            "SELECT method, value FROM threshold WHERE tensor = ? ORDER BY value, method", (name,)
        ).fetchall()
        bins = tuple(one if isfinite(one) else 0.0 for one in counts)
        return TensorView(
            name, shape, low, high, mean, std, zeros, warning or "", bins, start or 0.0, end or 0.0,
            tuple(thresholds),
        )  # fmt: skip

    def rows(self, query: str, *values: object) -> list[Any]:
        """All rows of a query."""
        return self._connection.execute(query, values).fetchall()

    def one(self, query: str, *values: object) -> Any:
        """The first row of a query, or None."""
        return self._connection.execute(query, values).fetchone()


def job_view(row: tuple[Any, ...]) -> JobView:
    """A job's row as a record; the columns stand in the record's order."""
    values: dict[str, Any] = dict(zip(_JOB_COLUMNS, row, strict=True))
    values["stage"], values["message"] = values["stage"] or "", values["message"] or ""
    return JobView(**values)


def _first(outputs: object) -> str:
    names = json.loads(str(outputs))
    return str(names[0]) if names else ""


def _mode_now(lowered: str | None, old: str | None, new: str | None, *, freed: bool) -> str | None:
    """A layer's mode under the plan *new*, of which *lowered* is known for the plan *old*.

    Where both plans say the same it is what the chip made of it, which may be wider than what the plan says. *freed*:
    only a neighbour made the layer float, and that may have changed.
    """
    if old == new and lowered is not None and not freed:
        return lowered
    return new or ("INT8" if lowered is not None else None)


def changed_layers(old: PlanRows, new: PlanRows, wiring: Wiring) -> set[str]:
    """Layers whose mode, or the threshold of one of whose outputs, differs between two plans."""
    tensors = {
        name
        for name in old[0].keys() | new[0].keys()
        if old[0].get(name, (None,))[0] != new[0].get(name, (None,))[0]
    }
    modes = {name for name in old[1].keys() | new[1].keys() if old[1].get(name) != new[1].get(name)}
    readers = {name for name in wiring.names if tensors and not tensors.isdisjoint(wiring.reads[name])}
    makers = {name for name in wiring.names if tensors and not tensors.isdisjoint(wiring.makes[name])}
    return modes | makers | readers


def mark_stale(columns: Mapping[str, list[Any]], wiring: Wiring, changed: set[str]) -> None:
    """Wrap the figures that another plan has: local ones near a change, accumulated ones behind it."""
    near = wiring.touched(changed)
    behind = wiring.behind(near)
    for row, name in enumerate(columns["name"]):
        keys = ("cos", "sqnr", "saturation") if name in behind else ()
        for key in (*keys, *(("local_cos", "local_sqnr") if name in near else ())):
            if columns[key][row] is not None:
                columns[key][row] = Stale(columns[key][row])
