"""The same kinds in other forms: every model that can be read ends in right numbers."""

from collections.abc import Callable
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
from case_models import (
    Array,
    assert_as_original,
    assess,
    floats,
    model,
    node,
    save,
)
from case_models import samples as write_samples
from onnx import TensorProto, helper, numpy_helper

import quantdeck as qd

Made = tuple[list[onnx.NodeProto], dict[str, tuple[int, ...]], list[str], dict[str, Array], dict[str, object]]
IMAGE = {"x": (1, 3, 8, 8)}
CONV = {"w": floats(4, 3, 3, 3, seed=1), "b": floats(4, seed=2)}
INT64 = TensorProto.INT64


def _inner(name: str, nodes: list[onnx.NodeProto], result: str) -> onnx.GraphProto:
    return helper.make_graph(nodes, name, [], [helper.make_tensor_value_info(result, 1, None)])


def _branches() -> Made:
    """If with a branch inside a branch, both read outer tensors."""
    inner = {
        "then_branch": _inner("a", [node("Neg", "c", "t")], "t"),
        "else_branch": _inner("b", [node("Abs", "c", "u")], "u"),
    }
    outer = {
        "then_branch": _inner("d", [node("If", "low", "v", **inner)], "v"),
        "else_branch": _inner("e", [node("Sub", "c shift", "z")], "z"),
    }
    nodes = [
        node("Conv", "x w b", "c"),
        node("ReduceSum", "x", "total", keepdims=0),
        node("Greater", "total none", "high"),
        node("Less", "total none", "low"),
        node("If", "high", "chosen", **outer),
        node("Relu", "chosen", "y"),
    ]
    return nodes, IMAGE, ["y"], CONV | {"none": np.float32(0), "shift": floats(1, 4, 1, 1)}, {}


def _loop() -> Made:
    """A loop of three rounds that reads an outer tensor and collects."""
    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            node("Mul", "state factor", "after"),
            node("Identity", "going", "on"),
            node("Add", "after x", "row"),
        ],
        "body",
        [info("round", INT64, []), info("going", TensorProto.BOOL, []), info("state", 1, None)],
        [info("on", TensorProto.BOOL, []), info("after", 1, None), info("row", 1, None)],
    )
    nodes = [node("Loop", "rounds go x", "last rows", body=body), node("Relu", "last", "y")]
    weights = {"rounds": np.int64(3), "go": np.array(True), "factor": np.float32(0.7)}
    return nodes, {"x": (2, 3)}, ["y", "rows"], weights, {}


def _scan() -> Made:
    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [node("Add", "state row", "sum"), node("Identity", "sum", "out")],
        "body",
        [info("state", 1, [3]), info("row", 1, [3])],
        [info("sum", 1, [3]), info("out", 1, [3])],
    )
    nodes = [node("Scan", "start x", "last y", body=body, num_scan_inputs=1)]
    return nodes, {"x": (5, 3)}, ["last", "y"], {"start": np.zeros(3, np.float32)}, {}


def _recurrent() -> Made:
    nodes = [
        node("LSTM", "x w r b", "all _ _", hidden_size=4),
        node("Squeeze", "all axis", "s"),
        node("MatMul", "s v", "y"),
    ]
    weights = {
        "w": floats(1, 16, 3), "r": floats(1, 16, 4), "b": floats(1, 32), "axis": np.array([1]),
        "v": floats(4, 2),
    }  # fmt: skip
    return nodes, {"x": (5, 1, 3)}, ["y"], weights, {}


def _boxes(least: float) -> Made:
    """Boxes above a score: as many as the sample shows."""
    nodes = [
        node("Sigmoid", "scores", "s"),
        node("NonMaxSuppression", "boxes s most overlap least", "found"),
        node("Gather", "found two", "places", axis=1),
        node("Squeeze", "boxes zero", "flat"),
        node("Gather", "flat places", "picked"),
        node("Mul", "picked factor", "scaled"),
        node("Reshape", "scaled pairs", "y"),
    ]
    weights: dict[str, Array] = {
        "most": np.int64(3), "overlap": np.float32(0.5), "least": np.float32(least), "two": np.int64(2),
        "zero": np.array([0]), "factor": np.float32(2), "pairs": np.array([-1, 2]),
    }  # fmt: skip
    return nodes, {"boxes": (1, 6, 4), "scores": (1, 2, 6)}, ["y"], weights, {}


