"""What is told in place of a figure that a trial does not have: in how many samples it is NaN, or that it failed."""

import math
from collections.abc import Mapping

from ..engine.mix.trial import Failure, Ranked, Result, Trial
from ..engine.plan import Plan
from ..engine.run.score import spoilt_samples

Reasons = Mapping[tuple[str, str], str]
"""Words by what was tried: (layer, method), or ("", digest of a plan)."""


def reason(result: Result, weights: Mapping[str, float]) -> str:
    """Why a result has no figure, in a few words. weights: of the outputs that count; empty: all of them."""
    if isinstance(result, Failure):
        return "nan, the trial failed"
    counted = [item.similarity for item in result.outputs if not weights or weights.get(item.name)]
    return f"nan in {spoilt_samples(counted)} of {result.samples} samples"


def told_as(trial: Trial) -> list[tuple[str, str]]:
    """What a trial's words are found by: the layer and method that it is about; else, or beside, its plan."""
    layer, method = trial.judges
    found = [(layer, method)] if layer else []
    return found if trial.source is not None or (layer and trial.at) else [*found, ("", trial.plan.digest)]


def of_plan(reasons: Reasons, plan: Plan) -> str:
    """The words for a plan's figure."""
    return reasons.get(("", plan.digest), "nan")


def of_layer(reasons: Reasons, row: Ranked) -> str:
    """The words for a layer's loss; "" where its loss is one."""
    found = reasons.get((row.layer, row.method)) or reasons.get((row.layer, ""))
    if found is not None:
        return found
    return "" if math.isfinite(row.loss) else "nan"
