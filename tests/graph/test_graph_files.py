"""What users' files really hold: external data, quantized weights, half precision, broken files."""

import json
import os
import subprocess
import sys

import numpy as np
import onnx
from graph_models import CONV, W, X, assert_same, build, floats, load, names, node, ops, refused, save
from onnx import TensorProto, helper, numpy_helper
from quantdeck.engine.errors import UnsupportedModelError
from quantdeck.engine.graph.onnx_reader import model_digest, read_onnx
from quantdeck.engine.run.float_runner import FloatRunner

# ------------------------------------------------------------ external data


def external(folder, location, data=None, offset=0):
    model = build([CONV, node("Relu", "c", "y")], X, ["y"], W)
    at = offset
    for tensor in model.graph.initializer:
        raw = numpy_helper.to_array(tensor).tobytes()
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", at), ("length", len(raw))):
            entry = tensor.external_data.add()
            entry.key, entry.value = key, str(value)
        at += len(raw)
    folder.mkdir(exist_ok=True, parents=True)
    path = save(model, folder)
    if data is not None:
        (folder / "model.data").write_bytes(data)
    return path


DATA = b"".join(array.tobytes() for array in W.values())


def test_external_data_from_beside_the_model(tmp_path, monkeypatch):
    path = external(tmp_path / "good", "model.data", DATA)
    monkeypatch.chdir("/")
    graph = read_onnx(path)
    assert_same(path, graph, {"x": floats(1, 3, 6, 6)})
    before = model_digest(path)
    changed = bytes([DATA[0] ^ 1]) + DATA[1:]
    (path.parent / "model.data").write_bytes(changed)
    assert model_digest(path) != before
    assert read_onnx(path).digest != graph.digest
    (path.parent / "sub").mkdir()
    (path.parent / "sub" / "deep.data").write_bytes(DATA)
    external(path.parent, "sub/deep.data")
    assert read_onnx(path).digest == graph.digest


def test_external_data_beyond_any_memory_is_refused_before_it_is_read(tmp_path):
    path = external(tmp_path / "huge", "model.data", DATA)
    model = onnx.load(path, load_external_data=False)
    for item in (item for tensor in model.graph.initializer for item in tensor.external_data):
        if item.key == "length":
            item.value = str(1 << 40)
    path.write_bytes(model.SerializeToString())
    os.truncate(path.parent / "model.data", 1 << 41)  # a hole, which takes no room
    refused(path, "model.data", "1099511627776 bytes", "tensor w")


def test_a_range_beyond_any_memory_is_refused_before_its_values_are_made(tmp_path):
    """Onnx's inference makes every value of a Range, until memory ends."""
    limits = {"a": np.float32(0), "b": np.float32(1e12), "d": np.float32(1)}
    nodes = [node("Range", ["a", "b", "d"], "r"), node("Add", ["x", "r"], "y")]
    model = build(nodes, {"x": (1,)}, ["y"], {name: np.asarray(value) for name, value in limits.items()})
    refused(save(model, tmp_path), "tensor r", "more than can be run")


def test_external_data_from_anywhere_else_is_refused(tmp_path):
    (tmp_path / "secret.data").write_bytes(DATA)
    refused(external(tmp_path / "missing", "model.data"), "model.data", "missing", "tensor w")
    refused(external(tmp_path / "short", "model.data", DATA[:100]), "too short", "bytes")
    refused(external(tmp_path / "escape", "../secret.data"), "outside", "../secret.data")
    refused(external(tmp_path / "win", "..\\secret.data"), "outside")
    refused(external(tmp_path / "absolute", str(tmp_path / "secret.data")), "absolute")
    refused(external(tmp_path / "drive", "C:\\secret.data"), "absolute")
    refused(external(tmp_path / "folder", "."), "not a file")
    refused(external(tmp_path / "none", ""), "name")
    refused(external(tmp_path / "nul", "a\0b"), "name")
    refused(external(tmp_path / "negative", "model.data", DATA, offset=-5), "before")
    path = external(tmp_path / "link", "model.data")
    (path.parent / "model.data").symlink_to("../secret.data")
    refused(path, "link", "leaves")
    (path.parent / "model.data").unlink()
    (path.parent / "model.data").symlink_to("model.data")
    refused(path)
    (path.parent / "way").symlink_to("..")
    refused(external(path.parent, "way/secret.data"), "leaves")


