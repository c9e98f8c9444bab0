"""Bias correction: what it finds, what it undoes, and what it leaves alone (spec B.13, B.19 #40 to #43)."""

from collections.abc import Mapping

import numpy as np
import pytest
from quantdeck.engine.calib.bias import BiasOutcome, BiasRunner, Pass, _means, correct_bias, correctable
from quantdeck.engine.graph.model import Graph, Layer, Output, Tensor
from quantdeck.engine.graph.vocabulary import Conv, Relu
from quantdeck.engine.plan import Plan, Threshold


def chain(count: int = 3) -> Graph:
    """Convolutions with a bias, one after the other, and a Relu that reads the last."""
    layers, weights, last = [], {}, "in"
    for index in range(count):
        weights[f"w{index}"] = np.full((2, 2, 1, 1), 0.5, np.float32)
        weights[f"b{index}"] = np.zeros(2, np.float32)
        layers.append(Layer(f"c{index}", Conv(), (last, f"w{index}", f"b{index}"), (f"c{index}",)))
        last = f"c{index}"
    layers.append(Layer("end", Relu(), (last,), ("end",)))
    tensors = {name: Tensor(name, (1, 2, 3, 3)) for name in ("in", "end", *(f"c{i}" for i in range(count)))}
    return Graph("chain", ("in",), (Output("y", "end"),), tuple(layers), tensors, weights, "digest")


def run(graph: Graph, answers: list[Pass], **options: object) -> tuple[BiasOutcome, list[Graph]]:
    names = frozenset(layer.name for layer in graph.layers)
    values: dict[str, object] = {
        "expected_cos": 0.999,
        "min_layer_cos": 0.99,
        "int8_layers": names,
        **options,
    }
    search, asked = correct_bias(graph, **values), []  # type: ignore[arg-type]
    try:
        asked.append(next(search))
        for answer in answers:
            asked.append(search.send(answer))
    except StopIteration as stop:
        return stop.value, asked
    raise AssertionError("it wants more runs")


def a_pass(cos: float, layers: Mapping[str, float]) -> Pass:
    return Pass(cos, layers, dict.fromkeys(layers, (0.25, -0.5)))


GOOD = {"c0": 0.999, "c1": 0.999, "c2": 0.999}


def test_good_enough_at_once_changes_nothing():
    graph = chain()
    outcome, asked = run(graph, [a_pass(0.9999, {**GOOD, "c0": 0.5})])
    assert len(asked) == 1
    assert outcome.graph is graph
    assert outcome.rows == ()


def test_a_layer_below_the_limit_gets_the_mean_error():
    graph = chain()
    outcome, _ = run(graph, [a_pass(0.9, {**GOOD, "c1": 0.8}), a_pass(0.95, {**GOOD, "c1": 0.9})])
    assert [row.layer for row in outcome.rows] == ["c1"]
    np.testing.assert_array_equal(outcome.biases["c1"], np.float32([0.25, -0.5]))
    assert outcome.graph.digest != graph.digest
    np.testing.assert_array_equal(graph.weights["b1"], 0)
    assert (outcome.int8_cos, outcome.cos) == (0.9, 0.95)


@pytest.mark.parametrize(
    "worse", [a_pass(0.89, {**GOOD, "c1": 0.9}), a_pass(0.95, {**GOOD, "c1": 0.7})], ids=["outputs", "layer"]
)
def test_what_makes_outputs_or_the_layer_itself_worse_is_undone(worse):
    graph = chain()
    outcome, _ = run(graph, [a_pass(0.9, {**GOOD, "c1": 0.8}), worse])
    assert not outcome.rows[0].kept
    assert outcome.graph is graph
    assert outcome.cos == 0.9


def test_a_layer_is_compared_with_itself_not_with_the_best_layer():
    """Spec B.19 #42: 0.8 after a layer of 0.98 would be undone by the original."""
    first = a_pass(0.9, {**GOOD, "c0": 0.97, "c1": 0.7})
    second = a_pass(0.91, {**GOOD, "c0": 0.98, "c1": 0.7})
    third = a_pass(0.92, {**GOOD, "c0": 0.98, "c1": 0.8})
    outcome, asked = run(chain(), [first, second, third])
    assert [row.kept for row in outcome.rows] == [True, True]
    assert len(asked) == 3


def test_it_stops_at_the_target():
    bad = {"c0": 0.9, "c1": 0.9, "c2": 0.9}
    outcome, _ = run(chain(), [a_pass(0.9, bad), a_pass(0.9995, {**bad, "c0": 0.95})])
    assert [row.layer for row in outcome.rows] == ["c0"]


def test_float_layers_are_left_alone():
    outcome, asked = run(chain(), [a_pass(0.9, {**GOOD, "c1": 0.8})], int8_layers=frozenset({"c0"}))
    assert len(asked) == 1
    assert outcome.rows == ()


@pytest.mark.parametrize("shape", [(2, 5), (1, 5, 7), (2, 5, 3, 4), (1, 5, 2, 3, 4)])
def test_channels_are_the_second_axis_of_any_rank(shape):
    """Spec B.19 #42: the original dies on what is not 4-D."""
    value = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    means = _means(value)
    assert means.shape == (5,)
    np.testing.assert_allclose(means[3], np.take(value, 3, axis=1).mean())


def test_a_real_run_finds_the_shift():
    """A threshold that clips makes a mean error; the corrected bias takes it away."""
    graph = chain(2)
    rows = {name: Threshold(1.0, -1.0, 1.0) for name in graph.tensors}
    plan = Plan("bm1684x", "F16", rows)

    class Feeds:
        def batches(self):
            random = np.random.default_rng(3)
            return [{"in": random.uniform(0.2, 1, (1, 2, 3, 3)).astype(np.float32)} for _ in range(4)]

    graph = Graph(**{**graph.__dict__, "weights": {**graph.weights, "b0": np.float32([0.011, 0.013])}})
    runner = BiasRunner(graph, plan, Feeds(), {})
    found = runner(graph)
    assert set(found.layers) == {layer.name for layer in correctable(graph)} == {"c0", "c1"}
    assert all(abs(shift) < 0.02 for shift in found.shifts["c0"])
    assert 0.99 < found.cos <= 1
