"""External data, quantized models, clean-up, inputs that need no data (cases 11, 13, 15, 18)."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from case_models import (
    Array,
    assert_as_original,
    assert_one_sentence,
    assess,
    floats,
    model,
    node,
    normal_samples,
    quantdeck,
    samples,
    save,
)
from onnx import TensorProto, helper, numpy_helper
from quantdeck.engine.graph.onnx_reader import model_digest
from quantdeck.engine.hw.quantize import quantize_constant

import quantdeck as qd

X = {"x": (1, 3, 8, 8)}


def _net() -> onnx.ModelProto:
    nodes = [node("Conv", "x w b", "c", pads=[1] * 4), node("Relu", "c", "y")]
    return model(nodes, X, ["y"], {"w": floats(8, 3, 3, 3, seed=1), "b": floats(8, seed=2)})


# ------------------------------------------------------------ 11: weights in a file beside the model


def _external(folder: Path, location: str = "model.data") -> Path:
    """The model with its weights in a file beside it, which it calls *location*."""
    folder.mkdir(parents=True)
    made = _net()
    with (folder / "model.data").open("wb") as handle:
        for tensor in made.graph.initializer:
            data = numpy_helper.to_array(tensor).tobytes()
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            place = {"location": location, "offset": str(handle.tell()), "length": str(len(data))}
            for key, value in place.items():
                tensor.external_data.add(key=key, value=value)
            handle.write(data)
    return save(made, folder)


def _missing(folder: Path) -> Path:
    path = _external(folder / "m")
    (folder / "m" / "model.data").unlink()
    return path


def _short(folder: Path) -> Path:
    path = _external(folder / "m")
    os.truncate(folder / "m" / "model.data", 500)
    return path


def _escape(folder: Path) -> Path:
    folder.mkdir()
    (folder / "secret.data").write_bytes(b"s" * 4096)
    return _external(folder / "m", "../secret.data")


def _escape_by_detour(folder: Path) -> Path:
    folder.mkdir()
    (folder / "secret.data").write_bytes(b"s" * 4096)
    return _external(folder / "m", "sub/../../secret.data")


def _absolute(folder: Path) -> Path:
    folder.mkdir()
    (folder / "secret.data").write_bytes(b"s" * 4096)
    return _external(folder / "m", str(folder / "secret.data"))


def _link(folder: Path) -> Path:
    folder.mkdir()
    (folder / "secret.data").write_bytes(b"s" * 4096)
    path = _external(folder / "m")
    (folder / "m" / "model.data").unlink()
    (folder / "m" / "model.data").symlink_to("../secret.data")
    return path


def _folder(folder: Path) -> Path:
    path = _missing(folder)
    (folder / "m" / "model.data").mkdir()
    return path


def _negative_offset(folder: Path) -> Path:
    path = _external(folder / "m")
    made = onnx.load(path, load_external_data=False)
    next(item for item in made.graph.initializer[0].external_data if item.key == "offset").value = "-8"
    return save(made, folder / "m")


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (_missing, "missing"),
    "short": (_short, "too short by 364 bytes"),
    "outside": (_escape, "outside the model's folder"),
    "outside by a detour": (_escape_by_detour, "outside the model's folder"),
    "absolute": (_absolute, "absolute"),
    "link": (_link, "link that leaves the model's folder"),
    "folder": (_folder, "not a file"),
    "offset": (_negative_offset, "before the file"),
}


@pytest.mark.parametrize("kind", BAD)
def test_11_data_from_elsewhere_or_too_little_is_named_at_load(kind: str, tmp_path: Path) -> None:
    make, words = BAD[kind]
    path = make(tmp_path / "case")
    with pytest.raises(qd.QuantdeckError) as caught:
        qd.read_onnx(path)
    sentence = str(caught.value)
    assert_one_sentence(sentence)
    assert words in sentence
    assert "model.onnx" in sentence
    assert "tensor w" in sentence


def test_11_data_beside_the_model_is_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _external(tmp_path / "good")
    monkeypatch.chdir("/")
    graph = qd.read_onnx(path)
    assert_as_original(graph, path, {"x": floats(*X["x"], seed=9)})
    assert qd.read_onnx(save(_net(), tmp_path / "inside")).digest == graph.digest


def test_11_the_data_alone_changes_the_digest(tmp_path: Path) -> None:
    path = _external(tmp_path / "good")
    data = path.with_name("model.data")
    before = model_digest(path), qd.read_onnx(path).digest
    data.write_bytes(data.read_bytes()[:-4] + np.float32(3.25).tobytes())
    after = model_digest(path), qd.read_onnx(path).digest
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_11_the_command_ends_with_2_and_one_sentence(tmp_path: Path) -> None:
    done = quantdeck("layers", _short(tmp_path / "case"), cwd=Path("/"))
    assert done.returncode == 2
    assert not done.stdout
    assert_one_sentence(done.stderr)


# ------------------------------------------------------------ 13: quantized already


def _weights_only() -> tuple[onnx.ModelProto, Array, Array]:
    random = np.random.default_rng(4)
    integers = random.integers(-126, 127, (6, 3, 3, 3)).astype(np.int8)
    integers[:, 0, 0, 0] = 127
    scales = (np.abs(random.standard_normal(6)) * 0.02 + 0.005).astype(np.float32)
    nodes = [
        node("DequantizeLinear", "q scale zero", "w", axis=0),
        node("Conv", "x w b", "c", pads=[1] * 4),
        node("Relu", "c", "y"),
    ]
    weights = {"q": integers, "scale": scales, "zero": np.zeros(6, np.int8), "b": floats(6)}
    return model(nodes, X, ["y"], weights), integers, scales


def test_13_integers_of_quantized_weights_come_back(tmp_path: Path) -> None:
    made, integers, _ = _weights_only()
    path = save(made, tmp_path)
    found = assess(path, normal_samples(tmp_path / "samples", X))
    assert_as_original(found.graph, path, {"x": floats(*X["x"], seed=9)})
    assert [layer.op for layer in found.graph.layers] == ["Conv"]
    conv = next(step for step in found.program.steps if step.kernel == "conv")
    np.testing.assert_array_equal(conv.parameters["weight"], integers)
    assert "quantized in the file already" in found.graph.notes[0]


def _pair(source: str, target: str) -> list[onnx.NodeProto]:
    return [
        node("QuantizeLinear", f"{source} s z", f"{target}_q"),
        node("DequantizeLinear", f"{target}_q s z", target),
    ]


SCALE = {"s": np.float32(0.05), "z": np.uint8(113)}


def _full() -> onnx.ModelProto:
    nodes = [*_pair("x", "a"), node("Conv", "a w b", "c"), *_pair("c", "d"), node("Relu", "d", "y")]
    return model(nodes, X, ["y"], SCALE | {"w": floats(4, 3, 3, 3), "b": floats(4)})


def _operators() -> onnx.ModelProto:
    nodes = [
        node("QuantizeLinear", "x s z", "q"),
        node("QLinearConv", "q s z w ws wz s z", "c"),
        node("DequantizeLinear", "c s z", "y"),
    ]
    weights = SCALE | {"w": np.ones((4, 3, 3, 3), np.int8), "ws": np.float32(0.1), "wz": np.int8(0)}
    return model(nodes, X, ["y"], weights)


def _inside_a_branch() -> onnx.ModelProto:
    then = helper.make_graph(_pair("x", "t"), "t", [], [helper.make_tensor_value_info("t", 1, None)])
    other = helper.make_graph([node("Neg", "x", "e")], "e", [], [helper.make_tensor_value_info("e", 1, None)])
    nodes = [
        node("ReduceSum", "x", "total", keepdims=0),
        node("Greater", "total none", "found"),
        node("If", "found", "y", then_branch=then, else_branch=other),
    ]
    return model(nodes, X, ["y"], SCALE | {"none": np.float32(0)})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_full, "2 Q/DQ pairs"),
        (_operators, "1 integer operator (QLinearConv)"),
        (_inside_a_branch, "1 Q/DQ pair"),
    ],
)
def test_13_quantized_activations_are_refused(
    make: Callable[[], onnx.ModelProto], words: str, tmp_path: Path
) -> None:
    with pytest.raises(qd.QuantdeckError, match="already quantized") as caught:
        qd.read_onnx(save(make(), tmp_path))
    assert words in str(caught.value)
    assert_one_sentence(str(caught.value))


def test_13_the_command_says_it_first(tmp_path: Path) -> None:
    done = quantdeck("layers", save(_weights_only()[0], tmp_path), cwd=tmp_path)
    assert done.returncode == 0
    assert "quantized in the file already" in done.stderr.splitlines()[0]
    assert "QuantizeLinear" not in done.stdout


def test_13_a_constant_on_its_own_grid_is_kept() -> None:
    integers = np.array([[127, -3], [5, -90]], np.int8)
    found, scale = quantize_constant((integers * np.float32(0.125)).astype(np.float32))
    np.testing.assert_array_equal(found, integers)
    assert scale == pytest.approx(0.125)


# ------------------------------------------------------------ 15: the clean-up keeps the meaning


def _mask() -> tuple[list, dict[str, Array]]:
    return [node("Dropout", "x", "d mask"), node("Cast", "mask", "m", to=1), node("Mul", "d m", "y")], {}


def _constants() -> tuple[list, dict[str, Array]]:
    nodes = [
        node("Constant", "", "half", value_float=0.5),
        node("Constant", "", "rows", value_ints=[3, 64]),
        node("Mul", "x half", "h"),
        node("Reshape", "h rows", "y"),
    ]
    for made in nodes[:2]:
        del made.input[:]
    return nodes, {}


def _slices() -> tuple[list, dict[str, Array]]:
    def at(start: int, end: int, step: int) -> str:
        number = len(weights)
        for name, value in (("s", start), ("e", end), ("a", 3), ("t", step)):
            weights[f"{name}{number}"] = np.array([value], np.int64)
        return f"s{number} e{number} a{number} t{number}"

    weights: dict[str, Array] = {}
    nodes = [
        node("Slice", f"x {at(1, -1, 1)}", "a"),
        node("Slice", f"a {at(0, 100, 2)}", "b"),
        node("Slice", f"b {at(-1, -100, -1)}", "c"),
        node("Slice", f"c {at(-2, 100, 1)}", "y"),
    ]
    return nodes, weights


def _shapes() -> tuple[list, dict[str, Array]]:
    nodes = [
        node("Shape", "x", "inner", start=1, end=-1),
        node("Concat", "inner rest", "wanted", axis=0),
        node("Reshape", "x wanted", "r"),
        node("Reshape", "r same", "y"),
    ]
    return nodes, {"rest": np.array([-1], np.int64), "same": np.array([0, -1, 4], np.int64)}


def _shared() -> tuple[list, dict[str, Array]]:
    weights: dict[str, Array] = {"w": floats(4, 3, 1, 1)}
    for index in range(2):
        for place, name in enumerate(("g", "b", "m", "v")):
            weights[f"{name}{index}"] = np.abs(floats(4, seed=9 * index + place)) + 0.1
    nodes = [
        node("Conv", "x w", "c"),
        node("BatchNormalization", "c g0 b0 m0 v0", "n"),
        node("Conv", "x w", "d"),
        node("BatchNormalization", "d g1 b1 m1 v1", "o"),
        node("Add", "n o", "p"),
        node("Add", "p c", "y"),
    ]
    return nodes, weights


def _movers() -> tuple[list, dict[str, Array]]:
    nodes = [
        node("Transpose", "x", "a", perm=[0, 2, 3, 1]),
        node("Identity", "a", "b"),
        node("Transpose", "b", "c", perm=[0, 3, 1, 2]),
        node("Unsqueeze", "c one", "d"),
        node("Unsqueeze", "d zero", "e"),
        node("Concat", "e e", "f", axis=0),
        node("Concat", "f e", "g", axis=0),
        node("Exp", "g", "y"),
    ]
    return nodes, {"one": np.array([1], np.int64), "zero": np.array([0], np.int64)}


@pytest.mark.parametrize("build", [_mask, _constants, _slices, _shapes, _shared, _movers])
def test_15_the_float_outputs_are_the_files(build, tmp_path: Path) -> None:
    nodes, weights = build()
    path = save(model(nodes, X, ["y"], weights), tmp_path)
    feed = {"x": floats(*X["x"], seed=9)}
    value = assert_as_original(qd.read_onnx(path), path, feed)["y"]
    if build is _mask:
        np.testing.assert_array_equal(value, feed["x"])
    found = assess(path, normal_samples(tmp_path / "samples", X))
    assert found.score.cosine > 0.99


# ------------------------------------------------------------ 18: inputs that need no data


def _interfaces(folder: Path) -> dict[str, Path]:
    nodes = [
        node("Conv", "image w b", "c", pads=[1] * 4),
        node("Relu", "c", "r"),
        node("Mul", "r scale_factor", "y"),
    ]
    weights = {"w": floats(4, 3, 3, 3), "b": floats(4), "scale_factor": np.array([0.5], np.float32)}
    shapes = {name: list(array.shape) for name, array in weights.items()}
    image = {"image": [1, 3, 8, 8]}
    dead = {"nobody": np.ones((2, 2), np.float32)}
    listed = model(nodes, image | shapes | {"nobody": [2, 2]}, ["y"], weights | dead, opset=9, ir=3)
    unused = model(nodes, {"im_info": [1, 3], **image, "scale_factor": [1]}, ["y"], weights)
    return {
        "plain": save(model(nodes, image, ["y"], weights), folder, "plain.onnx"),
        "listed": save(listed, folder, "listed.onnx"),
        "unused": save(unused, folder, "unused.onnx"),
    }


def test_18_one_input_to_feed_and_equal_rows(tmp_path: Path) -> None:
    paths = _interfaces(tmp_path)
    dataset = samples(tmp_path / "samples", [{"image": floats(1, 3, 8, 8, seed=index)} for index in range(4)])
    found = {name: assess(path, dataset) for name, path in paths.items()}
    for item in found.values():
        assert item.graph.inputs == ("image",)
        assert item.calibration.thresholds == found["plain"].calibration.thresholds
        assert_as_original(item.graph, paths["plain"], {"image": floats(1, 3, 8, 8, seed=9)})
    assert found["plain"].graph.notes == ()
    assert found["listed"].graph.notes == ()
    notes = found["unused"].graph.notes
    assert sum("im_info" in note for note in notes) == 1
    assert sum("scale_factor" in note and "default" in note for note in notes) == 1


def test_18_layers_in_json_read_one_input(tmp_path: Path) -> None:
    done = quantdeck("layers", _interfaces(tmp_path)["unused"], "--json", cwd=tmp_path)
    assert done.returncode == 0
    rows = json.loads(done.stdout)
    assert rows[0]["inputs"][0] == "image"
    assert "im_info" in done.stderr
    assert "im_info" not in done.stdout