# ------------------------------------------------------------ quantized, half precision


def test_quantized_weights_are_unpacked_and_their_integers_come_back(tmp_path):
    rng = np.random.default_rng(3)
    q = rng.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8)
    q[:, 0, 0, 0] = 127
    scales = rng.uniform(0.001, 0.02, 4).astype(np.float32)
    nodes = [node("DequantizeLinear", "q s z", "w", axis=0), CONV]
    weights = {"q": q, "s": scales, "z": np.zeros(4, np.int8), "b": floats(4)}
    graph = load(build(nodes, X, ["c"], weights), tmp_path)
    assert ops(graph) == ["Conv"]
    assert any("quantized" in note for note in graph.notes)
    w = graph.weights[graph.layers[0].inputs[1]]
    again = np.round(w / (np.abs(w).reshape(4, -1).max(1) / 127).reshape(-1, 1, 1, 1))
    np.testing.assert_array_equal(again, q)


def test_quantized_activations_are_refused(tmp_path):
    weights = W | {"s": np.float32(0.1), "z": np.uint8(113)}
    nodes = [node("QuantizeLinear", "x s z", "xq"), node("DequantizeLinear", "xq s z", "xd"),
             node("Conv", "xd w b", "c"), node("QuantizeLinear", "c s z", "cq"),
             node("DequantizeLinear", "cq s z", "y")]  # fmt: skip
    refused(save(build(nodes, X, ["y"], weights), tmp_path), "already quantized: 2 Q/DQ pairs")
    weights = {"s": np.float32(0.1), "z": np.uint8(3), "w": np.ones((4, 3, 3, 3), np.int8), "zw": np.int8(0)}
    nodes = [node("QuantizeLinear", "x s z", "q"), node("QLinearConv", "q s z w s zw s z", "r"),
             node("DequantizeLinear", "r s z", "y")]  # fmt: skip
    refused(save(build(nodes, X, ["y"], weights), tmp_path), "already quantized", "QLinearConv")


def test_half_precision_is_widened(tmp_path):
    nodes = [node("Cast", "x", "h", to=10), node("Conv", "h w b", "c"), node("Cast", "c", "y", to=1)]
    weights = {name: array.astype(np.float16) for name, array in W.items()}
    path = save(build(nodes, X, ["y"], weights), tmp_path)
    graph = read_onnx(path)
    assert names(graph) == ["c_Conv"]
    assert any("half" in note for note in graph.notes)
    assert_same(path, graph, {"x": floats(1, 3, 6, 6)}, tolerance=5e-3)
    model = build(
        [node("Relu", "x", "y")],
        {"x": [2, 3]},
        ["y"],
        types={"x": TensorProto.FLOAT16, "y": TensorProto.FLOAT16},
    )
    assert read_onnx(save(model, tmp_path)).tensors["x"].dtype == "float32"


# ------------------------------------------------------------ broken files


def test_files_that_are_no_models(tmp_path):
    (tmp_path / "empty.onnx").write_bytes(b"")
    refused(tmp_path / "empty.onnx", "empty.onnx", "empty")
    refused(tmp_path / "missing.onnx", "no such file")
    refused(tmp_path, "folder")
    (tmp_path / "text.onnx").write_text("this is no model\n" * 20)
    refused(tmp_path / "text.onnx", "not an ONNX model")
    (tmp_path / "link.onnx").symlink_to("link.onnx")
    refused(tmp_path / "link.onnx")
    if os.getuid() != 0:
        (tmp_path / "locked.onnx").write_bytes(b"x")
        (tmp_path / "locked.onnx").chmod(0)
        refused(tmp_path / "locked.onnx", "permission")


