"""The range with the smallest KL divergence (spec B.3), for histograms of any number of bins.

A candidate keeps the first i bins, i a multiple of the number of groups. Written with prefix sums its
divergence needs only the group borders: sum P log P over the kept bins minus, per group, (sum P) log Q. So
all candidates of N bins cost O(N), and only those that are within rounding of the best are recomputed term
by term in the original's float32 order to settle which one comes first.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .growing import Counts

Array = NDArray[Any]
GROUPS = 128  # levels of int8 on one side
_TINY = 1e-30
_BLOCK = 2048  # candidates at once: bounds the memory
_EXACT = 2**24  # float32 adds integers below this without rounding


def best_range(counts: Counts, groups: int = GROUPS) -> float:
    """The clipping threshold: width * (index of the best candidate + 1) * groups, in float32.

    The first strict minimum wins. An empty histogram gives 0 with width 0.
    """
    candidates = -(-counts.bins // groups)
    best = _best(_Prefix.of(counts, groups), candidates) if counts.index.size else 0
    return float(np.float32(np.float32(np.float32(counts.width) * np.float32(best + 1)) * np.float32(groups)))


@dataclass(frozen=True, slots=True)
class _Prefix:
    """Non-empty bins and their running sums, each with a leading 0."""

    index: Array
    count: Array
    groups: int
    probability: Array  # float32 values, as float64
    sums: Array  # counts
    filled: Array  # non-empty bins
    mass: Array  # probability
    entropy: Array  # probability * log10(probability)
    total: int

    @classmethod
    def of(cls, counts: Counts, groups: int) -> "_Prefix":
        total = int(counts.count.sum())
        probability = (counts.count.astype(np.float32) / np.float32(total)).astype(np.float64)
        return cls(
            counts.index,
            counts.count,
            groups,
            probability,
            _leading_zero(counts.count),
            np.arange(counts.index.size + 1),
            _leading_zero(probability),
            _leading_zero(probability * np.log10(probability + _TINY)),
            total,
        )


def _leading_zero(values: Array) -> Array:
    return np.concatenate([np.zeros(1, values.dtype), np.cumsum(values)])


def _best(prefix: _Prefix, candidates: int) -> int:
    scores, slacks = np.empty(candidates), np.empty(candidates)
    for start in range(0, candidates, _BLOCK):
        sizes = np.arange(start + 1, min(start + _BLOCK, candidates) + 1)
        scores[start : start + sizes.size], slacks[start : start + sizes.size] = _scores(prefix, sizes)
    close = np.flatnonzero(scores - slacks <= np.min(scores + slacks))
    if close.size == 1:
        return int(close[0])
    best, best_score = int(close[0]), _sequential(prefix, int(close[0]) + 1)
    for candidate in close[1:]:
        score = _sequential(prefix, int(candidate) + 1)
        if best_score > score:
            best, best_score = int(candidate), score
    return best


def _scores(prefix: _Prefix, sizes: Array) -> tuple[Array, Array]:
    """Divergence of the candidates that keep groups * sizes bins, and a bound on the rounding of each."""
    borders = sizes[:, None] * np.arange(prefix.groups + 1)[None, :]
    at = np.searchsorted(prefix.index, borders)
    # last: the first listed bin that is not below the last kept one
    kept = at[:, -1]
    last = np.searchsorted(prefix.index, borders[:, -1] - 1)
    sums = np.diff(prefix.sums[at], axis=1)
    filled = np.maximum(np.diff(at, axis=1), 1)
    head = prefix.sums[kept].astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        level = sums.astype(np.float32) / filled.astype(np.float32) / head[:, None]
    log_level = np.log10(np.where(sums > 0, level, np.float32(0)).astype(np.float64) + _TINY)
    # the last kept bin carries the folded tail, so it is taken out of the prefix sums
    mass = np.diff(prefix.mass[at], axis=1)
    mass[:, -1] = prefix.mass[last] - prefix.mass[at[:, -2]]
    inside = prefix.entropy[last] - np.sum(np.where(mass > 0, mass * log_level, 0.0), axis=1)
    tail = (prefix.total - prefix.sums[last]).astype(np.float32) / np.float32(prefix.total)
    tail = tail.astype(np.float64)
    own = np.where(kept > last, log_level[:, -1], math.log10(_TINY))
    scores = inside + np.where(tail > 0, tail * (np.log10(tail + _TINY) - own), 0.0)
    return scores, _slack(prefix, kept, scores, head)


def _slack(prefix: _Prefix, kept: Array, scores: Array, head: Array) -> Array:
    """How far the float32 running sum of a score may be from its value.

    Every addition rounds by at most 2^-24 of the running sum, which stays below |score| + log10(total /
    kept); beyond 2^24 counts the sums of counts round as well.
    """
    with np.errstate(divide="ignore"):
        share = prefix.total / np.maximum(head.astype(np.float64), 1e-9)
        reach = np.abs(scores) + np.log10(share)
    slack = (kept + 2) * 2.0**-24 * reach + 1e-11  # the last part: rounding of the prefix sums themselves
    return slack + (kept + 2) * 2.0**-23 if prefix.total >= _EXACT else slack


def _sequential(prefix: _Prefix, size: int) -> float:
    """The score as the original adds it up: float32 sums in order, float64 terms, a float32 accumulator."""
    stop = size * prefix.groups
    kept = int(np.searchsorted(prefix.index, stop))
    index, count = prefix.index[:kept], prefix.count[:kept].astype(np.float32)
    last = int(np.searchsorted(prefix.index, stop - 1))
    head = _float32_sum(count)
    group = index // size
    starts = np.searchsorted(group, np.arange(prefix.groups))
    ends = np.append(starts[1:], kept)
    level = np.zeros(prefix.groups, np.float32)
    for number in np.flatnonzero(ends > starts):
        part = count[starts[number] : ends[number]]
        level[number] = _float32_sum(part) / np.float32(part.size) / head
    probability, reference = prefix.probability[:last], level[group[:last]].astype(np.float64)
    terms = probability * (np.log10(probability + _TINY) - np.log10(reference + _TINY))
    tail = float(_float32_sum(prefix.count[last:].astype(np.float32)) / np.float32(prefix.total))
    own = float(level[-1]) if kept > last else 0.0
    extra = tail * (math.log10(tail + _TINY) - math.log10(own + _TINY))
    score = np.float32(0)
    for term in [*terms.tolist(), extra]:
        score = np.float32(float(score) + term)
    return float(score)


def _float32_sum(values: Array) -> np.float32:
    """Sum from left to right in float32."""
    return np.cumsum(values, dtype=np.float32)[-1] if values.size else np.float32(0)
