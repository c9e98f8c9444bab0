"""TPU-MLIR's printed Top dialect."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quantdeck.engine.errors import QuantdeckError
from quantdeck.engine.graph import vocabulary as v
from quantdeck.engine.graph.mlir_reader import onnx_weights, read_mlir, read_weights
from quantdeck.engine.graph.mlir_text import Garbled, parse_module, unescape
from quantdeck.engine.graph.model import Graph
from quantdeck.engine.run.float_runner import FloatRunner

TEXT = """#loc = loc(unknown)
module @tiny attributes {module.chip = "ALL", module.FLOPs = 12 : i64} {
  func.func @main(%arg0: tensor<1x2x3x3xf32> loc(unknown)) -> tensor<1x4x3x3xf32> {
    %0 = "top.None"() : () -> none loc(#loc)
    %1 = "top.Input"(%arg0) {mean = [0.0, 1.5]} : (tensor<1x2x3x3xf32>) -> tensor<1x2x3x3xf32> loc(#loc1)
    %2 = "top.Weight"() : () -> tensor<4x2x1x1xf32> loc(#loc2)
    %3 = "top.Conv"(%1, %2, %0) {dilations = [1, 1], do_relu = true, group = 1 : i64, kernel_shape = [1, 1], \
pads = [0, 0, 0, 0], relu_limit = 6.000000e+00 : f64, strides = [1, 1]} : (tensor<1x2x3x3xf32>, \
tensor<4x2x1x1xf32>, none) -> tensor<1x4x3x3x!quant.calibrated<f32<-1.0:1.0>>> loc(#loc3)
    return %3 : tensor<1x4x3x3xf32> loc(#loc)
  } loc(#loc)
} loc(#loc)
#loc1 = loc("in \\22put\\22")
#loc2 = loc("w")
#loc3 = loc(fused[#loc4, "second"])
#loc4 = loc("r \\E2\\98\\83")
"""
WEIGHTS = {"w": np.arange(8, dtype=np.float32)}


def read(folder: Path, text: str) -> Graph:
    path = folder / "top.mlir"
    path.write_text(text, "utf-8")
    return read_mlir(path, WEIGHTS)


def test_a_small_network(tmp_path: Path) -> None:
    graph = read(tmp_path, TEXT)
    (layer,) = graph.layers
    assert graph.name == "tiny"
    assert graph.inputs == ('in "put"',)
    assert layer.name == "r ☃"
    assert layer.inputs == ('in "put"', "w")
    assert layer.attributes == v.Conv(do_relu=True, relu_limit=6.0)
    assert graph.tensors[layer.name].shape == (1, 4, 3, 3)
    assert graph.weights["w"].shape == (4, 2, 1, 1)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"top.Conv"', '"top.Mystery"', "line 7: top.Mystery .*no such operation"),
        ("kernel_shape = [1, 1]", "kernel_shape = [1, x]", "no whole number"),
        ("strides = [1, 1]", "strides = [1]", "do not fit"),
        ("strides = [1, 1]", "strides = [0, 1]", "1 or more"),
        ("(%1, %2, %0)", "(%9, %2, %0)", "%9, which nothing above makes"),
        ("tensor<4x2x1x1xf32> loc(#loc2)", "tensor<4x3x1x1xf32> loc(#loc2)", "8 values"),
        ("loc(#loc3)", "loc(#loc1)", "another tensor already"),
        ("loc(#loc3)", "loc(#loc7)", "no name"),
        ("return %3", "return %2", "returns what it does not make"),
        ("    %0 =", "    \x1b[2J%0 =", "line 4 starts with ␛"),
        ("-> tensor<1x4x3x3x!quant", "-> tensor<?x4x3x3x!quant", "element type"),
        (
            "-> tensor<1x4x3x3x!quant",
            "-> tensor<1x4x3x9x!quant",
            r"\[1, 4, 3, 9\], but must be \[1, 4, 3, 3\]",
        ),
        ("-> tensor<1x2x3x3xf32> loc(#loc1)", "-> tensor<1x5x3x3xf32> loc(#loc1)", "do not fit each other"),
        ("group = 1", "group = 3", "do not fit each other"),
        ("{mean", "[mean", "line 5 has"),
        ('loc("w")', 'loc("other")', "missing in the weights"),
    ],
)
def test_garbled_text_is_told_in_one_sentence(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in TEXT
    with pytest.raises(QuantdeckError, match=told) as caught:
        read(tmp_path, TEXT.replace(old, new, 1))
    message = str(caught.value)
    assert "top.mlir" in message
    assert message.isprintable()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_damage_ends_in_a_graph_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    text = list(TEXT)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        action = data.draw(st.sampled_from(["drop", "swap", "twice", "cut"]))
        if action == "drop":
            del text[at : at + data.draw(st.integers(1, 30))]
        elif action == "swap":
            text[at] = data.draw(st.sampled_from(list('"<>{}()[]%#=,:x09-.\\\x00\x1b☃')))
        elif action == "twice":
            text[at:at] = text[at : at + 40]
        else:
            del text[at:]
        text = text or ["%"]
    folder = tmp_path_factory.mktemp("damaged")
    message = ""
    try:
        graph = read(folder, "".join(text))
        sizes = [graph.tensors[name].size for name in graph.inputs]
        if sum(sizes) < 1000:
            FloatRunner(graph).run({n: np.zeros(graph.tensors[n].shape, np.float32) for n in graph.inputs})
    except QuantdeckError as error:
        message = str(error)
    assert message.isprintable()


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xfe\x00", b"module @x {\n}\n", b"[" * 100_000, b"%0 = " + b"9" * 9000]
)
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "top.mlir"
    path.write_bytes(data)
    with pytest.raises(QuantdeckError, match="printed by TPU-MLIR"):
        read_mlir(path, {})


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(QuantdeckError, match=r"nothing\.mlir"):
        read_mlir(tmp_path / "nothing.mlir", {})
    with pytest.raises(QuantdeckError, match=r"w\.npz"):
        read_weights(tmp_path / "w.npz")
    (tmp_path / "w.npz").write_bytes(b"PK\x03\x04broken")
    with pytest.raises(QuantdeckError, match=r"w\.npz"):
        read_weights(tmp_path / "w.npz")


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", w=np.array([{"a": 1}], dtype=object))
    with pytest.raises(QuantdeckError, match=r"w\.npz"):
        read_weights(tmp_path / "w.npz")


def test_deep_nesting_is_refused() -> None:
    line = '%0 = "top.None"() {a = ' + "[" * 40 + "]" * 40 + "} : () -> none"
    with pytest.raises(Garbled, match="deeply"):
        parse_module(line)


def test_escapes() -> None:
    assert unescape(r'"a\\b\22c\0Ad\n"') == 'a\\b"c\nd\n'


def test_weights_of_an_onnx_model() -> None:
    matrix = np.arange(6).reshape(2, 3)
    found = onnx_weights({"m": matrix, "v": np.ones(3)}, {"v": np.zeros(3), "new": np.ones(1)})
    assert found["m_fix"].shape == (3, 2)
    assert found["v"].sum() == 0
    assert set(found) == {"m", "m_fix", "v", "new"}


MINI = ["mini_act", "mini_bin", "mini_conv", "mini_misc", "mini_mm", "mini_trig", "synth_ops"]


@pytest.mark.parametrize("name", MINI)
def test_the_reference_networks_read(shared: Path, name: str) -> None:
    folder = shared / "reference" / name
    graph = read_mlir(folder / "top.mlir", folder / "top_weights.npz")
    assert graph.layers
    assert {name for layer in graph.layers for name in layer.inputs if name} <= set(graph.tensors) | set(
        graph.weights
    )
    assert graph.digest == read_mlir(folder / "top.mlir", folder / "top_weights.npz").digest
