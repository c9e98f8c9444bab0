"""Additions under one threshold, casts that are estimated before they are measured."""

import math

import numpy as np
import pytest
from noise_world import World, cast, map_of, network, own, plan_of
from quantdeck.engine.graph.model import Graph, Layer, Output, Tensor
from quantdeck.engine.graph.vocabulary import Add, AvgPool, Sigmoid
from quantdeck.engine.hw.chip import get_chip
from quantdeck.engine.mix.joining import groups, variants
from quantdeck.engine.mix.ledger_estimates import Estimates
from quantdeck.engine.mix.ledger_measure import Measuring, measure
from quantdeck.engine.mix.pareto import Setting, pareto
from quantdeck.engine.mix.trial import Objective, Source, StopReason, Trial, run_search
from quantdeck.engine.plan import Mode, Plan, Threshold
from quantdeck.engine.run.trials import TrialEvaluator

SHAPE = (1, 4, 8, 8)


def residual(coeff=(), last=None) -> Graph:
    """x -> p0 -> p1, a = p0 + p1, a -> p2, b = a + p2: two additions on one stream."""
    pool = AvgPool(kernel_shape=(3, 3), strides=(1, 1), pads=(1, 1, 1, 1))
    layers = (
        Layer("p0", pool, ("x",), ("p0",)),
        Layer("p1", pool, ("p0",), ("p1",)),
        Layer("a", Add(coeff=coeff), ("p0", "p1"), ("a",)),
        Layer("p2", last or pool, ("a",), ("p2",)),
        Layer("b", Add(), ("a", "p2"), ("b",)),
    )
    names = ("x", *(layer.name for layer in layers))
    return Graph(
        "residual",
        ("x",),
        (Output("b", "b"),),
        layers,
        {name: Tensor(name, SHAPE) for name in names},
        {},
        "d",
    )


VALUES = {"x": 1.0, "p0": 0.7, "p1": 0.55, "a": 1.23, "p2": 0.9, "b": 2.11}


def start() -> Plan:
    return Plan(
        "bm1684x", "F32", {name: Threshold(value, -1.0, 1.0, "max") for name, value in VALUES.items()}
    )


def groups_of(graph: Graph, plan: Plan) -> list[tuple[str, ...]]:
    return groups(graph, get_chip("bm1684x").lower(graph, plan), plan)


def test_a_residual_stream_is_one_group():
    (group,) = groups_of(residual(), start())
    assert {"a", "b"} < set(group)
    assert "x" not in group


def test_tensors_of_another_storage_are_left_out():
    plan = start()
    rows = {**plan.thresholds, "p2": Threshold(0.9, 0.0, 0.9, "max")}
    (group,) = groups_of(residual(last=Sigmoid()), Plan("bm1684x", "F32", rows))
    assert "b" in group
    assert "p2" not in group


def test_additions_with_coefficients_are_left_out():
    (group,) = groups_of(residual(coeff=(1.0, 0.5)), start())
    assert "p1" not in group


def test_variants_begin_with_what_the_plan_has_and_differ():
    other = {name: Threshold(value * 1.3, -1.0, 1.0, "kl") for name, value in VALUES.items()}
    (group,) = groups_of(residual(), start())
    found = variants(group, start(), {"max": start().thresholds, "kl": other})
    assert found[0] == {name: start().thresholds[name] for name in group}
    assert len({tuple(row.value for row in rows.values()) for rows in found}) == len(found)
    joined = [rows for rows in found if len({row.value for row in rows.values()}) == 1]
    assert max(VALUES[name] for name in group) in {next(iter(rows.values())).value for rows in joined}


class Feeds:
    """Samples of one array each."""

    groups = range(4)

    def feed(self, index: int):
        return {"x": np.random.default_rng(index).normal(0, 0.4, SHAPE).astype(np.float32)}


def test_one_threshold_for_a_stream_is_less_noise_in_the_chips_own_integers():
    """What the module stands on: real integers, the same values, three roundings less."""
    graph, plan = residual(), start()
    (group,) = groups_of(graph, plan)
    evaluate = TrialEvaluator(graph, Feeds(), reference="float32")
    joined = plan.with_thresholds({name: Threshold(2.11, -1.0, 1.0, "joined") for name in group})
    apart, together = evaluate([Trial(plan, source=own("b")), Trial(joined, source=own("b"))])
    assert sum(together.outputs[0].similarity.noise) < 0.05 * sum(apart.outputs[0].similarity.noise)


