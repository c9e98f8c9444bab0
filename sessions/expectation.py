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
    from ..engine.mix.ledger import Ledger, Prediction
    from ..engine.mix.threshold_moves import Moves
    from ..engine.plan import Plan
    from ..engine.run.score import Score

UNLIKE = 0.4
"""Of the decibels by which the samples of ledger and score are apart, so many may be wrong in a prediction.

Samples of which one is so much worse do not gain alike: on the embedded example without its preprocessing, 7 dB apart,
seven of eight predictions lay within.
"""


ANGLE = 1.5
"""By so much a cosine's loss in dB may be more wrong than the noise is: samples count alike in it, loud or not."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """SQNR in dB at the worst output and its cosine, each with the ends of a 90 % interval."""

    sqnr: float
    low: float
    high: float
    cos: float
    cos_low: float
    cos_high: float

    @classmethod
    def of(cls, sqnr: float, low: float, high: float, cos: float) -> "Expectation":
        """The cosine's interval is that of the dB: as much more or less noise turns the output further or less."""
        less, more = (
            _turned(cos, ANGLE * (sqnr - end)) if math.isfinite(sqnr - end) else cos for end in (low, high)
        )
        if low < 0:  # more noise than signal, which may as well point elsewhere
            less = min(less, max(-1.0, 1 - 10 ** (-low / 10) / 2))
        return cls(sqnr, low, high, cos, less, more)

    @property
    def reach(self) -> float:
        """The wider half of the interval of dB."""
        return max(self.high - self.sqnr, self.sqnr - self.low, 0.0) if math.isfinite(self.sqnr) else 0.0

    @property
    def half(self) -> float:
        """Half the width of the interval of dB."""
        return (self.high - self.low) / 2 if math.isfinite(self.high - self.low) else 0.0


def difference(before: float, after: float) -> float:
    """The gain in dB; two exact plans do not differ."""
    return 0.0 if before == after else after - before


def _turned(cos: float, decibels: float) -> float:
    """A cosine when so many dB more noise stand against the signal."""
    if cos <= 0:
        return cos
    return cos / (cos + (1 - cos) * 10 ** (decibels / 10))


