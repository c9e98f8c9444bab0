"""Whole calibrations of small ONNX files."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from calib_samples import Arrays
from onnx import TensorProto, helper, numpy_helper
from quantdeck.engine.calib.calibrate import calibrate
from quantdeck.engine.calib.methods import METHODS
from quantdeck.engine.calib.table import CalibrationTable, read_table, rounded, write_table
from quantdeck.engine.errors import QuantdeckError
from quantdeck.engine.graph.model import Graph
from quantdeck.engine.graph.onnx_reader import read_onnx

GENERATOR = np.random.default_rng(128)


def saved(
    folder: Path,
    nodes: list[onnx.NodeProto],
    shape: tuple[int, ...],
    output: str,
    weights: dict[str, np.ndarray],
) -> Graph:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "net.onnx")
    return read_onnx(folder / "net.onnx")


def weights(*shape: int) -> np.ndarray:
    return GENERATOR.normal(0, 0.4, shape).astype(np.float32)


@pytest.fixture(scope="module")
def degenerate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Graph, Arrays]:
    """Tensors that are dead, constant, zero in the first samples, tiny, never positive, and a single element."""
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "W", "down"], ["c0"], pads=[1] * 4),
        node("Relu", ["c0"], ["dead"]),
        node("Conv", ["x", "Z", "bias"], ["flat"]),
        node("Conv", ["x", "W"], ["c1"], pads=[1] * 4),
        node("Sub", ["c1", "two"], ["s1"]),
        node("Relu", ["s1"], ["late"]),
        node("Mul", ["c1", "small"], ["tiny"]),
        node("Relu", ["c1"], ["r1"]),
        node("Neg", ["r1"], ["neg"]),
        node("ReduceMax", ["c1"], ["one"], keepdims=0),
        node("Concat", ["dead", "flat", "late", "tiny", "neg"], ["all"], axis=1),
        node("Mul", ["all", "one"], ["m"]),
        node("Conv", ["m", "V"], ["y"]),
    ]
    constants = {
        "W": weights(4, 2, 3, 3),
        "down": np.full(4, -50, np.float32),
        "Z": np.zeros((4, 2, 1, 1), np.float32),
        "bias": np.full(4, 0.75, np.float32),
        "two": np.float32(2),
        "small": np.float32(1e-7),
        "V": weights(3, 20, 1, 1),
    }
    graph = saved(tmp_path_factory.mktemp("dead"), nodes, (1, 2, 8, 8), "y", constants)
    generator = np.random.default_rng(1)
    scales = (0.2, 0.2, 2, 2, 2, 2)
    return graph, Arrays(
        [{"x": (generator.uniform(-1, 1, (1, 2, 8, 8)) * s).astype(np.float32)} for s in scales]
    )


def row_of(rows, output: str):
    return next(row for name, row in rows.items() if name.startswith(f"{output}_"))


@pytest.mark.parametrize("tune_num", [0, 5])
@pytest.mark.parametrize("method", METHODS)
def test_dead_and_late_tensors(degenerate: tuple[Graph, Arrays], method: str, tune_num: int) -> None:
    graph, samples = degenerate
    found = calibrate(graph, samples, method=method, methods=["max"], tune_num=tune_num)
    assert list(found.thresholds) == list(graph.calibrated)
    for row in found.thresholds.values():
        assert np.isfinite([row.value, row.min, row.max]).all()
        assert row.value >= 1e-5
    late = row_of(found.by_method["max"], "late")
    assert late.value == pytest.approx(late.max)
    assert late.value > 1
    assert row_of(found.thresholds, "late").value > 0.5
    assert row_of(found.thresholds, "flat").value == pytest.approx(0.75)
    assert row_of(found.thresholds, "neg").max <= 0
    kinds = {warning.split("_")[0]: warning for warning in found.warnings}
    assert len(found.warnings) == 4
    assert "all zero in 6 of 6 samples" in kinds["dead"]
    assert "constant (0.75)" in kinds["flat"]
    assert "under 1e-05" in kinds["tiny"]
    assert "one sign" in kinds["neg"]


def test_every_method_comes_from_the_same_pass(degenerate: tuple[Graph, Arrays]) -> None:
    graph, samples = degenerate
    together = calibrate(graph, samples, method="use_kl", methods=tuple(METHODS), tune_num=2)
    assert set(together.by_method) == {*METHODS, "kl_tune"}
    assert together.thresholds == together.by_method["kl_tune"]
    for method in METHODS:
        alone = calibrate(graph, samples, method=method, tune_num=0)
        assert together.by_method[method] == alone.thresholds


def test_tuning_only_raises_and_only_where_it_can(degenerate: tuple[Graph, Arrays]) -> None:
    graph, samples = degenerate
    found = calibrate(graph, samples, method="kl", tune_num=3)
    assert found.tune_num == 3
    assert all(row.value >= found.by_method["kl"][name].value for name, row in found.thresholds.items())
    assert any(row.value > found.by_method["kl"][name].value for name, row in found.thresholds.items())
    assert calibrate(graph, samples, method="mse", tune_num=5).tune_num == 0
    few = calibrate(graph, samples, method="kl", tune_num=50, tune_samples=Arrays(samples.feeds[:2]))
    assert few.tune_num == 2


def test_the_table_says_what_the_calibration_says(degenerate: tuple[Graph, Arrays], tmp_path: Path) -> None:
    graph, samples = degenerate
    found = calibrate(graph, samples, method="kl")
    write_table(tmp_path / "t", CalibrationTable(found.thresholds))
    again = read_table(tmp_path / "t").rows
    assert list(again) == list(found.thresholds)
    for name, row in found.thresholds.items():
        assert rounded(row) == row
        assert (again[name].value, again[name].min, again[name].max) == (row.value, row.min, row.max)


def test_progress_is_one_count_that_ends_full(degenerate: tuple[Graph, Arrays]) -> None:
    graph, samples = degenerate
    for exact in (False, True):
        seen: list[tuple[int, int]] = []
        calibrate(graph, samples, method="kl", exact=exact, progress=lambda *at, seen=seen: seen.append(at))
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)
        assert seen[-1][0] == seen[-1][1]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"method": "kl2"}, "kl2"),
        ({"method": "kl", "methods": ["x"]}, "'x'"),
        ({"method": "kl", "bins": 5}, "histogram_bin_num"),
        ({"method": "kl", "tune_num": -1}, "tune_num"),
    ],
)
def test_wrong_options_are_refused(degenerate: tuple[Graph, Arrays], options: dict, word: str) -> None:
    graph, samples = degenerate
    with pytest.raises(QuantdeckError, match=word):
        calibrate(graph, samples, **options)
    with pytest.raises(QuantdeckError, match="no sample"):
        calibrate(graph, Arrays([]), method="kl")


def test_an_input_with_nan_is_named(degenerate: tuple[Graph, Arrays]) -> None:
    graph, samples = degenerate
    bad = np.full((1, 2, 8, 8), np.nan, np.float32)
    source = Arrays([samples.feeds[0], {"x": bad}], ["a.npz", "b\x1b.npz"])
    with pytest.raises(QuantdeckError, match=r"x becomes NaN with b\u241b\.npz"):
        calibrate(graph, source, method="max")


# ---------------------------------------------------------------- the batch


def batched(folder: Path, batch: int) -> Graph:
    generator = np.random.default_rng(130)
    first = generator.normal(0, 0.3, (6, 3, 3, 3)).astype(np.float32)
    second = generator.normal(0, 0.3, (4, 6, 3, 3)).astype(np.float32)
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "W"], ["a"], pads=[1] * 4),
        node("Relu", ["a"], ["b"]),
        node("Conv", ["b", "V"], ["c"], pads=[1] * 4),
        node("Sigmoid", ["c"], ["d"]),
        node("Mul", ["c", "d"], ["y"]),
    ]
    return saved(folder, nodes, (batch, 3, 16, 16), "y", {"W": first, "V": second})


def test_thresholds_do_not_depend_on_the_batch(tmp_path: Path) -> None:
    generator = np.random.default_rng(4)
    arrays = [(generator.standard_t(4, (1, 3, 16, 16)) * (1 + i)).astype(np.float32) for i in range(8)]
    one = batched(tmp_path, 1)
    four = batched(tmp_path, 4)
    singles = Arrays([{"x": x} for x in arrays])
    fours = Arrays([{"x": np.concatenate(arrays[start : start + 4])} for start in (0, 4)])
    for exact in (False, True):
        options = {"method": "kl", "methods": ["max", "percentile9999"], "tune_num": 0, "exact": exact}
        a, b = calibrate(one, singles, **options), calibrate(four, fours, **options)
        assert a.by_method["max"] == b.by_method["max"]
        assert a.by_method["percentile9999"] == b.by_method["percentile9999"]
        if exact:
            assert a.by_method["kl"] == b.by_method["kl"]


def test_the_exact_variant_knows_no_order(tmp_path: Path) -> None:
    graph = batched(tmp_path, 1)
    generator = np.random.default_rng(9)
    arrays = [(generator.standard_t(4, (1, 3, 16, 16)) * 2**i).astype(np.float32) for i in range(6)]
    results = [
        calibrate(
            graph,
            Arrays([{"x": x} for x in order]),
            method="kl",
            methods=["percentile9999"],
            exact=True,
            tune_num=0,
        )
        for order in (arrays, arrays[::-1])
    ]
    assert results[0].by_method == results[1].by_method
    plain = [
        calibrate(graph, Arrays([{"x": x} for x in order]), method="kl", tune_num=0)
        for order in (arrays, arrays[::-1])
    ]
    assert plain[0].thresholds != plain[1].thresholds


# ---------------------------------------------------------------- masks


def test_a_mask_of_minus_huge_leaves_a_usable_table(tmp_path: Path) -> None:
    node = helper.make_node
    mask = np.zeros((1, 1, 8), np.float32)
    mask[..., 5:] = -3.4028235e38
    nodes = [
        node("Max", ["x", "low"], ["x1"]),
        node("Min", ["x1", "high"], ["x2"]),
        node("MatMul", ["x2", "Q"], ["q"]),
        node("Transpose", ["x2"], ["kt"], perm=[0, 2, 1]),
        node("MatMul", ["q", "kt"], ["s"]),
        node("Add", ["s", "mask"], ["sm"]),
        node("Softmax", ["sm"], ["p"], axis=-1),
        node("MatMul", ["p", "x2"], ["y"]),
    ]
    constants = {"low": np.float32(-np.inf), "high": np.float32(np.inf), "Q": weights(16, 16), "mask": mask}
    graph = saved(tmp_path, nodes, (1, 8, 16), "y", constants)
    generator = np.random.default_rng(2)
    samples = Arrays([{"x": generator.normal(0, 1, (1, 8, 16)).astype(np.float32)} for _ in range(4)])
    for method in METHODS:
        found = calibrate(graph, samples, method=method)
        write_table(tmp_path / "t", CalibrationTable(found.thresholds))
        assert (
            max(len(word) for line in (tmp_path / "t").read_text().split("\n") for word in line.split()) < 20
        )
        score = row_of(found.thresholds, "s")
        assert 0 < row_of(found.thresholds, "sm").value - 8 <= max(abs(score.min), abs(score.max)) * 3
        assert any("mask values" in warning for warning in found.warnings)


# ---------------------------------------------------------------- names


def test_names_of_every_kind_come_back_from_the_table(tmp_path: Path) -> None:
    names = [
        "a:b",
        "a,b",
        "my layer",
        "x;y",
        "#first",
        "-first",
        "tab\there",
        "k=v",
        'q"uote',
        "head:0.5",
        "\x1b[2J",
    ]
    nodes, last = [], "x"
    for name in names:
        nodes.append(helper.make_node("Tanh", [last], [name]))
        last = name
    graph = saved(tmp_path, nodes, (1, 4), last, {})
    found = calibrate(graph, Arrays([{"x": np.linspace(-2, 2, 4, dtype=np.float32)[None]}]), method="max")
    table = CalibrationTable(found.thresholds)
    write_table(tmp_path / "t", table)
    assert list(read_table(tmp_path / "t").rows) == ["x", *(f"{name}_Tanh" for name in names)]
    assert set(table.escaped) == {f"{name}_Tanh" for name in ("my layer", "#first", "tab\there", "\x1b[2J")}
