"""The noise ledger: each source of noise measured once, from then on any plan predicted at once (peers section 2).

Two quantities add over sources, sample by sample and output by output: the energy of the noise, and tan**2 of the
angle between quantized and float output, from which the cosine follows. What is left, because sources interact, is
learnt from plans that were really run (anchors): a Gaussian process over the logarithm of real over predicted, whose
kernel is the share of noise energy that two plans have in common, plus one constant for all plans.
"""

import hashlib
import json
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..plan import Plan
from ..run.score import Score
from .ledger_sources import Member, SourceMap

Array = NDArray[np.float64]

COMMON, OWN, RUN = 0.5, 0.5, 0.18
"""Standard deviations in dB: what all plans share, what overlapping plans share, what nothing predicts. Chosen on
random plans of the zoo; tests of coverage are in tests/mix."""
SMALL = 0.5
"""dB that are added, in quadrature, for a plan with one source; it falls with the number of sources that matter."""
Z90 = 1.6449
FACTOR = 10 / math.log(10)


@dataclass(frozen=True, slots=True)
class OutputPrediction:
    """One output of a plan: SQNR in dB and mean raw cosine, each with the ends of a 90 % interval."""

    name: str
    sqnr: float
    low: float
    high: float
    cosine: float
    cosine_low: float
    cosine_high: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """A plan by the ledger: never confirmed, always with an interval.

    ``dead``: slices of the outputs that some source kills by itself (peers section 5).
    """

    outputs: tuple[OutputPrediction, ...]
    dead: int = 0

    @property
    def worst(self) -> OutputPrediction:
        """The output with the lowest SQNR."""
        return min(self.outputs, key=lambda output: output.sqnr)

    @property
    def sqnr(self) -> float:
        """SQNR of the worst output, in dB."""
        return self.worst.sqnr

    @property
    def low(self) -> float:
        """Lower end of the worst output's SQNR."""
        return self.worst.low

    @property
    def high(self) -> float:
        """Upper end of the worst output's SQNR."""
        return self.worst.high

    @property
    def cosine(self) -> float:
        """Mean raw cosine of the worst output."""
        return min(output.cosine for output in self.outputs)

    def value(self, weights: Mapping[str, float], pick: str = "cosine") -> float:
        """The chapter's cos, weighted over outputs as an objective does; pick "cosine_low" or "cosine_high"."""
        share = {output.name: weights.get(output.name, 0.0) if weights else 1.0 for output in self.outputs}
        total = sum(share.values())
        if not total:
            return math.nan
        return sum(share[o.name] * (0.5 + 0.5 * float(getattr(o, pick))) for o in self.outputs) / total


@dataclass(frozen=True)
class Anchor:
    """A plan that was run: its float layers, and log ratios real over predicted in dB [outputs, 2]."""

    floats: frozenset[str]
    ratios: tuple[tuple[float, float], ...]


