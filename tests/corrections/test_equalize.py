"""Weight equalization: float meaning kept, ranges made equal, what must not be touched is not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quantdeck.engine.calib.equalize import equalize, equalize_once, find_pairs
from quantdeck.engine.graph.model import Graph, Layer, Output, Tensor
from quantdeck.engine.graph.vocabulary import Conv, Relu


def conv_chain(*, limit: float = -1.0, share: bool = False, group2: int = 1) -> Graph:
    rng = np.random.default_rng(7)
    weights = {
        "w1": (rng.normal(size=(8, 3, 1, 1)) * np.logspace(-2, 1, 8).reshape(8, 1, 1, 1)).astype(np.float32),
        "b1": rng.normal(size=8).astype(np.float32),
        "w2": rng.normal(size=(8, 8 // group2, 1, 1)).astype(np.float32),
    }
    layers = [
        Layer("c1", Conv(do_relu=True, relu_limit=limit), ("x", "w1", "b1"), ("c1",)),
        Layer("r", Relu(), ("c1",), ("r",)),
        Layer("c2", Conv(group=group2), ("r", "w2", ""), ("c2",)),
    ]
    if share:
        layers.append(Layer("c3", Conv(), ("c2", "w2", ""), ("c3",)))
    tensors = {name: Tensor(name, (1, 8, 4, 4)) for name in ("x", "c1", "r", "c2", "c3")}
    last = layers[-1].name
    return Graph("g", ("x",), (Output("y", last),), tuple(layers), tensors, weights, "digest")


def forward(graph: Graph, x: np.ndarray) -> np.ndarray:
    for layer in graph.layers:
        if layer.op == "Relu":
            x = np.maximum(x, 0)
            continue
        w = graph.weights[layer.inputs[1]].reshape(graph.weights[layer.inputs[1]].shape[:2])
        group = layer.attributes.group
        x = np.concatenate(
            [a @ b.T for a, b in zip(np.split(x, group, 1), np.split(w, group, 0), strict=True)], axis=1
        )
        if layer.inputs[2]:
            x = x + graph.weights[layer.inputs[2]]
        if layer.attributes.do_relu:
            x = np.maximum(x, 0)
    return x


@pytest.mark.parametrize("group2", [1, 2, 8])
def test_float_meaning_stays_and_ranges_become_equal(group2: int):
    graph = conv_chain(group2=group2)
    result = equalize(graph)
    assert [(pair.first, pair.second) for pair in result.pairs] == [("c1", "c2")]
    assert len(result.pairs[0].losses) == 2
    x = np.random.default_rng(1).normal(size=(16, 3)).astype(np.float32)
    np.testing.assert_allclose(forward(result.graph, x), forward(graph, x), rtol=2e-4, atol=1e-5)
    w1 = result.graph.weights[result.graph.by_name["c1"].inputs[1]]
    spread = np.abs(w1).reshape(8, -1).max(1)
    before = np.abs(graph.weights["w1"]).reshape(8, -1).max(1)
    assert spread.max() / spread.min() < before.max() / before.min()
    assert result.graph.digest != graph.digest


def test_relu6_is_left_alone():
    assert not find_pairs(conv_chain(limit=6.0))


def test_a_shared_weight_is_split():
    graph = conv_chain(share=True)
    result = equalize(graph)
    assert "w2" in graph.weights
    np.testing.assert_array_equal(graph.weights["w2"], conv_chain().weights["w2"])
    names = [result.graph.by_name[name].inputs[1] for name in ("c2", "c3")]
    assert names[0] != names[1]
    x = np.random.default_rng(2).normal(size=(4, 3)).astype(np.float32)
    np.testing.assert_allclose(forward(result.graph, x), forward(graph, x), rtol=5e-4, atol=1e-4)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 2, 4]))
def test_a_second_step_moves_nothing(seed: int, groups: int):
    rng = np.random.default_rng(seed)
    w1 = rng.normal(size=(8, 5, 3, 3)).astype(np.float32)
    w2 = rng.normal(size=(4, 8 // groups, 1, 1)).astype(np.float32)
    w1[rng.integers(8)] = 0
    once = equalize_once(w1, None, w2, groups)
    assert equalize_once(once.first, None, once.second, groups).loss < 1e-4
