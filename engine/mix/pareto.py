"""pareto: the cheapest mixed plan that meets a target, by the noise ledger and few real trials.

The ledger proposes (front.py), real trials decide: the crossing with the target is closed in from both sides, every
trial teaches the ledger, then single layers go back to int8 by real trials, and the end is confirmed on samples that
the search has not seen. Deterministic; a driver that replays the results gets the same trials.
"""

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..errors import QuantdeckError
from ..graph.model import Graph
from ..plan import Mode, Plan, Threshold
from ..run.score import Score
from .cost_forwards import Budget, Forwards, Stop
from .front import Cost, Field, Floats, block_order, cheapest, count_layers, single_order
from .ledger import Ledger
from .ledger_measure import Measuring, measure, remeasured, thresholds_digest
from .ledger_sources import SourceMap
from .trial import Failure, Objective, Outcome, Point, Ranked, Result, Search, Source, StopReason, Trial

Steps = Generator[Sequence[Trial], Sequence[Result], None]
Asked = Generator[Sequence[Trial], Sequence[Result], Sequence[Result]]

PROBES = 12
"""Real trials for one crossing."""
RETURNS = 6
"""Single layers that are tried in int8 at the same time."""
HOPE = 1.1
"""A plan is tried only if the ledger's sum, scaled to the best plan's real loss, misses by less than this factor."""
ROUNDS = 3
"""How often a plan that fails on fresh samples makes the search aim higher."""
SHARES = (0.6, 0.75, 0.88)
"""Parts of a threshold that are tried where rows are refined."""
WORTHWHILE = 0.9
"""A row is changed where the noise of its tensor falls below this share: less is within what 4 samples tell."""
Z95 = 1.96


@dataclass(frozen=True, slots=True)
class Figure:
    """The objective's cos over some samples, with the half width of its 95 % interval."""

    value: float
    half: float
    samples: int


@dataclass(frozen=True, slots=True)
class Setting:
    """What pareto is asked.

    start: thresholds and chip; its modes do not matter. mode: the float type. samples: how many are searched on;
    total: how many there are, those beyond ``samples`` confirm. methods: other thresholds by method, from which the
    best whole set is taken and then, for the loudest tensors that stay int8 (``refine`` of them), row by row.
    cost: of a plan by its float layers. watch: called with every plan that is the best so far.
    """

    graph: Graph
    start: Plan
    mode: Mode
    objective: Objective
    samples: int
    total: int
    methods: Mapping[str, Mapping[str, Threshold]] = field(default_factory=dict[str, Mapping[str, Threshold]])
    measuring: Measuring = field(default_factory=lambda: Measuring(4, 0, 0, 0))
    refine: int = 0
    cost: Cost = count_layers
    budget: Budget = field(default_factory=Budget)
    watch: Callable[[Point], None] | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.samples <= self.total:
            raise QuantdeckError(
                f"the search has {self.total} samples and was told to use {self.samples}; give 1 to {self.total}"
            )


@dataclass(frozen=True, slots=True)
class ParetoOutcome(Outcome):
    """An outcome with what pareto knows besides.

    ``searched`` and ``fresh``: the plan on the samples that were searched on and on the others (None without
    others, or before the confirmation). ``cost`` and ``int8_cost`` in the chosen cost's unit. ``forwards``:
    layer-forwards; ``trials``: trials that were asked for.
    """

    searched: Figure | None = None
    fresh: Figure | None = None
    cost: float = math.nan
    int8_cost: float = math.nan
    forwards: int = 0
    trials: int = 0
    ledger: Ledger | None = None


def pareto(setting: Setting) -> Search:
    """The search. ``throw(Stop())`` ends it at once with the best plan so far."""
    run = _Run(setting)
    try:
        yield from run.search()
    except Stop as stop:
        run.reason = stop.reason
    return run.outcome()


