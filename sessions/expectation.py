"""What is expected of a plan: the ledger's sum, set right by the runs that are known.

The ledger is measured on a few samples, a score on more of them, and where single samples carry the noise the two are
many decibels apart. What an edit changes is much the same for both, so that a plan is predicted from the nearest one
that was run.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..engine.plan import Mode

if TYPE_CHECKING:
    from ..engine.mix.ledger import Ledger
    from ..engine.plan import Plan
    from ..engine.run.score import Score

UNLIKE = 0.4
"""Of the decibels by which the samples of ledger and score are apart, so many may be wrong in a prediction.

Samples of which one is so much worse do not gain alike: on the embedded example without its preprocessing, 7 dB apart,
seven of eight predictions lay within.
"""


@dataclass(frozen=True, slots=True)
class Expectation:
    """SQNR in dB at the worst output with the ends of a 90 % interval, and its cosine."""

    sqnr: float
    low: float
    high: float
    cos: float


def expectation(ledger: "Ledger", plan: "Plan", runs: "Sequence[tuple[Plan, Score]]") -> Expectation:
    """What *plan* is expected to score on the samples of *runs*: plans with their scores, the oldest first."""
    if plan.strange:
        return _between(ledger, plan, runs)
    found = ledger.predict(plan)
    known = Expectation(found.sqnr, found.low, found.high, found.cosine)
    near = _nearest(ledger, plan, runs)
    if near is None:
        return known
    base, score = ledger.predict(near[0]), near[1]
    apart = score.sqnr - base.sqnr
    if not math.isfinite(apart):
        return known
    more = math.hypot((found.high - found.low) / 2, UNLIKE * apart)
    sqnr = found.sqnr + apart
    loss = (1 - score.cosine) / (1 - base.cosine) if base.cosine < 1 else 1.0
    return Expectation(sqnr, sqnr - more, sqnr + more, max(-1.0, 1 - (1 - found.cosine) * loss))


def _between(ledger: "Ledger", plan: "Plan", runs: "Sequence[tuple[Plan, Score]]") -> Expectation:
    """The ledger did not measure these layers' float type: they are no worse than int8, no better than its own."""
    strange = plan.strange
    others = {name: mode for name, mode in plan.modes.items() if name not in strange}
    worst = expectation(ledger, replace(plan, modes=others), runs)
    best = expectation(ledger, replace(plan, modes=others | dict.fromkeys(strange, Mode(plan.fp_type))), runs)
    least, most = min(worst.low, best.low), max(worst.high, best.high)
    return Expectation((worst.sqnr + best.sqnr) / 2, least, most, (worst.cos + best.cos) / 2)


def _nearest(
    ledger: "Ledger", plan: "Plan", runs: "Sequence[tuple[Plan, Score]]"
) -> "tuple[Plan, Score] | None":
    """The run with the ledger's thresholds that differs in the fewest layers; the newest of several."""
    floats = ledger.map.restricted(plan.modes)
    alike = [
        run for run in runs if not run[0].strange and replace(run[0], modes={}).digest == ledger.thresholds
    ]
    return min(
        reversed(alike), key=lambda run: len(ledger.map.restricted(run[0].modes) ^ floats), default=None
    )