def _nonzero() -> Made:
    nodes = [
        node("Relu", "x", "r"),
        node("NonZero", "r", "found"),
        node("Transpose", "found", "t"),
        node("GatherND", "r t", "values"),
        node("Unsqueeze", "values one", "column"),
        node("MatMul", "column w", "rows"),
        node("ReduceMean", "rows", "mean", axes=[0], keepdims=0),
        node("Add", "mean bias", "y"),
    ]
    weights = {"one": np.array([1]), "w": floats(1, 5), "bias": floats(5)}
    return nodes, {"x": (3, 4)}, ["y", "rows"], weights, {"opset": 13}


def _integers() -> Made:
    nodes = [
        node("Gather", "words ids", "e"),
        node("Equal", "ids one", "is_one"),
        node("Unsqueeze", "is_one last", "column"),
        node("Where", "column e other", "chosen"),
        node("Cast", "flag", "f", to=1),
        node("Mul", "chosen f", "m"),
        node("MatMul", "m w", "y"),
        node("ArgMax", "y", "best", axis=-1),
    ]
    weights = {
        "words": floats(3, 8), "one": np.int64(1), "last": np.array([-1]), "other": np.float32(-0.5),
        "w": floats(8, 5),
    }  # fmt: skip
    types = {"ids": INT64, "flag": TensorProto.BOOL, "best": INT64}
    return nodes, {"ids": (1, 6), "flag": (1, 6, 1)}, ["y", "best"], weights, {"types": types}


def _functions() -> Made:
    nodes = [
        node("Einsum", "x k", "e", equation="bij,jk->bik"),
        node("CumSum", "e axis", "s"),
        node("TopK", "s k4", "top place", axis=2),
        node("ScatterND", "top places rows", "y"),
    ]
    weights = {
        "k": floats(5, 6), "axis": np.int64(1), "k4": np.array([4]), "places": np.array([[0, 1]]),
        "rows": floats(1, 4),
    }  # fmt: skip
    return nodes, {"x": (1, 4, 5)}, ["y", "place"], weights, {"types": {"place": INT64}}


def _sampled() -> Made:
    nodes = [node("Tanh", "g", "t"), node("GridSample", "x t", "y")]
    return nodes, {"x": (1, 3, 5, 6), "g": (1, 4, 4, 2)}, ["y"], {}, {"opset": 16}


def _dynamic_reshape() -> Made:
    nodes = [
        node("Conv", "x w b", "c"),
        node("Shape", "c", "s"),
        node("Gather", "s zero", "n"),
        node("Unsqueeze", "n first", "rows"),
        node("Concat", "rows rest", "wanted", axis=0),
        node("Reshape", "c wanted", "r"),
        node("MatMul", "r v", "y"),
    ]
    weights = CONV | {
        "zero": np.int64(0), "first": np.array([0]), "rest": np.array([-1]), "v": floats(144, 3, scale=0.1),
    }  # fmt: skip
    return nodes, IMAGE, ["y"], weights, {}


def _constant_outputs() -> Made:
    nodes = [node("Conv", "x w b", "c"), node("Add", "k l", "kl")]
    return nodes, IMAGE, ["c", "kl", "k"], CONV | {"k": floats(2, 2), "l": floats(2, 2, seed=5)}, {}


def _names_by_case() -> Made:
    nodes = [
        node("Relu", "x", "Y"),
        node("Neg", "x", "y"),
        node("Add", "Y y", "Out"),
        node("Mul", "Out X", "out"),
    ]
    return nodes, {"x": (2, 3), "X": (2, 3)}, ["Out", "out"], {}, {}


def _without_elements() -> Made:
    nodes = [
        node("Slice", "x zero zero", "none"),
        node("Concat", "none x", "c", axis=0),
        node("Exp", "c", "y"),
    ]
    return nodes, {"x": (2, 3)}, ["y", "none"], {"zero": np.array([0])}, {}


