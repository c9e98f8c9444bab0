"""Fronts by the ledger, and pareto over a world of known noise."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from noise_world import World, map_of, network, own, plan_of, score
from quantdeck.engine.errors import QuantdeckError
from quantdeck.engine.mix.cost_forwards import Budget, Forwards, Stop
from quantdeck.engine.mix.front import Field, block_order, cheapest, count_layers, return_order, single_order
from quantdeck.engine.mix.front_sums import Sums
from quantdeck.engine.mix.ledger_measure import Measuring, measure
from quantdeck.engine.mix.pareto import Setting, pareto
from quantdeck.engine.mix.trial import Objective, Source, StopReason, Trial, run_search
from quantdeck.engine.plan import Mode, Threshold
from quantdeck.engine.run.score import Excess

KINDS = ("pool", "leaky", "pool", "add", "pool", "pool", "add", "leaky")


def world_of(kinds=KINDS, loudness=(1.0,) * 4, **rest) -> World:
    graph = network(kinds)
    energies = [1e-3 * (1 + (11 * index) % 7) for index in range(len(map_of(graph).sources))]
    return World(graph, energies, loudness, **rest)


def setting_of(target: float, kinds=KINDS, samples=2, total=4, **rest) -> Setting:
    graph = network(kinds)
    return Setting(
        graph,
        plan_of(graph),
        Mode.F32,
        Objective(target, {}),
        samples,
        total,
        measuring=Measuring(1, 0, 0, 0),
        **rest,
    )


def field_of(world: World, kinds=KINDS, cost=count_layers) -> Field:
    graph = network(kinds)
    steps = measure(graph, plan_of(graph), mode=Mode.F32, measuring=Measuring(1, 0, 0, 0))
    return Field.of(run_search(steps, world), cost, {})


def every_plan(field: Field):
    names = field.ledger.map.names
    return (frozenset(item) for size in range(len(names) + 1) for item in itertools.combinations(names, size))


# ---------------------------------------------------------------- fronts


@pytest.mark.parametrize("order", [block_order, single_order])
def test_orders_go_from_all_int8_to_all_float(order):
    field = field_of(world_of())
    path = order(field)
    assert path[0] == frozenset()
    assert path[-1] == frozenset(field.ledger.map.names)
    assert all(a < b for a, b in itertools.pairwise(path))
    assert path == order(field)


@pytest.mark.parametrize("share", [0.7, 0.4, 0.2, 0.1])
def test_the_cheapest_is_as_cheap_as_the_best_of_all_plans(share):
    field = field_of(world_of())
    allowed = field.loss(frozenset()) * share
    found = cheapest(field, [block_order(field), single_order(field)], allowed)
    best = min(len(item) for item in every_plan(field) if field.loss(item) <= allowed)
    assert field.loss(found) <= allowed
    assert len(found) <= best + 1  # greedy orders and single exchanges: seldom one layer more


def test_what_others_made_needless_goes_back():
    field = field_of(world_of())
    allowed = field.loss(frozenset()) * 1.01
    assert return_order(field, frozenset(field.ledger.map.names), allowed) == frozenset()


def test_a_cost_that_counts_otherwise_is_followed():
    world = world_of()
    prices = {name: 10.0 if name == "l4" else 1.0 for name in world.map.names}
    field = field_of(world, cost=lambda floats: sum(prices[name] for name in floats))
    allowed = field.loss(frozenset()) * 0.4
    found = cheapest(field, [block_order(field), single_order(field)], allowed)
    best = min(field.cost(item) for item in every_plan(field) if field.loss(item) <= allowed)
    assert field.cost(found) <= best * 1.2


MIXED = ("leaky", "leaky", "pool", "add", "leaky", "leaky", "add", "pool", "leaky")
NAMES = [f"l{index}" for index in range(len(MIXED))]
MAP = map_of(network(MIXED))
LOSSES = np.random.default_rng(0).random(len(MAP.sources))


@settings(max_examples=200, deadline=None)
@given(st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES), min_size=1))
def test_a_change_of_a_sum_is_the_difference_of_two_sums(floats, turned):
    sums = Sums(MAP, LOSSES)
    before, after = sums.loss(floats), sums.loss(floats ^ turned)
    assert sums.change(frozenset(floats), turned) == pytest.approx(after - before, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(st.sets(st.sampled_from(NAMES)), st.sampled_from(NAMES), st.sampled_from(NAMES))
def test_a_change_depends_on_layers_within_reach_only(floats, name, other):
    sums, plan = Sums(MAP, LOSSES), frozenset(floats)
    if other not in sums.reach(name):
        assert sums.change(plan, (other,)) == pytest.approx(sums.change(plan ^ {name}, (other,)), abs=1e-9)


# ---------------------------------------------------------------- pareto


def test_the_target_is_met_confirmed_and_cheap():
    world = world_of()
    outcome = run_search(pareto(setting_of(0.998)), world)
    assert outcome.reason is StopReason.CONFIRMED
    assert outcome.reached
    assert outcome.fresh.samples == 2
    assert outcome.fresh.value == pytest.approx(outcome.cos)
    losses = {item: 1 / (1 + world.total(item)) ** 0.5 for item in every_plan(field_of(world_of()))}
    best = min(len(item) for item, cos in losses.items() if 0.5 + 0.5 * cos >= 0.998)
    assert len(outcome.plan.modes) == best
    assert outcome.trials == len(world.trials)


def test_a_target_that_int8_meets_needs_no_ledger():
    world = world_of()
    outcome = run_search(pareto(setting_of(0.9)), world)
    assert (outcome.reason, dict(outcome.plan.modes), outcome.ledger) == (StopReason.CONFIRMED, {}, None)
    assert len(world.trials) == 2


def test_a_target_out_of_reach_ends_with_the_best():
    world = world_of(factor=lambda floats: 1.0, dead=lambda floats: True)
    outcome = run_search(pareto(setting_of(0.999)), world)
    assert outcome.reason is StopReason.NOTHING_LEFT
    assert outcome.cos == max(point.cos for point in outcome.curve)


def test_where_only_all_float_does_no_layer_is_tried_in_int8():
    world = world_of()
    outcome = run_search(pareto(setting_of(1 - 1e-9)), world)
    assert (outcome.reason, len(outcome.plan.modes)) == (StopReason.CONFIRMED, len(KINDS))
    tried = {len(trial.plan.modes) for trial in world.trials if trial.source is None}
    assert len(KINDS) - 1 not in tried


@pytest.mark.parametrize("easy", [1e-3, 1.0])
def test_methods_are_compared_on_all_samples_where_the_first_ones_are_easy(easy):
    """On the first sample the start's own rows are a little better; on all searched ones the others suffice."""
    rows = {name: Threshold(3.0, -1.0, 1.0, "other") for name in network(KINDS).tensors}
    energy = 0.04

    def evaluate(trials):
        return [result_of(trial) for trial in trials]

    def result_of(trial):
        changed = any(row.method == "other" for row in trial.plan.thresholds.values())
        hard = 0.1 if changed else 1.0
        noise = (easy * (1.1 if changed else 1.0), hard, hard, hard)
        taken = trial.only or range(trial.samples or len(noise))
        return score([energy * noise[index] for index in taken])

    setting = setting_of(0.998, methods={"other": rows}, samples=3)
    outcome = run_search(pareto(replace(setting, budget=Budget(trials=6))), evaluate)
    alone = easy < 1
    assert (outcome.reason is StopReason.CONFIRMED) == alone
    assert ({row.method for row in outcome.plan.thresholds.values()} == {"other"}) == alone
    assert not alone or not outcome.plan.modes


