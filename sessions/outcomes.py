"""Outcomes of searches as JSON values, and back."""

from typing import Any

from ..engine.mix.trial import Outcome, Point, Ranked, StopReason
from ..engine.plan import Plan


def outcome_body(outcome: Outcome) -> dict[str, Any]:
    """The whole outcome; plans that share thresholds are told apart by their texts."""
    return {
        "plan": outcome.plan.to_json(),
        "cos": outcome.cos,
        "int8_cos": outcome.int8_cos,
        "target": outcome.target,
        "reason": str(outcome.reason),
        "ranking": [[row.layer, row.op, row.loss, row.method, row.threshold] for row in outcome.ranking],
        "curve": [[point.float_layers, point.cos, point.plan.to_json()] for point in outcome.curve],
        "lines": list(outcome.lines),
    }


def outcome_from(body: dict[str, Any]) -> Outcome:
    """What ``outcome_body`` took."""
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
