"""Sums beyond what is exact and values beyond a float type are counted, the same however a trial is run."""

import numpy as np
import pytest
from built_graphs import Build
from hypothesis import given, settings
from hypothesis import strategies as st
from quantdeck.engine.graph import vocabulary as v
from quantdeck.engine.graph.model import Graph
from quantdeck.engine.hw.chip import get_chip
from quantdeck.engine.mix.trial import Objective
from quantdeck.engine.plan import Mode, Plan
from quantdeck.engine.run import excess
from quantdeck.engine.run.excess import ExcessCounter, counter_of, excess_notes
from quantdeck.engine.run.executor import Executor
from quantdeck.engine.run.score import Excess, Score, broken_references
from quantdeck.engine.run.trial import Trial
from quantdeck.engine.run.trials import TrialEvaluator
from trial_cases import Held, calibrated, plain_score

LONG = 1024  # 1024 * 127 * 127 is just below 2**24; with unsigned values 2**24 is passed


def long_product(terms: int = LONG, weight: float = 1.0) -> tuple[Graph, list[dict[str, np.ndarray]], Plan]:
    """x (1, terms) times a column of equal weights and one of alternating signs."""
    build = Build()
    x = build.input("x", (1, terms))
    columns = np.stack([np.full(terms, weight), np.where(np.arange(terms) % 2, weight, -weight)], 1)
    build.layer(v.MatMul(), [x, build.weight(columns)], (1, 2), name="product")
    graph = build.graph()
    feeds = [{"x": np.full((1, terms), value, np.float32)} for value in (1.0, 0.25)]
    return graph, feeds, calibrated(graph, feeds)


def test_sums_beyond_what_is_exact_are_counted_on_the_samples_that_have_them():
    graph, feeds, plan = long_product()
    with TrialEvaluator(graph, Held(feeds), reference="float32") as evaluator:
        first, again, shorter = evaluator([Trial(plan), Trial(plan), Trial(plan, samples=1)])
        floated = evaluator([Trial(plan.with_mode("product", Mode.F32))])[0]
    # the first column: 1024 * 255 * 127 on sample 1, a quarter of it on sample 2
    assert isinstance(first, Score)
    assert first.excesses == (Excess("product", "sum", 1),)
    assert again == first
    assert shorter.excesses == first.excesses
    assert floated.excesses == ()
    (note,) = excess_notes(first.excesses)
    assert note.startswith("layer product: 1 sum beyond 2^24")
    assert note.endswith("run it in F32")


def test_weights_that_cannot_reach_the_limit_cost_nothing():
    graph, _, plan = long_product(256)
    program = get_chip(plan.chip).lower(graph, plan)
    counters = {step.kernel: counter_of(step, program, graph) for step in program.steps}
    assert counters["matmul"] is None


def test_a_convolution_is_counted_channel_by_channel_like_a_sum_in_float64():
    build = Build(3)
    x = build.input("x", (1, 1180, 4, 4))
    weight = build.random.uniform(0.2, 1, (5, 1180, 1, 1)).astype(np.float32)
    weight[1] *= np.where(np.arange(1180) % 2, 1, -1)[:, None, None]
    build.layer(v.Conv(kernel_shape=(1, 1)), [x, build.weight(weight)], (1, 5, 4, 4), name="conv")
    graph = build.graph()
    feed = {"x": build.random.uniform(0.5, 1, (1, 1180, 4, 4)).astype(np.float32)}
    plan = calibrated(graph, [feed])
    program = get_chip(plan.chip).lower(graph, plan)
    counter = ExcessCounter(program, graph)
    Executor(graph, program, excess=counter).run(feed)
    (step,) = (one for one in program.steps if one.kernel == "conv")
    kind = program.types[("x", "INT8")]
    whole = np.round(feed["x"].astype(np.float64) / kind.scale).reshape(1180, 16)
    sums = step.parameters["weight"].reshape(5, 1180).astype(np.float64) @ whole
    real = int((np.abs(sums) >= 2**24).sum())
    assert 0 < real < 80
    assert counter.result() == (Excess("conv", "sum", real),)


def test_sums_beyond_int32_are_told_apart():
    graph, feeds, plan = long_product(80_000)
    with TrialEvaluator(graph, Held(feeds[:1]), reference="float32") as evaluator:
        (score,) = evaluator([Trial(plan)])
    assert {one.kind: one.count for one in score.excesses} == {"sum": 1, "int32": 1}
    assert any("int32" in note for note in excess_notes(score.excesses))


