"""Measuring the noise ledger: all sources on few samples, the louder part on more (peers section 3)."""

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import QuantdeckError
from ..graph.model import Graph
from ..hw.chip import get_chip
from ..plan import Mode, Plan
from ..run.score import OutputScore, Score
from .ledger import Ledger
from .ledger_estimates import Estimates, is_base
from .ledger_sources import SourceMap
from .trial import Failure, Result, Source, Trial

Array = NDArray[np.float64]

LOUDEST = 1e12
"""Stands for the tan**2 of a right angle and for the noise of a source that could not be measured."""
LEAST_LOUD = 3


@dataclass(frozen=True, slots=True)
class Measuring:
    """How the sources are measured: all on ``first`` samples, then the share ``loud`` on more, ``then`` together.

    ``then`` of 0 leaves it at the first round. ``anchors``: plans that are run besides, at most 8, from all int8 over
    halves to layers in turn, to learn what sources do together. ``casts``: whether casts and passes are measured;
    else they are estimated by what the layers before them add (ledger_estimates.py). ``only``: these samples alone are
    measured on, by position, as many as the larger of ``first`` and ``then``, ``first`` of them at first.
    """

    first: int = 4
    then: int = 16
    loud: float = 0.5
    anchors: int = 6
    casts: bool = True
    only: tuple[int, ...] = ()

    @property
    def most(self) -> int:
        """The larger number of samples."""
        return max(self.first, self.then)

    def __post_init__(self) -> None:
        if self.first < 1 or (self.then and self.then < self.first) or not 0 <= self.loud <= 1:
            raise QuantdeckError(
                f"the ledger measures on {self.first} and then {self.then} samples a share of {self.loud:g}; "
                "give at least 1 sample, a second number that is 0 or not smaller, and a share of 0 to 1"
            )


Measure = Generator[Sequence[Trial], Sequence[Result], Ledger]


def measure(graph: Graph, start: Plan, *, mode: Mode, measuring: Measuring | None = None) -> Measure:
    """Measure the sources of a graph under the thresholds of *start*; its modes do not matter.

    mode: the float type of the layers that are not int8. Yields one or two sets of trials; returns the ledger.
    A source that fails counts as infinitely loud; where the all-float plan fails or goes beyond its type, it counts as
    without noise. Errors: QuantdeckError when every trial fails.
    """
    setting = measuring or Measuring()
    base = replace(start, modes={})
    program = get_chip(start.chip).lower(graph, base)
    found = SourceMap.of(graph, program)
    floats = base.with_modes(dict.fromkeys(found.names, mode))
    trials = [
        Trial(
            base,
            samples=setting.first,
            source=source,
            only=setting.only[: setting.first],
            judges=_about(source),
        )
        for source in found.sources
    ]
    now = [index for index, item in enumerate(found.sources) if setting.casts or is_base(found, item)]
    floor, *results = yield [
        Trial(floats, samples=setting.most, only=setting.only, judges=("", "floor")),
        *(trials[index] for index in now),
    ]
    floor = _floor(floor, results, mode)
    outputs = len(floor.outputs)
    count = min(setting.first, floor.samples)
    known = {index: _figures(result, outputs, count) for index, result in zip(now, results, strict=True)}
    if not setting.casts:
        noise, angle = (_estimates(found, known, name) for name in ("noise", "angle"))
        for index, source in enumerate(found.sources):
            if index not in known:
                known[index] = _Figures(noise.of(source), angle.of(source), 0)
    first = [known[index] for index in range(len(trials))]
    loud: list[int] = []
    there = (setting.only or tuple(range(setting.most)))[: floor.samples]
    rest = there[setting.first : setting.then]
    if rest and setting.loud > 0:
        loud = _loudest({index: known[index] for index in now}, floor, setting.loud)
        again = yield [replace(trials[index], samples=setting.then, only=rest) for index in loud]
        for index, result in zip(loud, again, strict=True):
            first[index] = _joined(first[index], _figures(result, outputs, len(rest)))
    ledger = replace(_ledger(found, start, floor, first, loud), samples=setting.only)
    plans = [base.with_modes(dict.fromkeys(part, mode)) for part in spread(found.names)[: setting.anchors]]
    results = (yield [Trial(plan, samples=setting.most) for plan in plans]) if plans else ()
    for plan, result in zip(plans, results, strict=True):
        if isinstance(result, Score):
            ledger = ledger.with_anchor(plan, result)
    return ledger


def _estimates(found: SourceMap, known: "Mapping[int, _Figures]", figure: str) -> Estimates:
    """Estimates of casts from the sources that are known; *figure*: noise or angle."""
    values: dict[Source, Array] = {
        found.sources[index]: getattr(figures, figure) for index, figures in known.items()
    }
    layers = {source.name: value for source, value in values.items() if source.kind == "layer"}
    inputs = {
        tensor: values.get(Source("cast", tensor), values[Source("cast", tensor, readers[0])])
        for tensor, readers in found.readers.items()
        if tensor not in found.maker
    }
    return Estimates(found, layers, inputs)


def _floor(result: Result, others: Sequence[Result], mode: Mode) -> Score:
    """The all-float plan's score, without noise where its type overflowed; of a failed one another trial's signal."""
    if isinstance(result, Score):
        if all(np.isfinite(output.similarity.noise).all() for output in result.outputs):
            return result
        return replace(result, outputs=tuple(map(_noiseless, result.outputs)), excesses=())
    for other in others:
        if isinstance(other, Score):
            return replace(other, outputs=tuple(map(_noiseless, other.outputs)), excesses=())
    raise QuantdeckError(f"the network fails with all layers in {mode}: {result.message}")