class _Run:
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
        self.searched: Figure | None = None
        self.fresh: Figure | None = None
        self.allowed = 2 * (1 - self.objective.target)
        everything = frozenset(layer.name for layer in setting.graph.layers)
        self.counter = Forwards(setting.graph, everything, setting.total)

    # ---------------------------------------------------------------- asking

    def ask(self, trials: Sequence[Trial]) -> Asked:
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
        return results

    def score(self, plans: Sequence[Plan]) -> Generator[Sequence[Trial], Sequence[Result], list[bool]]:
        """Try plans on the searched samples; whether each meets the target, with no slice dead."""
        results = yield from self.ask([Trial(plan, samples=self.setting.samples) for plan in plans])
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
        met = not dead and 2 * (1 - cos) <= self.allowed
        if met:
            self.valid[plan.digest] = self.setting.cost(frozenset(plan.modes))
        self._remember(point, met)
        return met

    @staticmethod
    def _taught(ledger: Ledger, plan: Plan, score: Score) -> Ledger:
        return ledger.with_anchor(plan, score) if thresholds_digest(plan) == ledger.thresholds else ledger

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

    # ---------------------------------------------------------------- the search

    def search(self) -> Steps:
        met = yield from self._choose_start()
        if not met:
            self.ledger = yield from self._measured()
        for _ in range(ROUNDS):
            if not met:
                met = yield from self._cross()
                if met:
                    yield from self._give_back()
            if not met:
                return
            if (yield from self._confirm()):
                self.reason = StopReason.CONFIRMED
                return
            met = False
            if self.ledger is None:
                self.ledger = yield from self._measured()

    def _choose_start(self) -> Generator[Sequence[Trial], Sequence[Result], bool]:
        """All int8 with each set of thresholds; the best one is the start."""
        plans = [self.plan]
        for rows in self.setting.methods.values():
            plan = self.plan.with_thresholds(rows)
            if plan not in plans:
                plans.append(plan)
        met = yield from self.score(plans)
        cos = [self.points[plan.digest].cos for plan in plans]
        winner = max(range(len(plans)), key=lambda index: (met[index], cos[index], -index))
        self.plan, self.int8_cos = plans[winner], cos[winner]
        return met[winner]

    def _measured(self) -> Generator[Sequence[Trial], Sequence[Result], Ledger]:
        gen = measure(self.setting.graph, self.plan, mode=self.setting.mode, measuring=self.setting.measuring)
        try:
            trials = next(gen)
            while True:
                trials = gen.send((yield from self.ask(trials)))
        except StopIteration as stop:
            ledger: Ledger = stop.value
        if self.setting.refine and self.setting.methods:
            ledger = yield from self._refined(ledger)
        for plan, score in self.scores.values():
            ledger = self._taught(ledger, plan, score)
        return ledger

    def _floated(self, floats: Floats) -> Plan:
        return self.plan.with_modes(dict.fromkeys(sorted(floats), self.setting.mode))

    def _field(self, ledger: Ledger) -> tuple[Field, list[list[Floats]]]:
        found = Field.of(ledger, self.setting.cost, dict(self.objective.weights))
        return found, [block_order(found), single_order(found)]

    def _cross(self) -> Generator[Sequence[Trial], Sequence[Result], bool]:
        """Close in on the cheapest plan that meets the target; whether there is one."""
        assert self.ledger is not None
        space, paths = self._field(self.ledger)
        worked, failed = 0.0, math.inf  # sums of the ledger that met the target, and that did not
        aim = self.allowed * self._factor(space)
        for _ in range(PROBES):
            floats = cheapest(space, paths, aim)
            if floats is None:
                floats = frozenset(self.ledger.map.names)
            plan, total = self._floated(floats), space.loss(floats)
            known = plan.digest in self.points
            if not known:
                (met,) = yield from self.score([plan])
            else:
                met = plan.digest in self.valid and self._meets(plan)
            if met:
                worked = max(worked, total)
            elif len(floats) == len(self.ledger.map.names):
                return False
            else:
                failed = min(failed, total)
            real = 2 * (1 - self.points[plan.digest].cos)
            guess = self.allowed * total / real if real > 0 and math.isfinite(real) else total / 2
            following = self._next(worked, failed, guess)
            if following is None or (known and following >= aim > worked > 0):
                break
            if worked > 0 and failed < math.inf:
                between = cheapest(space, paths, following)
                if between is None or self._price(between) >= self._best_price():
                    break
            aim = following
        return self._best_price() < math.inf

    @staticmethod
    def _next(worked: float, failed: float, guess: float) -> float | None:
        """The next sum to aim at, within what is known."""
        if failed <= worked * (1 + 1e-9):
            return None
        if failed < math.inf:
            if worked == 0:
                return min(guess, failed * 0.9)
            if failed / worked < 1.01:
                return None
            return min(max(guess, worked * 1.005), failed * 0.995)
        return max(guess, worked * 1.02)

    def _factor(self, space: Field) -> float:
        """Sum of the ledger over what it predicts, near the target."""
        assert self.ledger is not None
        floats = cheapest(space, [block_order(space)], self.allowed)
        if floats is None:
            return 1.0
        value = self.ledger.predict_floats(floats).value(self.objective.weights)
        predicted = 2 * (1 - value)
        return space.loss(floats) / predicted if predicted > 0 else 1.0

    def _price(self, floats: Floats) -> float:
        return self.setting.cost(floats)

    def _meets(self, plan: Plan) -> bool:
        return 2 * (1 - self.points[plan.digest].cos) <= self.allowed

    def _best_price(self) -> float:
        met = [price for digest, price in self.valid.items() if self._meets(self.points[digest].plan)]
        return min(met, default=math.inf)

    def _current(self) -> Point:
        """The cheapest plan that meets what is now asked."""
        found = [self.points[digest] for digest in self.valid if self._meets(self.points[digest].plan)]
        return min(found, key=lambda point: (self.valid[point.plan.digest], -point.cos, point.plan.digest))

    # ---------------------------------------------------------------- back to int8, by real trials

    def _give_back(self) -> Steps:
        """Layers that the others made needless go back to int8; sets of single trials, the best one stays."""
        assert self.ledger is not None
        space = Field.of(self.ledger, self.setting.cost, dict(self.objective.weights))
        while True:
            best = self._current()
            floats = frozenset(best.plan.modes)
            cost = self._price(floats)
            tries = [floats - {name} for name in sorted(floats)]
            for name in _gains(space, floats)[:RETURNS]:
                inside = floats | {name}
                tries += [inside - {other, third} for other, third in _pairs(space, inside, name)]
            real = 2 * (1 - best.cos)
            limit = self.allowed * HOPE * space.loss(floats) / real if real > 0 else math.inf
            ranked = sorted((space.loss(item), self._price(item), sorted(item)) for item in set(tries))
            plans = [
                self._floated(frozenset(names))
                for loss, price, names in ranked
                if price < cost and loss <= limit
            ]
            plans = [plan for plan in plans if plan.digest not in self.points][:RETURNS]
            if not plans:
                return
            met = yield from self.score(plans)
            if not any(met):
                return

    # ---------------------------------------------------------------- thresholds, row by row

    def _refined(self, ledger: Ledger) -> Generator[Sequence[Trial], Sequence[Result], Ledger]:
        """Other thresholds for the loudest tensors among those that stay int8 near the target.

        Each row is judged by the noise of its tensor's own layer at the outputs, all rows together by a real run.
        """
        space, paths = self._field(ledger)
        floats = cheapest(space, paths, self.allowed) or frozenset()
        wanted = [
            (tensor, row)
            for tensor in _loudest(ledger.map, space, floats)[: self.setting.refine]
            for row in self._rows(tensor)
        ]
        first = self.setting.measuring.first
        results = yield from self.ask(
            [
                Trial(self.plan.with_thresholds({tensor: row}), samples=first, source=Source("layer", tensor))
                for tensor, row in wanted
            ]
        )
        chosen: dict[str, tuple[float, Threshold, Result]] = {}
        for (tensor, row), result in zip(wanted, results, strict=True):
            least = chosen[tensor][0] if tensor in chosen else WORTHWHILE * _own_loss(ledger, tensor, first)
            loss = _turned(result, first)
            if loss < least:
                chosen[tensor] = (loss, row, result)
        if not chosen:
            return ledger
        old, new = (
            self._floated(floats),
            self.plan.with_thresholds({name: item[1] for name, item in chosen.items()}),
        )
        modes = new.with_modes(old.modes)
        yield from self.score([old, modes, new])
        if self.points[modes.digest].cos <= self.points[old.digest].cos:
            return ledger
        self.plan, self.int8_cos = new, max(self.int8_cos, self.points[new.digest].cos)
        casts = [source for source in ledger.map.sources if source.kind == "cast" and source.name in chosen]
        again = yield from self.ask([Trial(self.plan, samples=first, source=source) for source in casts])
        found = {Source("layer", name): item[2] for name, item in chosen.items()}
        return remeasured(ledger, self.plan, {**found, **dict(zip(casts, again, strict=True))})

    def _rows(self, tensor: str) -> list[Threshold]:
        """Other thresholds of a tensor: those of the methods, and shares of the present one."""
        now = self.plan.thresholds.get(tensor)
        if now is None:
            return []
        rows = {now.value: now}
        for method in self.setting.methods.values():
            if tensor in method:
                rows.setdefault(method[tensor].value, method[tensor])
        for share in SHARES:
            rows.setdefault(now.value * share, replace(now, value=now.value * share, method="refined"))
        return [row for value, row in rows.items() if value != now.value]

    # ---------------------------------------------------------------- the end

    def _confirm(self) -> Generator[Sequence[Trial], Sequence[Result], bool]:
        """The plan on samples that were not searched on; if it fails, more is asked from now on.

        It holds when the mean over all samples meets the target, the fresh ones by themselves do not speak against it
        (95 %), and no slice is dead.
        """
        point = self._current()
        self.best = point
        if self.setting.total == self.setting.samples:
            return True
        (result,) = yield from self.ask([Trial(point.plan, samples=0)])
        if isinstance(result, Failure):
            return False
        self.searched = figure(result, self.objective, 0, self.setting.samples)
        self.fresh = figure(result, self.objective, self.setting.samples, result.samples)
        every = self.objective.value(result)
        likely = self.fresh.value + self.fresh.half if self.fresh.samples > 1 else self.fresh.value
        if self.objective.met(every) and self.objective.met(likely) and not result.dead_slices:
            return True
        missed = 2 * (1 - min(every, likely))
        gap = max(missed / max(2 * (1 - point.cos), 1e-12), 1.0)
        self.allowed = min(self.allowed * 0.98, 2 * (1 - self.objective.target) / gap)
        self.valid.pop(point.plan.digest, None)
        return False

    def outcome(self) -> ParetoOutcome:
        """What is known now."""
        best = self.best or Point(0, -math.inf, self.plan)
        floats = frozenset(best.plan.modes)
        curve = sorted(self.points.values(), key=lambda point: (point.float_layers, point.cos))
        return ParetoOutcome(
            plan=best.plan,
            cos=best.cos,
            int8_cos=self.int8_cos,
            target=self.objective.target,
            reason=self.reason,
            ranking=self._ranking(),
            curve=tuple(curve),
            lines=self._lines(best),
            searched=self.searched,
            fresh=self.fresh,
            cost=self._price(floats),
            int8_cost=self._price(frozenset()),
            forwards=self.forwards,
            trials=self.count,
            ledger=self.ledger,
        )

    def _ranking(self) -> tuple[Ranked, ...]:
        """Layers by the loss of each alone in int8, by the ledger (half of the raw cosine's, as everywhere)."""
        if self.ledger is None:
            return ()
        losses = self.ledger.losses(self.objective.weights)
        graph = self.setting.graph
        rows = [
            Ranked(name, graph.by_name[name].op, float(losses @ self.ledger.map.alone(name)) / 2)
            for name in self.ledger.map.names
        ]
        return tuple(sorted(rows, key=lambda row: -row.loss))

    def _lines(self, best: Point) -> tuple[str, ...]:
        lines = [
            f"all int8: cos {self.int8_cos:.6f}; {best.float_layers} float layers: cos {best.cos:.6f}, "
            f"target {self.objective.target:.6f}: {self.reason}"
        ]
        for found, name in ((self.searched, "searched on"), (self.fresh, "not searched on")):
            if found is not None:
                lines.append(
                    f"{found.samples} samples {name}: cos {found.value:.6f} +- {found.half:.6f} (95 %)"
                )
        lines.append(f"{self.count} trials, {self.forwards} layer-forwards")
        return tuple(lines)


