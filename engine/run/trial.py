"""What is scored: a plan, whole or one source of its noise, and what comes back (design section 5)."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..plan import Plan
from .score import Score, Similarity


@dataclass(frozen=True, slots=True)
class Source:
    """One source of quantization noise, everything else in float.

    kind "layer": what the layer itself adds (weights, integer arithmetic, rounding and clipping of its
    output), fed with its inputs as the plan stores them. kind "cast": what a float tensor loses where int8
    layers read it; ``reader``: only as that layer reads it ("": every reader). kind "pass": what the cast behind
    a float layer loses whose inputs are integers, as the plan stores them.
    """

    kind: str
    name: str
    reader: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """A plan to be scored.

    ``at`` names the tensors that are compared; () means the graph's outputs. ``samples``: only the first n
    samples, 0 for all. ``only``: these samples instead, by position. ``source``: not the plan is run but this one
    source of its noise alone, injected into the float pass. ``judges``: the layer, and the method of its threshold,
    that the trial is about, where its plan is no proposal to take; it says nothing about the result.
    """

    plan: Plan
    at: tuple[str, ...] = ()
    samples: int = 0
    source: Source | None = None
    only: tuple[int, ...] = ()
    judges: tuple[str, str] = field(default=("", ""), compare=False)

    def count(self, total: int) -> int:
        """On how many samples it runs where there are *total*."""
        return len(self.only) or self.samples or total


@dataclass(frozen=True, slots=True)
class Failure:
    """A trial that raised; the search goes on without it."""

    message: str


Result = Score | Failure


def weighted(result: Result, weights: Mapping[str, float], figure: Callable[[Similarity], float]) -> float:
    """A figure of the outputs, averaged by weight (spec B.1, A.9); -inf for a failed trial or a NaN.

    weights: by output name; empty means 1 for each output, else a name without one does not count. One sample with a
    NaN, or with an infinity that the reference does not have, is enough: no mean over other samples hides it.
    """
    if isinstance(result, Failure):
        return -math.inf
    total = weight_sum = 0.0
    for output in result.outputs:
        weight = weights.get(output.name, 0.0 if weights else 1.0)
        if weight:
            if not output.similarity.finite:
                return -math.inf
            total += weight * figure(output.similarity)
            weight_sum += weight
    value = total / weight_sum if weight_sum else math.nan
    return value if math.isfinite(value) else -math.inf