def _noiseless(output: OutputScore) -> OutputScore:
    count = len(output.similarity.signal)
    exact = replace(output.similarity, cosine=(1.0,) * count, euclid=(1.0,) * count, noise=(0.0,) * count)
    return replace(output, similarity=exact, slices=())


def _about(source: Source) -> tuple[str, str]:
    return (source.name, "") if source.kind == "layer" else ("", source.kind)


def spread(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Sets of float layers that differ in kind: none, every other one, halves, two of three, one of three."""
    half = len(names) // 2
    sets = [(), names[::2], names[1::2], names[:half], names[half:], names[::3], names[2::3]]
    pairs = [name for index, name in enumerate(names) if index % 4 < 2]
    return list(dict.fromkeys(tuple(item) for item in [*sets, pairs] if len(item) < len(names)))


def remeasured(ledger: Ledger, plan: Plan, results: Mapping[Source, Result]) -> Ledger:
    """The ledger under other thresholds: the sources that they touch are measured anew, the others stay.

    Anchors of the old thresholds leave.
    """
    noise, angle, kills = ledger.noise.copy(), ledger.angle.copy(), list(ledger.kills)
    for source, result in results.items():
        index = ledger.map.index[source]
        samples = result.samples if isinstance(result, Score) else ledger.signal.shape[1]
        found = _figures(result, len(ledger.outputs), samples).of(ledger.signal.shape[1])
        known = found.noise.shape[1]
        noise[index] = _filled([found.noise], np.maximum(ledger.noise[index], 1e-300))[0]
        angle[index] = _filled([found.angle], np.maximum(ledger.angle[index], 1e-300))[0]
        noise[index, :, :known], angle[index, :, :known] = found.noise, found.angle
        kills[index] = found.kills
    return replace(
        ledger, noise=noise, angle=angle, kills=tuple(kills), thresholds=plan.thresholds_digest, anchors=()
    )


@dataclass(frozen=True, slots=True)
class _Figures:
    """One source: [outputs, samples] noise energy and tan**2, slices killed."""

    noise: Array
    angle: Array
    kills: int

    def of(self, samples: int) -> "_Figures":
        """Those of the first samples: a ledger may know the signal of no more, where the all-float plan failed."""
        return replace(self, noise=self.noise[:, :samples], angle=self.angle[:, :samples])


def _figures(result: Result, outputs: int, samples: int) -> _Figures:
    if isinstance(result, Failure):
        loud = np.full((outputs, samples), LOUDEST)
        return _Figures(loud, loud, 0)
    noise = np.array([output.similarity.noise for output in result.outputs], np.float64)
    noise = np.minimum(np.nan_to_num(noise, nan=LOUDEST, posinf=LOUDEST), LOUDEST)
    return _Figures(noise, _angles(result), result.dead_slices)


def _joined(figures: _Figures, others: _Figures) -> _Figures:
    """Figures of a source on samples and on others: a slice is dead if it is so on both."""
    noise, angle = (
        np.concatenate(pair, axis=1)
        for pair in ((figures.noise, others.noise), (figures.angle, others.angle))
    )
    return _Figures(noise, angle, min(figures.kills, others.kills))


def _angles(score: Score) -> Array:
    cosine = np.array([output.similarity.cosine for output in score.outputs], np.float64)
    cosine = np.clip(np.nan_to_num(cosine), 1 / math.sqrt(LOUDEST), 1)
    return 1 / cosine**2 - 1


def _loudest(figures: Mapping[int, _Figures], floor: Score, share: float) -> list[int]:
    """The loudest sources by their largest share of an output's signal, in their own order."""
    signal = np.array([sum(output.similarity.signal) for output in floor.outputs], np.float64)
    level = {
        index: float((item.noise.sum(axis=1) / np.maximum(signal, 1e-300)).max())
        for index, item in figures.items()
    }
    order = sorted(level, key=lambda index: -level[index])
    return sorted(order[: math.ceil(share * len(order))])


def _ledger(
    found: SourceMap, start: Plan, floor: Score, figures: Sequence[_Figures], loud: Sequence[int]
) -> Ledger:
    samples = max((item.noise.shape[1] for item in figures), default=floor.samples)
    signal = np.array([output.similarity.signal[:samples] for output in floor.outputs], np.float64)
    floor_noise = np.array([output.similarity.noise[:samples] for output in floor.outputs], np.float64)
    guide_noise, guide_angle = signal, np.ones_like(signal)
    if len(loud) >= LEAST_LOUD:
        guide_noise = np.sum([figures[index].noise for index in loud], axis=0)
        guide_angle = np.sum([figures[index].angle for index in loud], axis=0)
    outputs = tuple(output.name for output in floor.outputs)
    return Ledger(
        map=found,
        outputs=outputs,
        noise=_filled([item.noise for item in figures], guide_noise),
        angle=_filled([item.angle for item in figures], guide_angle),
        signal=signal,
        floor=np.nan_to_num(floor_noise, posinf=LOUDEST),
        floor_angle=_angles(floor)[:, :samples],
        kills=tuple(item.kills for item in figures),
        thresholds=start.thresholds_digest,
    )


def _filled(values: Sequence[Array], guide: Array) -> Array:
    """[sources, outputs, samples]: a source measured on fewer samples goes on in proportion to *guide*.

    Samples differ in how much noise they show, all sources alike: the guide is the sum of the sources that were
    measured on all, or the signal.
    """
    samples = guide.shape[1]
    filled = np.zeros((len(values), *guide.shape))
    for index, value in enumerate(values):
        count = value.shape[1]
        filled[index, :, :count] = value
        if count < samples:
            known = np.maximum(guide[:, :count].sum(axis=1, keepdims=True), 1e-300)
            filled[index, :, count:] = value.sum(axis=1, keepdims=True) / known * guide[:, count:]
    return filled
