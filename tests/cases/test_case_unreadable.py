"""Models that cannot be read end in one sentence."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from case_models import assert_one_sentence, floats, model, node, save
from onnx import TensorProto, helper, numpy_helper

import quantdeck as qd

IMAGE = {"x": (1, 3, 8, 8)}
CONV = {"w": floats(4, 3, 3, 3, seed=1), "b": floats(4, seed=2)}


def _no_outputs() -> onnx.ModelProto:
    return model([node("Relu", "x", "y")], IMAGE, [])


def _unknown_op() -> onnx.ModelProto:
    return model([node("Frobnicate", "x", "y")], IMAGE, ["y"])


def _unknown_domain() -> onnx.ModelProto:
    built = model([helper.make_node("Foo", ["x"], ["y"], domain="my.ops")], IMAGE, ["y"])
    built.opset_import.append(helper.make_opsetid("my.ops", 1))
    return built


def _circle() -> onnx.ModelProto:
    return model([node("Add", "x b", "a"), node("Relu", "a", "b")], IMAGE, ["b"])


def _missing() -> onnx.ModelProto:
    return model([node("Add", "x nowhere", "y")], IMAGE, ["y"])


def _strings() -> onnx.ModelProto:
    kind = TensorProto.STRING
    return model([node("Identity", "x", "y")], {"x": (2,)}, ["y"], types={"x": kind, "y": kind})


def _sequences() -> onnx.ModelProto:
    nodes = [node("SplitToSequence", "x", "s"), node("ConcatFromSequence", "s", "y", axis=1)]
    return model(nodes, {"x": (2, 3)}, ["y"])


def _future() -> onnx.ModelProto:
    return model([node("Relu", "x", "y")], IMAGE, ["y"], opset=99)


def _open() -> onnx.ModelProto:
    return model([node("Relu", "x", "y")], {"x": ("n", 3, "h", "w")}, ["y"])


def _huge() -> onnx.ModelProto:
    nodes = [node("Expand", "x sizes", "e"), node("ReduceSum", "e", "y", keepdims=0)]
    return model(nodes, {"x": (1,)}, ["y"], {"sizes": np.array([100000, 100000])})


def _too_small() -> onnx.ModelProto:
    return model([node("Conv", "x w b", "y")], {"x": (1, 3, 2, 2)}, ["y"], CONV)


def _bad_sparse() -> onnx.ModelProto:
    sparse = helper.make_sparse_tensor(
        numpy_helper.from_array(np.ones(1, np.float32), "w"),
        numpy_helper.from_array(np.array([99], np.int64), "places"),
        [8, 4],
    )
    constant = helper.make_node("Constant", [], ["w"], sparse_value=sparse)
    return model([constant, node("MatMul", "x w", "y")], {"x": (2, 8)}, ["y"])


@pytest.mark.parametrize(
    "make",
    [_no_outputs, _unknown_op, _unknown_domain, _circle, _missing, _strings, _sequences, _future, _open, _huge,
     _too_small, _bad_sparse],
)  # fmt: skip
def test_what_cannot_be_read_is_one_sentence(make: Callable[[], onnx.ModelProto], tmp_path: Path) -> None:
    with pytest.raises(qd.QuantdeckError) as caught:
        qd.read_onnx(save(make(), tmp_path))
    assert_one_sentence(str(caught.value))
    assert "model.onnx" in str(caught.value)


@pytest.mark.parametrize("length", [0, 1, 50, 300])
def test_a_file_that_is_cut_off_is_one_sentence(length: int, tmp_path: Path) -> None:
    data = model([node("Conv", "x w b", "y")], IMAGE, ["y"], CONV).SerializeToString()
    (tmp_path / "model.onnx").write_bytes(data[:length])
    with pytest.raises(qd.QuantdeckError) as caught:
        qd.read_onnx(tmp_path / "model.onnx")
    assert_one_sentence(str(caught.value))


def test_outputs_named_twice_are_read(tmp_path: Path) -> None:
    made = model([node("Conv", "x w b", "c"), node("Relu", "c", "y")], IMAGE, ["y"], CONV)
    made.graph.output.append(made.graph.output[0])
    try:
        graph = qd.read_onnx(save(made, tmp_path))
    except qd.QuantdeckError as error:
        assert_one_sentence(str(error))
    else:
        assert [output.name for output in graph.outputs] == ["y", "y"]