@dataclass(frozen=True, eq=False)
class Ledger:
    """Measured sources of a network under one set of thresholds.

    ``noise`` and ``angle`` are [sources, outputs, samples]: energy of the noise, and tan**2 of the angle.
    ``signal`` is [outputs, samples]; ``floor`` and ``floor_angle``, of the same shape, are what the all-float plan
    has. ``kills`` is the number of slices that a source alone kills. ``thresholds`` is the digest of the plan
    without its modes: a ledger answers for no other. ``samples``: positions of its samples, () for the first ones.
    """

    map: SourceMap
    outputs: tuple[str, ...]
    noise: Array
    angle: Array
    signal: Array
    floor: Array
    floor_angle: Array
    kills: tuple[int, ...]
    thresholds: str
    samples: tuple[int, ...] = ()
    anchors: tuple[Anchor, ...] = ()

    # ---------------------------------------------------------------- answers

    def predict(self, plan: Plan) -> Prediction:
        """The figures of a plan with these thresholds. A layer whose mode is not INT8 counts as float."""
        return self.predict_floats(self.map.restricted(plan.modes))

    def predict_floats(self, floats: Collection[str]) -> Prediction:
        """As ``predict``, by the layers that are float."""
        weights = self.map.weights(floats)
        energy, angle = self._raw(weights)
        outputs: list[OutputPrediction] = []
        for position, name in enumerate(self.outputs):
            shift, spread = self._correction(weights, position)
            loss = energy[position].sum() / max(float(self.signal[position].sum()), 1e-300)
            db = -FACTOR * math.log(loss) - shift[0] if loss > 0 else math.inf
            cosines = [
                self._cosine(angle[position], shift[1] + sign * Z90 * spread[1]) for sign in (0.0, 1.0, -1.0)
            ]
            reach = Z90 * spread[0]
            outputs.append(OutputPrediction(name, db, db - reach, db + reach, *cosines))
        dead = sum(count for count, weight in zip(self.kills, weights, strict=True) if count and weight > 0)
        return Prediction(tuple(outputs), dead)

    def _raw(self, weights: Array) -> tuple[Array, Array]:
        energy = np.tensordot(weights, self.noise, 1) + self.floor
        angle = np.tensordot(weights, self.angle, 1) + self.floor_angle
        return np.maximum(energy, 0), np.maximum(angle, 0)

    def worst_loss(self, weights: Array) -> float:
        """Noise over signal at the worst output by the bare sum; *weights*: how often each source counts."""
        energy = np.tensordot(weights, self.noise, 1).sum(axis=1) + self.floor.sum(axis=1)
        return float((energy / np.maximum(self.signal.sum(axis=1), 1e-300)).max())

    @staticmethod
    def _cosine(angle: Array, shift: float) -> float:
        """Mean cosine when the loss is off by a factor of *shift* dB."""
        loss = float((1 - 1 / np.sqrt(1 + angle)).mean())
        return max(1 - loss * math.exp(shift / FACTOR), -1.0)

    # ---------------------------------------------------------------- anchors

    def with_anchor(self, plan: Plan, score: Score) -> "Ledger":
        """A ledger that also knows a real run of a plan; one that says nothing (no noise, a NaN) is left out.

        The samples that both have are compared: the score has the first ones, fewer or more than the ledger. Of a
        plan with layers in a float type that rounds otherwise nothing is learnt: it would be taken for the layers'.
        """
        if plan.strange:
            return self
        floats = self.map.restricted(plan.modes)
        energy, angle = self._raw(self.map.weights(floats))
        by_name = {output.name: output.similarity for output in score.outputs}
        ratios: list[tuple[float, float]] = []
        for position, name in enumerate(self.outputs):
            found = by_name[name]
            places = self.samples or range(energy.shape[1])
            both = [(index, place) for index, place in enumerate(places) if place < len(found.noise)]
            if not both:
                return self
            mine = [index for index, _ in both]
            real = sum(found.noise[place] for _, place in both)
            loss = 1 - sum(found.cosine[place] for _, place in both) / len(both)
            expected = float(energy[position, mine].sum())
            turned = float((1 - 1 / np.sqrt(1 + angle[position, mine])).mean())
            ratios.append((_decibels(real, expected), _decibels(loss, turned)))
        if not all(math.isfinite(value) for pair in ratios for value in pair):
            return self
        rest = tuple(anchor for anchor in self.anchors if anchor.floats != floats)
        return replace(self, anchors=(*rest, Anchor(floats, tuple(ratios))))

    @cached_property
    def _energies(self) -> Array:
        """[sources, outputs] over all samples, relative to the signal; infinite ones count as very loud."""
        found = self.noise.sum(axis=2) / np.maximum(self.signal.sum(axis=1), 1e-300)
        return np.minimum(np.nan_to_num(found, posinf=1e6), 1e6)

    @cached_property
    def _trained(self) -> tuple[Array, tuple[tuple[Array, Array], ...]]:
        """The anchors' weights, and for each output the inverse kernel and what it makes of the ratios."""
        known = np.array([self.map.weights(anchor.floats) for anchor in self.anchors])
        found: list[tuple[Array, Array]] = []
        for position in range(len(self.outputs)):
            kernel = self._kernel(known, known, position) + np.eye(len(known)) * RUN**2
            inverse = np.linalg.inv(kernel)
            ratios = np.array([anchor.ratios[position] for anchor in self.anchors])
            found.append((np.asarray(inverse, np.float64), np.asarray(inverse @ ratios, np.float64)))
        return known, tuple(found)

    def _kernel(self, a: Array, b: Array, position: int) -> Array:
        energies = self._energies[:, position]
        own = np.sqrt(np.maximum((a * a) @ energies, 1e-300))
        other = np.sqrt(np.maximum((b * b) @ energies, 1e-300))
        overlap = ((a * energies) @ b.T) / (own[:, None] * other[None])
        return COMMON**2 + OWN**2 * np.clip(overlap, 0, 1) ** 2

    def _correction(self, weights: Array, position: int) -> tuple[tuple[float, float], tuple[float, float]]:
        """Shift of both quantities in dB (positive: more noise than the sum says), and its deviation."""
        point = weights[None]
        shift, variance = np.zeros(2), COMMON**2 + OWN**2
        if self.anchors:
            known, trained = self._trained
            inverse, solved = trained[position]
            row = self._kernel(point, known, position)
            shift = (row @ solved)[0]
            variance -= (row @ inverse @ row.T).item()
        energies = np.maximum(weights * self._energies[:, position], 0)
        number = energies.sum() ** 2 / max(float((energies**2).sum()), 1e-300) if energies.any() else 1.0
        spread = math.sqrt(max(float(variance), 0.0) + RUN**2 + SMALL**2 / max(number, 1.0) / 4)
        return (float(shift[0]), float(shift[1])), (spread, 1.5 * spread)

    # ---------------------------------------------------------------- sums for searches

    def losses(self, weights: Mapping[str, float]) -> Array:
        """Loss of the weighted cosine by source, linear for small noise [sources]; a killing source counts 1."""
        share = np.array([weights.get(name, 0.0) if weights else 1.0 for name in self.outputs])
        turned = np.minimum(np.nan_to_num(self.angle, posinf=1e6), 1e6).mean(axis=2) / 2
        found = turned @ (share / max(float(share.sum()), 1e-300))
        return found + np.array([1.0 if count else 0.0 for count in self.kills])

    # ---------------------------------------------------------------- bytes

    def to_json(self) -> str:
        """Canonical text; equal ledgers give equal texts."""
        body = {
            "members": [[m.name, m.reads, m.makes, m.passes] for m in self.map.members],
            "outputs": self.outputs,
            "noise": self.noise.tolist(),
            "angle": self.angle.tolist(),
            "signal": self.signal.tolist(),
            "floor": self.floor.tolist(),
            "floor_angle": self.floor_angle.tolist(),
            "kills": self.kills,
            "thresholds": self.thresholds,
            "samples": self.samples,
            "anchors": [[sorted(anchor.floats), anchor.ratios] for anchor in self.anchors],
        }
        return json.dumps(body, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Ledger":
        """Read what ``to_json`` wrote."""
        body: dict[str, Any] = json.loads(text)
        members = tuple(Member(name, tuple(r), tuple(m), p) for name, r, m, p in body["members"])
        arrays = {key: np.array(body[key], np.float64) for key in ("noise", "angle", "signal", "floor")}
        return cls(
            map=SourceMap(members),
            outputs=tuple(body["outputs"]),
            floor_angle=np.array(body["floor_angle"], np.float64),
            kills=tuple(body["kills"]),
            thresholds=body["thresholds"],
            samples=tuple(body["samples"]),
            anchors=tuple(
                Anchor(frozenset(floats), tuple((a, b) for a, b in ratios))
                for floats, ratios in body["anchors"]
            ),
            **arrays,
        )

    @cached_property
    def digest(self) -> str:
        """sha256 of the text form."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


Predict = Callable[[Collection[str]], Prediction]


def _decibels(real: float, expected: float) -> float:
    return FACTOR * math.log(real / expected) if real > 0 and expected > 0 else math.nan
