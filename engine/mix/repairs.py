"""What could be done about a layer that hurts: every sensible edit with the gain that is predicted for it.

With a noise ledger the gain is in dB of SQNR at the worst output: floating is predicted as any plan is, and another
edit scales the measured noise of each layer that it touches by what happens to the layer's own error (error_parts).
Without one it is dB at the layer's own output, an estimate from the layer alone.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from ..calib.equalize import Pair, equalize_once, find_pairs
from ..calib.statistics import TensorStatistics
from ..graph.model import Graph, Layer
from ..hw.chip import get_chip
from ..hw.memo import Memo
from ..hw.program import Program, TensorType
from ..plan import Mode, Plan, Threshold
from .error_parts import Parts, clipping_error, heard, rounding_error, split, stored, weight_rows
from .ledger import Ledger
from .trial import Source

LEAST = 0.005
"""dB below which a repair is not worth a line."""
SCATTER = 0.3
"""dB by which two runs of nearly equal plans differ for no reason that anything predicts (measured on the zoo's
networks): a smaller gain at the outputs may as well turn out as a loss."""
BETTER = 0.05
"""dB that a typed threshold must bring beyond the best method's."""
STEPS = 64
"""Typed thresholds that are tried, from the whole range down to a sixteenth of it."""


class Action(StrEnum):
    """The edit that a repair stands for."""

    METHOD = "method"
    THRESHOLD = "threshold"
    FLOAT = "float"
    EQUALIZE = "equalize"
    BIAS = "bias"


@dataclass(frozen=True, slots=True)
class Repair:
    """One edit, in words, with its predicted gain in dB.

    at_outputs: the gain is the ledger's, at the worst output; else it is an estimate from the layer alone, at its own
    output (inf: nothing of the layer's own error would be left). own: dB by which the layer's own error falls (for
    EQUALIZE the first layer's). layers: those that float, the pair that is
    equalized, or the layer. plan: what the session would stand on; None where the weights change, which is a run of
    its own. threshold: the new row, for METHOD and THRESHOLD.
    """

    action: Action
    layers: tuple[str, ...]
    gain: float
    at_outputs: bool
    own: float
    plan: Plan | None = None
    threshold: Threshold | None = None

    @property
    def sure(self) -> bool:
        """Whether the gain is more than the scatter of runs; an estimate from the layer alone never is."""
        return self.at_outputs and self.gain >= SCATTER

    @property
    def words(self) -> str:
        """The edit in words; names are as they are."""
        row = self.threshold
        if row is not None:
            return f"threshold {row.value:.6g}" + (
                f" by {row.method}" if self.action is Action.METHOD else ", typed"
            )
        if self.action is Action.FLOAT:
            first, *others = self.layers
            return f"float {first}" + (f" with {', '.join(others)}" if others else "")
        if self.action is Action.EQUALIZE:
            return f"equalize the weights of {self.layers[0]} and {self.layers[1]}"
        return "correct its bias"


@dataclass(frozen=True)
class Evidence:
    """All that is known without running anything.

    statistics: by tensor. methods: other thresholds of each tensor, by method. arrived: mean square of the whole
    plan's error at a layer's output, where it was measured.
    """

    graph: Graph
    plan: Plan
    program: Program
    statistics: Mapping[str, TensorStatistics]
    methods: Mapping[str, Mapping[str, Threshold]] = field(default_factory=dict[str, Mapping[str, Threshold]])
    arrived: Mapping[str, float] = field(default_factory=dict[str, float])
    ledger: Ledger | None = None
    memo: Memo = field(default_factory=Memo)
    pairs: tuple[Pair, ...] = ()

    @classmethod
    def of(
        cls,
        graph: Graph,
        plan: Plan,
        statistics: Mapping[str, TensorStatistics],
        *,
        methods: Mapping[str, Mapping[str, Threshold]] | None = None,
        arrived: Mapping[str, float] | None = None,
        ledger: Ledger | None = None,
    ) -> "Evidence":
        """Evidence about *plan*; a ledger of other thresholds is left aside.

        Errors: QuantdeckError when the chip is not simulated.
        """
        memo = Memo()
        program = get_chip(plan.chip).lower(graph, plan, memo)
        known = ledger if ledger is not None and ledger.thresholds == plan.thresholds_digest else None
        return cls(
            graph, plan, program, statistics, methods or {}, arrived or {}, known, memo, find_pairs(graph)
        )

    def lower(self, plan: Plan) -> Program:
        """The program of a plan that differs a little."""
        return get_chip(plan.chip).lower(self.graph, plan, self.memo)

    def parts(self, layer: Layer, program: Program | None = None) -> Parts:
        """The layer's own error, in the plan's program or another."""
        return split(self.graph, layer, program or self.program, self.statistics, self.own_type(layer.name))

    def own_type(self, tensor: str) -> TensorType | None:
        """How the tensor would be stored by its own row of the plan alone; None where it stays as it is."""
        row, kind = self.plan.thresholds.get(tensor), stored(self.program, tensor)
        if row is None or kind is None or row.value <= 0:
            return None
        return TensorType(kind.storage, row.value / (255 if kind.storage == "uint8" else 127))

    @property
    def floats(self) -> frozenset[str]:
        """Float layers of the plan that could be int8."""
        return self.ledger.map.restricted(self.plan.modes) if self.ledger is not None else frozenset()


