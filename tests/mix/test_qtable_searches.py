"""search_qtable and run_sensitive_layer against an evaluator whose figures the test decides."""

import math

import pytest
from fakes import FakeEvaluator, chain, layer_search
from quantdeck.engine.errors import QuantdeckError
from quantdeck.engine.mix.search_qtable import search_qtable
from quantdeck.engine.mix.sensitive_layer import sensitive_layer
from quantdeck.engine.mix.trial import Objective, StopReason, run_search
from quantdeck.engine.plan import Plan


def additive(costs: dict[str, float], methods: dict[str, float] | None = None):
    """A network in which each int8 layer costs its own share, times a factor by its threshold's method."""
    factors = methods or {"KL": 1.0, "MAX": 1.0}

    def cos(plan: Plan) -> float:
        return 1 - sum(
            cost * factors[plan.thresholds[name].method]
            for name, cost in costs.items()
            if name not in plan.modes
        )

    return cos


def test_a_target_met_at_once_ends_after_one_trial():
    evaluator = FakeEvaluator(lambda plan: 0.999)
    outcome = run_search(
        search_qtable(layer_search(chain(["Conv"] * 8), 0.99), max_float_layers=2), evaluator
    )
    assert len(evaluator.trials) == 1
    assert outcome.reached
    assert not outcome.plan.modes
    assert outcome.reason is StopReason.CONFIRMED


def test_the_worst_layers_become_float_and_the_best_method_is_kept():
    costs = {f"l{index}": 0.001 * index for index in range(8)}
    evaluator = FakeEvaluator(additive(costs, {"KL": 1.0, "MAX": 0.5}))
    outcome = run_search(
        search_qtable(layer_search(chain(["Conv"] * 8), 0.992), max_float_layers=2), evaluator
    )
    assert [row.layer for row in outcome.ranking[:3]] == ["l7", "l6", "l5"]
    assert {row.method for row in outcome.ranking if row.layer != "l0"} == {"MAX"}
    assert set(outcome.plan.modes) == {"l7", "l6"}
    assert outcome.plan.thresholds["l3"].method == "MAX"
    assert outcome.reached


def test_the_smallest_passing_set_is_written_though_the_last_probe_failed():
    """The original writes its last probe (spec B.19 #28); here that one misses the target."""
    graph = chain(["Relu"] * 64)
    passing = {2: 0.90, 8: 0.995, 5: 0.991, 3: 0.985, 4: 0.989}

    def cos(plan: Plan) -> float:
        if len(plan.modes) == 63:
            return 1 - 0.001 * int(next(n for n in plan.thresholds if n not in plan.modes)[1:])
        return passing.get(len(plan.modes), 0.5)

    evaluator = FakeEvaluator(cos)
    outcome = run_search(search_qtable(layer_search(graph, 0.99), max_float_layers=2), evaluator)
    assert len(evaluator.trials[-1].plan.modes) in (3, 4)
    assert len(outcome.plan.modes) == 5
    assert outcome.reached


def test_out_of_reach_keeps_the_best_plan_tried():
    costs = {f"l{index}": 0.01 for index in range(16)}
    evaluator = FakeEvaluator(additive(costs))
    outcome = run_search(
        search_qtable(layer_search(chain(["Conv"] * 16), 1.0), max_float_layers=1), evaluator
    )
    assert not outcome.reached
    assert outcome.reason is StopReason.NOTHING_LEFT
    assert len(outcome.plan.modes) == 2
    assert outcome.cos == max(point.cos for point in outcome.curve)


def test_partners_are_listed_once():
    graph = chain(["Conv", "Scale", "Conv", "Relu"])
    costs = {"l0": 0.04, "l1": 0.05, "l2": 0.01, "l3": 0.001}
    search = layer_search(graph, 0.98)
    outcome = run_search(sensitive_layer(search, max_float_layers=1), FakeEvaluator(additive(costs)))
    assert set(outcome.plan.modes) == {"l0", "l1"}
    wide = run_search(sensitive_layer(search, max_float_layers=1000), FakeEvaluator(additive(costs)))
    assert set(wide.plan.modes) <= {"l0", "l1", "l2", "l3"}


@pytest.mark.parametrize("bad", [None, math.nan])
def test_a_trial_that_fails_or_gives_nan_never_passes_and_never_stops_the_search(bad):
    costs = {f"l{index}": 0.01 for index in range(4)}
    good = additive(costs)

    def cos(plan: Plan) -> float | None:
        return bad if "l1" not in plan.modes and len(plan.modes) == 3 else good(plan)

    outcome = run_search(
        search_qtable(layer_search(chain(["Conv"] * 4), 0.97), max_float_layers=2), FakeEvaluator(cos)
    )
    assert outcome.ranking[0].layer == "l1"
    assert outcome.reached


def test_an_empty_search_list_ends_in_the_start_plan():
    search = layer_search(chain(["Conv"]), 0.99)
    empty = type(search)(search.graph, search.start, (), search.thresholds, search.mode, search.objective)
    outcome = run_search(search_qtable(empty, max_float_layers=3), FakeEvaluator(lambda plan: 0.5))
    assert outcome.plan == search.start
    assert not outcome.reached


@pytest.mark.parametrize("target", [1.5, -1.0, math.nan, math.inf])
def test_a_target_that_no_figure_can_have_is_refused(target):
    with pytest.raises(QuantdeckError, match="expected_cos"):
        Objective(target, {})


def test_the_same_search_gives_the_same_trials():
    costs = {f"l{index}": 0.003 * (index % 5) for index in range(24)}
    runs = []
    for _ in range(2):
        evaluator = FakeEvaluator(additive(costs))
        run_search(search_qtable(layer_search(chain(["Conv"] * 24), 0.99), max_float_layers=1), evaluator)
        runs.append([trial.plan.digest for trial in evaluator.trials])
    assert runs[0] == runs[1]
