"""Why a layer hurts: parts of its error from figures, words, repairs, each against what really happens."""

import math

import numpy as np
import pytest
from built_graphs import Build, float_values, plan_of
from noise_world import World, map_of, network
from noise_world import plan_of as noise_plan
from quantdeck.engine.calib.statistics import TensorStatistics
from quantdeck.engine.graph.model import Graph
from quantdeck.engine.graph.vocabulary import Concat, Conv, Relu, Slice
from quantdeck.engine.hw.program import TensorType
from quantdeck.engine.mix.diagnose import diagnose
from quantdeck.engine.mix.error_parts import (
    below_zero,
    beyond,
    channel_spread,
    clipping_error,
    joined_parts,
    outlier_ratio,
    rounding_error,
)
from quantdeck.engine.mix.ledger import Ledger
from quantdeck.engine.mix.ledger_measure import Measuring, measure
from quantdeck.engine.mix.repairs import Action, Evidence
from quantdeck.engine.mix.trial import run_search
from quantdeck.engine.plan import Mode, Plan, Threshold
from quantdeck.engine.run.executor import Executor

SPREAD_OUT = np.linspace(-1, 1, 100_001)


def statistics(values: np.ndarray, name: str = "l1") -> TensorStatistics:
    low, high = float(values.min()), float(values.max())
    counts, _ = np.histogram(values, 256, (low, high))
    zeros = float((values == 0).mean())
    mean, std = float(values.mean()), float(values.std())
    return TensorStatistics(
        name, 1, values.size, low, high, mean, std, zeros, counts.astype(np.float32), low, high
    )


def ledger_of(plan: Plan, loud: float = 1e-3) -> Ledger:
    graph = network(("pool", "pool", "pool"))
    names = map_of(graph).sources
    world = World(graph, [loud if source.name == "l1" else 1e-3 for source in names])
    return run_search(measure(graph, plan, mode=Mode.F32, measuring=Measuring(1, 0, 0, 0)), world)


def found_for(values: np.ndarray, row: Threshold, *, ledger: bool = True, **methods: float):
    graph = network(("pool", "pool", "pool"))
    plan = noise_plan(graph).with_thresholds({"l1": row})
    rows = {"l1": {name: Threshold(value, -1.0, 1.0, name) for name, value in methods.items()}}
    known = ledger_of(plan) if ledger else None
    return diagnose(
        Evidence.of(graph, plan, {"l1": statistics(values)}, methods=rows, ledger=known), graph.by_name["l1"]
    )


def of(found, action: Action):
    return [repair for repair in found.repairs if repair.action is action]


# -------------------------------------------------------------------- repairs


def test_a_layer_whose_figures_show_nothing_is_floated_with_its_neighbours():
    found = found_for(SPREAD_OUT, Threshold(1.0, -1.0, 1.0))
    assert found.suggested is not None
    assert found.suggested.action is Action.FLOAT
    assert set(found.suggested.layers) == {"l0", "l1", "l2"}
    assert found.suggested.at_outputs
    assert found.suggested.plan is not None
    assert found.suggested.plan.mode("l1") == Mode.F32
    assert found.parts.share("rounding") > 0.99


def test_clipping_is_mended_by_the_threshold_that_clips_nothing():
    found = found_for(SPREAD_OUT, Threshold(0.5, -1.0, 1.0), max=1.0, kl=0.6)
    assert found.saturated == pytest.approx(0.5, abs=0.01)
    assert found.parts.clipping == pytest.approx(1 / 24, rel=0.02)  # the mean of (|x| - 0.5)**2 beyond 0.5
    assert any("beyond the threshold" in sentence for sentence in found.reasons)
    by_max, by_kl = of(found, Action.METHOD)
    assert (by_max.threshold.method, by_kl.threshold.method) == ("max", "kl")
    assert by_max.gain > by_kl.gain > 0
    assert by_max.plan.thresholds["l1"].value == 1.0
    assert not of(found, Action.THRESHOLD)  # a typed one brings nothing beyond max


def test_an_outlier_is_seen_in_the_histogram_and_a_threshold_is_typed_for_it():
    values = np.concatenate([np.linspace(-0.5, 0.5, 1_999_999), [2.0]])
    found = found_for(values, Threshold(2.0, -1.0, 1.0), ledger=False)
    assert found.outlier == pytest.approx(4.0, rel=0.05)
    (typed,) = of(found, Action.THRESHOLD)
    assert 0.4 < typed.threshold.value < 1.5
    assert typed.gain > 3
    assert not typed.at_outputs


def test_an_edit_that_keeps_int8_is_suggested_where_it_gains_half_as_much_as_floating():
    found = found_for(SPREAD_OUT, Threshold(0.5, -1.0, 1.0), max=1.0, ledger=False)
    assert found.suggested.action is Action.METHOD
    assert math.isinf(found.repairs[0].gain)  # nothing of its own is left where it floats with its readers


