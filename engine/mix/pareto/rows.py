"""Thresholds within a pareto search: the start, groups of additions, other methods' rows by real trials."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

from ...hw.chip import get_chip
from ...plan import Plan, Threshold
from ..confirming import sample_values
from ..joining import groups, variants
from ..ledger import Ledger
from ..ledger_measure import remeasured
from ..ledger_sources import SourceMap
from ..trial import Result, Source, Trial
from .state import Run, Steps, loss_of

LOUD = 0.125
"""Part of the layers, the loudest ones, for which every method's row is tried."""
UNLIKE = 2.0
"""Samples that lose so many times what others lose are of another kind."""
JOINED = 2
"""Samples on which groups of additions are tried."""
CLOSE = 1.25
"""A plan that loses less than so many times what it may is near enough to try other rows or a few layers more."""
GROUPS = (8, 24, 72)
"""Where the int8 layers, the loudest first, are parted into groups whose rows are tried together."""
STRETCHES, STRETCH, NEAR = 8, 4, 2.5
"""Parts of a network whose rows are tried together while all is int8, with so many layers each at least, and how many
times more than it may such a plan loses at most for that."""
FINER = (4, 12, 20, 40, 56, 88, 120, 160)
"""The same for the plan that failed on fresh samples."""
WORTHWHILE_GROUP = 0.98
"""The same for such a group, whose trials are on all searched samples."""
WORTHWHILE = 0.9
"""A group's rows are changed where its loss falls below this share: less is within what 4 samples tell."""
FEW = 0.8
"""Where the loudest samples carry this share of the loss, the loudest layers are measured with every method's rows."""


def choose_start(run: Run) -> Steps[bool]:
    """All int8 with each set of thresholds, on few samples; the best one is the start, and is tried on all.

    Where it loses a multiple there, the few samples did not know the hard cases: then each set is tried on all.
    """
    plans, known = _variants(run, run.plan), math.inf
    if len(plans) > 1:
        first = min(run.measuring.most, run.setting.samples)
        about = ("", "few samples" if first < run.samples else "")  # no figure to stand beside the others
        results = yield from run.ask([Trial(plan, samples=first, judges=about) for plan in plans])
        figures = [run.objective.value(result) for result in results]
        winner = max(range(len(plans)), key=lambda index: (figures[index], -index))
        run.plan, known = plans[winner], loss_of(figures[winner])
    (met,) = yield from run.score([run.plan])
    if not met and loss_of(run.points[run.plan.digest].cos) > UNLIKE * known:
        yield from run.score([plan for plan in plans if plan != run.plan])
        run.plan = max(plans, key=lambda plan: (run.passes(plan), run.points[plan.digest].cos))
    run.int8_cos = run.points[run.plan.digest].cos
    return run.passes(run.plan)


def joined(run: Run) -> Steps[None]:
    """Groups of additions get the rows that lose least when only the group is int8."""
    graph, setting = run.setting.graph, run.setting
    program = get_chip(run.plan.chip).lower(graph, run.plan)
    names = SourceMap.of(graph, program).names
    for group in groups(graph, program, run.plan):
        inside = {layer.name for layer in graph.layers if set(layer.outputs) & set(group)}
        floats = dict.fromkeys([name for name in names if name not in inside], setting.mode)
        rows = variants(group, run.plan, setting.methods)
        results = yield from run.ask(
            [
                Trial(
                    run.plan.with_thresholds(item).with_modes(floats),
                    samples=JOINED,
                    only=run.measuring.only[:JOINED],
                    judges=(group[0], "joined"),
                )
                for item in rows
            ]
        )
        figures = [run.objective.value(result) for result in results]
        winner = max(range(len(rows)), key=lambda index: (figures[index], -index))
        if 1 - figures[winner] < WORTHWHILE * (1 - figures[0]):
            run.plan = run.plan.with_thresholds(rows[winner])


def rows_alone(run: Run) -> Steps[bool]:
    """Whether all int8 meets the target with other rows, where it is not far from it; once in a search."""
    if loss_of(run.points[run.plan.digest].cos) > NEAR * run.allowed:
        return False
    run.alone = True
    yield from rows_in_place(run, run.plan, parts_of(run, run.plan, "stretches"))
    return run.passes(run.plan)


def choose_samples(run: Run) -> None:
    """Where few samples carry the loss of the plan, the sources are measured on those."""
    score = run.scores.get(run.plan.digest)
    if score is None:
        return
    losses = [1 - value for value in sample_values(score[1], run.objective)]
    order = sorted(range(len(losses)), key=lambda index: (-losses[index], index))
    loudest = tuple(sorted(order[: run.measuring.most]))
    known = sum(losses[: len(loudest)])
    if all(map(math.isfinite, losses)) and sum(losses[index] for index in loudest) > UNLIKE * known:
        run.measuring = replace(run.measuring, only=loudest)
        run.concentrated = sum(losses[index] for index in loudest) > FEW * sum(losses)


