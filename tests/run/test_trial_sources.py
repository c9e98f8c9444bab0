"""One source of noise alone: what a layer or a cast adds, carried to the outputs by the float network."""

import numpy as np
import pytest
from built_graphs import Build
from hypothesis import given, settings
from hypothesis import strategies as st
from quantdeck.engine.graph import vocabulary as v
from quantdeck.engine.graph.model import Graph
from quantdeck.engine.hw.chip import get_chip
from quantdeck.engine.plan import Mode
from quantdeck.engine.run.executor import Executor
from quantdeck.engine.run.float_runner import FloatRunner, layer_runner
from quantdeck.engine.run.score import Score
from quantdeck.engine.run.trial import Failure, Source, Trial
from quantdeck.engine.run.trials import TrialEvaluator
from trial_cases import Held, calibrated, network, random_feeds

Array = np.ndarray


def chain() -> Graph:
    """x -> c (1x1 conv) -> s (sigmoid) -> m = c * s -> o (1x1 conv)."""
    build = Build(2)
    x = build.input("x", (1, 3, 4, 4))
    build.layer(v.Conv(), [x, build.weight((5, 3, 1, 1)), build.weight((5,))], (1, 5, 4, 4), name="c")
    build.layer(v.Sigmoid(), ["c"], (1, 5, 4, 4), name="s")
    build.layer(v.Mul(), ["c", "s"], (1, 5, 4, 4), name="m")
    build.layer(v.Conv(), ["m", build.weight((2, 5, 1, 1))], (1, 2, 4, 4), name="o")
    return build.graph()


def energies(graph: Graph, feeds: list[dict[str, Array]], trial: Trial) -> list[float]:
    with TrialEvaluator(graph, Held(feeds)) as evaluator:
        (score,) = evaluator([trial])
    assert isinstance(score, Score), score
    return list(score.outputs[0].similarity.noise)


def energy(a: Array, b: Array) -> float:
    return float(((a.astype(np.float64) - b.astype(np.float64)) ** 2).sum())


def test_a_layer_adds_its_local_error() -> None:
    graph, feeds = chain(), random_feeds(chain(), 3)
    plan = calibrated(graph, feeds)
    executor = Executor(graph, get_chip("bm1684x").lower(graph, plan))
    expected: list[float] = []
    for feed in feeds:
        values = {**feed, **FloatRunner(graph).run(feed)}
        given = {name: values[name] for name in ("c", "s")}
        stored = {
            name: executor.to_float(
                name, executor._backend.quantize(given[name], 1 / type_.scale, type_.dtype)
            )
            for name in given
            if (type_ := executor.program.types[name]).scale is not None
        }
        local = executor.local("m", given)["m"]
        exact = layer_runner(graph, graph.by_name["m"]).run(stored)["m"]
        changed = values["m"] + (local - exact)
        behind = FloatRunner(graph, ["o"], inputs=["m"]).run({"m": changed})["o"]
        expected.append(energy(values["o"], behind))
    assert energies(graph, feeds, Trial(plan, source=Source("layer", "m"))) == pytest.approx(
        expected, rel=1e-9
    )


def test_a_cast_is_the_rounding_to_the_stored_form() -> None:
    graph, feeds = chain(), random_feeds(chain(), 2)
    plan = calibrated(graph, feeds)
    scale = plan.thresholds["x"].value / 127
    expected: list[float] = []
    for feed in feeds:
        rounded = np.clip(np.floor(np.abs(feed["x"]) / scale + 0.5) * np.sign(feed["x"]), -128, 127) * scale
        a = FloatRunner(graph, ["o"]).run(feed)["o"]
        b = FloatRunner(graph, ["o"]).run({"x": rounded.astype(np.float32)})["o"]
        expected.append(energy(a, b))
    assert energies(graph, feeds, Trial(plan, source=Source("cast", "x"))) == pytest.approx(
        expected, rel=1e-3
    )


def test_a_tensor_that_stays_float_loses_nothing() -> None:
    graph, feeds = chain(), random_feeds(chain(), 1)
    plan = calibrated(graph, feeds).with_modes(dict.fromkeys(graph.by_name, Mode.F32))
    assert energies(graph, feeds, Trial(plan, source=Source("cast", "c"))) == [0.0]


def test_a_source_at_an_inner_tensor_and_behind_it() -> None:
    graph, feeds = chain(), random_feeds(chain(), 2)
    plan = calibrated(graph, feeds)
    source = Source("layer", "s")
    with TrialEvaluator(graph, Held(feeds)) as evaluator:
        here, before = evaluator([Trial(plan, ("s",), source=source), Trial(plan, ("c",), source=source)])
    assert isinstance(here, Score)
    assert isinstance(before, Score)
    assert 30 < here.sqnr < 70
    assert before.sqnr == np.inf


def test_unknown_sources_fail_alone() -> None:
    graph, feeds = chain(), random_feeds(chain(), 1)
    plan = calibrated(graph, feeds)
    sources = [Source("layer", "m"), Source("layer", "zz"), Source("cast", "zz"), Source("colour", "m")]
    with TrialEvaluator(graph, Held(feeds)) as evaluator:
        good, *bad = evaluator([Trial(plan, source=source) for source in sources])
    assert isinstance(good, Score)
    assert all(isinstance(item, Failure) for item in bad)
    assert [item.message.split(":")[0] for item in bad if isinstance(item, Failure)] == [
        "source zz",
        "source zz",
        "source colour",
    ]


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_sources_do_not_depend_on_budget_threads_or_company(seed: int) -> None:
    graph = network(seed, 6)
    feeds = random_feeds(graph, 2, seed)
    plan = calibrated(graph, feeds)
    trials = [Trial(plan, source=Source("layer", name)) for name in graph.by_name]
    trials.append(Trial(plan, source=Source("cast", "x")))
    alone = []
    for trial in trials:
        with TrialEvaluator(graph, Held(feeds), memory=0) as evaluator:
            alone += evaluator([trial])
    with TrialEvaluator(graph, Held(feeds), threads=2) as evaluator:
        assert repr(evaluator([Trial(plan), *trials])[1:]) == repr(alone)
