"""run_qtable against an evaluator whose layer figures the test decides."""

from collections.abc import Sequence

from fakes import FakeEvaluator, chain, score_of
from quantdeck.engine.mix.run_qtable import CumulativeSearch, run_qtable
from quantdeck.engine.mix.trial import Objective, Result, StopReason, Trial, run_search
from quantdeck.engine.plan import Mode, Plan, Threshold


def cumulative(kinds: Sequence[str], target: float, min_layer_cos: float = 0.99) -> CumulativeSearch:
    graph = chain(kinds)
    plan = Plan("bm1684x", "F16", {layer.name: Threshold(1, -1, 1) for layer in graph.layers})
    names = frozenset(layer.name for layer in graph.layers)
    return CumulativeSearch(graph, plan, names, Mode.F16, Objective(target, {}), min_layer_cos)


class LayerFigures(FakeEvaluator):
    """Layer cos by name, output cos by the number of float layers."""

    def __init__(self, layers: dict[str, float], output) -> None:
        super().__init__(output)
        self._layers = layers

    def _result(self, trial: Trial) -> Result:
        if trial.at:
            return score_of(self._layers.get(trial.at[0], 1.0))
        return super()._result(trial)


def test_a_bad_layer_and_its_successor_become_float():
    search = cumulative(["Conv"] * 12, 0.99)
    evaluator = LayerFigures({"l3": 0.9}, lambda plan: 0.98 + 0.006 * len(plan.modes))
    outcome = run_search(run_qtable(search), evaluator)
    assert set(outcome.plan.modes) == {"l3", "l4"}
    assert outcome.reached
    assert outcome.ranking[0].layer == "l3"


def test_what_made_it_worse_leaves_the_list_again():
    search = cumulative(["Conv"] * 16, 0.99)

    def output(plan: Plan) -> float:
        return 0.95 if "l2" in plan.modes else 0.98 + 0.002 * len(plan.modes)

    evaluator = LayerFigures({"l2": 0.9, "l8": 0.8}, output)
    outcome = run_search(run_qtable(search), evaluator)
    assert set(outcome.plan.modes) == {"l8", "l9"}
    assert not outcome.reached
    assert outcome.reason is StopReason.NOTHING_LEFT
    assert [row.layer for row in outcome.ranking[:2]] == ["l8", "l2"]


def test_more_than_a_quarter_ends_the_search():
    search = cumulative(["Conv"] * 8, 0.999)
    evaluator = LayerFigures(
        {f"l{index}": 0.5 for index in range(8)}, lambda plan: 0.9 + 0.01 * len(plan.modes)
    )
    outcome = run_search(run_qtable(search), evaluator)
    assert len(outcome.plan.modes) <= 4
    assert len(set(outcome.plan.modes)) == len(outcome.plan.modes)


def test_a_copy_behind_a_float_layer_joins_it():
    from fakes import KINDS
    from quantdeck.engine.graph.vocabulary import MaxPool

    KINDS["MaxPool"] = MaxPool()
    search = cumulative(["Conv", "Conv", "MaxPool", "Conv", *["Conv"] * 20], 0.999)
    evaluator = LayerFigures({"l0": 0.9, "l3": 0.95}, lambda plan: 0.9 + 0.001 * len(plan.modes))
    outcome = run_search(run_qtable(search), evaluator)
    assert {"l0", "l1", "l2", "l3", "l4"} == set(outcome.plan.modes)


def test_trials_that_fail_end_nothing_and_never_count():
    """Spec B.19 #33: the original stops at the first one, with a partial table and success."""
    search = cumulative(["Conv"] * 16, 0.999)

    def output(plan: Plan) -> float | None:
        return None if "l2" in plan.modes else 0.98 + 0.002 * len(plan.modes)

    evaluator = LayerFigures({"l2": 0.9, "l8": 0.8, "l12": 0.7}, output)
    outcome = run_search(run_qtable(search), evaluator)
    assert set(outcome.plan.modes) == {"l8", "l9", "l12", "l13"}
    assert not outcome.reached
    assert {row.layer for row in outcome.ranking} == {
        f"l{index}" for index in range(16) if index not in (9, 13)
    }


def test_the_best_plan_is_written_though_the_last_probe_is_worse():
    search = cumulative(["Conv"] * 8, 0.999)
    figures = {0: 0.98, 2: 0.995, 4: 0.985}
    evaluator = LayerFigures({"l1": 0.9, "l5": 0.8}, lambda plan: figures[len(plan.modes)])
    outcome = run_search(run_qtable(search), evaluator)
    assert len(evaluator.trials[-1].plan.modes) == 4 or outcome.curve[-1].float_layers == 4
    assert (set(outcome.plan.modes), outcome.cos) == ({"l1", "l2"}, 0.995)