# -------------------------------------------------------------------- figures


def figure(score: Score, objective: Objective, start: int, stop: int) -> Figure:
    """The objective over samples start to stop of a score."""
    total = count = 0.0
    sums = [0.0] * (stop - start)
    for output in score.outputs:
        weight = objective.weights.get(output.name, 0.0) if objective.weights else 1.0
        total += weight
        for index, cosine in enumerate(output.similarity.cosine[start:stop]):
            sums[index] += weight * (0.5 + 0.5 * cosine)
    values = [item / total if total else math.nan for item in sums]
    count = len(values)
    mean = sum(values) / count if count else math.nan
    variance = sum((value - mean) ** 2 for value in values) / (count - 1) if count > 1 else math.nan
    return Figure(mean, Z95 * math.sqrt(variance / count) if count > 1 else math.nan, int(count))


def _gains(space: Field, floats: Floats) -> list[str]:
    """Int8 layers, the one whose turning float helps most first."""
    others = [name for name in space.ledger.map.names if name not in floats]
    gain = {name: -space.sums.change(floats, (name,)) for name in others}
    return [name for name in sorted(others, key=lambda item: -gain[item]) if gain[name] > 0]


def _pairs(space: Field, floats: Floats, keep: str) -> list[tuple[str, str]]:
    """The two layers whose going back costs least, given that *keep* is float."""
    order = sorted(
        (name for name in floats if name != keep), key=lambda name: (space.sums.change(floats, (name,)), name)
    )
    return [(order[0], order[1])] if len(order) > 1 else []


def _loudest(found: SourceMap, space: Field, floats: Floats) -> list[str]:
    """Tensors made by int8 layers, the loudest of the plan first."""
    active = found.active(floats)
    loss = {
        source.name: float(space.losses[index])
        for source, index in found.index.items()
        if source.kind == "layer" and index in active
    }
    return [name for name in sorted(loss, key=lambda item: -loss[item]) if loss[name] > 0]


def _turned(result: Result, samples: int) -> float:
    """Mean loss of the raw cosine over outputs and samples."""
    if isinstance(result, Failure):
        return math.inf
    values = [1 - cosine for output in result.outputs for cosine in output.similarity.cosine[:samples]]
    return sum(values) / len(values) if values else math.inf


def _own_loss(ledger: Ledger, tensor: str, samples: int) -> float:
    angle = ledger.angle[ledger.map.index[Source("layer", tensor)]][:, :samples]
    return float((1 - 1 / (1 + angle) ** 0.5).mean())