def _normalised() -> Made:
    nodes = [
        node("LayerNormalization", "x g8 b8", "l", axis=-1),
        node("InstanceNormalization", "l g4 b4", "i"),
        node("GroupNormalization", "i g4 b4", "gn", num_groups=2),
        node("BatchNormalization", "gn g4 b4 m4 v4", "y"),
    ]
    weights = {
        "g8": floats(8), "b8": floats(8), "g4": floats(4), "b4": floats(4), "m4": floats(4, seed=6),
        "v4": np.abs(floats(4, seed=7)) + 0.5,
    }  # fmt: skip
    return nodes, {"x": (1, 4, 8, 8)}, ["y"], weights, {"opset": 21, "ir": 10}


def _group_norm_18() -> Made:
    nodes = [node("GroupNormalization", "x g b", "y", num_groups=2)]
    return nodes, {"x": (1, 4, 5, 5)}, ["y"], {"g": floats(2), "b": floats(2)}, {"opset": 18}


def _training() -> Made:
    nodes = [node("BatchNormalization", "x g b m v", "y _ _", training_mode=1)]
    nodes[0].output[1:] = ["mean", "var"]
    weights = {name: np.abs(floats(4, seed=place)) for place, name in enumerate("gbmv")}
    return nodes, {"x": (2, 4, 5, 5)}, ["y"], weights, {"opset": 15}


def _identity_only() -> Made:
    return [node("Identity", "x", "y")], {"x": (2, 3)}, ["y"], {}, {}


def _no_nodes() -> Made:
    return [], {"x": (2, 3)}, ["x"], {}, {}


def _pools() -> Made:
    nodes = [
        node("AveragePool", "x", "a", kernel_shape=[3, 2], strides=[2, 3], pads=[1, 0, 1, 1], ceil_mode=1),
        node("AveragePool", "x", "b", kernel_shape=[3, 2], strides=[2, 3], pads=[1, 0, 1, 1], ceil_mode=1,
             count_include_pad=1),
        node("AveragePool", "x", "c", kernel_shape=[3, 2], dilations=[2, 2], pads=[1, 1, 1, 1]),
        node("MaxPool", "x", "d", kernel_shape=[3, 2], dilations=[2, 3], strides=[2, 2], ceil_mode=1),
        node("MaxPool", "x", "e", kernel_shape=[3, 3], auto_pad="SAME_LOWER", strides=[2, 2]),
        node("LpPool", "x", "f", kernel_shape=[2, 2]),
    ]  # fmt: skip
    return nodes, {"x": (1, 3, 9, 10)}, list("abcdef"), {}, {"opset": 19, "ir": 9}


def _deconvolutions() -> Made:
    nodes = [
        node("ConvTranspose", "x w", "a", output_shape=[17, 18], strides=[2, 2]),
        node("ConvTranspose", "x w", "b", auto_pad="SAME_UPPER", strides=[2, 2]),
        node("ConvTranspose", "x w", "c", auto_pad="SAME_LOWER", strides=[3, 2], dilations=[1, 2]),
        node("ConvTranspose", "x w", "d", strides=[2, 2], output_padding=[1, 0], pads=[0, 1, 1, 0]),
    ]
    return nodes, IMAGE, list("abcd"), {"w": floats(3, 4, 3, 3)}, {}


def _resizes() -> Made:
    nodes = [
        node("Resize", "x _ _ sizes", name, axes=[2, 3], keep_aspect_ratio_policy=policy, mode="linear")
        for name, policy in (("a", "stretch"), ("b", "not_larger"), ("c", "not_smaller"))
    ]
    nodes.append(node("Resize", "x _ factors", "d", axes=[3, 2], mode="nearest"))
    weights = {"sizes": np.array([13, 20]), "factors": np.array([2, 1.5], np.float32)}
    return nodes, {"x": (1, 3, 8, 6)}, list("abcd"), weights, {"opset": 18}