def test_rows_of_stretches_are_not_tried_in_a_network_of_few_layers():
    table = {f"l{index}": Threshold(2.0, -2.0, 2.0, "other") for index in range(len(KINDS))}
    for kinds, parts in ((KINDS[:5], 0), (KINDS, 2)):
        world = world_of(kinds)
        rows = {name: row for name, row in table.items() if int(name[1:]) < len(kinds)}
        value = 0.5 + 0.5 / (1 + world.total(frozenset())) ** 0.5
        setting = setting_of(1 - (1 - value) / 2, kinds, methods={"other": rows})
        run_search(pareto(replace(setting, join=False)), world)
        tried = {
            len(trial.plan.thresholds.items() & rows.items())
            for trial in world.trials
            if trial.source is None and not trial.plan.modes
        }
        assert len(tried - {0, len(rows)}) == min(parts, 1)


def test_a_dead_slice_never_passes():
    outcome = run_search(pareto(setting_of(0.998)), world_of(dead=lambda floats: "l6" not in floats))
    assert outcome.reason is StopReason.CONFIRMED
    assert "l6" in outcome.plan.modes


@pytest.mark.parametrize("target", [0.99, 0.998])
def test_a_dead_slice_never_passes_where_other_methods_rows_are_tried(target):
    """The cos of all int8 and of other rows is good enough, but a part of the output is constant."""
    rows = {name: Threshold(3.0, -1.0, 1.0, "other") for name in network(KINDS).tensors}
    world = world_of(loudness=(0.1,) * 4, dead=lambda floats: "l6" not in floats)
    outcome = run_search(pareto(setting_of(target, methods={"other": rows})), world)
    assert outcome.reason is StopReason.CONFIRMED
    assert "l6" in outcome.plan.modes
    assert outcome.int8_cos >= target