def test_a_ledger_of_other_thresholds_is_not_believed():
    graph = network(("pool", "pool", "pool"))
    plan = noise_plan(graph)
    other = plan.with_threshold("l1", 0.7)
    figures = {"l1": statistics(SPREAD_OUT)}
    assert Evidence.of(graph, other, figures, ledger=ledger_of(plan)).ledger is None
    assert Evidence.of(graph, plan, figures, ledger=ledger_of(plan)).ledger is not None


def test_a_sign_that_nothing_needs_is_told():
    found = found_for(np.linspace(0, 1, 10_001), Threshold(1.0, -0.001, 1.0), ledger=False)
    assert found.signed
    assert any("one bit" in sentence for sentence in found.reasons)


# -------------------------------------------------------------------- parts, against real runs


def convolution(spread: float = 1.0) -> tuple[Graph, Plan, dict[str, TensorStatistics], Build]:
    """Twelve channels, one *spread* times as wide as the others; inputs are never negative."""
    build = Build(5)
    x = build.input("x", (1, 16, 24, 24))
    weight = build.random.normal(0, 0.2, (12, 16, 1, 1)).astype(np.float32)
    weight[0] *= spread
    build.layer(
        Conv(kernel_shape=(1, 1)), [x, build.weight(weight), build.weight(np.zeros(12))], (1, 12, 24, 24)
    )
    graph = build.graph()
    values = float_values(graph, {"x": np.abs(build.feeds()["x"])})
    return graph, plan_of(graph, values), {name: statistics(v, name) for name, v in values.items()}, build


def test_the_parts_add_up_to_the_error_that_a_run_shows():
    graph, plan, figures, build = convolution(4.0)
    evidence = Evidence.of(graph, plan, figures)
    parts = evidence.parts(graph.layers[0])
    whole = np.round(build.random.uniform(0, 255, (1, 16, 24, 24)))  # values of the input's own grid
    x = np.asarray(whole * evidence.program.types[("x", "INT8")].scale, np.float32)
    values = float_values(graph, {"x": x})
    figures = {name: statistics(value, name) for name, value in values.items()}
    plan = plan_of(graph, values)
    evidence = Evidence.of(graph, plan, figures)
    executor = Executor(graph, evidence.program)
    name = graph.layers[0].name
    got = executor.run({"x": x}, [name])[name]
    real = float(((got - values[name]) ** 2).mean())
    parts = evidence.parts(graph.layers[0])
    assert parts.total == pytest.approx(real, rel=0.35)
    assert 0 < parts.shift < parts.weights


def test_channels_of_unlike_ranges_are_measured():
    graph, *_ = convolution(40.0)
    assert 20 < channel_spread(graph, graph.layers[0]) < 80
    assert channel_spread(network(("pool",)), network(("pool",)).layers[0]) == 1


def test_equalizing_a_pair_is_offered_with_less_rounding_between_them():
    build = Build(1)
    x = build.input("x", (1, 4, 8, 8))
    wide = build.random.normal(0, 1, (8, 4, 1, 1)).astype(np.float32)
    wide[0] *= 50
    narrow = build.random.normal(0, 1, (4, 8, 1, 1)).astype(np.float32)
    narrow[:, 0] /= 50
    first = build.layer(Conv(kernel_shape=(1, 1)), [x, build.weight(wide)], (1, 8, 8, 8), name="first")
    between = build.layer(Relu(), [first], (1, 8, 8, 8), name="between")
    build.layer(Conv(kernel_shape=(1, 1)), [between, build.weight(narrow)], (1, 4, 8, 8), name="second")
    graph = build.graph()
    values = float_values(graph, build.feeds())
    figures = {name: statistics(value, name) for name, value in values.items()}
    found = diagnose(Evidence.of(graph, plan_of(graph, values), figures), graph.by_name["first"])
    (repair,) = of(found, Action.EQUALIZE)
    assert repair.layers == ("first", "second")
    assert repair.gain > 6
    assert repair.plan is None
    assert any("range of the median" in sentence for sentence in found.reasons)


def test_figures_of_degenerate_tensors_are_finite():
    zero, kind = statistics(np.zeros(10)), TensorType("int8", 1 / 127)
    assert outlier_ratio(zero) == 1
    assert beyond(zero, kind) == below_zero(zero) == clipping_error(zero, kind) == 0
    assert rounding_error(zero, kind) == 0


def test_parts_under_one_threshold_are_compared():
    build = Build()
    a, b = build.input("a", (1, 4)), build.input("b", (1, 4))
    both = build.layer(Concat(axis=1), [a, b], (1, 8), name="both")
    for place, name in enumerate(("left", "right")):
        cut = Slice(offset=(0, 4 * place), steps=(1, 1), ends=(1, 4 * place + 4))
        build.layer(cut, [both], (1, 4), name=name)
    graph = build.graph(["left", "right"])
    tops = {"a": 640.0, "b": 1.0, "left": 640.0, "right": 64.0}
    figures = {name: statistics(np.linspace(-top, top, 99), name) for name, top in tops.items()}
    ratio, names = joined_parts(graph, graph.by_name["both"], figures)
    assert ratio == pytest.approx(640)
    assert names == ("a", "b")
    assert joined_parts(graph, graph.by_name["left"], figures) == (1.0, ())
