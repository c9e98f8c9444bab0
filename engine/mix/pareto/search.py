"""The steps of a pareto search in their order, its confirmation on fresh samples, and its outcome."""

import math

from ..confirming import Check, check, sentences
from ..cost_forwards import Stop
from ..ledger import Ledger
from ..ledger_estimates import is_base
from ..ledger_measure import measure
from ..trial import Point, Ranked, Search, StopReason, Trial
from .crossing import climb, cross
from .returns import give_back
from .rows import UNLIKE, by_method, choose_samples, choose_start, joined, refined, rows_alone
from .setting import ParetoOutcome, Setting
from .state import Run, Steps, loss_of

ROUNDS = 3
"""How often a plan that fails on fresh samples makes the search aim higher."""


def pareto(setting: Setting) -> Search:
    """The search. ``throw(Stop())`` ends it at once with the best plan so far."""
    run = Run(setting)
    try:
        yield from _steps(run)
    except Stop as stop:
        run.reason = stop.reason
    return _outcome(run)


def _steps(run: Run) -> Steps[None]:
    met = yield from choose_start(run)
    for _ in range(ROUNDS):
        if not met and run.ledger is None:
            run.ledger = yield from _measured(run)
            met = run.ledger is None
        if not met:
            met = (yield from refined(run)) or (yield from climb(run)) or (yield from cross(run))
            if met:
                yield from give_back(run)
        if not met:
            return
        if (yield from _confirm(run)):
            run.reason = StopReason.CONFIRMED
            return
        met = False


def _measured(run: Run) -> Steps[Ledger | None]:
    """The ledger; None where all int8 with joined rows meets the target."""
    if run.plan.digest not in run.points:
        yield from run.score([run.plan])
    choose_samples(run)
    if run.setting.methods and not run.alone and (yield from rows_alone(run)):
        return None
    if run.setting.join:
        yield from joined(run)
        if run.plan.digest not in run.points and (yield from run.score([run.plan])) == [True]:
            return None
    gen = measure(run.setting.graph, run.plan, mode=run.setting.mode, measuring=run.measuring)
    try:
        trials = next(gen)
        while True:
            trials = gen.send((yield from run.ask(trials)))
    except StopIteration as stop:
        ledger: Ledger = stop.value
    if not run.measuring.casts:
        run.bounded = {source for source in ledger.map.sources if not is_base(ledger.map, source)}
    if run.setting.methods and run.concentrated:
        ledger = yield from by_method(run, ledger)
    if run.plan.digest not in run.points:
        yield from run.score([run.plan])  # the chosen rows alone may do
    return run.with_scores(ledger)


def _confirm(run: Run) -> Steps[bool]:
    """Look for the cheapest plan that met the target and is confirmed on the fresh samples (confirming.py).

    The cheapest is checked first, then the others by bisection; if none holds, more is asked from now on.
    """
    chain = run.chain()
    if run.setting.total == run.samples:
        run.checks.append(Check(chain[0], None, None, True))
        return True
    fresh = tuple(range(run.samples, run.setting.total))
    low, high, middle = 0, len(chain) - 1, 0
    while low <= high:
        point = chain[middle]
        (result,) = yield from run.ask([Trial(point.plan, only=fresh, judges=("", "fresh samples"))])
        found = check(point, run.scores[point.plan.digest][1], result, run.objective)
        run.checks.append(found)
        low, high = (low, middle - 1) if found.confirmed else (middle + 1, high)
        middle = (low + high) // 2
    if any(item.confirmed for item in run.checks):
        return True
    _ask_for_more(run, run.checks[-1])
    return False


def _ask_for_more(run: Run, failed: Check) -> None:
    """Aim higher by as much as the fresh samples showed more loss than those that were searched on.

    Where they show a multiple of it, those that were searched on do not know the hard cases: from then on all
    samples are searched on, none is left to confirm, and the ledger is measured anew under the rows found so far.
    """
    missed = loss_of(failed.fresh.value) if failed.fresh is not None else math.inf
    gap = max(missed / max(loss_of(failed.point.cos), 1e-12), 1.0)
    if gap > UNLIKE and failed.fresh is not None:
        run.samples = run.setting.total
        run.allowed = loss_of(run.objective.target)
        for known in (run.points, run.scores, run.valid, run.checks):
            known.clear()
        run.best = run.ledger = None
        return
    wanted = loss_of(run.objective.target) / gap
    run.allowed = min(run.allowed * 0.98, max(wanted, run.allowed / 2))


def _final(run: Run) -> Check:
    """What is handed out: the cheapest confirmed plan, else the best one tried, else the nearest to the target."""
    confirmed = [item for item in run.checks if item.confirmed]
    if confirmed:
        return min(confirmed, key=lambda item: (run.price(frozenset(item.point.plan.modes)), -item.point.cos))
    chain = run.chain()
    if run.checks and not chain:
        return max(run.checks, key=lambda item: item.fresh.value if item.fresh is not None else -math.inf)
    best = chain[0] if chain else run.best or Point(0, -math.inf, run.plan)
    return Check(best, None, None, False)


def _outcome(run: Run) -> ParetoOutcome:
    """What is known now."""
    final = _final(run)
    best = final.point
    floats = frozenset(best.plan.modes)
    curve = sorted(run.points.values(), key=lambda point: (point.float_layers, point.cos))
    return ParetoOutcome(
        plan=best.plan,
        cos=best.cos,
        int8_cos=run.int8_cos,
        target=run.objective.target,
        reason=run.reason,
        ranking=_ranking(run),
        curve=tuple(curve),
        lines=_lines(run, final),
        searched=final.searched,
        fresh=final.fresh,
        cost=run.price(floats),
        int8_cost=run.price(frozenset()),
        forwards=run.forwards,
        trials=run.count,
        ledger=run.ledger,
    )


def _ranking(run: Run) -> tuple[Ranked, ...]:
    """Layers by the loss of each alone in int8, by the ledger (half of the raw cosine's, as everywhere)."""
    if run.ledger is None:
        return ()
    losses = run.ledger.losses(run.objective.weights)
    graph = run.setting.graph
    rows = [
        Ranked(name, graph.by_name[name].op, float(losses @ run.ledger.map.alone(name)) / 2)
        for name in run.ledger.map.names
    ]
    return tuple(sorted(rows, key=lambda row: -row.loss))


def _lines(run: Run, final: Check) -> tuple[str, ...]:
    best, target = final.point, run.objective.target
    lines = [
        f"all int8: cos {run.int8_cos:.6f}; {best.float_layers} float layers: cos {best.cos:.6f}, "
        f"target {target:.6f}: {run.reason}"
    ]
    lines += sentences(final.searched, final.fresh, target, final.confirmed)
    lines.append(f"{run.count} trials, {run.forwards} layer-forwards")
    return tuple(lines)
