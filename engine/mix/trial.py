"""The search contract: what a search yields, what it is sent, what it returns (design section 5).

A search is a generator. It yields sets of independent trials and is sent their scores in the same order. It
has no I/O, no clock and no randomness without a seed, so that running it again over a journal of paid trials
is a resume.
"""

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from ..errors import QuantdeckError
from ..plan import Mode, Plan
from ..run.trial import Failure, Result, Source, Trial, weighted

T = TypeVar("T")

__all__ = [
    "Failure",
    "Objective",
    "Outcome",
    "Point",
    "Ranked",
    "Result",
    "Search",
    "Source",
    "StopReason",
    "Trial",
    "best",
    "finish",
    "floated",
    "run_search",
]


class StopReason(StrEnum):
    """Why a search ended."""

    CONFIRMED = "target confirmed"
    BUDGET = "budget spent"
    NOTHING_LEFT = "nothing left to gain"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Ranked:
    """A layer in a ranking: the loss of running it in int8, with the method that hurts least."""

    layer: str
    op: str
    loss: float
    method: str = ""
    threshold: float = math.nan


@dataclass(frozen=True, slots=True)
class Point:
    """A mixed plan that was tried: how many layers float, what it reached."""

    float_layers: int
    cos: float
    plan: Plan


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search found. ``plan`` is the best one tried, whether or not it reached the target."""

    plan: Plan
    cos: float
    int8_cos: float
    target: float
    reason: StopReason
    ranking: tuple[Ranked, ...] = ()
    curve: tuple[Point, ...] = ()
    lines: tuple[str, ...] = ()

    @property
    def reached(self) -> bool:
        """Whether the best plan meets the target."""
        return self.cos >= self.target


Search = Generator[Sequence[Trial], Sequence[Result], Outcome]


@dataclass(frozen=True, slots=True)
class Objective:
    """The figure that a search raises: the chapter's cos, weighted over the compared tensors (spec B.1, A.9).

    ``weights`` by output name; empty means 1 for each output. ``target`` is in the chapter's cos.
    """

    target: float
    weights: Mapping[str, float]

    def __post_init__(self) -> None:
        if not (math.isfinite(self.target) and 0 <= self.target <= 1):
            raise QuantdeckError(
                f"expected_cos must lie between 0 and 1 (the chapter's cos), not {self.target:g}"
            )

    def value(self, result: Result) -> float:
        """The figure of a result; -inf for a failed trial or a NaN, which never pass."""
        return weighted(result, self.weights, lambda similarity: similarity.chapter_cos)

    def met(self, value: float) -> bool:
        """Whether a figure reaches the target."""
        return value >= self.target


def best(points: Sequence[Point], objective: Objective) -> Point:
    """The point to write: the fewest float layers among those that met the target, else the highest cos.

    The original writes the last probe of its bisection instead, which may miss the target (spec B.19 #28).
    """
    passed = [point for point in points if objective.met(point.cos)]
    if passed:
        return min(passed, key=lambda point: (point.float_layers, -point.cos))
    return max(points, key=lambda point: (point.cos, -point.float_layers))


def finish(
    objective: Objective, int8_cos: float, ranking: Sequence[Ranked], points: Sequence[Point]
) -> Outcome:
    """The outcome of a search over the plans that were tried (the all-int8 plan is one of them)."""
    chosen = best(points, objective)
    return Outcome(
        plan=chosen.plan,
        cos=chosen.cos,
        int8_cos=int8_cos,
        target=objective.target,
        reason=StopReason.CONFIRMED if objective.met(chosen.cos) else StopReason.NOTHING_LEFT,
        ranking=tuple(ranking),
        curve=tuple(points),
    )


def floated(plan: Plan, layers: Sequence[str], mode: Mode) -> Plan:
    """The plan with the named layers in *mode* and every other one in int8."""
    everything = dict.fromkeys(plan.modes, Mode.INT8)
    return plan.with_modes({**everything, **dict.fromkeys(layers, mode)})


def run_search(
    search: Generator[Sequence[Trial], Sequence[Result], T],
    evaluate: Callable[[Sequence[Trial]], Sequence[Result]],
) -> T:
    """Drive a search, or another generator over trials, with a function that scores sets of them."""
    try:
        trials = next(search)
        while True:
            trials = search.send(evaluate(trials))
    except StopIteration as stop:
        outcome: T = stop.value
        return outcome
