"""The ledger and pareto on real networks (slow: they need the reference material)."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from quantdeck.engine.calib.calibrate import calibrate
from quantdeck.engine.data.preprocess import Preprocess
from quantdeck.engine.data.samples import Samples, select_samples
from quantdeck.engine.graph.model import Graph
from quantdeck.engine.graph.onnx_reader import read_onnx
from quantdeck.engine.mix.ledger import Ledger
from quantdeck.engine.mix.ledger_measure import Measuring, measure
from quantdeck.engine.mix.pareto import Setting, pareto
from quantdeck.engine.mix.trial import Objective, StopReason, Trial, run_search
from quantdeck.engine.plan import Mode, Plan
from quantdeck.engine.run.trials import TrialEvaluator

pytestmark = pytest.mark.slow

PREPROCESS = {
    "mobilenet_v2": Preprocess(
        resize_dims=(256, 256), mean=(127.5,) * 3, scale=(0.0078431,) * 3, pixel_format="rgb"
    ),
    "tiny_darknet": Preprocess(resize_dims=(256, 256), scale=(0.0039216,) * 3, pixel_format="rgb"),
}
Load = Callable[[str, int], tuple[Graph, Samples]]


@pytest.fixture
def load(shared: Path) -> Load:
    def loaded(name: str, number: int) -> tuple[Graph, Samples]:
        graph = read_onnx(shared / "zoo" / "models" / f"{name}.onnx")
        folder = shared / "zoo" / "images" / "imagenet_calib"
        return graph, select_samples(graph, dataset=str(folder), number=number, preprocess=PREPROCESS[name])

    return loaded


def measured(graph: Graph, start: Plan, evaluate: TrialEvaluator) -> Ledger:
    return run_search(measure(graph, start, mode=Mode.F32, measuring=Measuring(4, 16, 0.5)), evaluate)


def random_plans(names: tuple[str, ...], count: int) -> list[frozenset[str]]:
    """Shares of the layers, and runs of neighbours; at least one layer stays int8."""
    random = np.random.default_rng(1)
    found = []
    for index in range(count):
        size = int(random.integers(0, len(names) - 1))
        if index % 2:
            first = int(random.integers(0, len(names)))
            found.append(frozenset(names[(first + step) % len(names)] for step in range(size)))
        else:
            found.append(frozenset(random.choice(names, size, replace=False).tolist()))
    return found


@pytest.mark.parametrize("name", ["mobilenet_v2", "tiny_darknet"])
def test_the_ledger_is_within_a_decibel_of_real_runs(load: Load, name: str):
    graph, samples = load(name, 16)
    table = calibrate(graph, samples, method="max", tune_num=0)
    start = Plan("bm1684x", "F32", dict(table.thresholds))
    with TrialEvaluator(graph, samples, reference="float32") as evaluate:
        ledger = measured(graph, start, evaluate)
        plans = random_plans(ledger.map.names, 50)
        real = evaluate([Trial(replace(start, modes=dict.fromkeys(floats, Mode.F32))) for floats in plans])
    found = [ledger.predict_floats(floats) for floats in plans]
    error = np.array([one.sqnr - other.sqnr for one, other in zip(real, found, strict=True)])
    inside = [other.low <= one.sqnr <= other.high for one, other in zip(real, found, strict=True)]
    assert np.mean(abs(error) <= 1) >= 0.95
    assert np.mean(inside) >= 0.85  # of intervals that promise 90 %


def test_mobilenet_needs_fewer_trials_and_no_more_float_layers_than_the_best_peer(load: Load):
    """The anchor of the field: 170 evaluations on 32 photos, 21 float layers of 64, cosine 0.999."""
    graph, samples = load("mobilenet_v2", 50)
    methods = ["mse", "percentile9999"]
    tables = calibrate(graph, samples, method="mse", methods=methods, tune_num=0).by_method
    start = Plan("bm1684x", "F16", dict(tables["mse"]))
    setting = Setting(
        graph, start, Mode.F16, Objective((1 + 0.999) / 2, {}), 32, 50,
        methods={name: dict(tables[name]) for name in methods},
    )  # fmt: skip
    with TrialEvaluator(graph, samples) as evaluate:
        outcome = run_search(pareto(setting), evaluate)
    assert outcome.reason is StopReason.CONFIRMED
    assert 2 * outcome.fresh.value - 1 >= 0.999
    assert len(outcome.plan.modes) <= 20
    assert outcome.trials < 170