def test_models_that_are_wrong(tmp_path):
    refused(save(build([node("Relu", "z", "y")], {"x": [2]}, ["y"]), tmp_path), "not a valid ONNX model")
    refused(save(build([node("Relux", "x", "y")], {"x": [2]}, ["y"]), tmp_path), "Relux")
    refused(save(build([node("Relu", "x", "y")], {"x": [2]}, ["y"], opset=8), tmp_path), "opset 8")
    refused(save(build([node("Relu", "x", "y")], {"x": [2]}, ["y"], opset=999), tmp_path), "opset 999")
    model = build([CONV], X, ["c"], W)
    model.graph.initializer[0].dims[0] = 5
    refused(save(model, tmp_path))
    model = build([CONV], X, ["c"], W | {"w": floats(4, 5, 3, 3)})
    refused(save(model, tmp_path), "does not run")
    model = build(
        [node("SequenceConstruct", "x x", "s"), node("SequenceAt", "s i", "y")],
        {"x": [2]},
        ["y"],
        {"i": np.array(0)},
    )
    refused(save(model, tmp_path), "sequences")
    string = build(
        [node("Identity", "x", "y")],
        {"x": [2]},
        ["y"],
        types={"x": TensorProto.STRING, "y": TensorProto.STRING},
    )
    refused(save(string, tmp_path), "numbers")


def test_huge_shapes_are_refused_before_anything_is_allocated(tmp_path):
    refused(save(build([node("Relu", "x", "y")], {"x": [1, 2**20, 2**20]}, ["y"]), tmp_path), "cannot be fed")
    nodes = [node("Expand", "x big", "e"), node("ReduceSum", "e", "y")]
    refused(
        save(build(nodes, {"x": [1]}, ["y"], {"big": np.array([2**20, 2**20])}), tmp_path),
        "more than can be run",
    )
    nodes = [
        helper.make_node("ConstantOfShape", ["big"], ["k"]),
        node("ReduceSum", "k", "s"),
        node("Add", "x s", "y"),
    ]
    refused(save(build(nodes, {"x": [1]}, ["y"], {"big": np.array([2**21, 2**20])}), tmp_path))


def test_every_cut_and_many_flipped_bits_end_in_a_sentence_or_load(tmp_path):
    """Truncations and single bit flips of a model; a flip may leave a model that is fine."""
    nodes = [
        CONV,
        node("Relu", "c", "r"),
        node("Reshape", "r s", "f"),
        node("Gemm", "f g", "z"),
        node("Softmax", "z", "y"),
    ]
    data = build(nodes, X, ["y"], W | {"s": np.array([1, -1]), "g": floats(144, 5)}).SerializeToString()
    header = len(data) - 144 * 5 * 4
    rng = np.random.default_rng(8)
    path = tmp_path / "m.onnx"
    outcomes, sentences = {"loaded": 0, "refused": 0}, []
    variants = [data[:cut] for cut in rng.integers(1, len(data), 60)]
    for drawn in rng.integers(0, len(data), 120):
        place = int(drawn) if rng.random() < 0.2 else int(drawn) % max(header, 1)
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(rng.integers(8))
        variants.append(bytes(flipped))
    for variant in variants:
        path.write_bytes(variant)
        try:
            read_onnx(path)
            outcomes["loaded"] += 1
        except UnsupportedModelError as error:
            sentences.append(str(error))
            outcomes["refused"] += 1
    assert outcomes["refused"] > 60
    assert all(sentence.isprintable() for sentence in sentences)


def test_cases_of_users(shared, tmp_path):
    """The load cases, their inputs made by the reference folder's own scripts."""
    done = 0
    for number in ("02", "04", "05", "07", "10", "11", "13", "15", "18", "33", "35", "37"):
        script = next((shared / "cases").glob(f"{number}_*/make.py"))
        folder = tmp_path / number
        subprocess.run([sys.executable, str(script), str(folder)], check=True, capture_output=True)
        for name, facts in json.loads((folder / "expected.json").read_text())["models"].items():
            if not facts["valid"] or name in ("full_qdq.onnx", "qoperator.onnx"):
                refused(folder / name)
                continue
            graph = read_onnx(folder / name)
            stem = name.rsplit(".", 1)[0].replace("/", "_")
            if not (folder / f"{stem}.feed.npz").exists():
                stem = "plain"  # the other two of case 18 compute the same
            with (
                np.load(folder / f"{stem}.feed.npz") as feed,
                np.load(folder / f"{stem}.expected.npz") as wanted,
            ):
                values = FloatRunner(graph, graph.output_tensors).run({n: feed[n] for n in graph.inputs})
                assert [output.name for output in graph.outputs] == list(wanted)
                for output in graph.outputs:
                    got = values[output.tensor].astype(np.float64)
                    scale = np.abs(wanted[output.name]).max()
                    np.testing.assert_allclose(got, wanted[output.name], rtol=0, atol=1e-4 * scale)
            done += 1
    assert done == 27
