"""Layers that others made needless go back to int8, by real trials."""

import itertools

from ..front import Field, Floats
from ..trial import Point
from .crossing import HOPE, gains, measure_casts
from .state import Run, Steps, loss_of

RETURNS = (2, 3)
"""Plans with a layer more in int8 that are tried together: the most hopeful ones, then others."""
AT_ONCE = 6
"""Of so many float layers one is in the first set that goes back together; of fewer than its square none."""
SWAPPED = 6
"""Int8 layers that are tried in exchange for two float ones."""
PAIRED = 4
"""Float layers of which two go back in exchange."""
CHEAPER = 1e-3
"""A plan is tried only if it costs less by this share: under a cost by time there would be no end of small gains."""


def give_back(run: Run) -> Steps[None]:
    """Layers that the others made needless go back to int8, while some set of real trials has one that passes."""
    yield from _give_back_many(run)
    while True:
        hopeful = _hopeful(run, run.current())
        if (yield from measure_casts(run, hopeful)):
            continue
        start = 0
        for size in RETURNS:
            plans = [run.floated(floats) for floats in hopeful[start : start + size]]
            if any((yield from run.score(plans))):
                break
            start += size
        else:
            return


def _give_back_many(run: Run) -> Steps[None]:
    """Several layers at a time, those that the sum misses least, fewer after each plan that fails."""
    count = len(run.current().plan.modes)
    many = count // AT_ONCE if count > AT_ONCE**2 else 0
    while many > 1:
        floats = frozenset(run.current().plan.modes)
        space = run.field()
        for _ in range(min(many, len(floats))):
            floats -= {min(sorted(floats), key=lambda name: space.sums.change(floats, (name,)))}
        plan = run.floated(floats)
        if plan.digest in run.points or not any((yield from run.score([plan]))):
            many //= 2


def _hopeful(run: Run, best: Point) -> list[Floats]:
    """Plans a layer cheaper than the best one, by the ledger's sum; those that it has no hope for are left out."""
    space = run.field()
    floats = frozenset(best.plan.modes)
    cost, real, total = run.price(floats), loss_of(best.cos), space.loss(floats)
    scale = total / real if real > 0 and total > 0 else 1.0  # nothing to compare with where all are float
    limit = run.allowed * HOPE * scale
    tries = {floats - {name} for name in floats}
    for name in gains(space, floats)[:SWAPPED]:
        inside = floats | {name}
        tries |= {inside - {other, third} for other, third in _pairs(space, inside, name)}
    tries = {item for item in tries if run.price(item) < cost * (1 - CHEAPER)}
    order = sorted((space.loss(item), sorted(item)) for item in tries)
    fresh = [frozenset(names) for loss, names in order if loss <= limit]
    return [item for item in fresh if run.floated(item).digest not in run.points][: sum(RETURNS)]


def _pairs(space: Field, floats: Floats, keep: str) -> list[tuple[str, str]]:
    """Pairs among the layers whose going back costs least, given that *keep* is float."""
    order = sorted(
        (name for name in floats if name != keep), key=lambda name: (space.sums.change(floats, (name,)), name)
    )
    return list(itertools.combinations(order[:PAIRED], 2))
