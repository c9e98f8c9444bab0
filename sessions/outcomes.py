"""Outcomes of searches as JSON values, and back."""

from typing import Any

from ..engine.errors import QuantdeckError
from ..engine.mix.trial import Outcome, Point, Ranked, StopReason
from ..engine.plan import Plan
from .no_figure import Reasons, of_layer
from .packing import unpack, well_formed
from .session import Session


def outcome_body(outcome: Outcome, reasons: Reasons | None = None) -> dict[str, Any]:
    """The whole outcome, and why layers of its ranking have no figure."""
    return {
        "plan": outcome.plan.to_json(),
        "cos": outcome.cos,
        "int8_cos": outcome.int8_cos,
        "target": outcome.target,
        "reason": str(outcome.reason),
        "ranking": [[row.layer, row.op, row.loss, row.method, row.threshold] for row in outcome.ranking],
        "curve": [[point.float_layers, point.cos, point.plan.to_json()] for point in outcome.curve],
        "lines": list(outcome.lines),
        "reasons": [[row.layer, row.method, of_layer(reasons or {}, row)] for row in outcome.ranking],
    }


def reasons_from(body: dict[str, Any]) -> dict[tuple[str, str], str]:
    """Why layers of the ranking have no figure; older sessions do not know it."""
    with well_formed():
        return {(layer, method): words for layer, method, words in body.get("reasons", []) if words}


def outcome_from(body: dict[str, Any]) -> Outcome:
    """What ``outcome_body`` took. Errors: QuantdeckError where it is something else."""
    with well_formed():
        return Outcome(
            plan=Plan.from_json(body["plan"]),
            cos=body["cos"],
            int8_cos=body["int8_cos"],
            target=body["target"],
            reason=StopReason(body["reason"]),
            ranking=tuple(Ranked(*row) for row in body["ranking"]),
            curve=tuple(Point(count, cos, Plan.from_json(plan)) for count, cos, plan in body["curve"]),
            lines=tuple(body["lines"]),
        )


def best_plan(session: Session, job: int) -> Plan | None:
    """The plan that a search came to: the best so far while it runs, its end's when it has ended.

    None where nothing has been tried yet. Errors: QuantdeckError when the job is no search.
    """
    row = session.row("SELECT best, outcome FROM search WHERE job = ?", job)
    if row is None:
        raise QuantdeckError(f"the session has no search {job}; quantdeck jobs SESSION lists its jobs")
    if row["outcome"] is not None:
        with well_formed():
            return Plan.from_json(unpack(row["outcome"])["plan"])
    return None if row["best"] is None else _best(unpack(row["best"]))[0]


def best_so_far(session: Session, job: int) -> tuple[Plan, float] | None:
    """The best plan of a search that runs, and its cos; None where nothing has been tried yet."""
    row = session.row("SELECT best FROM search WHERE job = ?", job)
    return None if row is None or row["best"] is None else _best(unpack(row["best"]))


def _best(body: dict[str, Any]) -> tuple[Plan, float]:
    with well_formed():
        stored = Plan.from_json(body["plan"])
        modes = {name: stored.modes[name] for name in body["layers"]}
        return Plan(stored.chip, stored.fp_type, stored.thresholds, modes), body["cos"]
