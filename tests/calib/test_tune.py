from collections.abc import Mapping
from types import ModuleType

import numpy as np
import pytest
from quantdeck.engine.calib.tune import TuneRule, tune
from quantdeck.engine.graph.model import Graph, Layer, Output, Tensor
from quantdeck.engine.graph.vocabulary import Add, Relu
from quantdeck.engine.run.float_runner import layer_runner

SHAPE = (1, 64)


def network(layers: Mapping[str, tuple[str, ...]], outputs: tuple[str, ...]) -> Graph:
    """Layers with one input are Relu, those with two are Add; "x" is the input."""
    made = tuple(
        Layer(name, Relu() if len(inputs) == 1 else Add(), inputs, (name,)) for name, inputs in layers.items()
    )
    tensors = {name: Tensor(name, SHAPE) for name in ("x", *layers)}
    return Graph("net", ("x",), tuple(Output(name, name) for name in outputs), made, tensors, {}, "digest")


def feeds(number: int = 3) -> list[dict[str, np.ndarray]]:
    generator = np.random.default_rng(6)
    return [{"x": (generator.laplace(size=SHAPE) * 3).astype(np.float32)} for _ in range(number)]


def expected(oracle: ModuleType, samples: list[dict[str, np.ndarray]], start: float, limit: float) -> float:
    """The best threshold of x in front of a Relu, by the oracle's helpers."""
    scores = []
    for candidate in oracle.tune_candidates(start, limit):
        distances = [
            oracle.tune_distance(
                np.maximum(feed["x"], 0), np.maximum(oracle.fake_quant(feed["x"], candidate), 0)
            )
            for feed in samples
        ]
        scores.append((sum(distances) / len(distances), candidate))
    return min(scores)[1]


def test_a_threshold_rises_to_the_best_candidate(oracle: ModuleType) -> None:
    graph, samples = network({"r": ("x",)}, ("r",)), feeds()
    limit = max(float(np.abs(feed["x"]).max()) for feed in samples)
    moved = tune(graph, samples, {"x": 1.0, "r": 1.0}, {"x": limit, "r": limit}, layer_runner)
    assert moved == {"x": pytest.approx(expected(oracle, samples, 1.0, limit))}  # the output is never tuned


def test_nothing_runs_where_nothing_can_move() -> None:
    graph = network({"r": ("x",)}, ("r",))

    def refuse(graph: Graph, layer: Layer) -> object:
        raise AssertionError("no layer may run")

    limits = {"x": 1.0099, "r": 9.0}
    assert tune(graph, feeds(), {"x": 1.0, "r": 1.0}, limits, refuse) == {}  # type: ignore[arg-type]
    assert tune(graph, feeds(), {"x": 1.0, "r": 1.0}, {"x": 0.5, "r": 9.0}, refuse) == {}  # type: ignore[arg-type]


def test_only_the_layers_that_lead_to_a_movable_tensor_run() -> None:
    graph = network({"a": ("x",), "b": ("a",), "c": ("b",), "d": ("c",)}, ("d",))
    ran: list[str] = []

    def counted(graph: Graph, layer: Layer) -> object:
        ran.append(layer.name)
        return layer_runner(graph, layer)

    thresholds = dict.fromkeys(("x", "a", "b", "c", "d"), 1.0)
    limits = {**dict.fromkeys(thresholds, 1.0), "a": 8.0}
    moved = tune(graph, feeds(), thresholds, limits, counted)  # type: ignore[arg-type]
    assert set(moved) == {"a"}
    assert ran == ["a", "b"]


def test_a_tensor_keeps_the_largest_winner_of_its_readers() -> None:
    samples = feeds()
    limit = max(float(np.abs(feed["x"]).max()) for feed in samples)
    alone = network({"r": ("x",)}, ("r",))
    both = network({"r": ("x",), "s": ("x", "r"), "t": ("x", "s")}, ("t",))
    thresholds = dict.fromkeys(("x", "r", "s", "t"), 1.0)
    limits = {"x": limit, "r": 1.0, "s": 1.0, "t": 1.0}
    first = tune(alone, samples, {"x": 1.0, "r": 1.0}, {"x": limit, "r": 1.0}, layer_runner)["x"]
    assert tune(both, samples, thresholds, limits, layer_runner)["x"] >= first


def test_find_lower_refines_but_never_lowers() -> None:
    graph, samples = network({"r": ("x",)}, ("r",)), feeds()
    limit = max(float(np.abs(feed["x"]).max()) for feed in samples)
    start = limit * 0.999
    assert (
        tune(graph, samples, {"x": start}, {"x": limit}, layer_runner, rule=TuneRule(find_lower=True)).get(
            "x", start
        )
        >= start
    )
    finer = tune(graph, samples, {"x": 1.0}, {"x": limit}, layer_runner, rule=TuneRule(find_lower=True))["x"]
    assert 1.0 < finer <= limit


def test_progress_ends_at_the_whole() -> None:
    graph, seen = network({"a": ("x",), "b": ("a",)}, ("b",)), []
    limits = {"x": 9.0, "a": 9.0, "b": 9.0}
    tune(
        graph, feeds(), dict.fromkeys(limits, 1.0), limits, layer_runner, progress=lambda *at: seen.append(at)
    )
    assert seen == [(1, 2), (2, 2)]
