"""Reads a session file with sqlite3 alone, read-only, in short transactions (style 2.6)."""

import json
import sqlite3
from array import array
from collections.abc import Iterable, Mapping
from math import isfinite
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..engine.errors import QuantdeckError
from ..engine.text import visible
from ..sessions.layer_table import FIGURES, LayerColumns, first_name, layer_table, nearest
from ..sessions.lease import is_copy, parted
from ..sessions.store import open_session
from .snapshots import JobView, LayerView, ScoreView, SessionView, TensorView

BUSY_TIMEOUT = 50  # milliseconds; the screen waits no longer for a writer
_JOB_COLUMNS = (
    "id", "kind", "title", "state", "wanted", "created", "started", "finished", "heartbeat", "stage",
    "done", "total", "rate", "eta", "message", "log",
    "pid", "pid_started", "boot",
)  # fmt: skip
_JOB = ", ".join(_JOB_COLUMNS)


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

    def _score(self, plan: int | None) -> ScoreView | None:
        row = self.one(
            "SELECT id, created, cos, sqnr, dead, top1_float, top1_int8, labelled, plan FROM score"
            " WHERE plan = ? ORDER BY created DESC, id DESC LIMIT 1",
            nearest(self._connection, plan, "score"),
        )
        return ScoreView(*row[2:], samples=self.sample_count(row[0], row[1])) if row else None

    def sample_count(self, score: int, created: float) -> int | None:
        """On how many samples a score was measured; a body may be megabytes, so it is read once."""
        if (score, created) not in self._counts:
            row = self.one("SELECT body FROM score WHERE id = ?", score)
            try:  # not SQLite's JSON: figures of a sample may be NaN
                count: Any = json.loads(row[0])["samples"]
            except (ValueError, KeyError, TypeError, RecursionError):
                count = None
            self._counts[score, created] = count if isinstance(count, int) and count > 0 else None
        return self._counts[score, created]

    def jobs(self, *, limit: int = 20) -> tuple[JobView, ...]:
        """The newest jobs, active ones first."""
        rows = self._connection.execute(
            f"SELECT {_JOB} FROM job ORDER BY state IN ('waiting', 'running') DESC, id DESC LIMIT ?", (limit,)
        )
        return tuple(job_view(row, self._session.file) for row in rows)

    def goes_on(self, job: JobView) -> bool:
        """Whether another job starts by itself behind *job* (sessions/flow.py); not where that was damaged."""
        from ..sessions.flow import THEN

        steps = "CASE WHEN json_valid(spec) THEN json_array_length(spec, ?) END"
        try:
            row = self.one(f"SELECT {steps} FROM job WHERE id = ?", f"$.{THEN}", job.id)
        except sqlite3.Error:
            return False
        return job.state == "done" and row is not None and bool(row[0])

    def settings(self) -> dict[str, Any]:
        """How the session is calibrated, and what else it keeps beside its tables (sessions/records.py)."""
        row = self.one("SELECT settings FROM state WHERE id = 1")
        return json.loads(row[0]) if row else {}

    def job(self, number: int) -> JobView | None:
        """One job by its number."""
        row = self.one(f"SELECT {_JOB} FROM job WHERE id = ?", number)
        return job_view(row, self._session.file) if row else None

    def layers(self, plan: int | None) -> LayerColumns:
        """The layer table under *plan*; figures that may not hold for it are ``Stale``."""
        return layer_table(self._connection, plan)

    def figures_since(self, plan: int | None, rev: int) -> tuple[tuple[str, Mapping[str, object]], ...]:
        """Layer figures of *plan* written after revision *rev*: (layer, figures by column)."""
        rows = self._connection.execute(
            f"SELECT layer, {', '.join(FIGURES)} FROM layer_score WHERE rev > ? AND plan = ?", (rev, plan)
        )
        return tuple((row[0], dict(zip(FIGURES, row[1:], strict=True))) for row in rows)

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
            tensor=self.tensor(first_name(outputs)),
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


def job_view(row: tuple[Any, ...], file: str) -> JobView:
    """A job's row as a record; the columns stand in the record's order. *file*: the session's, as workers name it."""
    values: dict[str, Any] = dict(zip(_JOB_COLUMNS, row, strict=True))
    values["stage"], values["message"] = values["stage"] or "", values["message"] or ""
    return JobView(**values, copied=is_copy(file, parted(values["boot"] or "")[1]))
