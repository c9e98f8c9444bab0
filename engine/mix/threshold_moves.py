"""What another threshold does to a plan's noise, before anything is run under it.

A ledger answers for one set of thresholds. Under others the measured noise of each source whose tensor is stored
otherwise is multiplied by what happens to the layer's own error, which weights and the histogram of the calibration
samples tell (error_parts.py). This is far coarser than the ledger itself, and says so by its interval.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..calib.statistics import TensorStatistics
from ..graph.model import Graph
from ..hw.program import Program
from ..plan import Plan
from .error_parts import MOVERS, Parts, clipping_error, heard, stored
from .ledger import Ledger
from .repairs import Evidence
from .trial import Source

Array = NDArray[np.float64]

COARSE = 0.01
"""Share of a tensor's power from which on clipped values count more than their squares say: what is cut off whole maps
does not average out on its way as rounding does, what is cut off a few peaks is hardly seen."""
CLIPPED, ROUNDED = 12.0, 8.0
"""The most dB by which the noise of a source that mostly clips, or mostly rounds, may be estimated wrong (90 %)."""
LEAST, GROWTH = 2.0, 0.5
"""dB by which an estimate may be wrong: at least, and for each dB that the noise or the step changes.

Chosen on edits of one threshold of mobilenet_v2 (a tenth to ten times it, and other methods). The real score lay within
the interval in 99 % of 153 edits there, in 98 % of 169 on tiny_darknet and in 90 % of 426 on the embedded example.
"""
BENDING = frozenset({"Elu", "GELU", "HardSwish", "LeakyRelu", "Mish", "SiLU"})
"""Ops that leave next to nothing of a negative value."""
SQUASHING = frozenset({"Sigmoid", "Softmax"})
SQUASHED = 1.0
"""Probabilities hide noise until another class wins: each dB of more noise may be so many more than they are told."""
ANEW = 0.7
"""dB by which a plan may differ only because another threshold rounds everything that follows anew."""
MOST, WORST = 2.2, 4.5
"""Noise over signal that outputs have at most, where nothing of the signal is left: likely, and at the lower end."""


@dataclass(frozen=True, slots=True)
class Moves:
    """By what the noise of sources is multiplied, and how many dB less or more it may be (90 %)."""

    factors: Mapping[Source, float]
    errors: Mapping[Source, tuple[float, float]]

    def weights(self, ledger: Ledger, weights: Array, sign: float = 0.0) -> Array:
        """A plan's weights with these factors; *sign*: 1 the most noise that is likely, -1 the least."""
        found = weights.copy()
        for source, factor in self.factors.items():
            place = ledger.map.index.get(source)
            if place is not None:
                less, more = self.errors[source]
                found[place] *= factor * 10 ** (sign * (more if sign > 0 else less) / 10)
        return found


def threshold_moves(evidence: Evidence, plan: Plan) -> Moves | None:
    """What the thresholds of *plan* do beside those of the evidence's plan; None where that cannot be told.

    Errors: QuantdeckError when the chip cannot run the plan.
    """
    graph = evidence.graph
    before, after = evidence.plan.thresholds, plan.thresholds
    tensors = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    if not tensors.issubset(graph.by_name):
        return None
    program = evidence.lower(plan)
    factors: dict[Source, float] = {}
    errors: dict[Source, tuple[float, float]] = {}
    squashed = _squashed(graph)
    for name in graph.by_name:
        if stored(program, name) == stored(evidence.program, name):
            continue
        found = _moved(evidence, name, program)
        if found is None:
            return None
        factor, error = found
        more = max(error, SQUASHED * 10 * math.log10(factor)) if squashed and factor > 1 else error
        for source in _sources(evidence, name):
            factors[source], errors[source] = factor, (error, more)
    return Moves(factors, errors)


def _squashed(graph: Graph) -> bool:
    """Whether an output is a probability."""
    for output in graph.outputs:
        maker = graph.producer(output.tensor)
        while maker is not None and maker.op in MOVERS and len(graph.activations(maker)) == 1:
            maker = graph.producer(graph.activations(maker)[0])
        if maker is not None and maker.op in SQUASHING:
            return True
    return False


def _sources(evidence: Evidence, name: str) -> list[Source]:
    """What rounds a tensor: its layer, and where that is float, those who read it."""
    casts = [Source("cast", name, reader.name) for reader in evidence.graph.consumers(name)]
    return [Source("layer", name), Source("pass", name), Source("cast", name), *casts]


def _moved(evidence: Evidence, name: str, program: Program) -> tuple[float, float] | None:
    """Factor of a layer's noise and how wrong it may be in dB; None where nothing is known of its error."""
    layer = evidence.graph.by_name[name]
    old, new = stored(evidence.program, name), stored(program, name)
    found = heard(evidence.graph, evidence.statistics, name)
    if old is None or new is None or not old.scale or not new.scale or found is None:
        return None
    seen = _bent(found) if _bends(evidence, name) else found
    parts = [
        replace(one, clipping=clipping_error(seen, kind) if one.clipping else 0.0)
        for one, kind in ((evidence.parts(layer), old), (evidence.parts(layer, program), new))
    ]
    power = found.std**2 + found.mean**2
    was, will = (_felt(one, power) for one in parts)
    if was <= 0 or will <= 0:
        return (1.0, LEAST) if was == will else None
    factor = will / was
    change = max(abs(10 * math.log10(factor)), abs(20 * math.log10(new.scale / old.scale)))
    clips = max(one.share("clipping") for one in parts)
    most = CLIPPED * clips + ROUNDED * (1 - clips)
    return factor, min(most, LEAST * min(change, 1.0) + GROWTH * change)


def _bends(evidence: Evidence, name: str) -> bool:
    """Whether all that read a tensor leave next to nothing of what is negative."""
    readers = evidence.graph.consumers(name)
    return bool(readers) and all(one.op in BENDING for one in readers)


def _bent(found: TensorStatistics) -> TensorStatistics:
    """A tensor whose negative values are all counted at zero."""
    borders = np.linspace(found.histogram_lo, found.histogram_hi, len(found.histogram) + 1)
    counts = found.histogram.copy()
    below = borders[1:] <= 0
    if below.all() or not below.any():
        return found
    counts[int(below.sum())] += counts[below].sum()
    counts[below] = 0
    return replace(found, histogram=counts)


def _felt(parts: Parts, power: float) -> float:
    """A layer's error as the network feels it."""
    coarse = math.sqrt(parts.clipping / power / COARSE) if power > 0 else 1.0
    return parts.weights + parts.rounding + parts.clipping * coarse


def louder(before: float, ratio: float, most: float = MOST) -> float:
    """A noise over signal, *ratio* times as much, that stays below *most*."""
    known = min(before, 0.98 * most)
    free = known / (1 - known / most) * ratio
    return free / (1 + free / most)
