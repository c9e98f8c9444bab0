"""What a pareto search knows: trials asked for, plans scored, the ledger, what is asked of a plan."""

import math
from collections.abc import Collection, Generator, Sequence
from dataclasses import replace
from typing import TypeVar

from ...plan import Plan
from ...run.score import Score
from ..confirming import Check
from ..cost_forwards import Forwards, Stop
from ..front import Field, Floats
from ..ledger import Ledger
from ..ledger_measure import Measuring, remeasured
from ..trial import Point, Result, Source, StopReason, Trial
from .setting import Setting

T = TypeVar("T")
Steps = Generator[Sequence[Trial], Sequence[Result], T]
"""A step of the search: yields trials, is sent their results."""

LEAST, MEASURED = 4, 4
"""Loud sources are measured on so many samples at least, and on one of so many that are searched on."""
NEVER = 1e6
"""What a layer costs whose values go beyond the float type: more than any plan without such layers."""
LOUD = 0.25
"""This share of the layers, the loudest ones: all were measured on half of those samples before."""


class Run:
    """The state of one search."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.plan = replace(setting.start, modes={})
        self.objective = setting.objective
        self.reason = StopReason.NOTHING_LEFT
        self.points: dict[str, Point] = {}
        self.scores: dict[str, tuple[Plan, Score]] = {}
        self.valid: dict[str, float] = {}
        self.best: Point | None = None
        self.int8_cos = math.nan
        self.ledger: Ledger | None = None
        self.count = self.forwards = 0
        self.checks: list[Check] = []
        self.samples = setting.samples
        self.measuring = setting.measuring or _measuring(setting.samples)
        self.bounded: set[Source] = set()
        self.overflowing: frozenset[str] = frozenset()
        self.alone = self.placed = self.refined = self.concentrated = False
        self.allowed = loss_of(self.objective.target)
        everything = frozenset(layer.name for layer in setting.graph.layers)
        self.counter = Forwards(setting.graph, everything, setting.total)

    def ask(self, trials: Sequence[Trial]) -> Steps[Sequence[Result]]:
        """Yield trials within the budget. Raises Stop when it is spent."""
        if not trials:
            return ()
        budget = self.setting.budget
        forwards = sum(map(self.counter, trials))
        if self.count + len(trials) > budget.trials or self.forwards + forwards > budget.forwards:
            raise Stop(StopReason.BUDGET)
        reason = budget.over()
        if reason is not None:
            raise Stop(reason)
        results = yield trials
        self.count += len(trials)
        self.forwards += forwards
        for trial, result in zip(trials, results, strict=True):
            if trial.source is None and isinstance(result, Score):
                self._learn_overflow(result)
        return results

    def _learn_overflow(self, score: Score) -> None:
        """Where a plan's outputs are no numbers, the layers beyond the float type, and their readers, stay int8."""
        if math.isfinite(self.objective.value(score)):
            return
        graph, mode = self.setting.graph, str(self.setting.mode)
        wrong = [one.layer for one in score.excesses if one.kind == mode and not one.reference]
        made = {tensor for name in wrong for tensor in graph.by_name[name].outputs}
        readers = [layer.name for layer in graph.layers if made.intersection(layer.inputs)]
        self.overflowing |= frozenset([*wrong, *readers])

    def score(self, plans: Sequence[Plan]) -> Steps[list[bool]]:
        """Try plans on the searched samples; whether each meets the target, with no slice dead."""
        results = yield from self.ask([Trial(plan, samples=self.samples) for plan in plans])
        return [self._note(plan, result) for plan, result in zip(plans, results, strict=True)]

    def _note(self, plan: Plan, result: Result) -> bool:
        cos = self.objective.value(result)
        dead = result.dead_slices if isinstance(result, Score) else 0
        point = Point(len(plan.modes), cos, plan)
        self.points[plan.digest] = point
        if isinstance(result, Score):
            self.scores[plan.digest] = (plan, result)
            if self.ledger is not None:
                self.ledger = self._taught(self.ledger, plan, result)
        met = not dead and loss_of(cos) <= self.allowed
        if met:
            self.valid[plan.digest] = self.price(frozenset(plan.modes))
        self._remember(point, met)
        return met

    @staticmethod
    def _taught(ledger: Ledger, plan: Plan, score: Score) -> Ledger:
        return ledger.with_anchor(plan, score) if plan.thresholds_digest == ledger.thresholds else ledger

    def _remember(self, point: Point, met: bool) -> None:
        best = self.best
        if best is None:
            better = True
        elif met != (best.plan.digest in self.valid):
            better = met
        elif met:
            key = (self.valid[point.plan.digest], -point.cos)
            better = key < (self.valid[best.plan.digest], -best.cos)
        else:
            better = point.cos > best.cos
        if better:
            self.best = point
            if self.setting.watch is not None:
                self.setting.watch(point)

    def with_scores(self, ledger: Ledger) -> Ledger:
        """The ledger, taught by every score under its thresholds."""
        for plan, score in self.scores.values():
            ledger = self._taught(ledger, plan, score)
        return ledger

    def own(self, ledger: Ledger) -> dict[str, float]:
        """What each layer adds by itself to the loss."""
        losses = ledger.losses(self.objective.weights)
        return {name: float(losses[ledger.map.index[Source("layer", name)]]) for name in ledger.map.names}

    def floated(self, floats: Floats) -> Plan:
        """The present rows with these layers float."""
        return self.plan.with_modes(dict.fromkeys(sorted(floats), self.setting.mode))

    def field(self) -> Field:
        """What the ledger says of float layers now. Only once there is a ledger."""
        assert self.ledger is not None
        return Field.of(self.ledger, self.price, dict(self.objective.weights))

    def price(self, floats: Collection[str]) -> float:
        """The cost of a plan by its float layers; beyond all others where the float type cannot hold one."""
        return self.setting.cost(floats) + NEVER * len(self.overflowing.intersection(floats))

    def meets(self, plan: Plan) -> bool:
        """Whether a plan that was scored loses no more than it may now."""
        return loss_of(self.points[plan.digest].cos) <= self.allowed

    def passes(self, plan: Plan) -> bool:
        """Whether a plan that was scored meets what is now asked and no slice of an output is dead in it."""
        return plan.digest in self.valid and self.meets(plan)

    def best_price(self) -> float:
        """The lowest cost of a plan that meets what is now asked; infinite without one."""
        return min((self.valid[point.plan.digest] for point in self._met()), default=math.inf)

    def current(self) -> Point:
        """The cheapest plan that meets what is now asked."""
        return min(
            self._met(), key=lambda point: (self.valid[point.plan.digest], -point.cos, point.plan.digest)
        )

    def _met(self) -> list[Point]:
        """Plans that meet what is now asked, no slice dead."""
        return [self.points[digest] for digest in self.valid if self.meets(self.points[digest].plan)]

    def nearest(self) -> Point:
        """The plan with the present rows that loses least for its price."""
        known = [point for point in self.points.values() if replace(point.plan, modes={}) == self.plan]
        return max(known, key=lambda item: (item.cos, -item.float_layers, item.plan.digest))

    def is_checked(self, point: Point) -> bool:
        """Whether a plan was run on the fresh samples."""
        return point.plan.digest in {item.point.plan.digest for item in self.checks}

    def chain(self) -> list[Point]:
        """Plans that meet what is now asked and were not checked, of each price the best one, the cheapest first."""
        found: dict[float, Point] = {}
        for point in self._met():
            price, known = self.valid[point.plan.digest], found.get(self.valid[point.plan.digest])
            if self.is_checked(point):
                continue
            if known is None or (-point.cos, point.plan.digest) < (-known.cos, known.plan.digest):
                found[price] = point
        return [found[price] for price in sorted(found)]

    def take_rows(self, plan: Plan) -> None:
        """Search on with the rows of a plan."""
        rows = replace(plan, modes={})
        if rows != self.plan:
            self.plan = rows
            if self.ledger is not None:
                self.ledger = self.with_scores(remeasured(self.ledger, self.plan, {}))


def loss_of(cos: float) -> float:
    """What a figure of the objective lacks of the raw cosine, as the ledger counts; ``Run.allowed`` is the most."""
    return 2 * (1 - cos)


def _measuring(samples: int) -> Measuring:
    """How sources are measured where so many samples are searched on: casts only where a plan has them."""
    measured = min(max(LEAST, math.ceil(samples / MEASURED)), samples)
    return Measuring(math.ceil(measured / 2), measured, LOUD, anchors=0, casts=False)