@pytest.mark.parametrize("budget", [0, 1 << 30])
def test_an_overflow_that_later_layers_hide_is_counted_and_the_same_with_and_without_memory(budget: int):
    build = Build()
    x = build.input("x", (1, 4))
    build.layer(v.MulConst(const_val=300.0), [x], (1, 4), name="big")
    build.layer(v.Mul(), ["big", "big"], (1, 4), name="square")
    build.layer(v.Sigmoid(), ["square"], (1, 4), name="gate")
    build.layer(v.AddConst(const_val=1.0), ["gate"], (1, 4), name="last")
    graph = build.graph()
    feeds = [{"x": np.full((1, 4), value, np.float32)} for value in (0.1, 2.0, 3.0)]
    plan = calibrated(graph, feeds)
    half = plan.with_modes(dict.fromkeys(("big", "square", "gate"), Mode.F16))
    trials = [Trial(half), Trial(half.with_mode("last", Mode.F16)), Trial(half, samples=2), Trial(half)]
    with TrialEvaluator(graph, Held(feeds), memory=budget, threads=2) as evaluator:
        found = evaluator(trials)
    assert found == [plain_score(graph, feeds, trial) for trial in trials]
    assert [one for one in found[0].excesses if not one.reference] == [Excess("square", "F16", 8)]
    assert [one for one in found[2].excesses if not one.reference] == [Excess("square", "F16", 4)]
    assert any(one.reference for one in found[0].excesses)
    assert any("--reference float32" in note for note in excess_notes(found[0].excesses))


def test_a_plan_whose_outputs_are_no_numbers_never_passes():
    build = Build()
    x = build.input("x", (1, 4))
    build.layer(v.MulConst(const_val=300.0), [x], (1, 4), name="big")
    build.layer(v.Mul(), ["big", "big"], (1, 4), name="square")
    build.layer(v.Sub(), ["square", "square"], (1, 4), name="nothing")
    graph = build.graph()
    feeds = [{"x": np.full((1, 4), 3.0, np.float32)}]
    plan = calibrated(graph, feeds).with_modes(dict.fromkeys(graph.by_name, Mode.F16))
    with TrialEvaluator(graph, Held(feeds), reference="float32") as evaluator:
        (score,) = evaluator([Trial(plan)])
    assert [one.layer for one in score.excesses] == ["square"]
    assert not Objective(0.6, {}).met(Objective(0.6, {}).value(score))
    assert score.sqnr == -np.inf


def test_a_plan_that_overflows_as_its_reference_does_never_passes():
    """Equal infinities are no agreement: float32's values stand in for the chip's, and int8 has its figure."""
    build = Build()
    x = build.input("x", (1, 4))
    build.layer(v.MulConst(const_val=300.0), [x], (1, 4), name="big")
    build.layer(v.Mul(), ["big", "big"], (1, 4), name="square")
    graph = build.graph()
    feeds = [{"x": np.full((1, 4), value, np.float32)} for value in (0.1, 3.0)]
    int8 = calibrated(graph, feeds)
    half = int8.with_modes(dict.fromkeys(graph.by_name, Mode.F16))
    with TrialEvaluator(graph, Held(feeds)) as evaluator:
        found, beyond = evaluator([Trial(int8), Trial(half)])
    target = Objective(0.99, {})
    assert target.met(target.value(found))
    assert not target.met(target.value(beyond))
    assert any(one.reference for one in found.excesses)
    assert broken_references(output.similarity for output in beyond.outputs) == []


@settings(max_examples=60, deadline=None)
@given(
    reach=st.sampled_from([1.0, 3e4, 7e4, 1e9, 1e36]),
    size=st.sampled_from([0.5, 3e4, 9e4, 1e20]),
    limit=st.sampled_from([-1.0, 6.0, 6e4, 1e6]),
    first=st.sampled_from(list(Mode)),
    seed=st.integers(0, 99),
)
def test_a_layer_that_clips_in_range_is_not_looked_at_and_nothing_is_missed(
    reach: float, size: float, limit: float, first: Mode, seed: int
) -> None:
    build = Build(seed)
    x = build.input("x", (1, 4, 3, 3))
    build.layer(v.AddConst(const_val=0.0), [x], (1, 4, 3, 3), name="before")
    weight = build.random.uniform(-size, size, (5, 4, 1, 1)).astype(np.float32)
    clipped = v.Conv(kernel_shape=(1, 1), do_relu=True, relu_limit=limit)
    build.layer(clipped, ["before", build.weight(weight)], (1, 5, 3, 3), name="clipped")
    build.layer(v.MulConst(const_val=0.5), ["clipped"], (1, 5, 3, 3), name="last")
    graph = build.graph()
    feed = {"x": build.random.uniform(-reach, reach, (1, 4, 3, 3)).astype(np.float32)}
    with np.errstate(all="ignore"):
        plan = calibrated(graph, [feed]).with_modes({"before": first, "clipped": Mode.F16, "last": Mode.F16})
        program = get_chip(plan.chip).lower(graph, plan)
        quick, plain = ExcessCounter(program, graph), ExcessCounter(program, graph)
        Executor(graph, program, excess=quick).run(feed)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(excess, "_stays_in_half", lambda *_: False)
            Executor(graph, program, excess=plain).run(feed)
    assert quick.result() == plain.result()
    (step,) = (one for one in program.steps if one.layer == "clipped" and one.kernel == "float")
    if reach == 1.0 and size == 0.5 and limit == 6.0:
        assert counter_of(step, program, graph) is None
