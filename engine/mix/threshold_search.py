"""search_threshold: the method whose whole table serves the outputs best (spec B.11)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import QuantdeckError
from ..plan import Plan
from ..run.score import Similarity
from ..run.trial import weighted
from .trial import Objective, Outcome, Point, Ranked, Result, Search, StopReason, Trial

METHODS = ("kl", "max", "percentile9999_abs", "mse")
"""Tried in this order; kl is tuned, the others are not. Ties go to the earlier one."""

BENCHMARKS = ("cos", "snr", "euclid")


@dataclass(frozen=True, slots=True)
class Benchmark:
    """The figure of search_threshold, higher is better: the chapter's cos, 1 - noise over signal, or euclid.

    All outputs count by their weights (1 each unless given); the original's snr only sees the last one (spec
    B.19 #23).
    """

    name: str
    weights: Mapping[str, float]

    def __post_init__(self) -> None:
        if self.name not in BENCHMARKS:
            raise QuantdeckError(f"--benchmark_method {self.name}: it is one of {', '.join(BENCHMARKS)}")

    def value(self, result: Result) -> float:
        """The figure of a result; -inf for a failed trial or a NaN, which never win."""
        return weighted(result, self.weights, self._figure)

    def _figure(self, similarity: Similarity) -> float:
        if self.name == "cos":
            return similarity.chapter_cos
        if self.name == "euclid":
            return similarity.mean_euclid
        pairs = list(zip(similarity.signal, similarity.noise, strict=True))
        shares = [noise / (signal + 1e-7) for signal, noise in pairs]
        return 1 - sum(shares) / len(shares) if shares else math.nan


def threshold_search(plans: Mapping[str, Plan], benchmark: Benchmark, objective: Objective) -> Search:
    """Score the plan of every method in all int8 and keep the best.

    plans: by method, in the order of the trials. The outcome's ranking has a row a method with 1 - figure as
    loss, in the order of the trials; ``cos`` is the winner's chapter's cos, whatever the benchmark.
    """
    results = yield [Trial(plan, judges=(name, name)) for name, plan in plans.items()]
    figures = [benchmark.value(result) for result in results]
    cosines = [objective.value(result) for result in results]
    names = list(plans)
    winner = max(range(len(names)), key=figures.__getitem__)
    rows = tuple(Ranked(name, "", 1 - figure, name) for name, figure in zip(names, figures, strict=True))
    met = objective.met(cosines[winner])
    return Outcome(
        plan=plans[names[winner]],
        cos=cosines[winner],
        int8_cos=cosines[winner],
        target=objective.target,
        reason=StopReason.CONFIRMED if met else StopReason.NOTHING_LEFT,
        ranking=rows,
        curve=tuple(Point(0, cos, plan) for cos, plan in zip(cosines, plans.values(), strict=True)),
    )
