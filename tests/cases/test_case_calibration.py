"""Dead, late and tiny tensors; thresholds whatever the batch (cases 28, 30)."""

from pathlib import Path

import numpy as np
import pytest
from case_models import Array, Assessed, assess, floats, model, node, samples, save
from quantdeck.engine.calib.methods import METHODS

import quantdeck as qd

# ------------------------------------------------------------ 28: degenerate tensors


def _degenerate(folder: Path) -> tuple[Path, list[dict[str, Array]]]:
    nodes = [
        node("Conv", "x w dark", "buried", pads=[1] * 4),
        node("Relu", "buried", "dead"),
        node("Mul", "x zero", "nothing"),
        node("Add", "nothing level", "flat"),
        node("Relu", "z", "late"),
        node("Mul", "x small", "tiny"),
        node("Abs", "x", "size"),
        node("Neg", "size", "neg"),
        node("ReduceMean", "x", "one", axes=[1, 2, 3], keepdims=1),
        node("Add", "x z", "busy"),
    ]
    weights = {
        "w": floats(3, 3, 3, 3), "dark": np.full(3, -50, np.float32), "zero": np.float32(0),
        "level": np.float32(0.75), "small": np.float32(1e-7),
    }  # fmt: skip
    outputs = ["dead", "flat", "late", "tiny", "neg", "one", "busy"]
    path = save(model(nodes, {"x": [1, 3, 8, 8], "z": [1, 3, 8, 8]}, outputs, weights), folder)
    feeds = [{"x": floats(1, 3, 8, 8, seed=i), "z": floats(1, 3, 8, 8, seed=50 + i)} for i in range(6)]
    return path, feeds


@pytest.fixture(scope="module")
def degenerate(tmp_path_factory: pytest.TempPathFactory) -> tuple[qd.Graph, Path, float]:
    """The graph, its samples, and the largest value of the tensor that is zero for the first two."""
    folder = tmp_path_factory.mktemp("case28")
    path, feeds = _degenerate(folder)
    graph = qd.read_onnx(path)
    names = samples(folder / "samples", feeds)
    order = qd.select_samples(graph, dataset=names, number=0).entries
    for (entry,) in order[:2]:
        feeds[int(Path(entry).stem[1:])]["z"] *= 0
    samples(names, feeds)
    late = max(feed["z"].max() for feed in feeds)
    return graph, names, float(late)


@pytest.mark.parametrize("tune_num", [0, 5])
@pytest.mark.parametrize("method", sorted(METHODS))
def test_28_every_threshold_is_finite_and_at_least_the_floor(
    degenerate: tuple[qd.Graph, Path, float], method: str, tune_num: int
) -> None:
    graph, dataset, late = degenerate
    chosen = qd.select_samples(graph, dataset=dataset, number=0)
    found = qd.calibrate(graph, chosen, method=method, tune_num=tune_num)
    values = np.array([row.value for row in found.thresholds.values()])
    assert np.isfinite(values).all()
    assert values.min() >= 1e-5
    name = next(name for name in found.thresholds if name.startswith("late"))
    if method == "max":
        assert found.thresholds[name].value == pytest.approx(late, rel=1e-6)
    if method == "kl":
        assert found.thresholds[name].value > 0.5


@pytest.fixture(scope="module")
def scored(degenerate: tuple[qd.Graph, Path, float]) -> Assessed:
    graph, dataset, _ = degenerate
    return assess(graph, dataset)


def test_28_one_warning_a_tensor_that_says_which_kind(scored: Assessed) -> None:
    told = {warning.split(":")[0]: warning for warning in scored.calibration.warnings}
    assert len(told) == len(scored.calibration.warnings)
    kinds = {name.split("_")[0]: text for name, text in told.items()}
    assert "all zero in 6 of 6 samples" in kinds["dead"]
    assert "constant (0.75)" in kinds["flat"]
    assert "under 1e-05" in kinds["tiny"]
    assert "never positive" in kinds["neg"]
    assert not {"late", "busy", "one", "x", "z"} & set(kinds)


def test_28_int8_of_them_has_no_nan_and_no_false_alarm(scored: Assessed) -> None:
    got = scored.outputs()
    assert all(np.isfinite(value).all() for value in got.values())
    np.testing.assert_allclose(got["flat"], 0.75, rtol=0.01)
    assert got["neg"].min() < -1
    assert got["neg"].max() <= 0
    dead = next(output for output in scored.score.outputs if output.name == "dead")
    assert not dead.dead
    assert scored.score.dead_slices == 0


# ------------------------------------------------------------ 30: the batch changes no threshold


def _same_net(folder: Path, name: str, batch: int | str) -> Path:
    nodes = [
        node("Conv", "x w b", "c", pads=[1] * 4),
        node("Relu", "c", "r"),
        node("GlobalAveragePool", "r", "p"),
        node("Flatten", "p", "f"),
        node("MatMul", "f v", "y"),
    ]
    weights = {"w": floats(6, 3, 3, 3), "b": floats(6), "v": floats(6, 4)}
    return save(model(nodes, {"x": [batch, 3, 8, 8]}, ["y"], weights), folder, name)


@pytest.fixture(scope="module")
def batches(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, qd.Graph], Path]:
    folder = tmp_path_factory.mktemp("case30")
    feeds = [{"x": floats(1, 3, 8, 8, seed=index, scale=1 + index / 8)} for index in range(8)]
    paths = {
        name: _same_net(folder, f"{name}.onnx", batch)
        for name, batch in (("b1", 1), ("b4", 4), ("free", "n"))
    }
    return {name: qd.read_onnx(path) for name, path in paths.items()}, samples(folder / "samples", feeds)


@pytest.mark.parametrize(
    ("method", "exact"), [("max", False), ("percentile9999", False), ("kl", True), ("max", True)]
)
def test_30_equal_rows_for_batch_1_4_and_open(
    batches: tuple[dict[str, qd.Graph], Path], method: str, exact: bool
) -> None:
    graphs, dataset = batches
    tables = {}
    for name, graph in graphs.items():
        chosen = qd.select_samples(graph, dataset=dataset, number=0)
        tables[name] = qd.calibrate(graph, chosen, method=method, tune_num=0, exact=exact).thresholds
    for name, row in tables["b1"].items():
        for other in ("b4", "free"):
            found = tables[other][name]
            tolerance = 1e-6 if method != "kl" else 1e-3
            assert found.value == pytest.approx(row.value, rel=tolerance)
            assert (found.min, found.max) == pytest.approx((row.min, row.max), rel=1e-6)


@pytest.mark.parametrize("method", ["mse", "aciq_gauss", "aciq_laplace", "kl"])
def test_30_an_open_batch_is_one_and_told(batches: tuple[dict[str, qd.Graph], Path], method: str) -> None:
    graphs, dataset = batches
    rows = [
        qd.calibrate(graphs[name], qd.select_samples(graphs[name], dataset=dataset, number=0), method=method)
        for name in ("b1", "free")
    ]
    assert rows[0].thresholds == rows[1].thresholds
    assert any("fixed to 1" in note for note in graphs["free"].notes)