KINDS = ("pool", "leaky", "pool", "add", "pool")


def test_a_cast_is_estimated_by_its_layer_and_by_those_before_an_exact_one():
    found = map_of(network(KINDS))
    layers = {f"l{index}": np.full((1, 2), 10.0**index) for index in range(5)}
    inputs = {"x": np.full((1, 2), 0.5)}
    estimates = Estimates(found, layers, inputs)
    assert estimates.of(cast("l2", "l3")) == pytest.approx(np.full((1, 2), 50.0))
    assert estimates.of(cast("l1"))[0, 0] == pytest.approx(10 / 2)  # louder than what it passes
    assert estimates.of(Source("pass", "l1"))[0, 0] == pytest.approx(10 / 20)
    assert estimates.of(cast("l0", "l3"))[0, 0] == pytest.approx(1 / 4)  # one of two readers
    exact = Estimates(found, {**layers, "l1": np.zeros((1, 2)), "l3": np.full((1, 2), 1.0)}, inputs)
    assert exact.of(cast("l1"))[0, 0] == pytest.approx(math.sqrt(1e-3) / 2)  # may be as loud as l0, or silent
    assert exact.of(cast("l3", "l4"))[0, 0] == pytest.approx(10 / 2)  # between its own 1 and the 100 of l2


def test_without_casts_only_layers_and_inputs_are_measured():
    graph = network(KINDS)
    world = World(graph, [1e-3] * len(map_of(graph).sources))
    steps = measure(graph, plan_of(graph), mode=Mode.F32, measuring=Measuring(1, 0, 0, 0, casts=False))
    trials = next(steps)
    with pytest.raises(StopIteration) as stop:
        steps.send(world(trials))
    sources = [trial.source for trial in trials if trial.source is not None]
    assert sources == [*(own(f"l{index}") for index in range(5)), cast("x", "l0")]
    assert (stop.value.value.noise > 0).all()


def test_a_search_measures_only_the_casts_that_its_plans_have():
    graph = network(("pool",) * 12)
    count = len(map_of(graph).sources)
    world = World(graph, [1e-3 * (1 + (11 * index) % 7) for index in range(count)], (1.0,) * 4)
    setting = Setting(
        graph,
        plan_of(graph),
        Mode.F32,
        Objective(0.995, {}),
        2,
        4,
        measuring=Measuring(1, 0, 0, 0, casts=False),
    )
    outcome = run_search(pareto(setting), world)
    assert outcome.reason is StopReason.CONFIRMED
    asked = {
        trial.source for trial in world.trials if trial.source is not None and trial.source.kind == "cast"
    }
    active = world.map.active(frozenset(outcome.plan.modes))
    assert {world.map.sources[index] for index in active if world.map.sources[index].kind == "cast"} <= asked
    assert len(asked) < sum(source.kind == "cast" for source in world.map.sources)


def test_a_search_measures_all_layers_on_half_of_the_samples_and_the_loudest_quarter_on_all():
    graph = network(("pool",) * 12)
    sources = map_of(graph).sources
    world = World(graph, [1e-3 * (1 + (11 * index) % 7) for index in range(len(sources))], (1.0,) * 16)
    outcome = run_search(pareto(Setting(graph, plan_of(graph), Mode.F32, Objective(0.995, {}), 8, 16)), world)
    assert outcome.reason is StopReason.CONFIRMED
    layers = [(trial.source, trial.samples) for trial in world.trials if trial.judges[0] and trial.source]
    first = [source for source, samples in layers if samples == 2]
    again = [source for source, samples in layers if samples == 4]
    assert sorted(source.name for source in first) == sorted(f"l{index}" for index in range(12))
    assert {samples for _, samples in layers} == {2, 4}
    assert min(world.energies[source] for source in again) >= max(
        world.energies[source] for source in first if source not in again
    )