def repairs(evidence: Evidence, layer: Layer) -> tuple[Repair, ...]:
    """Every edit that is predicted to gain something, the best first."""
    if stored(evidence.program, layer.name) is None and evidence.program.modes.get(layer.name) != "INT8":
        return ()
    parts = evidence.parts(layer)
    found = [
        *_thresholds(evidence, layer, parts),
        *_floats(evidence, layer, parts),
        *_corrections(evidence, layer, parts),
    ]
    order = {action: place for place, action in enumerate(Action)}
    worth = [repair for repair in found if repair.gain >= LEAST]
    return tuple(sorted(worth, key=lambda repair: (-repair.gain, order[repair.action], len(repair.layers))))


# -------------------------------------------------------------------- gains


def gain_at_outputs(ledger: Ledger, floats: frozenset[str], factors: Mapping[Source, float]) -> float:
    """Gain in dB at the worst output when the noise of some sources is multiplied."""
    before = ledger.map.weights(floats)
    after = before.copy()
    for source, factor in factors.items():
        if source in ledger.map.index:
            after[ledger.map.index[source]] *= factor
    return _worst_sqnr(ledger, after) - _worst_sqnr(ledger, before)


def _worst_sqnr(ledger: Ledger, weights: np.ndarray) -> float:
    return -10 * math.log10(max(ledger.worst_loss(weights), 1e-300))


def gain_at_layer(own: float, left: float, arrived: float) -> float:
    """Gain in dB at the layer's output when its own error falls from *own* to *left*; the rest of *arrived* stays."""
    whole = max(arrived, own)
    rest = whole - own + left
    if whole <= 0:
        return 0.0
    return 10 * math.log10(whole / rest) if rest > 0 else math.inf


def _corrected(
    evidence: Evidence, layer: Layer, parts: Parts, left: float, action: Action, layers: tuple[str, ...]
) -> Repair:
    """A correction after which *left* of the layer's own error is there."""
    ledger, own = evidence.ledger, gain_at_layer(parts.total, left, 0.0)
    if ledger is not None and parts.total > 0 and Source("layer", layer.name) in ledger.map.index:
        factors = {Source("layer", layer.name): left / parts.total}
        return Repair(action, layers, gain_at_outputs(ledger, evidence.floats, factors), True, own)
    gain = gain_at_layer(parts.total, left, evidence.arrived.get(layer.name, 0.0))
    return Repair(action, layers, gain, False, own)


# -------------------------------------------------------------------- thresholds


def _thresholds(evidence: Evidence, layer: Layer, parts: Parts) -> Iterable[Repair]:
    now = evidence.plan.thresholds.get(layer.name)
    if now is None or len(layer.outputs) != 1:
        return
    best = 0.0
    seen = {now.value}
    for method, row in evidence.methods.get(layer.name, {}).items():
        if row.value in seen:
            continue
        seen.add(row.value)
        repair = _with_row(
            evidence, layer, parts, Action.METHOD, Threshold(row.value, now.min, now.max, method)
        )
        best = max(best, repair.gain)
        yield repair
    typed = _typed(evidence, layer, now)
    if typed is not None:
        repair = _with_row(evidence, layer, parts, Action.THRESHOLD, typed)
        if repair.gain > best + BETTER:
            yield repair


def _with_row(evidence: Evidence, layer: Layer, parts: Parts, action: Action, row: Threshold) -> Repair:
    plan = evidence.plan.with_thresholds({layer.name: row})
    program = evidence.lower(plan)
    left = evidence.parts(layer, program).total
    if evidence.ledger is None:
        gain = gain_at_layer(parts.total, left, evidence.arrived.get(layer.name, 0.0))
    else:
        gain = gain_at_outputs(evidence.ledger, evidence.floats, _touched(evidence, program))
    return Repair(
        action,
        (layer.name,),
        gain,
        evidence.ledger is not None,
        gain_at_layer(parts.total, left, 0.0),
        plan,
        row,
    )


def _touched(evidence: Evidence, program: Program) -> dict[Source, float]:
    """By what the noise of each source is multiplied whose tensor is stored otherwise in *program*."""
    factors: dict[Source, float] = {}
    for name, other in evidence.graph.by_name.items():
        if stored(program, name) == stored(evidence.program, name):
            continue
        before, after = evidence.parts(other).total, evidence.parts(other, program).total
        if before > 0:
            sources = [Source("layer", name), Source("pass", name), Source("cast", name)]
            sources += [Source("cast", name, reader.name) for reader in evidence.graph.consumers(name)]
            factors |= dict.fromkeys(sources, after / before)
    return factors