class Expected:
    """A ledger and the runs that are known; plans are asked for one by one."""

    def __init__(self, ledger: "Ledger", runs: "Sequence[tuple[Plan, Score]]") -> None:
        """*runs*: plans with their scores, the oldest first; those with other thresholds only for ``moved``."""
        self._ledger = ledger
        found = [
            (plan.thresholds_digest, ledger.map.restricted(plan.modes), score)
            for plan, score in runs
            if not plan.strange
        ]
        self._scores = runs
        self._runs = [run[1:] for run in found if run[0] == ledger.thresholds]
        self._others = [run for run in found if run[0] != ledger.thresholds and math.isfinite(run[2].sqnr)]
        self._bases: dict[frozenset[str], Prediction] = {}

    def of(self, plan: "Plan") -> Expectation:
        """What *plan* is expected to score on the samples of the runs."""
        return (
            self._between(plan) if plan.strange else self.of_floats(self._ledger.map.restricted(plan.modes))
        )

    def of_floats(self, floats: frozenset[str]) -> Expectation:
        """As ``of``, by the layers that are float in the type that the ledger measured."""
        found = self._ledger.predict_floats(floats)
        near = min(reversed(self._runs), key=lambda run: len(run[0] ^ floats), default=None)
        known = Expectation.of(found.sqnr, found.low, found.high, found.cosine)
        if near is None:
            return known
        base, score = self._base(near[0]), near[1]
        apart = score.sqnr - base.sqnr
        if not math.isfinite(apart):
            return known
        more = math.hypot(known.half, UNLIKE * apart)
        sqnr = found.sqnr + apart
        loss = (1 - score.cosine) / (1 - base.cosine) if base.cosine < 1 else 1.0
        return Expectation.of(sqnr, sqnr - more, sqnr + more, max(-1.0, 1 - (1 - found.cosine) * loss))

    def measured(self, floats: frozenset[str]) -> bool:
        """Whether a plan with just these float layers was run."""
        return any(run[0] == floats for run in self._runs)

    def gain(self, plan: "Plan", then: "Plan", moves: "Moves | None" = None) -> tuple[float, float | None]:
        """What the worst output gains from one plan to another, in dB, and how wrong that may be (90 %).

        moves: what other thresholds of *then* do. Where both were run it is the difference of their scores, without an
        interval.
        """
        run = {one.digest: score.sqnr for one, score in self._scores}
        if plan.digest in run and then.digest in run:
            return difference(run[plan.digest], run[then.digest]), None
        later = self.of(then) if moves is None else self.moved(then, moves)
        return difference(self.of(plan).sqnr, later.sqnr), later.reach

    def _base(self, floats: frozenset[str]) -> "Prediction":
        if floats not in self._bases:
            self._bases[floats] = self._ledger.predict_floats(floats)
        return self._bases[floats]

    def _between(self, plan: "Plan") -> Expectation:
        """The ledger did not measure these layers' float type: they are no worse than int8, no better than its own."""
        strange = plan.strange
        others = {name: mode for name, mode in plan.modes.items() if name not in strange}
        worst = self.of(replace(plan, modes=others))
        best = self.of(replace(plan, modes=others | dict.fromkeys(strange, Mode(plan.fp_type))))
        least, most = min(worst.low, best.low), max(worst.high, best.high)
        return Expectation.of((worst.sqnr + best.sqnr) / 2, least, most, (worst.cos + best.cos) / 2)

    def moved(self, plan: "Plan", moves: "Moves") -> Expectation:
        """As ``of`` for a plan with other thresholds, of which *moves* tells what they do to the noise.

        Where a plan with these thresholds was run it is the start, else what is expected under the ledger's own.
        """
        from ..engine.mix.threshold_moves import ANEW, MOST, WORST, louder

        ledger, floats = self._ledger, self._ledger.map.restricted(plan.modes)
        weights, known = ledger.map.weights(floats), plan.thresholds_digest
        alike = [run for run in self._others if run[0] == known]
        if alike:
            _, start, score = min(reversed(alike), key=lambda run: len(run[1] ^ floats))
            half = self.of(plan).half if start != floats else 0.0
            before = Expectation.of(score.sqnr, score.sqnr - half, score.sqnr + half, score.cosine)
            first = ledger.map.weights(start)
        else:
            before, first = self.of(plan), None

        def ratio(sign: float) -> float:
            base = weights if first is None else moves.weights(ledger, first, sign)
            return ledger.worst_loss(moves.weights(ledger, weights, sign)) / ledger.worst_loss(base)

        if not math.isfinite(before.sqnr) or ledger.worst_loss(weights) <= 0:
            return before
        likely, most, least = ratio(0), *sorted((ratio(1), ratio(-1)), reverse=True)
        loss, spread = 10 ** (-before.sqnr / 10), before.half
        if moves.factors and not alike:
            spread = math.hypot(spread, ANEW)
        sqnr, low, high = (
            -10 * math.log10(louder(loss, one, top))
            for one, top in ((likely, MOST), (most, WORST), (least, MOST))
        )
        low = sqnr - math.hypot(spread, max(sqnr - low, 0.0))
        high = sqnr + math.hypot(spread, max(high - sqnr, 0.0))
        return Expectation.of(sqnr, low, high, _turned(before.cos, 10 * math.log10(likely)))


def expectation(ledger: "Ledger", plan: "Plan", runs: "Sequence[tuple[Plan, Score]]") -> Expectation:
    """What *plan* is expected to score on the samples of *runs*: plans with their scores, the oldest first."""
    return Expected(ledger, runs).of(plan)
