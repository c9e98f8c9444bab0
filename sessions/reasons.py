"""Why the layers of a session hurt: what its rows know, without running the network (features C9)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..engine.errors import QuantdeckError
from ..engine.mix.diagnose import Diagnosis, diagnose
from ..engine.mix.repairs import Evidence
from ..engine.plan import Plan, Threshold
from ..engine.text import visible
from . import records
from .ledgers import session_ledger
from .session import Session
from .work import session_graph

if TYPE_CHECKING:
    from ..engine.calib.statistics import TensorStatistics
    from ..engine.graph.model import Graph
    from ..engine.mix.ledger import Ledger

_LOUD = 3000.0  # dB; no float32 network comes near it, and a power of ten that is larger is no number
_MOST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Reasons:
    """What is known of one plan of a session; layers are asked for one by one."""

    evidence: Evidence

    @classmethod
    def of(
        cls,
        session: Session,
        plan: Plan | None = None,
        *,
        graph: "Graph | None" = None,
        ledger: "Ledger | None" = None,
    ) -> "Reasons":
        """Gather the evidence for *plan* (the session's own unless given).

        graph: the session's, where the caller has it at hand. ledger: of the plan's thresholds, where the caller has
        measured one; else the one that the session's journal knows. Errors: QuantdeckError when the session is not
        calibrated, its model is gone, or its chip is not simulated.
        """
        found = records.get_plan(session)
        if found is None:
            raise QuantdeckError(
                f"the session {visible(str(session.path))} is not calibrated yet; calibrate it, and it can tell "
                "why a layer hurts"
            )
        plan = plan or found[1]
        statistics, graph = session_statistics(session), graph or session_graph(session)
        return cls(
            Evidence.of(
                graph,
                plan,
                statistics,
                methods=session_methods(session),
                arrived=_arrived(session, plan, statistics),
                ledger=ledger or session_ledger(session, graph, plan),
            )
        )

    def of_layer(self, layer: str) -> Diagnosis:
        """Figures, words and repairs of one layer.

        Errors: QuantdeckError when there is no such layer.
        """
        found = self.evidence.graph.by_name.get(layer)
        if found is None:
            raise QuantdeckError(f"the model has no layer {visible(layer)}; quantdeck layers lists them")
        return diagnose(self.evidence, found)

    def of_all(self) -> tuple[Diagnosis, ...]:
        """Figures and words of every layer in model order, without repairs."""
        return tuple(diagnose(self.evidence, layer, repair=False) for layer in self.evidence.graph.layers)


def reasons(session: Session, layer: str, plan: Plan | None = None) -> Diagnosis:
    """Why one layer of a session's plan hurts, with every repair."""
    return Reasons.of(session, plan).of_layer(layer)


def session_statistics(session: Session) -> "dict[str, TensorStatistics]":
    """The statistics of calibration, by tensor; without those that are no figures, as of a tensor with NaN in it."""
    from ..engine.calib.statistics import TensorStatistics

    rows = session.rows(
        "SELECT name, min, max, mean, std, zero_share, histogram, histogram_lo, histogram_hi, warning "
        "FROM tensor WHERE histogram IS NOT NULL ORDER BY position"
    )
    return {
        row["name"]: TensorStatistics(
            name=row["name"],
            samples=1,
            size=0,
            min=row["min"],
            max=row["max"],
            mean=row["mean"],
            std=row["std"],
            zero_share=row["zero_share"],
            histogram=np.frombuffer(row["histogram"], "<f4").astype(np.float32),
            histogram_lo=row["histogram_lo"],
            histogram_hi=row["histogram_hi"],
            warning=row["warning"],
        )
        for row in rows
        if _are_figures(row)
    }


def _are_figures(row: Any) -> bool:
    """Whether a tensor's figures are such as float32 values have; SQLite keeps NaN as NULL."""
    values = [
        row[name] for name in ("min", "max", "mean", "std", "zero_share", "histogram_lo", "histogram_hi")
    ]
    sound = all(isinstance(one, (int, float)) and abs(one) <= _MOST for one in values)
    return sound and isinstance(row["histogram"], bytes) and len(row["histogram"]) % 4 == 0


def session_methods(session: Session) -> dict[str, dict[str, Threshold]]:
    """The threshold of every method, by tensor; without those that no float32 is as large as."""
    found: dict[str, dict[str, Threshold]] = {}
    for row in session.rows("SELECT tensor, method, value, min, max FROM threshold ORDER BY rowid"):
        if max(abs(row["value"]), abs(row["min"]), abs(row["max"])) > _MOST:
            continue
        found.setdefault(row["tensor"], {})[row["method"]] = Threshold(
            row["value"], row["min"], row["max"], row["method"]
        )
    return found


def _arrived(session: Session, plan: Plan, statistics: "Mapping[str, TensorStatistics]") -> dict[str, float]:
    """Mean square of the whole plan's error at each layer's output, where the plan was scored."""
    rows: list[Any] = session.rows(
        "SELECT s.layer, s.sqnr FROM layer_score s JOIN plan p ON p.id = s.plan WHERE p.digest = ?",
        plan.digest,
    )
    return {
        row["layer"]: (found.std**2 + found.mean**2) / 10 ** (min(row["sqnr"], _LOUD) / 10)
        for row in rows
        if row["sqnr"] is not None
        and row["sqnr"] > -_LOUD
        and (found := statistics.get(row["layer"])) is not None
    }