def _typed(evidence: Evidence, layer: Layer, now: Threshold) -> Threshold | None:
    """The threshold at which clipping and rounding of the layer's own output are smallest together."""
    found = heard(evidence.graph, evidence.statistics, layer.name)
    kind = stored(evidence.program, layer.name)
    if found is None or kind is None or found.largest <= 0:
        return None
    steps = 255 if kind.storage == "uint8" else 127
    values = [found.largest * 2 ** (-4 * step / STEPS) for step in range(STEPS + 1)]
    kinds = [TensorType(kind.storage, value / steps) for value in values]
    errors = [clipping_error(found, item) + rounding_error(found, item) for item in kinds]
    value = float(f"{values[int(np.argmin(errors))]:.6g}")
    return Threshold(value, now.min, now.max, "typed")


# -------------------------------------------------------------------- float layers


def _floats(evidence: Evidence, layer: Layer, parts: Parts) -> Iterable[Repair]:
    """The layer alone, and with its neighbours where that brings more."""
    if evidence.program.modes.get(layer.name) != "INT8":
        return
    alone = _floated(evidence, layer, parts, (layer.name,))
    yield alone
    block = (layer.name, *_neighbours(evidence, layer))
    if len(block) > 1:
        together = _floated(evidence, layer, parts, block)
        if together.gain > alone.gain + BETTER:
            yield together


def _neighbours(evidence: Evidence, layer: Layer) -> tuple[str, ...]:
    """Int8 layers that make what the layer reads or read what it makes, in model order."""
    graph, modes = evidence.graph, evidence.program.modes
    near = {maker.name for name in graph.activations(layer) if (maker := graph.producer(name)) is not None}
    near |= {user.name for name in layer.outputs for user in graph.consumers(name)}
    return tuple(name for name in graph.by_name if name in near and modes.get(name) == "INT8")


def _floated(evidence: Evidence, layer: Layer, parts: Parts, layers: tuple[str, ...]) -> Repair:
    plan = evidence.plan.with_modes(dict.fromkeys(layers, Mode(evidence.plan.fp_type)))
    ledger, floats = evidence.ledger, evidence.floats
    left = evidence.parts(layer, evidence.lower(plan)).total
    own = gain_at_layer(parts.total, left, 0.0)
    if ledger is not None:
        then = ledger.predict_floats(floats | ledger.map.restricted(layers)).sqnr
        before = ledger.predict_floats(floats).sqnr
        gain = then - before if math.isfinite(before) else 0.0
        return Repair(Action.FLOAT, layers, gain, True, own, plan)
    gain = gain_at_layer(parts.total, left, evidence.arrived.get(layer.name, 0.0))
    return Repair(Action.FLOAT, layers, gain, False, own, plan)


# -------------------------------------------------------------------- corrections


def _corrections(evidence: Evidence, layer: Layer, parts: Parts) -> Iterable[Repair]:
    """Corrections of weights; they concern the layer's own error.

    A constant shift counts as much as any other error here; a network that averages its last maps feels it more, so
    that correcting a bias gains at least this much there.
    """
    if evidence.program.modes.get(layer.name) != "INT8":
        return
    if layer.op == "Conv" and len(layer.inputs) > 2 and parts.shift > 0:
        left = parts.total - parts.shift
        yield _corrected(evidence, layer, parts, left, Action.BIAS, (layer.name,))
    for pair in evidence.pairs:
        if layer.name in (pair.first, pair.second):
            first = evidence.graph.by_name[pair.first]
            own = evidence.parts(first)
            left = own.weights + own.clipping + own.rounding * equalizing_factor(evidence, pair)
            yield _corrected(evidence, first, own, left, Action.EQUALIZE, (pair.first, pair.second))


def equalizing_factor(evidence: Evidence, pair: Pair) -> float:
    """By what equalizing multiplies the rounding of the tensor between two convolutions, as the second one sees it.

    A channel's range goes with the norm of its weights times the input's power, and its bias. Dividing channels by s
    lets the largest range shrink; the second convolution multiplies what is left of the rounding by s again.
    """
    graph = evidence.graph
    first, second = graph.by_name[pair.first], graph.by_name[pair.second]
    w1, w2 = graph.weights[first.inputs[1]], graph.weights[second.inputs[1]]
    rows, source = weight_rows(graph, first), evidence.statistics.get(first.inputs[0])
    if rows is None or source is None:
        return 1.0
    bias = graph.weights.get(first.inputs[2]) if len(first.inputs) > 2 else None
    power = math.sqrt(source.std**2 + source.mean**2)
    ranges = 3 * np.linalg.norm(rows, axis=1) * power + (np.abs(bias).reshape(-1) if bias is not None else 0)
    done = equalize_once(w1, bias, w2, pair.groups)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.abs(w1).reshape(len(w1), -1).max(axis=1) / np.abs(done.first).reshape(len(w1), -1).max(
            axis=1
        )
    scale = np.where(np.isfinite(scale) & (scale > 0), scale, 1.0)
    per_group = w2.shape[1]
    grouped = np.square(w2.astype(np.float64)).reshape(pair.groups, w2.shape[0] // pair.groups, per_group, -1)
    heard = grouped.sum(axis=(1, 3)).reshape(-1)
    before = float(heard.sum()) * float(ranges.max()) ** 2
    after = float((heard * scale**2).sum()) * float((ranges / scale).max()) ** 2
    return after / before if before > 0 else 1.0
