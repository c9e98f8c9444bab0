"""Every shortcut of the trial evaluator gives the score of a run from scratch, to the bit."""

from pathlib import Path

import numpy as np
import pytest
from built_graphs import Build
from hypothesis import given, settings
from hypothesis import strategies as st
from quantdeck.engine.graph import vocabulary as v
from quantdeck.engine.plan import Mode
from quantdeck.engine.run.conformance import read_case
from quantdeck.engine.run.excess import excess_notes
from quantdeck.engine.run.score import Excess, Score
from quantdeck.engine.run.trial import Failure, Source, Trial
from quantdeck.engine.run.trials import TrialEvaluator
from trial_cases import Held, calibrated, network, plain_score, random_feeds, random_plans

BUDGETS = [0, 20_000, 1 << 30]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.data())
def test_any_order_budget_file_and_threads_give_the_plain_score(
    tmp_path_factory: pytest.TempPathFactory, seed: int, data: st.DataObject
) -> None:
    graph = network(seed, 8)
    feeds = random_feeds(graph, 3, seed)
    plans = random_plans(graph, calibrated(graph, feeds), 6, seed)
    names = list(graph.by_name)
    reference = data.draw(st.sampled_from(["chip", "float32"]))
    trials = [Trial(plan) for plan in plans]
    trials.append(Trial(plans[1], samples=2))
    trials.append(Trial(plans[2], at=(names[len(names) // 2],)))
    expected = [plain_score(graph, feeds, trial, reference) for trial in trials]
    order = data.draw(st.permutations(range(len(trials))))
    folder = tmp_path_factory.mktemp("spill") if data.draw(st.booleans()) else None
    cut = data.draw(st.integers(0, len(order)))
    with TrialEvaluator(
        graph,
        Held(feeds),
        reference=reference,
        memory=data.draw(st.sampled_from(BUDGETS)),
        spill_folder=folder,
        threads=data.draw(st.sampled_from([1, 2])),
    ) as evaluator:
        for part in (order[:cut], order[cut:], order):
            found = evaluator([trials[index] for index in part])
            assert repr(found) == repr([expected[index] for index in part])  # a NaN is not equal to itself
    assert folder is None or not list(folder.iterdir())


@pytest.mark.parametrize("case", ["mini_conv", "mini_mm", "mini_misc"])
def test_layers_alone_in_int8_on_the_reference_networks(shared: Path, case: str) -> None:
    found = read_case(shared / "reference" / case / "bm1684x_int8")
    graph, names = found.graph, list(found.graph.by_name)
    random = np.random.default_rng(1)
    feeds = [
        {
            name: array + 0.1 * random.normal(size=array.shape).astype(np.float32)
            for name, array in given.items()
        }
        for given in [found.feeds] * 2
    ]
    alone = [found.plan.with_modes({name: Mode.F16 for name in names if name != one}) for one in names[::4]]
    trials = [Trial(found.plan), *(Trial(plan) for plan in alone)]
    with TrialEvaluator(graph, Held(feeds), memory=1 << 30, threads=2) as evaluator:
        assert repr(evaluator(trials)) == repr([plain_score(graph, feeds, trial) for trial in trials])


def test_equal_programs_are_run_once_and_samples_read_once() -> None:
    graph = network(3, 6)
    feeds = random_feeds(graph, 2)
    plan = calibrated(graph, feeds)
    floats = plan.with_modes(dict.fromkeys(graph.by_name, Mode.F16))
    other = floats.with_threshold(next(iter(graph.by_name)), 0.25)
    samples = Held(feeds)
    with TrialEvaluator(graph, samples) as evaluator:
        first, second, third = evaluator([Trial(floats), Trial(other), Trial(plan)])
        assert isinstance(first, Score)
        assert first is second
        assert first.sqnr == float("inf")
        assert isinstance(third, Score)
        assert evaluator([Trial(other)])[0] is first
    assert samples.reads == [1, 1]


def test_a_trial_that_raises_fails_alone() -> None:
    graph = network(5, 6)
    feeds = random_feeds(graph, 2)
    plan = calibrated(graph, feeds)
    trials = [
        Trial(plan),
        Trial(plan, at=("no\x1b such",)),
        Trial(plan.with_modes({}), samples=1),
        Trial(type(plan)("bm1684", "F32", plan.thresholds)),
        Trial(type(plan)("bm9999", "F32", plan.thresholds)),
    ]
    with TrialEvaluator(graph, Held(feeds)) as evaluator:
        good, name, short, chip, unknown = evaluator(trials)
    assert isinstance(good, Score)
    assert isinstance(short, Score)
    assert (good.samples, short.samples) == (2, 1)
    assert isinstance(name, Failure)
    assert name.message == "tensor no␛ such: the lowered network has no such tensor; name another one"
    assert isinstance(chip, Failure)
    assert isinstance(unknown, Failure)
    assert "--chip" in chip.message
    assert "no such chip" in unknown.message


def test_a_sample_that_cannot_be_read_fails_its_trials_only() -> None:
    graph = network(7, 5)
    feeds = random_feeds(graph, 3)
    plan = calibrated(graph, feeds)
    broken = Held([feeds[0], feeds[1], {"x": feeds[2]["x"][..., 1:]}])
    with TrialEvaluator(graph, broken) as evaluator:
        whole, short = evaluator([Trial(plan), Trial(plan, samples=2)])
    assert isinstance(whole, Failure)
    assert "input x: the data has shape (1, 4, 5, 5)" in whole.message
    assert short == plain_score(graph, feeds, Trial(plan, samples=2))


@pytest.mark.parametrize("alone", [False, True], ids=["plan", "source"])
def test_chosen_samples_have_the_values_that_they_have_among_all(alone: bool) -> None:
    graph = network(7, 5)
    feeds = random_feeds(graph, 5)
    plan = calibrated(graph, feeds)
    source = Source("layer", graph.layers[1].name) if alone else None
    with TrialEvaluator(graph, Held(feeds)) as evaluator:
        every, chosen, missing = evaluator(
            [Trial(plan, source=source), Trial(plan, source=source, only=(4, 1)), Trial(plan, only=(5,))]
        )
        assert evaluator([Trial(plan, source=source, samples=2)]) != [chosen]
    assert isinstance(every, Score)
    assert isinstance(chosen, Score)
    whole, part = every.outputs[0].similarity, chosen.outputs[0].similarity
    assert (part.noise, part.cosine) == ((whole.noise[4], whole.noise[1]), (whole.cosine[4], whole.cosine[1]))
    assert missing == Failure("a trial wants sample 5 of 5; give positions that there are")


def test_a_nan_never_passes() -> None:
    graph = network(9, 4)
    feeds = random_feeds(graph, 2)
    plan = calibrated(graph, feeds).with_modes(dict.fromkeys(graph.by_name, Mode.F32))
    feeds[1]["x"] = feeds[1]["x"].copy()
    feeds[1]["x"][0, 0, 2, 2] = np.nan
    with TrialEvaluator(graph, Held(feeds), reference="float32") as evaluator:
        (score,) = evaluator([Trial(plan)])
    assert isinstance(score, Score)
    hit = [output.similarity.cosine[1] for output in score.outputs if output.similarity.noise[1] == np.inf]
    assert hit
    assert all(value == 0.0 for value in hit)


def test_an_overflow_of_f16_is_counted_with_its_layer() -> None:
    build = Build()
    x = build.input("x", (1, 2, 3, 3))
    build.layer(v.MulConst(const_val=300.0), [x], (1, 2, 3, 3), name="big")
    build.layer(v.Mul(), ["big", "big"], (1, 2, 3, 3), name="square")
    build.layer(v.MulConst(const_val=1e-4), ["square"], (1, 2, 3, 3), name="small")
    graph = build.graph()
    feeds = [{"x": np.full((1, 2, 3, 3), value, np.float32)} for value in (0.5, 2.0)]
    plan = calibrated(graph, feeds).with_modes(dict.fromkeys(graph.by_name, Mode.F16))
    with TrialEvaluator(graph, Held(feeds), reference="float32") as evaluator:
        (score,) = evaluator([Trial(plan)])
        assert isinstance(score, Score)
        assert score.excesses == (Excess("square", "F16", 18),)
        assert excess_notes(score.excesses) == ("layer square: 18 values beyond F16; run it in F32",)
        assert score.outputs[0].similarity.cosine[1] == 0.0
        assert score.outputs[0].similarity.noise[1] == np.inf
