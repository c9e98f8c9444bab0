"""Why a layer hurts: parts of its error from figures, words, repairs."""

import numpy as np
import pytest
from noise_world import World, map_of, network, plan_of
from quantdeck.engine.calib.statistics import TensorStatistics
from quantdeck.engine.graph.model import Graph, Layer, Output, Tensor
from quantdeck.engine.graph.vocabulary import Concat, Conv, Slice
from quantdeck.engine.mix.diagnose import (
    Repair,
    below_zero,
    beyond,
    channel_spread,
    clipping_error,
    diagnose,
    joined_parts,
    outlier_ratio,
    step,
    weight_error,
)
from quantdeck.engine.mix.ledger import Ledger
from quantdeck.engine.mix.ledger_measure import Measuring, measure
from quantdeck.engine.plan import Mode, Threshold

KINDS = ("pool", "pool", "pool")


def statistics(values: np.ndarray, name: str = "l1") -> TensorStatistics:
    low, high = float(values.min()), float(values.max())
    counts, _ = np.histogram(values, 256, (low, high))
    mean, std = float(values.mean()), float(values.std())
    return TensorStatistics(
        name, 1, values.size, low, high, mean, std, 0.0, counts.astype(np.float32), low, high
    )


def ledger_of(energies=None) -> Ledger:
    graph = network(KINDS)
    world = World(graph, energies or [1e-3] * len(map_of(graph).sources))
    steps = measure(graph, plan_of(graph), mode=Mode.F32, measuring=Measuring(1, 0, 0, 0))
    try:
        trials = next(steps)
        while True:
            trials = steps.send(world(trials))
    except StopIteration as stop:
        return stop.value


def found_for(values: np.ndarray, row: Threshold, stored: Threshold | None = None):
    graph = network(KINDS)
    plan = plan_of(graph).with_thresholds({"l1": row})
    return diagnose(graph, graph.by_name["l1"], plan, {"l1": statistics(values)}, ledger_of(), stored=stored)


SPREAD_OUT = np.linspace(-1, 1, 100_001)


def test_a_layer_whose_figures_show_nothing_is_floated_with_its_neighbours():
    found = found_for(SPREAD_OUT, Threshold(1.0, -1.0, 1.0))
    assert found.repair is Repair.FLOAT
    assert set(found.block) == {"l0", "l1", "l2"}
    assert found.gain > 1
    assert found.parts.share("rounding") > 0.99


def test_clipping_is_called_by_its_share_of_values():
    found = found_for(SPREAD_OUT, Threshold(0.5, -1.0, 1.0))
    assert found.repair is Repair.THRESHOLD
    assert found.saturated == pytest.approx(0.5, abs=0.01)
    assert found.parts.clipping == pytest.approx(1 / 24, rel=0.02)  # the mean of (|x| - 0.5)**2 beyond 0.5
    assert any("beyond the threshold" in sentence for sentence in found.reasons)
    assert 0 < found.gain < 10


def test_an_outlier_is_seen_in_the_histogram():
    values = np.concatenate([np.linspace(-0.1, 0.1, 99_999), [10.0]])
    found = found_for(values, Threshold(10.0, -1.0, 1.0))
    assert found.outlier > 20
    assert found.repair is Repair.THRESHOLD
    assert any("99.9 %" in sentence for sentence in found.reasons)


def test_a_wider_scale_than_its_own_is_told():
    found = found_for(SPREAD_OUT, Threshold(1.0, -1.0, 1.0), stored=Threshold(4.0, -1.0, 1.0))
    assert found.repair is Repair.SPLIT
    assert found.parts.share("joined") == pytest.approx(15 / 16, abs=0.01)


def test_a_sign_that_nothing_needs_is_told():
    found = found_for(np.linspace(0, 1, 10_001), Threshold(1.0, -0.001, 1.0))
    assert any("one bit" in sentence for sentence in found.reasons)
    assert step(Threshold(1.0, 0.0, 1.0)) == pytest.approx(1 / 255)
    assert step(Threshold(1.0, -0.1, 1.0)) == pytest.approx(1 / 127)


def conv_graph(weight: np.ndarray) -> Graph:
    out, channels = weight.shape[:2]
    tensors = {"x": Tensor("x", (1, channels, 4, 4)), "y": Tensor("y", (1, out, 4, 4))}
    layer = Layer("y", Conv(kernel_shape=(1, 1)), ("x", "w"), ("y",))
    return Graph("conv", ("x",), (Output("y", "y"),), (layer,), tensors, {"w": weight}, "digest")


def test_the_error_of_weights_is_what_rounding_them_does():
    rng = np.random.default_rng(1)
    weight = rng.normal(0, 1, (8, 16, 1, 1)).astype(np.float32)
    x = rng.normal(0.0, 2.0, (200_000, 16))
    rows = weight.reshape(8, 16)
    scale = np.abs(rows).max(1, keepdims=True) / 127
    real = float(((x @ (np.round(rows / scale) * scale - rows).T) ** 2).mean())
    graph = conv_graph(weight)
    found = weight_error(graph, graph.layers[0], {"x": statistics(x.reshape(-1), "x")})
    assert found == pytest.approx(real, rel=0.05)
    assert weight_error(graph, graph.layers[0], {}) == 0


def test_channels_of_unlike_ranges_are_measured():
    weight = np.ones((4, 2, 1, 1), np.float32)
    weight[0] *= 100
    graph = conv_graph(weight)
    assert channel_spread(graph, graph.layers[0]) == pytest.approx(100)
    assert channel_spread(network(KINDS), network(KINDS).layers[0]) == 1


def test_figures_of_degenerate_tensors_are_finite():
    zero = statistics(np.zeros(10))
    assert outlier_ratio(zero) == 1
    assert beyond(zero, 1.0) == 0
    assert below_zero(zero) == 0
    assert clipping_error(zero, 1.0) == 0


def test_parts_under_one_threshold_are_compared():
    names = ("a", "b", "c", "d", "e")
    tensors = {name: Tensor(name, (1, 4)) for name in names}
    cut = Slice(offset=(0, 0), steps=(1, 1), ends=(1, 4))
    layers = (
        Layer("c", Concat(axis=1), ("a", "b"), ("c",)),
        Layer("d", cut, ("c",), ("d",)),
        Layer("e", cut, ("c",), ("e",)),
    )
    graph = Graph("join", ("a", "b"), (Output("d", "d"), Output("e", "e")), layers, tensors, {}, "digest")
    figures = {name: statistics(np.linspace(-top, top, 99), name) for name, top in
               {"a": 640.0, "b": 1.0, "d": 640.0, "e": 640.0}.items()}  # fmt: skip
    assert joined_parts(graph, layers[0], figures) == pytest.approx(640)
    assert joined_parts(graph, layers[1], figures) == 1
