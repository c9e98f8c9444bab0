"""Inputs that are outputs, empty names, old Softmax, Gemm's factors, ranks 3 and 5 (cases 02, 04, 05, 07, 10)."""

import json
from pathlib import Path

import numpy as np
import pytest
from case_models import (
    Array,
    assert_as_original,
    assess,
    floats,
    model,
    node,
    normal_samples,
    quantdeck,
    samples,
    save,
)

import quantdeck as qd

# ------------------------------------------------------------ 02: input, intermediate and output at once


@pytest.fixture(scope="module")
def shared_tensors(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """x is input and output, c an output that is read again, i another name of c; only the first sample is large."""
    folder = tmp_path_factory.mktemp("case02")
    nodes = [node("Conv", "x w b", "c", pads=[1] * 4), node("Relu", "c", "r"), node("Identity", "c", "i")]
    weights = {"w": floats(3, 2, 3, 3, seed=1), "b": floats(3, seed=2)}
    path = save(model(nodes, {"x": [1, 2, 6, 6]}, ["x", "c", "i", "r"], weights), folder)
    feeds = [{"x": np.clip(floats(1, 2, 6, 6, seed=index), -0.5, 0.5)} for index in range(4)]
    feeds[0]["x"][0, 0, 0, 0], feeds[0]["x"][0, 1, 5, 5] = 8.0, -7.25
    return path, samples(folder / "samples", feeds)


def test_02_four_outputs_and_thresholds_over_all_samples(shared_tensors: tuple[Path, Path]) -> None:
    path, dataset = shared_tensors
    found = assess(path, dataset)
    assert [output.name for output in found.graph.outputs] == ["x", "c", "i", "r"]
    row = found.calibration.thresholds["x"]
    assert (row.value, row.min, row.max) == (8.0, -7.25, 8.0)
    conv = [assert_as_original(found.graph, path, feed)["c"] for feed in found.samples.batches()]
    row = found.calibration.thresholds["c_Conv"]
    assert row.max == pytest.approx(max(value.max() for value in conv), rel=1e-6)
    assert row.min == pytest.approx(min(value.min() for value in conv), rel=1e-6)
    assert found.cosine("x") > 0.999


def test_02_an_output_that_is_read_again_keeps_its_negative_values(shared_tensors: tuple[Path, Path]) -> None:
    found = assess(*shared_tensors)
    assert [layer.op for layer in found.graph.layers] == ["Conv", "Relu"]
    assert found.integers(["c_Conv"])["c_Conv"].min() < 0
    assert len(found.score.outputs) == 4


def test_02_the_command_lists_every_output(shared_tensors: tuple[Path, Path], tmp_path: Path) -> None:
    path, dataset = shared_tensors
    table = tmp_path / "table"
    made = quantdeck(
        "run_calibration", path, "--dataset", dataset, "--cali_method", "use_max", "--tune_num", "0", "-o", table,
        cwd=tmp_path,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert "\nx 8.0000000 -7.2500000 8.0000000\n" in table.read_text()
    scored = quantdeck(
        "evaluate", path, "--calibration_table", table, "--dataset", dataset, "--json", cwd=tmp_path
    )
    assert [output["name"] for output in json.loads(scored.stdout)["outputs"]] == ["x", "c", "i", "r"]


# ------------------------------------------------------------ 04: empty names, weights without elements


def _resize(inputs: str, zero: bool) -> tuple[list, dict[str, Array]]:
    weights: dict[str, Array] = {"sizes": np.array([1, 3, 12, 12], np.int64)}
    if zero:
        weights["roi"] = np.zeros(0, np.float32)
    return [node("Resize", inputs, "y", mode="nearest")], weights


EMPTY = {
    "names left out": _resize("x _ _ sizes", zero=False),
    "roi without elements": _resize("x roi _ sizes", zero=True),
    "part without elements": (
        [node("Relu", "x", "r"), node("Concat", "r none", "y", axis=2)],
        {"none": np.zeros((1, 3, 0, 6), np.float32)},
    ),
    "operand without elements": (
        [node("Concat", "none x", "c", axis=2), node("Sigmoid", "c", "y")],
        {"none": np.zeros((1, 3, 0, 6), np.float32)},
    ),
    "optional ends": (
        [node("Clip", "x _ high", "c"), node("Pad", "c pads", "p"), node("Dropout", "p", "y")],
        {"high": np.float32(0.8), "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64)},
    ),
    "recurrent layer": (
        [
            node("Reshape", "x rows", "s"),
            node("GRU", "s gates again _ _ _", "_ h", hidden_size=4),
            node("Relu", "h", "y"),
        ],
        {
            "rows": np.array([3, 6, 6], np.int64),
            "gates": floats(1, 12, 6, seed=3),
            "again": floats(1, 12, 4, seed=4),
        },
    ),
    "split with a part nobody reads": (
        [node("Split", "x cuts", "a _ y", axis=3)],
        {"cuts": np.array([1, 2, 3], np.int64)},
    ),
}


@pytest.mark.parametrize("kind", EMPTY)
def test_04_what_is_left_out_or_has_no_elements_is_no_tensor(kind: str, tmp_path: Path) -> None:
    nodes, weights = EMPTY[kind]
    path = save(model(nodes, {"x": [1, 3, 6, 6]}, ["y"], weights), tmp_path)
    dataset = normal_samples(tmp_path / "samples", {"x": (1, 3, 6, 6)})
    found = assess(path, dataset, method="use_kl", tune_num=2)
    if kind != "split with a part nobody reads":  # onnxruntime dies on the file itself
        assert_as_original(found.graph, path, {"x": floats(1, 3, 6, 6, seed=9)})
    assert all(found.calibration.thresholds)
    assert all(tensor.size for tensor in found.graph.tensors.values())
    assert all(layer.name for layer in found.graph.layers)
    assert not found.calibration.warnings
    assert found.score.cosine > 0.99


# ------------------------------------------------------------ 05: Softmax before opset 13


@pytest.mark.parametrize(
    ("opset", "attributes", "block"),
    [(9, {"axis": 1}, 60), (11, {"axis": 1}, 60), (12, {}, 60), (11, {"axis": -1}, 5), (11, {"axis": 2}, 15),
     (10, {"axis": 0}, 120), (13, {"axis": 1}, 4), (13, {}, 5), (21, {"axis": -2}, 3)],
)  # fmt: skip
@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
def test_05_softmax_means_what_its_opset_says(
    op: str, opset: int, attributes: dict[str, int], block: int, tmp_path: Path
) -> None:
    shape = (2, 4, 3, 5)
    path = save(model([node(op, "x", "y", **attributes)], {"x": shape}, ["y"], opset=opset), tmp_path)
    dataset = normal_samples(tmp_path / "samples", {"x": shape})
    found = assess(path, dataset)
    value = assert_as_original(found.graph, path, {"x": floats(*shape, seed=9)})["y"]
    total = np.exp(value).sum() if op == "LogSoftmax" else value.sum()
    assert total == pytest.approx(120 / block, rel=1e-4)
    assert found.cosine("y") > 0.99
    got = found.outputs()["y"]
    total = np.exp(got).sum() if op == "LogSoftmax" else got.sum()
    softmax = next(layer for layer in found.graph.layers if layer.op == "Softmax")
    if found.program.modes[softmax.name] != "INT8":
        assert total == pytest.approx(120 / block, rel=0.03)


# ------------------------------------------------------------ 07: Gemm's factors


GEMMS: dict[str, tuple[str, dict[str, object], dict[str, Array]]] = {
    "alpha": ("x w c", {"alpha": 2.0}, {"w": floats(6, 5), "c": floats(5, seed=1)}),
    "alpha and beta": ("x w c", {"alpha": 0.5, "beta": 3.0}, {"w": floats(6, 5), "c": floats(1, 5, seed=1)}),
    "no bias, weight turned": ("x w", {"transB": 1}, {"w": floats(5, 6)}),
    "activation turned": ("x w c", {"transA": 1, "alpha": -1.5}, {"w": floats(4, 5), "c": floats(5, seed=1)}),
    "one number": ("x w c", {}, {"w": floats(6, 5), "c": floats(1, seed=1)}),
    "one number of rank 2": ("x w c", {"beta": 2.0}, {"w": floats(6, 5), "c": floats(1, 1, seed=1)}),
    "a scalar": ("x w c", {"beta": 2.0}, {"w": floats(6, 5), "c": np.float32(0.75)}),
    "rows": ("x w c", {"alpha": 3.0}, {"w": floats(6, 5), "c": floats(4, 1, seed=1)}),
    "beta of zero": ("x w c", {"beta": 0.0}, {"w": floats(6, 5), "c": floats(5, seed=1, scale=9.0)}),
    "weight on the left": ("w x c", {"alpha": 0.5}, {"w": floats(3, 4), "c": floats(6, seed=1)}),
    "whole matrix": ("x w c", {"alpha": 2.0, "beta": 0.5}, {"w": floats(6, 5), "c": floats(4, 5, seed=1)}),
}  # fmt: skip


@pytest.mark.parametrize("kind", GEMMS)
def test_07_gemm(kind: str, tmp_path: Path) -> None:
    inputs, attributes, weights = GEMMS[kind]
    path = save(model([node("Gemm", inputs, "y", **attributes)], {"x": [4, 6]}, ["y"], weights), tmp_path)
    _check_gemm(path, {"x": (4, 6)}, tmp_path)


def test_07_gemm_of_two_activations(tmp_path: Path) -> None:
    nodes = [node("Gemm", "a b c", "y", alpha=0.5, beta=2.0, transB=1)]
    path = save(model(nodes, {"a": [4, 6], "b": [5, 6], "c": [1, 5]}, ["y"]), tmp_path)
    _check_gemm(path, {"a": (4, 6), "b": (5, 6), "c": (1, 5)}, tmp_path)


def _check_gemm(path: Path, shapes: dict[str, tuple[int, ...]], folder: Path) -> None:
    found = assess(path, normal_samples(folder / "samples", shapes, count=8))
    differences: list[Array] = []
    for index, feed in enumerate(found.samples.batches()):
        wanted = assert_as_original(found.graph, path, feed)["y"]
        differences.append(found.outputs(index)["y"] - wanted)
    assert found.cosine("y") > 0.995
    bound = found.step(found.graph.output_tensors[0]) / 2 or 0.01
    assert abs(np.mean(differences)) < bound


# ------------------------------------------------------------ 10: one and three spatial axes


def _audio() -> tuple[list, dict[str, Array], tuple[int, ...]]:
    nodes = [
        node("Conv", "x w1 b1", "c", pads=[4, 0], kernel_shape=[5]),
        node("Relu", "c", "r"),
        node("Conv", "r w2", "d", group=6, dilations=[2], pads=[2, 2]),
        node("MaxPool", "d", "m", kernel_shape=[2], strides=[2]),
        node("ConvTranspose", "m w3", "t", strides=[2]),
        node("GlobalAveragePool", "t", "y"),
    ]
    weights = {"w1": floats(6, 8, 5), "b1": floats(6), "w2": floats(6, 1, 3), "w3": floats(6, 4, 2)}
    return nodes, weights, (1, 8, 40)


def _attention() -> tuple[list, dict[str, Array], tuple[int, ...]]:
    nodes = [
        node("GlobalAveragePool", "x", "p"),
        node("Squeeze", "p last", "s"),
        node("Transpose", "s", "t", perm=[0, 2, 1]),
        node("Conv", "t w", "c", pads=[1, 1]),
        node("Sigmoid", "c", "g"),
        node("Transpose", "g", "u", perm=[0, 2, 1]),
        node("Unsqueeze", "u last", "v"),
        node("Mul", "x v", "y"),
    ]
    return nodes, {"last": np.array([-1], np.int64), "w": floats(1, 1, 3)}, (1, 8, 6, 6)


def _video() -> tuple[list, dict[str, Array], tuple[int, ...]]:
    nodes = [
        node("Conv", "x w b", "c", strides=[1, 2, 2], pads=[1] * 6),
        node("BatchNormalization", "c gamma beta mean var", "n"),
        node("Relu", "n", "r"),
        node("AveragePool", "r", "y", kernel_shape=[2, 2, 2], strides=[2, 2, 2]),
    ]
    weights = {
        "w": floats(4, 3, 3, 3, 3), "b": floats(4), "gamma": floats(4, seed=1), "beta": floats(4, seed=2),
        "mean": floats(4, seed=3), "var": np.abs(floats(4, seed=4)) + 0.5,
    }  # fmt: skip
    return nodes, weights, (1, 3, 4, 12, 12)


@pytest.mark.parametrize("method", ["use_kl", "use_mse", "use_percentile9999", "use_max"])
@pytest.mark.parametrize("build", [_audio, _attention, _video])
def test_10_ranks_3_and_5_end_in_int8_or_are_named(build, method: str, tmp_path: Path) -> None:
    nodes, weights, shape = build()
    path = save(model(nodes, {"x": shape}, ["y"], weights), tmp_path)
    found = assess(path, normal_samples(tmp_path / "samples", {"x": shape}), method=method, tune_num=2)
    assert_as_original(found.graph, path, {"x": floats(*shape, seed=9)})
    assert found.cosine("y") > 0.98
    rows = qd.Evaluator(found.graph, found.samples).layer_scores(found.plan)
    assert {row.layer for row in rows} == set(found.program.modes)
    products = [layer.name for layer in found.graph.layers if layer.op in ("Conv", "Deconv")]
    assert {found.program.modes[name] for name in products} == {"INT8"}