def _axes_as_inputs() -> Made:
    nodes = [
        node("Pad", "x pads value axes", "p"),
        node("ReduceMean", "p axes", "m", keepdims=0),
        node("Split", "x", "s t _", axis=3, num_outputs=3),
        node("Add", "s t", "a"),
    ]
    nodes[2].output[2] = "rest"
    weights = {"pads": np.array([1, 2, 3, 0]), "value": np.float32(0.5), "axes": np.array([3, -2])}
    return nodes, {"x": (1, 3, 8, 9)}, ["p", "m", "a", "rest"], weights, {"opset": 18}


def _foreign() -> Made:
    fused = helper.make_node("BiasGelu", ["x", "b"], ["c"], domain="com.microsoft")
    nodes = [fused, node("Reshape", "c rows", "r"), node("MatMul", "r w", "y")]
    weights = {"b": floats(8), "rows": np.array([2, 16]), "w": floats(16, 3)}
    return nodes, {"x": (1, 4, 8)}, ["y"], weights, {"domain": ("com.microsoft", 1)}


def _local_function() -> Made:
    call = helper.make_node("Mirror", ["x"], ["c"], domain="own")
    return [call, node("Exp", "c", "y")], IMAGE, ["y"], {}, {"domain": ("own", 1), "function": True}


KINDS: dict[str, Callable[[], Made]] = {
    "branches in branches": _branches,
    "loop": _loop,
    "scan": _scan,
    "recurrent": _recurrent,
    "boxes": lambda: _boxes(0.4),
    "no boxes": lambda: _boxes(0.95),
    "nonzero": _nonzero,
    "integers and booleans": _integers,
    "functions": _functions,
    "grid sample": _sampled,
    "dynamic reshape": _dynamic_reshape,
    "constant outputs": _constant_outputs,
    "names that differ by case": _names_by_case,
    "without elements": _without_elements,
    "normalised": _normalised,
    "group norm of opset 18": _group_norm_18,
    "training": _training,
    "identity only": _identity_only,
    "no nodes": _no_nodes,
    "pools": _pools,
    "deconvolutions": _deconvolutions,
    "resizes": _resizes,
    "axes as inputs": _axes_as_inputs,
    "foreign op": _foreign,
    "local function": _local_function,
}


def _build(made: Made) -> onnx.ModelProto:
    nodes, inputs, outputs, weights, options = made
    built = model(
        nodes, inputs, outputs, weights, opset=int(options.get("opset", 17)), ir=int(options.get("ir", 8)),
        types=options.get("types"),
    )  # fmt: skip
    if "domain" in options:
        name, version = options["domain"]
        built.opset_import.append(helper.make_opsetid(name, version))
    if "function" in options:
        body = [node("Neg", "a", "n"), node("Abs", "n", "b")]
        opsets = [helper.make_opsetid("", 17)]
        built.functions.append(helper.make_function("own", "Mirror", ["a"], ["b"], body, opsets))
    return built


def _feed(graph: qd.Graph, seed: int) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    return {
        name: np.asarray(
            random.standard_normal(graph.tensors[name].shape)
            if graph.tensors[name].is_float
            else random.integers(0, 2, graph.tensors[name].shape)
        ).astype(graph.tensors[name].dtype)
        for name in graph.inputs
    }


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_way_gives_right_numbers(kind: str, tmp_path: Path) -> None:
    path = save(_build(KINDS[kind]()), tmp_path)
    graph = qd.read_onnx(path)
    assert not [note for note in graph.notes if "not fused" in note or "layer differs" in note]
    feeds = [_feed(graph, seed) for seed in range(4)]
    for feed in feeds:
        assert_as_original(graph, path, feed)
    found = assess(graph, write_samples(tmp_path / "samples", feeds), method="use_kl", tune_num=2)
    sizes = [graph.tensors[name].size for name in found.calibration.thresholds]
    assert kind == "no boxes" or all(sizes)
    assert all(np.isfinite(row.value) and row.value >= 1e-5 for row in found.calibration.thresholds.values())
    rows = qd.Evaluator(graph, found.samples).layer_scores(found.plan)
    assert all(row.local is None or np.isfinite(row.local.mean_cosine) for row in rows)
    if "boxes" not in kind:  # what int8 changes in a score may change which boxes are found
        assert found.score.cosine > 0.97


# ------------------------------------------------------------ types of weights and of whole models


