"""pareto: the cheapest mixed plan that meets a target, by the noise ledger and few real trials.

The ledger proposes (front.py), real trials decide: the crossing with the target is closed in from both sides, every
trial teaches the ledger, then single layers go back to int8 by real trials, and the end is confirmed on samples that
the search has not seen. Deterministic; a driver that replays the results gets the same trials.
"""

import itertools
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..errors import QuantdeckError
from ..graph.model import Graph
from ..hw.chip import get_chip
from ..plan import Mode, Plan, Threshold
from ..run.score import Score
from .confirming import Check, Figure, check, sample_values, sentences
from .cost_forwards import Budget, Forwards, Stop
from .front import Cost, Field, Floats, block_order, cheapest, count_layers, single_order
from .joining import groups, variants
from .ledger import Ledger
from .ledger_estimates import is_base
from .ledger_measure import Measuring, measure, remeasured, thresholds_digest
from .ledger_sources import SourceMap
from .trial import Objective, Outcome, Point, Ranked, Result, Search, Source, StopReason, Trial

Steps = Generator[Sequence[Trial], Sequence[Result], None]
Asked = Generator[Sequence[Trial], Sequence[Result], Sequence[Result]]

LEAST, MEASURED = 4, 4
"""Sources are measured on so many samples at least, and on one of so many that are searched on."""
PROBES = 12
"""Real trials for one crossing."""
RETURNS = (2, 3)
"""Plans with a layer more in int8 that are tried together: the most hopeful ones, then others."""
LOUD = 0.125
"""Part of the layers, the loudest ones, for which every method's row is tried."""
UNLIKE = 2.0
"""Fresh samples that lose so many times what the searched ones lose are of another kind."""
JOINED = 2
"""Samples on which groups of additions are tried."""
AT_ONCE = 6
"""Of so many float layers one is in the first set that goes back together; of fewer than its square none."""
SWAPPED = 6
"""Int8 layers that are tried in exchange for two float ones."""
PAIRED = 4
"""Float layers of which two go back in exchange."""
HOPE = 1.2
"""A plan is tried only if the ledger's sum, scaled to the best plan's real loss, misses by less than this factor."""
ROUNDS = 3
"""How often a plan that fails on fresh samples makes the search aim higher."""
CLIMBS, CLIMBERS, CLOSE = 3, 4, 1.25
"""Where all int8 loses less than CLOSE times what it may, so many layers are floated one by one, each the best of so
many: near few dB the ledger's sums say less than a real trial."""
GROUPS = (8, 24, 72)
"""Where the int8 layers, the loudest first, are parted into groups whose rows are tried together."""
STRETCHES, NEAR = 8, 2.5
"""Parts of a network whose rows are tried together while all is int8, and how many times more than it may such a plan
loses at most for that."""
FINER = (4, 12, 20, 40, 56, 88, 120, 160)
"""The same for the plan that failed on fresh samples."""
WORTHWHILE_GROUP = 0.98
"""The same for such a group, whose trials are on all searched samples."""
WORTHWHILE = 0.9
"""A group's rows are changed where its loss falls below this share: less is within what 4 samples tell."""
FEW = 0.8
"""Where the loudest samples carry this share of the loss, the loudest layers are measured with every method's rows."""
QUIET = {"cast": 0.001, "pass": 0.003}
"""Sources that are estimated to lose less than this share of what a plan may lose are not measured."""
LOOKS = 6
"""How often the casts of a proposed plan are measured, so that the ledger may propose another, before its trial."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What pareto is asked.

    start: thresholds and chip; its modes do not matter. mode: the float type. samples: how many are searched on;
    total: how many there are, those beyond ``samples`` confirm. methods: other thresholds by method, from which the
    best whole set is taken and then, with ``join``, the best rows of each group of additions (joining.py).
    cost: of a plan by its float layers. watch: called with every plan that is the best so far.
    """

    graph: Graph
    start: Plan
    mode: Mode
    objective: Objective
    samples: int
    total: int
    methods: Mapping[str, Mapping[str, Threshold]] = field(default_factory=dict[str, Mapping[str, Threshold]])
    measuring: Measuring | None = None
    join: bool = True
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
        self.checks: list[Check] = []
        self.samples = setting.samples
        measured = min(max(LEAST, math.ceil(setting.samples / MEASURED)), setting.samples)
        self.measuring = setting.measuring or Measuring(measured, 0, 0, 0, casts=False)
        self.bounded: set[Source] = set()
        self.placed = self.refined = self.concentrated = False
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
        for _ in range(ROUNDS):
            if not met and self.ledger is None:
                self.ledger = yield from self._measured()
                met = self.ledger is None
            if not met:
                met = (yield from self._refined()) or (yield from self._climb()) or (yield from self._cross())
                if met:
                    yield from self._give_back()
            if not met:
                return
            if (yield from self._confirm()):
                self.reason = StopReason.CONFIRMED
                return
            met = False

    def _choose_start(self) -> Generator[Sequence[Trial], Sequence[Result], bool]:
        """All int8 with each set of thresholds, on few samples; the best one is the start, and is tried on all."""
        plans = self._variants(self.plan)
        if len(plans) > 1:
            first = min(self.measuring.first, self.setting.samples)
            results = yield from self.ask([Trial(plan, samples=first) for plan in plans])
            figures = [self.objective.value(result) for result in results]
            self.plan = plans[max(range(len(plans)), key=lambda index: (figures[index], -index))]
        (met,) = yield from self.score([self.plan])
        self.int8_cos = self.points[self.plan.digest].cos
        return met

    def _joined(self) -> Steps:
        """Groups of additions get the rows that lose least when only the group is int8."""
        graph, setting = self.setting.graph, self.setting
        program = get_chip(self.plan.chip).lower(graph, self.plan)
        names = SourceMap.of(graph, program).names
        for group in groups(graph, program, self.plan):
            inside = {layer.name for layer in graph.layers if set(layer.outputs) & set(group)}
            floats = dict.fromkeys([name for name in names if name not in inside], setting.mode)
            rows = variants(group, self.plan, setting.methods)
            results = yield from self.ask(
                [
                    Trial(
                        self.plan.with_thresholds(item).with_modes(floats),
                        samples=JOINED,
                        only=self.measuring.only[:JOINED],
                        judges=(group[0], "joined"),
                    )
                    for item in rows
                ]
            )
            figures = [self.objective.value(result) for result in results]
            winner = max(range(len(rows)), key=lambda index: (figures[index], -index))
            if 1 - figures[winner] < WORTHWHILE * (1 - figures[0]):
                self.plan = self.plan.with_thresholds(rows[winner])

    def _measured(self) -> Generator[Sequence[Trial], Sequence[Result], Ledger | None]:
        """The ledger; None where all int8 with joined rows meets the target."""
        if self.plan.digest not in self.points:
            yield from self.score([self.plan])
        self._choose_samples()
        if self.setting.methods and (yield from self._rows_alone()):
            return None
        if self.setting.join:
            yield from self._joined()
            if self.plan.digest not in self.points and (yield from self.score([self.plan])) == [True]:
                return None
        gen = measure(self.setting.graph, self.plan, mode=self.setting.mode, measuring=self.measuring)
        try:
            trials = next(gen)
            while True:
                trials = gen.send((yield from self.ask(trials)))
        except StopIteration as stop:
            ledger: Ledger = stop.value
        if not self.measuring.casts:
            self.bounded = {source for source in ledger.map.sources if not is_base(ledger.map, source)}
        if self.setting.methods and self.concentrated:
            ledger = yield from self._by_method(ledger)
        if self.plan.digest not in self.points:
            yield from self.score([self.plan])  # the chosen rows alone may do
        return self._with_scores(ledger)

    def _rows_alone(self) -> Generator[Sequence[Trial], Sequence[Result], bool]:
        """Whether all int8 meets the target with other rows, where it is not far from it."""
        if 2 * (1 - self.points[self.plan.digest].cos) > NEAR * self.allowed:
            return False
        yield from self._rows_in_place(self.plan, self._parts(self.plan, "stretches"))
        return self._meets(self.plan)

    def _choose_samples(self) -> None:
        """Where few samples carry the loss of the plan, the sources are measured on those."""
        score = self.scores.get(self.plan.digest)
        if score is None:
            return
        losses = [1 - value for value in sample_values(score[1], self.objective)]
        order = sorted(range(len(losses)), key=lambda index: (-losses[index], index))
        loudest = tuple(sorted(order[: self.measuring.first]))
        known = sum(losses[: len(loudest)])
        if all(map(math.isfinite, losses)) and sum(losses[index] for index in loudest) > UNLIKE * known:
            self.measuring = replace(self.measuring, only=loudest)
            self.concentrated = sum(losses[index] for index in loudest) > FEW * sum(losses)

    def _by_method(self, ledger: Ledger) -> Generator[Sequence[Trial], Sequence[Result], Ledger]:
        """The loudest layers get the method's row with which their own noise at the outputs is least."""
        own = self._own(ledger)
        loudest = sorted(own, key=lambda name: -own[name])[: math.ceil(LOUD * len(own))]
        wanted = [
            (name, row)
            for name in loudest
            if name in self.plan.thresholds and self.plan.thresholds[name].method != "joined"
            for table in self.setting.methods.values()
            if (row := table.get(name)) is not None and row.value != self.plan.thresholds[name].value
        ]
        results = yield from self.ask(
            [
                Trial(
                    self.plan.with_thresholds({name: row}),
                    samples=self.measuring.first,
                    source=Source("layer", name),
                    only=self.measuring.only,
                    judges=(name, row.method),
                )
                for name, row in wanted
            ]
        )
        chosen: dict[str, tuple[float, Threshold, Result]] = {}
        for (name, row), result in zip(wanted, results, strict=True):
            trial = remeasured(ledger, self.plan, {Source("layer", name): result})
            loss = float(trial.losses(self.objective.weights)[ledger.map.index[Source("layer", name)]])
            if loss < (chosen[name][0] if name in chosen else WORTHWHILE * own[name]):
                chosen[name] = (loss, row, result)
        if not chosen:
            return ledger
        self.plan = self.plan.with_thresholds({name: row for name, (_, row, _) in chosen.items()})
        return remeasured(
            ledger, self.plan, {Source("layer", name): item[2] for name, item in chosen.items()}
        )

    def _with_scores(self, ledger: Ledger) -> Ledger:
        for plan, score in self.scores.values():
            ledger = self._taught(ledger, plan, score)
        return ledger

    def _rows_in_place(self, plan: Plan, parts: Sequence[Sequence[str]]) -> Steps:
        """Try other rows in a mixed plan by real trials: those of whole methods first, then part by part.

        What is best when all is int8 need not be so here.
        """
        best = yield from self._better(self._variants(plan), WORTHWHILE)
        best = yield from self._swapped(best, parts)
        self._take_rows(best)

    def _swapped(
        self, best: Plan, parts: Sequence[Sequence[str]]
    ) -> Generator[Sequence[Trial], Sequence[Result], Plan]:
        """A plan after each part's rows of each method were tried in it."""
        for names in parts:
            best = yield from self._better(self._variants(best, names), WORTHWHILE_GROUP)
        return best

    def _variants(self, plan: Plan, names: Sequence[str] | None = None) -> list[Plan]:
        """The plan, then what it is with each method's rows, of some tensors or of all."""
        found = [plan]
        for rows in self.setting.methods.values():
            taken = rows if names is None else {name: rows[name] for name in names if name in rows}
            tried = plan.with_thresholds(taken)
            if tried not in found:
                found.append(tried)
        return found

    def _take_rows(self, plan: Plan) -> None:
        rows = replace(plan, modes={})
        if rows != self.plan:
            self.plan = rows
            if self.ledger is not None:
                self.ledger = self._with_scores(remeasured(self.ledger, self.plan, {}))

    def _refined(self) -> Generator[Sequence[Trial], Sequence[Result], bool]:
        """Better rows for the best plan that nearly meets the target, in smaller groups, once."""
        if self.setting.methods and not self.refined:
            point = self._nearest()
            if self._meets(point.plan) and not self._is_checked(point):
                return True
            if 2 * (1 - point.cos) > CLOSE * self.allowed:
                return False
            self.refined = True
            best = yield from self._swapped(point.plan, self._parts(point.plan, "finer"))
            self._take_rows(best)
        point = self._nearest()
        return self._meets(point.plan) and not self._is_checked(point)

    def _nearest(self) -> Point:
        """The plan with the present rows that loses least for its price."""
        known = [point for point in self.points.values() if replace(point.plan, modes={}) == self.plan]
        return max(known, key=lambda item: (item.cos, -item.float_layers, item.plan.digest))

    def _is_checked(self, point: Point) -> bool:
        return point.plan.digest in {item.point.plan.digest for item in self.checks}

    def _parts(self, plan: Plan, kind: str) -> list[list[str]]:
        """The int8 layers of a plan in groups: stretches of the model, or the loudest ones first."""
        names = [layer.name for layer in self.setting.graph.layers if layer.name not in plan.modes]
        if kind == "stretches":
            edges = [len(names) * index // STRETCHES for index in range(1, STRETCHES)]
        else:
            assert self.ledger is not None
            own = self._own(self.ledger)
            names = sorted((name for name in names if name in own), key=lambda name: -own[name])
            edges = [edge for edge in (FINER if kind == "finer" else GROUPS) if edge < len(names)]
        return [
            names[first:last] for first, last in itertools.pairwise([0, *edges, len(names)]) if last > first
        ]

    def _own(self, ledger: Ledger) -> dict[str, float]:
        """What each layer adds by itself to the loss."""
        losses = ledger.losses(self.objective.weights)
        return {name: float(losses[ledger.map.index[Source("layer", name)]]) for name in ledger.map.names}

    def _better(
        self, plans: Sequence[Plan], share: float
    ) -> Generator[Sequence[Trial], Sequence[Result], Plan]:
        """The best of some plans; the first, whose score is known, unless another has less than *share* of its loss."""
        yield from self.score(plans[1:])
        figures = [self.points[item.digest].cos for item in plans]
        winner = max(range(len(plans)), key=lambda index: (figures[index], -index))
        return plans[winner if 1 - figures[winner] < share * (1 - figures[0]) else 0]

    def _climb(self) -> Generator[Sequence[Trial], Sequence[Result], bool]:
        """From a plan that nearly meets the target, float layers one by one, each the best of a few real trials."""
        assert self.ledger is not None
        point = self._nearest()
        for _ in range(CLIMBS):
            if 2 * (1 - point.cos) > CLOSE * self.allowed:
                return False
            floats = frozenset(point.plan.modes)
            space = self._field(self.ledger)[0]
            plans = [self._floated(floats | {name}) for name in _gains(space, floats)[:CLIMBERS]]
            if any((yield from self.score(plans))):
                return True
            point = max(
                (self.points[item.digest] for item in plans), key=lambda item: item.cos, default=point
            )
        return False

    def _measure_casts(self, plans: Sequence[Floats]) -> Generator[Sequence[Trial], Sequence[Result], bool]:
        """Measure the casts of plans that are only bounded so far; whether there were any."""
        assert self.ledger is not None
        sources = self.ledger.map.sources
        active = {index for floats in plans for index in self.ledger.map.active(floats)}
        losses = self.ledger.losses(self.objective.weights)
        wanted = [
            sources[index]
            for index in sorted(active)
            if sources[index] in self.bounded and losses[index] > QUIET[sources[index].kind] * self.allowed
        ]
        if not wanted:
            return False
        first, only = self.measuring.first, self.measuring.only
        results = yield from self.ask(
            [
                Trial(self.plan, samples=first, source=source, only=only, judges=("", source.kind))
                for source in wanted
            ]
        )
        self.bounded.difference_update(wanted)
        found = dict(zip(wanted, results, strict=True))
        self.ledger = self._with_scores(remeasured(self.ledger, self.plan, found))
        return True

    def _floated(self, floats: Floats) -> Plan:
        return self.plan.with_modes(dict.fromkeys(sorted(floats), self.setting.mode))

    def _field(self, ledger: Ledger) -> tuple[Field, list[list[Floats]]]:
        found = Field.of(ledger, self.setting.cost, dict(self.objective.weights))
        return found, [block_order(found), single_order(found)]

    def _cross(self) -> Generator[Sequence[Trial], Sequence[Result], bool]:
        """Close in on the cheapest plan that meets the target; whether there is one."""
        tried: dict[Floats, bool] = {}
        aim: float | None = None
        for _ in range(PROBES):
            space, floats = yield from self._proposed(aim)
            if tried and aim is not None and self._is_vain(tried, floats):
                break
            plan = self._floated(floats)
            known = plan.digest in self.points
            if not known:
                (met,) = yield from self.score([plan])
            else:
                met = plan.digest in self.valid and self._meets(plan)
            if not self.placed:
                self.placed = True
                if self.setting.methods:
                    far = 2 * (1 - self.points[plan.digest].cos) > HOPE * self.allowed
                    yield from self._rows_in_place(plan, self._parts(plan, "loudest") if far else ())
                    plan = self._floated(floats)
                    met = plan.digest in self.valid and self._meets(plan)
                    assert self.ledger is not None
                    space = self._field(self.ledger)[0]
            tried[floats] = met
            if not met and len(floats) == len(space.ledger.map.names):
                return False
            worked = max((space.loss(item) for item, passed in tried.items() if passed), default=0.0)
            failed = min((space.loss(item) for item, passed in tried.items() if not passed), default=math.inf)
            real, total = 2 * (1 - self.points[plan.digest].cos), space.loss(floats)
            guess = self.allowed * total / real if real > 0 and math.isfinite(real) else total / 2
            following = self._next(worked, failed, guess)
            if following is None or (known and aim is not None and following >= aim > worked > 0):
                break
            aim = following
        return self._best_price() < math.inf

    def _is_vain(self, tried: Mapping[Floats, bool], floats: Floats) -> bool:
        """Whether a plan between one that met the target and one that did not is no cheaper than the best."""
        return len(set(tried.values())) > 1 and self._price(floats) >= self._best_price()

    def _proposed(
        self, aim: float | None
    ) -> Generator[Sequence[Trial], Sequence[Result], tuple[Field, Floats]]:
        """The cheapest plan whose sum is within *aim* (None: within the target, by the ledger), casts measured."""
        space, floats = self._by_ledger(aim)
        for _ in range(LOOKS):
            if not (yield from self._measure_casts([floats])):
                break
            space, floats = self._by_ledger(aim)
        return space, floats

    def _by_ledger(self, aim: float | None) -> tuple[Field, Floats]:
        assert self.ledger is not None
        space, paths = self._field(self.ledger)
        sum_allowed = self.allowed * self._factor(space) if aim is None else aim
        return space, cheapest(space, paths, sum_allowed) or frozenset(self.ledger.map.names)

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
        """Layers that the others made needless go back to int8, while some set of real trials has one that passes."""
        yield from self._give_back_many()
        while True:
            hopeful = self._hopeful(self._current())
            if (yield from self._measure_casts(hopeful)):
                continue
            start = 0
            for size in RETURNS:
                plans = [self._floated(floats) for floats in hopeful[start : start + size]]
                if any((yield from self.score(plans))):
                    break
                start += size
            else:
                return

    def _give_back_many(self) -> Steps:
        """Several layers at a time, those that the sum misses least, fewer after each plan that fails."""
        assert self.ledger is not None
        count = len(self._current().plan.modes)
        many = count // AT_ONCE if count > AT_ONCE**2 else 0
        while many > 1:
            floats = frozenset(self._current().plan.modes)
            space = Field.of(self.ledger, self.setting.cost, dict(self.objective.weights))
            for _ in range(min(many, len(floats))):
                floats -= {min(sorted(floats), key=lambda name: space.sums.change(floats, (name,)))}
            plan = self._floated(floats)
            if plan.digest in self.points or not any((yield from self.score([plan]))):
                many //= 2

    def _hopeful(self, best: Point) -> list[Floats]:
        """Plans a layer cheaper than the best one, by the ledger's sum; those that it has no hope for are left out."""
        assert self.ledger is not None
        space = Field.of(self.ledger, self.setting.cost, dict(self.objective.weights))
        floats = frozenset(best.plan.modes)
        cost, real = self._price(floats), 2 * (1 - best.cos)
        limit = self.allowed * HOPE * space.loss(floats) / real if real > 0 else math.inf
        tries = {floats - {name} for name in floats}
        for name in _gains(space, floats)[:SWAPPED]:
            inside = floats | {name}
            tries |= {inside - {other, third} for other, third in _pairs(space, inside, name)}
        tries = {item for item in tries if self._price(item) < cost}
        order = sorted((space.loss(item), sorted(item)) for item in tries)
        fresh = [frozenset(names) for loss, names in order if loss <= limit]
        return [item for item in fresh if self._floated(item).digest not in self.points][: sum(RETURNS)]

    # ---------------------------------------------------------------- the end

    def _confirm(self) -> Generator[Sequence[Trial], Sequence[Result], bool]:
        """Look for the cheapest plan that met the target and is confirmed on the fresh samples (confirming.py).

        The cheapest is checked first, then the others by bisection; if none holds, more is asked from now on.
        """
        chain = self._chain()
        if self.setting.total == self.samples:
            self.checks.append(Check(chain[0], None, None, True))
            return True
        fresh = tuple(range(self.samples, self.setting.total))
        low, high, middle = 0, len(chain) - 1, 0
        while low <= high:
            point = chain[middle]
            (result,) = yield from self.ask([Trial(point.plan, only=fresh)])
            found = check(point, self.scores[point.plan.digest][1], result, self.objective)
            self.checks.append(found)
            low, high = (low, middle - 1) if found.confirmed else (middle + 1, high)
            middle = (low + high) // 2
        if any(item.confirmed for item in self.checks):
            return True
        self._ask_for_more(self.checks[-1])
        return False

    def _ask_for_more(self, failed: Check) -> None:
        """Aim higher by as much as the fresh samples showed more loss than those that were searched on.

        Where they show a multiple of it, those that were searched on do not know the hard cases: from then on all
        samples are searched on, none is left to confirm, and the ledger is measured anew.
        """
        missed = 2 * (1 - failed.fresh.value) if failed.fresh is not None else math.inf
        gap = max(missed / max(2 * (1 - failed.point.cos), 1e-12), 1.0)
        if gap > UNLIKE and failed.fresh is not None:
            self.samples = self.setting.total
            self.allowed = 2 * (1 - self.objective.target)
            for known in (self.points, self.scores, self.valid, self.checks):
                known.clear()
            self.best = self.ledger = None
            return
        wanted = 2 * (1 - self.objective.target) / gap
        self.allowed = min(self.allowed * 0.98, max(wanted, self.allowed / 2))

    def _chain(self) -> list[Point]:
        """Plans that meet what is now asked and were not checked, of each price the best one, the cheapest first."""
        checked = {item.point.plan.digest for item in self.checks}
        found: dict[float, Point] = {}
        for digest, price in self.valid.items():
            point = self.points[digest]
            if self._meets(point.plan) and digest not in checked:
                known = found.get(price)
                if known is None or (-point.cos, digest) < (-known.cos, known.plan.digest):
                    found[price] = point
        return [found[price] for price in sorted(found)]

    def _final(self) -> Check:
        """What is handed out: the cheapest confirmed plan, else the best one tried, else the nearest to the target."""
        confirmed = [item for item in self.checks if item.confirmed]
        if confirmed:
            return min(
                confirmed, key=lambda item: (self._price(frozenset(item.point.plan.modes)), -item.point.cos)
            )
        chain = self._chain()
        if self.checks and not chain:
            return max(
                self.checks, key=lambda item: item.fresh.value if item.fresh is not None else -math.inf
            )
        best = chain[0] if chain else self.best or Point(0, -math.inf, self.plan)
        return Check(best, None, None, False)

    def outcome(self) -> ParetoOutcome:
        """What is known now."""
        final = self._final()
        best = final.point
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
            lines=self._lines(final),
            searched=final.searched,
            fresh=final.fresh,
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

    def _lines(self, final: Check) -> tuple[str, ...]:
        best, target = final.point, self.objective.target
        lines = [
            f"all int8: cos {self.int8_cos:.6f}; {best.float_layers} float layers: cos {best.cos:.6f}, "
            f"target {target:.6f}: {self.reason}"
        ]
        lines += sentences(final.searched, final.fresh, target, final.confirmed)
        lines.append(f"{self.count} trials, {self.forwards} layer-forwards")
        return tuple(lines)


def _gains(space: Field, floats: Floats) -> list[str]:
    """Int8 layers, the one whose turning float helps most first."""
    others = [name for name in space.ledger.map.names if name not in floats]
    gain = {name: -space.sums.change(floats, (name,)) for name in others}
    return [name for name in sorted(others, key=lambda item: -gain[item]) if gain[name] > 0]


def _pairs(space: Field, floats: Floats, keep: str) -> list[tuple[str, str]]:
    """Pairs among the layers whose going back costs least, given that *keep* is float."""
    order = sorted(
        (name for name in floats if name != keep), key=lambda name: (space.sums.change(floats, (name,)), name)
    )
    return list(itertools.combinations(order[:PAIRED], 2))