def by_method(run: Run, ledger: Ledger) -> Steps[Ledger]:
    """The loudest layers get the method's row with which their own noise at the outputs is least."""
    own = run.own(ledger)
    loudest = sorted(own, key=lambda name: -own[name])[: math.ceil(LOUD * len(own))]
    wanted = [
        (name, row)
        for name in loudest
        if name in run.plan.thresholds and run.plan.thresholds[name].method != "joined"
        for table in run.setting.methods.values()
        if (row := table.get(name)) is not None and row.value != run.plan.thresholds[name].value
    ]
    results = yield from run.ask(
        [
            Trial(
                run.plan.with_thresholds({name: row}),
                samples=run.measuring.most,
                source=Source("layer", name),
                only=run.measuring.only,
                judges=(name, row.method),
            )
            for name, row in wanted
        ]
    )
    chosen: dict[str, tuple[float, Threshold, Result]] = {}
    for (name, row), result in zip(wanted, results, strict=True):
        trial = remeasured(ledger, run.plan, {Source("layer", name): result})
        loss = float(trial.losses(run.objective.weights)[ledger.map.index[Source("layer", name)]])
        if loss < (chosen[name][0] if name in chosen else WORTHWHILE * own[name]):
            chosen[name] = (loss, row, result)
    if not chosen:
        return ledger
    run.plan = run.plan.with_thresholds({name: row for name, (_, row, _) in chosen.items()})
    return remeasured(ledger, run.plan, {Source("layer", name): item[2] for name, item in chosen.items()})


def rows_in_place(run: Run, plan: Plan, parts: Sequence[Sequence[str]]) -> Steps[None]:
    """Try other rows in a mixed plan by real trials: those of whole methods first, then part by part.

    What is best when all is int8 need not be so here.
    """
    best = yield from _better(run, _variants(run, plan), WORTHWHILE)
    best = yield from _swapped(run, best, parts)
    run.take_rows(best)


def _swapped(run: Run, best: Plan, parts: Sequence[Sequence[str]]) -> Steps[Plan]:
    """A plan after each part's rows of each method were tried in it."""
    for names in parts:
        best = yield from _better(run, _variants(run, best, names), WORTHWHILE_GROUP)
    return best


def _variants(run: Run, plan: Plan, names: Sequence[str] | None = None) -> list[Plan]:
    """The plan, then what it is with each method's rows, of some tensors or of all."""
    found = [plan]
    for rows in run.setting.methods.values():
        taken = rows if names is None else {name: rows[name] for name in names if name in rows}
        tried = plan.with_thresholds(taken)
        if tried not in found:
            found.append(tried)
    return found


def refined(run: Run) -> Steps[bool]:
    """Better rows for the best plan that nearly meets the target, in smaller groups, once."""
    if run.setting.methods and not run.refined:
        point = run.nearest()
        if run.passes(point.plan) and not run.is_checked(point):
            return True
        if loss_of(point.cos) > CLOSE * run.allowed:
            return False
        run.refined = True
        best = yield from _swapped(run, point.plan, parts_of(run, point.plan, "finer"))
        run.take_rows(best)
    point = run.nearest()
    return run.passes(point.plan) and not run.is_checked(point)


def parts_of(run: Run, plan: Plan, kind: str) -> list[list[str]]:
    """The int8 layers of a plan in groups: stretches of the model, or the loudest ones first."""
    names = [layer.name for layer in run.setting.graph.layers if layer.name not in plan.modes]
    if kind == "stretches":
        count = min(STRETCHES, len(names) // STRETCH)
        if count < 2:
            return []  # the whole network has been tried
        edges = [len(names) * index // count for index in range(1, count)]
    else:
        assert run.ledger is not None
        own = run.own(run.ledger)
        names = sorted((name for name in names if name in own), key=lambda name: -own[name])
        edges = [edge for edge in (FINER if kind == "finer" else GROUPS) if edge < len(names)]
    return [names[first:last] for first, last in itertools.pairwise([0, *edges, len(names)]) if last > first]


def _better(run: Run, plans: Sequence[Plan], share: float) -> Steps[Plan]:
    """The best of some plans; the first, whose score is known, unless another has less than *share* of its loss."""
    yield from run.score(plans[1:])
    figures = [run.points[item.digest].cos for item in plans]
    winner = max(range(len(plans)), key=lambda index: (figures[index], -index))
    return plans[winner if 1 - figures[winner] < share * (1 - figures[0]) else 0]
