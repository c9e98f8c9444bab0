"""The journal of trials: each is paid for once and committed alone (design section 5)."""

import hashlib
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..engine.mix.trial import Failure, Result, Trial
from ..engine.plan import Threshold
from ..engine.run.arithmetic import ARITHMETIC_VERSION
from .packing import pack, unpack, well_formed
from .proposals import Proposals
from .records import score_from
from .session import Session

_AT_ONCE = 500  # keys in one query


@dataclass(frozen=True, slots=True)
class Scope:
    """What all trials of a search depend on beside the trial itself."""

    graph: str
    samples: str
    post_process: str = ""
    reference: str = "chip"
    version: int = ARITHMETIC_VERSION


def trial_key(scope: Scope, trial: Trial) -> str:
    """The key of a trial: equal keys mean equal results."""
    source = trial.source
    return digest_of(
        "trial",
        list(asdict(scope).items()),
        trial.plan.digest,
        list(trial.at),
        trial.samples,
        list(asdict(source).items()) if source is not None else None,
        *([list(trial.only)] if trial.only else ()),
    )


def digest_of(*parts: object) -> str:
    """sha256 over JSON values."""
    return hashlib.sha256(json.dumps(parts).encode("utf-8", "surrogatepass")).hexdigest()


class Journal:
    """The trials of one session, on behalf of one of its jobs."""

    def __init__(self, session: Session, job: int) -> None:
        self._session = session
        self._job = job
        row = session.row("SELECT coalesce(max(position), 0) FROM trial WHERE job = ?", job)
        with well_formed():
            self._position = int(row[0]) if row else 0
        self._proposals = Proposals()

    def find(self, keys: Sequence[str]) -> dict[str, Result]:
        """Results of the keys that were paid for."""
        return {
            key: score_from(body) if body is not None else Failure(error)
            for key, (body, error) in self._bodies(keys).items()
        }

    def find_body(self, key: str) -> Any:
        """The body that ``put_body`` stored; None when there is none."""
        return self._bodies([key]).get(key, (None, ""))[0]

    def _bodies(self, keys: Sequence[str]) -> dict[str, tuple[Any, str]]:
        found: dict[str, tuple[Any, str]] = {}
        distinct = list(dict.fromkeys(keys))
        for start in range(0, len(distinct), _AT_ONCE):
            part = distinct[start : start + _AT_ONCE]
            query = f"SELECT key, body, error FROM trial WHERE key IN ({', '.join('?' * len(part))})"
            for row in self._session.rows(query, *part):
                found[row["key"]] = (unpack(row["body"]) if row["body"] else None, row["error"] or "")
        return found

    def put(self, key: str, trial: Trial, result: Result, cos: float, cost: float | None = None) -> None:
        """Commit a result with what it is about; the first one of a key stays. *cost*: of its plan, int8 = 1."""
        failed = isinstance(result, Failure)
        whole = trial.source is None and not (trial.at and trial.judges[0])
        self._commit(
            key,
            self._about(key, trial, cost),
            float_layers=len(trial.plan.modes) if whole else None,
            cos=None if failed else _number(cos),
            sqnr=None if failed else _number(result.sqnr),
            body=None if failed else pack(asdict(result)),
            error=result.message if failed else None,
        )

    def forget(self, keys: Sequence[str]) -> None:
        """Take trials out that have failed."""
        with self._session.write() as writer:
            for key in keys:
                writer.delete("tried", "key", key)
                writer.delete("trial", "key", key)

    def put_body(self, key: str, body: Any, *, cos: float | None = None) -> None:
        """Commit a result of another form."""
        self._commit(key, {}, float_layers=None, cos=cos, sqnr=None, body=pack(body), error=None)

    def _about(self, key: str, trial: Trial, cost: float | None) -> dict[str, object]:
        """The row of what was tried: a layer that is judged, or a plan that could be taken."""
        row: dict[str, object] = {"key": key}
        layer, method = trial.judges
        if layer or method:
            row |= {"layer": layer, "method": method}
        part = trial.samples or trial.only  # a figure on part of the samples is none of the curve
        if trial.source is None and (not (layer or method) or (method and not trial.plan.modes and not part)):
            row |= {"cost": cost, "body": self._proposals.packed(key, trial.plan)}
        return row if len(row) > 1 else {}

    def _commit(self, key: str, about: Mapping[str, object], **columns: object) -> None:
        self._position += 1
        row: dict[str, object] = {
            "key": key,
            "job": self._job,
            "position": self._position,
            "created": time.time(),
            **columns,
        }
        with self._session.write() as writer:
            writer.add("trial", row, ignore=True)
            if about:
                writer.add("tried", about, ignore=True)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


Rows = dict[str, dict[str, Threshold]]


def find_calibration(session: Session, key: str) -> tuple[Rows, list[str]] | None:
    """Rows by method and warnings of a calibration that was done before."""
    row = session.row("SELECT body FROM calibration WHERE key = ?", key)
    if row is None:
        return None
    body = unpack(row["body"])
    with well_formed():
        rows = {
            method: {name: Threshold(*numbers) for name, numbers in found} for method, found in body["rows"]
        }
        return rows, body["warnings"]


def put_calibration_rows(
    session: Session, key: str, rows: Mapping[str, Mapping[str, Threshold]], warnings: Sequence[str]
) -> None:
    """Keep a calibration."""
    body = {
        "rows": [
            [method, [[name, [row.value, row.min, row.max, row.method]] for name, row in found.items()]]
            for method, found in rows.items()
        ],
        "warnings": list(warnings),
    }
    with session.write() as writer:
        writer.insert("calibration", [{"key": key, "created": time.time(), "body": pack(body)}], replace=True)