def test_a_layer_beyond_the_float_type_and_its_readers_stay_int8():
    """All float gives no figure; the search goes on with the others."""
    world = world_of(factor=lambda floats: math.inf if "l2" in floats else 1.0)
    excess = (Excess("l2", "F32", 4),)

    def evaluate(trials):
        results = world(trials)
        beyond = ["l2" in trial.plan.modes and trial.source is None for trial in trials]
        return [
            replace(item, excesses=excess) if wrong else item
            for item, wrong in zip(results, beyond, strict=True)
        ]

    outcome = run_search(pareto(setting_of(0.994)), evaluate)
    assert outcome.reason is StopReason.CONFIRMED
    assert outcome.plan.modes
    assert not {"l2", "l3"} & outcome.plan.modes.keys()
    assert outcome.cost < len(KINDS)


def test_noise_that_the_sum_does_not_know_is_found_by_trials():
    world = world_of(factor=lambda floats: 2.0 if "l2" in floats else 1.2)
    outcome = run_search(pareto(setting_of(0.998)), world)
    assert outcome.reason is StopReason.CONFIRMED
    assert outcome.cos >= 0.998


def test_fresh_samples_that_disagree_ask_for_more():
    calm, loud = world_of(), world_of(loudness=(1.0, 1.0, 2.0, 2.0))
    first, second = (run_search(pareto(setting_of(0.995)), world) for world in (calm, loud))
    assert second.reason is StopReason.CONFIRMED
    assert second.fresh.value >= 0.995
    assert len(second.plan.modes) > len(first.plan.modes)


def test_fresh_samples_a_little_below_the_target_do_not_confirm():
    """The mean decides, although the interval of samples that differ reaches far above the target."""
    world = world_of(loudness=(1.0, 1.0, 0.3, 1.9))
    outcome = run_search(pareto(setting_of(0.995)), world)
    assert outcome.reason is StopReason.CONFIRMED
    assert outcome.fresh.value >= 0.995
    assert outcome.fresh.half > 0
    assert any("its interval reaches below" in line for line in outcome.lines)


def test_what_no_fresh_sample_confirms_is_handed_out_as_not_confirmed():
    world = world_of(loudness=(1.0, 1.0, 1.8, 1.8))
    whole = world.total
    world.total = lambda floats: max(whole(floats), 1.2 * 0.004)  # even all float is not exact
    outcome = run_search(pareto(setting_of(0.9985)), world)
    assert outcome.reason is StopReason.NOTHING_LEFT
    assert outcome.fresh.value < 0.9985 <= outcome.cos
    assert any("below the target, not confirmed" in line for line in outcome.lines)


def test_hard_cases_among_the_fresh_samples_are_searched_on_from_then_on():
    world = world_of(loudness=(1e-3, 1e-3, 1e-3, 4.0))
    outcome = run_search(pareto(setting_of(0.998)), world)
    assert outcome.reason is StopReason.CONFIRMED
    assert outcome.fresh is None
    assert outcome.cos >= 0.998
    assert 0 < len(outcome.plan.modes) < len(KINDS)
    assert {trial.only for trial in world.trials if trial.source == own("l0")} == {(3,)}
    assert any("not confirmed on others" in line for line in outcome.lines)


@pytest.mark.parametrize("quiet", [1e-3, 1.0])
def test_where_one_sample_carries_the_loss_single_layers_are_tried_first(quiet):
    """One float layer does more than its noise promises, which no sum finds: 2 of 4 samples decide what is tried."""

    def factor(floats):
        return 0.02 if floats == {"l0"} else 1.0

    world = world_of(loudness=(quiet, 1.0, quiet, 1.0), factor=factor)
    outcome = run_search(pareto(setting_of(0.999)), world)
    assert outcome.reason is StopReason.CONFIRMED
    assert (len(outcome.plan.modes) == 1) == (quiet < 1)


