"""Float layers: real trials close in on the cheapest plan that meets the target, between what the ledger proposes."""

import math
from collections.abc import Mapping, Sequence

from ..front import Field, Floats, block_order, cheapest, single_order
from ..ledger_measure import remeasured
from ..trial import Trial
from .rows import CLOSE, parts_of, rows_in_place
from .state import Run, Steps, loss_of

PROBES = 12
"""Real trials for one crossing."""
HOPE = 1.2
"""A plan is tried only if the ledger's sum, scaled to the best plan's real loss, misses by less than this factor."""
CLIMBS, CLIMBERS = 3, 4
"""Where a plan loses less than CLOSE times what it may, so many layers are floated one by one, each the best of so
many: near few dB the ledger's sums say less than a real trial."""
QUIET = {"cast": 0.002, "pass": 0.002}
"""Sources that are estimated to lose less than this share of what a plan may lose are not measured."""
LOOKS = 6
"""How often the casts of a proposed plan are measured, so that the ledger may propose another, before its trial."""


def climb(run: Run) -> Steps[bool]:
    """From a plan that nearly meets the target, float layers one by one, each the best of a few real trials.

    Where few samples carry the loss it is tried from any plan: sums say little of them, and few layers may do.
    """
    point = run.nearest()
    for _ in range(CLIMBS):
        if loss_of(point.cos) > CLOSE * run.allowed and not run.concentrated:
            return False
        floats = frozenset(point.plan.modes)
        names = [name for name in gains(run.field(), floats) if name not in run.overflowing]
        plans = [run.floated(floats | {name}) for name in names[:CLIMBERS]]
        if any((yield from run.score(plans))):
            return True
        point = max((run.points[item.digest] for item in plans), key=lambda item: item.cos, default=point)
    return False


def measure_casts(run: Run, plans: Sequence[Floats]) -> Steps[bool]:
    """Measure the casts of plans that are only bounded so far; whether there were any."""
    assert run.ledger is not None
    sources = run.ledger.map.sources
    active = {index for floats in plans for index in run.ledger.map.active(floats)}
    losses = run.ledger.losses(run.objective.weights)
    wanted = [
        sources[index]
        for index in sorted(active)
        if sources[index] in run.bounded and losses[index] > QUIET[sources[index].kind] * run.allowed
    ]
    if not wanted:
        return False
    first, only = run.measuring.most, run.measuring.only
    results = yield from run.ask(
        [
            Trial(run.plan, samples=first, source=source, only=only, judges=("", source.kind))
            for source in wanted
        ]
    )
    run.bounded.difference_update(wanted)
    found = dict(zip(wanted, results, strict=True))
    run.ledger = run.with_scores(remeasured(run.ledger, run.plan, found))
    return True


def cross(run: Run) -> Steps[bool]:
    """Close in on the cheapest plan that meets the target; whether there is one."""
    tried: dict[Floats, bool] = {}
    aim: float | None = None
    for _ in range(PROBES):
        space, floats = yield from _proposed(run, aim)
        if tried and aim is not None and _is_vain(run, tried, floats):
            break
        plan = run.floated(floats)
        known = plan.digest in run.points
        if not known:
            (met,) = yield from run.score([plan])
        else:
            met = run.passes(plan)
        if not run.placed:
            run.placed = True
            if run.setting.methods:
                far = loss_of(run.points[plan.digest].cos) > HOPE * run.allowed
                yield from rows_in_place(run, plan, parts_of(run, plan, "loudest") if far else ())
                plan = run.floated(floats)
                met = run.passes(plan)
                space = run.field()
        tried[floats] = met
        if not met and len(floats) == len(space.ledger.map.names):
            return False
        worked = max((space.loss(item) for item, passed in tried.items() if passed), default=0.0)
        failed = min((space.loss(item) for item, passed in tried.items() if not passed), default=math.inf)
        real, total = loss_of(run.points[plan.digest].cos), space.loss(floats)
        guess = run.allowed * total / real if real > 0 and math.isfinite(real) else total / 2
        following = _next(worked, failed, guess)
        if following is None or (known and aim is not None and following >= aim > worked > 0):
            break
        aim = following
    return run.best_price() < math.inf


def _is_vain(run: Run, tried: Mapping[Floats, bool], floats: Floats) -> bool:
    """Whether a plan between one that met the target and one that did not is no cheaper than the best."""
    return len(set(tried.values())) > 1 and run.price(floats) >= run.best_price()


def _proposed(run: Run, aim: float | None) -> Steps[tuple[Field, Floats]]:
    """The cheapest plan whose sum is within *aim* (None: within the target, by the ledger), casts measured."""
    space, floats = _by_ledger(run, aim)
    for _ in range(LOOKS):
        if not (yield from measure_casts(run, [floats])):
            break
        space, floats = _by_ledger(run, aim)
    return space, floats


def _by_ledger(run: Run, aim: float | None) -> tuple[Field, Floats]:
    assert run.ledger is not None
    space = run.field()
    paths = [block_order(space), single_order(space)]
    sum_allowed = run.allowed * _factor(run, space) if aim is None else aim
    return space, cheapest(space, paths, sum_allowed) or frozenset(run.ledger.map.names)


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


def _factor(run: Run, space: Field) -> float:
    """Sum of the ledger over what it predicts, near the target."""
    assert run.ledger is not None
    floats = cheapest(space, [block_order(space)], run.allowed)
    if floats is None:
        return 1.0
    value = run.ledger.predict_floats(floats).value(run.objective.weights)
    predicted = 2 * (1 - value)
    return space.loss(floats) / predicted if predicted > 0 else 1.0


def gains(space: Field, floats: Floats) -> list[str]:
    """Int8 layers, the one whose turning float helps most first."""
    others = [name for name in space.ledger.map.names if name not in floats]
    gain = {name: -space.sums.change(floats, (name,)) for name in others}
    return [name for name in sorted(others, key=lambda item: -gain[item]) if gain[name] > 0]