def _typed(dtype: object, kind: int) -> onnx.ModelProto:
    weights = {name: array.astype(dtype) for name, array in CONV.items()}
    nodes = [node("Conv", "x w b", "c"), node("Relu", "c", "y")]
    return model(nodes, IMAGE, ["y"], weights, types={"x": kind, "y": kind})


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [
        (np.float16, TensorProto.FLOAT16),
        (ml_dtypes.bfloat16, TensorProto.BFLOAT16),
        (np.float64, TensorProto.DOUBLE),
    ],
)
def test_other_float_types_are_float32_and_told(dtype: type, kind: int, tmp_path: Path) -> None:
    graph = qd.read_onnx(save(_typed(dtype, kind), tmp_path, "typed.onnx"))
    assert [layer.op for layer in graph.layers] == ["Conv"]
    assert any("used as float32" in note for note in graph.notes)
    assert {tensor.dtype for tensor in graph.tensors.values()} == {"float32"}
    plain = _typed(np.float32, TensorProto.FLOAT)
    for tensor, name in zip(plain.graph.initializer, CONV, strict=True):
        rounded = CONV[name].astype(dtype).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(rounded, name))
    path = save(plain, tmp_path)
    feed = {"x": floats(*IMAGE["x"], seed=9)}
    assert_as_original(graph, path, feed)


def test_a_double_part_of_a_float32_model_keeps_its_precision(tmp_path: Path) -> None:
    nodes = [
        node("Cast", "x", "d", to=TensorProto.DOUBLE),
        node("Mul", "d k", "e"),
        node("Cast", "e", "f", to=1),
        node("Relu", "f", "y"),
    ]
    path = save(model(nodes, IMAGE, ["y"], {"k": np.array(2.5)}), tmp_path)
    graph = qd.read_onnx(path)
    assert [layer.op for layer in graph.layers] == ["Opaque", "Opaque", "Opaque", "Relu"]
    assert_as_original(graph, path, {"x": floats(*IMAGE["x"], seed=9)})


@pytest.mark.parametrize("places", [[1, 5, 20], [[0, 1], [1, 1], [5, 0]]])
@pytest.mark.parametrize("form", ["initializer", "constant"])
def test_sparse_weights_are_written_out(form: str, places: list, tmp_path: Path) -> None:
    sparse = helper.make_sparse_tensor(
        numpy_helper.from_array(np.array([1, 2, 3], np.float32), "w"),
        numpy_helper.from_array(np.array(places, np.int64), "places"),
        [8, 4],
    )
    nodes = [node("MatMul", "x w", "y")]
    if form == "constant":
        nodes.insert(0, helper.make_node("Constant", [], ["w"], sparse_value=sparse))
    made = model(nodes, {"x": (2, 8)}, ["y"])
    if form == "initializer":
        made.graph.sparse_initializer.append(sparse)
    graph = qd.read_onnx(save(made, tmp_path))
    weight = next(iter(graph.weights.values()))
    assert (weight != 0).sum() == 3
    assert weight.reshape(-1)[1] == 1
    assert [layer.op for layer in graph.layers] == ["MatMul"]


@pytest.mark.parametrize("version", range(9, 24))
def test_every_opset_and_the_ir_version_of_its_time(version: int, tmp_path: Path) -> None:
    nodes = [
        node("Conv", "x w b", "c"),
        node("Relu", "c", "r"),
        node("MaxPool", "r", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", "p", "f"),
        node("Gemm", "f v u", "y"),
    ]
    weights = CONV | {"v": floats(36, 5), "u": floats(5)}
    ir = {9: 3, 10: 4, 11: 5, 12: 6, 13: 7}.get(version, 8 if version < 19 else 9 if version < 21 else 10)
    inputs = IMAGE | ({name: array.shape for name, array in weights.items()} if ir == 3 else {})
    path = save(model(nodes, inputs, ["y"], weights, opset=version, ir=ir), tmp_path)
    graph = qd.read_onnx(path)
    assert [layer.op for layer in graph.layers] == ["Conv", "MaxPool", "Reshape", "MatMul"]
    assert_as_original(graph, path, {"x": floats(*IMAGE["x"], seed=9)})