def test_without_fresh_samples_the_outcome_says_so():
    outcome = run_search(pareto(setting_of(0.998, samples=4)), world_of())
    assert outcome.reason is StopReason.CONFIRMED
    assert outcome.fresh is None
    assert any("not confirmed on others" in line for line in outcome.lines)


def test_the_figures_belong_to_the_plan_that_is_handed_out():
    world = world_of(loudness=(1.0, 1.0, 1.5, 1.5))
    outcome = run_search(pareto(setting_of(0.995)), world)
    real = world._score(Trial(outcome.plan)).outputs[0].similarity.cosine
    assert outcome.cos == pytest.approx(0.5 + 0.25 * (real[0] + real[1]))
    assert outcome.fresh.value == pytest.approx(0.5 + 0.25 * (real[2] + real[3]))


@pytest.mark.parametrize(
    "budget", [Budget(trials=5), Budget(forwards=40), Budget(over=lambda: StopReason.BUDGET)]
)
def test_a_spent_budget_ends_with_what_there_is(budget):
    outcome = run_search(pareto(setting_of(0.998, budget=budget)), world_of())
    assert outcome.reason is StopReason.BUDGET
    assert outcome.trials <= 5


def test_the_best_valid_plan_can_be_taken_at_any_moment():
    seen = []
    world, search = world_of(), pareto(setting_of(0.998, watch=seen.append))
    trials = next(search)
    try:
        while not any(point.cos >= 0.998 for point in seen):
            trials = search.send(world(trials))
        with pytest.raises(StopIteration) as stop:
            search.throw(Stop())
    except StopIteration:  # pragma: no cover
        pytest.fail("ended before the throw")
    outcome = stop.value.value
    assert outcome.reason is StopReason.USER
    assert outcome.plan == seen[-1].plan
    assert outcome.cos >= 0.998


def test_the_same_results_give_the_same_trials():
    first, second = world_of(), world_of()
    outcomes = [run_search(pareto(setting_of(0.998)), world) for world in (first, second)]
    assert first.trials == second.trials
    assert outcomes[0].plan == outcomes[1].plan


def test_failed_trials_do_not_end_the_search():
    world = world_of(
        broken=lambda trial: (
            trial.source == own("l3")
            or ("l0" in trial.plan.modes and trial.source is None and len(trial.plan.modes) < 8)
        )
    )
    outcome = run_search(pareto(setting_of(0.998)), world)
    assert outcome.reason in (StopReason.CONFIRMED, StopReason.NOTHING_LEFT)
    assert outcome.cos > -1


def test_the_best_set_of_thresholds_is_the_start():
    better = {name: Threshold(1.0, -1.0, 1.0, "mse") for name in network(KINDS).tensors}
    world = world_of()
    plain = world._score

    def scored(trial: Trial):
        if trial.plan.thresholds["l0"].method == "mse":
            world.factor = lambda floats: 0.5
        else:
            world.factor = lambda floats: 1.0
        return plain(trial)

    world._score = scored
    outcome = run_search(pareto(setting_of(0.998, methods={"mse": better})), world)
    assert outcome.plan.thresholds["l0"].method == "mse"


def test_samples_are_checked():
    with pytest.raises(QuantdeckError, match="give 1 to 4"):
        setting_of(0.9, samples=5)
    with pytest.raises(QuantdeckError, match="above 0"):
        Budget(trials=0)


# ---------------------------------------------------------------- counting


def test_layer_forwards_count_what_is_run():
    graph = network(("pool", "pool", "pool", "pool"))
    count = Forwards(graph, frozenset(graph.by_name), 10)
    plan = plan_of(graph)
    assert count(Trial(plan, samples=3)) == 12
    assert count(Trial(plan.with_modes({"l0": Mode.F32, "l1": Mode.F32}))) == 20
    assert count(Trial(plan, samples=1, source=own("l2"))) == 2
    assert count(Trial(plan, samples=1, source=Source("cast", "l2", "l3"))) == 1
    assert count(Trial(replace(plan, modes=dict.fromkeys(graph.by_name, Mode.F32)), samples=4)) == 0
