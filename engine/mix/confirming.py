"""Confirmation of a plan on samples that a search has not seen.

The rule: a plan is confirmed when the mean over the fresh samples meets the target and no slice of any output is dead.
The interval is shown beside it and does not soften the rule; where it reaches below the target, that is said.
"""

import math
from dataclasses import dataclass

from ..run.score import Score
from ..text import counted
from .trial import Objective, Point, Result

Z95 = 1.96


@dataclass(frozen=True, slots=True)
class Figure:
    """The objective's cos over some samples, with the half width of its 95 % interval."""

    value: float
    half: float
    samples: int

    @property
    def low(self) -> float:
        """Lower end of the interval; the value itself where there is none."""
        return self.value - self.half if math.isfinite(self.half) else self.value


@dataclass(frozen=True, slots=True)
class Check:
    """A plan that was run on both parts of the samples: the figures, and whether it is confirmed."""

    point: Point
    searched: Figure | None
    fresh: Figure | None
    confirmed: bool


def check(point: Point, searched: Score, fresh: Result, objective: Objective) -> Check:
    """Judge the runs over the samples that were searched on and over the others."""
    before = figure(searched, objective)
    if not isinstance(fresh, Score):
        return Check(point, before, None, False)
    found = figure(fresh, objective)
    dead = searched.dead_slices or fresh.dead_slices
    return Check(point, before, found, objective.met(found.value) and not dead)


def figure(score: Score, objective: Objective) -> Figure:
    """The objective over the samples of a score."""
    values = sample_values(score, objective)
    count = len(values)
    mean = sum(values) / count if count else math.nan
    variance = sum((value - mean) ** 2 for value in values) / (count - 1) if count > 1 else math.nan
    return Figure(mean, Z95 * math.sqrt(variance / count) if count > 1 else math.nan, count)


def sample_values(score: Score, objective: Objective) -> list[float]:
    """The objective of each sample; -inf for one with a NaN, so that no mean over others hides it."""
    total = 0.0
    sums = [0.0] * score.samples
    for output in score.outputs:
        weight = objective.weights.get(output.name, 0.0) if objective.weights else 1.0
        total += weight
        if not weight:
            continue
        similarity = output.similarity
        for index, (cosine, noise) in enumerate(zip(similarity.cosine, similarity.noise, strict=True)):
            found = math.isfinite(cosine) and math.isfinite(noise)
            sums[index] += weight * (0.5 + 0.5 * cosine) if found else -math.inf
    return [item / total if total else math.nan for item in sums]


def sentences(searched: Figure | None, fresh: Figure | None, target: float, confirmed: bool) -> list[str]:
    """The figures in words, and what they say about the target."""
    found: list[str] = []
    if searched is not None:
        found.append(f"{_words(searched, 'searched on')}")
    if fresh is not None:
        if fresh.value < target:
            verdict = "below the target, not confirmed"
        elif not confirmed:
            verdict = "a part of an output is dead, not confirmed"
        elif fresh.low < target:
            verdict = "the mean meets the target, its interval reaches below"
        else:
            verdict = "the whole interval meets the target"
        found.append(f"{_words(fresh, 'not searched on')}: {verdict}")
    elif confirmed:
        found.append("every sample was searched on, so the target is met there and not confirmed on others")
    return found


def _words(found: Figure, name: str) -> str:
    half = f" +- {found.half:.6f} (95 %)" if math.isfinite(found.half) else ""
    return f"{counted(found.samples, 'sample')} {name}: cos {found.value:.6f}{half}"
