"""What users' files really hold: inputs, outputs, names, external data, quantized, half precision, broken."""

import json
import os
import subprocess
import sys

import numpy as np
import onnx
import pytest
from graph_models import assert_same, build, floats, load, names, node, ops, save
from onnx import TensorProto, helper, numpy_helper
from quantdeck.engine.errors import UnsupportedModelError
from quantdeck.engine.graph import cleanup, probe
from quantdeck.engine.graph.onnx_reader import model_digest, read_onnx
from quantdeck.engine.run.float_runner import FloatRunner

W = {"w": floats(4, 3, 3, 3), "b": floats(4)}
CONV = node("Conv", "x w b", "c", pads=[1] * 4)
X = {"x": [1, 3, 6, 6]}


def refused(path, *words, **options):
    """The one sentence with which *path* is refused."""
    with pytest.raises(UnsupportedModelError) as caught:
        read_onnx(path, **options)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.isprintable()
    assert sentence.endswith(".")
    for word in words:
        assert word in sentence
    return sentence


# ------------------------------------------------------------ inputs and outputs


def test_an_input_that_is_an_output_and_outputs_that_are_read_again(tmp_path):
    nodes = [CONV, node("Relu", "c", "r"), node("Identity", "c", "i")]
    graph = load(build(nodes, X, ["x", "c", "i", "r"], W), tmp_path)
    assert [(o.name, o.tensor) for o in graph.outputs] == [
        ("x", "x"), ("c", "c_Conv"), ("i", "c_Conv"), ("r", "r_Relu")]  # fmt: skip
    assert graph.calibrated == ("x", "c_Conv", "r_Relu")
    feed = floats(1, 3, 6, 6)
    values = FloatRunner(graph).run({"x": feed})
    assert values["x"] is not feed
    feed[:] = 0
    assert values["x"].any()


def test_weights_listed_as_inputs_unused_inputs_and_default_values(tmp_path):
    nodes = [CONV, node("Mul", "c factor", "y")]
    weights = W | {"factor": np.array([0.5], np.float32), "dead": np.ones((2, 2), np.float32)}
    shapes = {name: list(array.shape) for name, array in weights.items()}
    listed = build(nodes, X | shapes, ["y"], weights, opset=9, ir=3)
    plain = build(nodes, X, ["y"], weights)
    extra = build(nodes, {"info": [1, 3], **X, "factor": [1]}, ["y"], weights)
    graphs = []
    for name, model in (("listed", listed), ("plain", plain), ("extra", extra)):
        folder = tmp_path / name
        folder.mkdir()
        path = save(model, folder)
        graph = read_onnx(path)
        assert graph.inputs == ("x",)
        graphs.append(graph)
    assert_same(tmp_path / "plain" / "model.onnx", graphs[0], {"x": floats(1, 3, 6, 6)})
    assert names(graphs[0]) == names(graphs[1]) == names(graphs[2])
    assert graphs[1].notes == ()
    assert any("info" in note for note in graphs[2].notes)
    assert any("default" in note and "factor" in note for note in graphs[2].notes)


def test_open_batch_and_stated_shapes(tmp_path):
    path = save(build([CONV], {"x": ["n", 3, 6, 6]}, ["c"], W), tmp_path)
    graph = read_onnx(path)
    assert graph.tensors["x"].shape == (1, 3, 6, 6)
    assert "fixed to 1" in graph.notes[0]
    graph = read_onnx(path, batch=4)
    assert graph.tensors["c_Conv"].shape == (4, 4, 6, 6)
    assert read_onnx(path, input_shapes=[[2, 3, 6, 6]]).tensors["x"].shape == (2, 3, 6, 6)
    refused(path, "2x5x6x6", input_shapes={"x": [2, 5, 6, 6]})
    refused(path, "z", input_shapes={"z": [1]})
    refused(path, "2 shapes", input_shapes=[[1], [1]])
    refused(path, input_shapes=[[0, 3, 6, 6]])
    refused(path, input_shapes=[[10**9, 3, 6, 6]])
    path = save(build([node("Relu", "x", "y")], {"x": [1, 3, "h", "w"]}, ["y"]), tmp_path)
    refused(path, "1x3x?x?", "--input_shapes")
    assert read_onnx(path, input_shapes=[[1, 3, 9, 9]]).tensors["y_Relu"].shape == (1, 3, 9, 9)


def test_shapes_computed_in_the_graph_are_folded(tmp_path):
    nodes = [
        node("Shape", "x", "shape"),
        node("Gather", "shape zero", "batch"),
        node("Unsqueeze", "batch axes", "first"),
        node("Concat", "first rest", "target", axis=0),
        node("Reshape", "x target", "y"),
    ]
    weights = {"zero": np.array(0, np.int64), "axes": np.array([0]), "rest": np.array([-1])}
    graph = load(build(nodes, {"x": [2, 3, 4]}, ["y"], weights), tmp_path)
    assert ops(graph) == ["Reshape"]


def test_shapes_that_follow_from_the_data_are_not_folded(tmp_path):
    nodes = [node("NonZero", "x", "n"), node("Shape", "n", "s"), node("Cast", "s", "y", to=TensorProto.FLOAT)]
    path = save(build(nodes, {"x": [2, 3]}, ["y"]), tmp_path)
    graph = read_onnx(path)
    for x in (np.eye(2, 3, dtype=np.float32), np.ones((2, 3), np.float32)):
        assert_same(path, graph, {"x": x})


def test_constant_outputs_and_outputs_twice(tmp_path):
    nodes = [node("Identity", "k", "one"), node("Relu", "x", "y")]
    graph = load(build(nodes, {"x": [2]}, ["one", "y"], {"k": floats(2, 2)}), tmp_path)
    assert [output.name for output in graph.outputs] == ["one", "y"]


def test_empty_optional_inputs_and_parts_without_elements(tmp_path):
    nodes = [
        helper.make_node("Clip", ["x"], ["a"]),
        helper.make_node("Pad", ["a", "p"], ["q"]),
        helper.make_node("Dropout", ["q"], ["d"]),
        helper.make_node("Concat", ["d", "empty"], ["e"], axis=2),
        helper.make_node("Resize", ["e", "", "", "size"], ["r"], mode="nearest"),
        helper.make_node("Resize", ["r", "roi", "scales"], ["y"], mode="nearest"),
    ]
    weights = {
        "p": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
        "empty": np.zeros((1, 3, 0, 8), np.float32),
        "size": np.array([1, 3, 4, 4]),
        "roi": np.zeros(0, np.float32),
        "scales": np.array([1, 1, 2, 2], np.float32),
    }
    graph = load(build(nodes, X, ["y"], weights), tmp_path)
    assert all(tensor.size for tensor in graph.tensors.values())
    assert all(array.size for array in graph.weights.values())
    assert "" not in graph.by_name


def test_mask_of_a_dropout_is_constant(tmp_path):
    nodes = [node("Dropout", "x", "d mask"), node("Cast", "mask", "one", to=1), node("Mul", "d one", "y")]
    assert ops(load(build(nodes, X, ["y"]), tmp_path)) == ["Mul"]


def test_integer_and_boolean_tensors_are_opaque(tmp_path):
    nodes = [
        node("Gather", "table ids", "g"),
        node("Add", "ids ids", "twice"),
        node("Not", "flag", "no"),
        node("Where", "no g zero", "y"),
        node("ArgMax", "y", "best"),
    ]
    weights = {"table": floats(5, 4), "zero": np.zeros(4, np.float32)}
    types = {
        "ids": TensorProto.INT64,
        "flag": TensorProto.BOOL,
        "best": TensorProto.INT64,
        "twice": TensorProto.INT64,
    }
    model = build(nodes, {"ids": [3], "flag": [3, 1]}, ["y", "best", "twice"], weights, types=types)
    feeds = {"ids": np.array([4, 0, 2]), "flag": np.array([[True], [False], [True]])}
    graph = load(model, tmp_path, feeds)
    assert set(ops(graph)) == {"Opaque", "Where"}
    assert "twice_Add" not in graph.calibrated
    assert sum("stays float" in note for note in graph.notes) == 4


# ------------------------------------------------------------ inner graphs


def inner(op, outer, name):
    """A graph without inputs that computes op of an outer tensor."""
    out = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
    return helper.make_graph([helper.make_node(op, list(outer), [name])], "inner", [], [out])


def test_if_that_reads_outer_tensors(tmp_path):
    nodes = [
        node("Exp", "x", "e"),
        node("ReduceSum", "x", "s", keepdims=0),
        node("Greater", "s zero", "c"),
        helper.make_node("If", ["c"], ["i"],
                         then_branch=inner("Add", ["e", "w"], "t0"), else_branch=inner("Neg", ["e"], "t0_")),
        node("Relu", "i", "y"),
    ]  # fmt: skip
    path = save(build(nodes, {"x": [4]}, ["y"], {"zero": np.float32(0), "w": floats(4)}), tmp_path)
    graph = read_onnx(path)
    assert ops(graph) == ["Exp", "Opaque", "Opaque", "Opaque", "Relu"] or "Opaque" in ops(graph)
    for x in (np.ones(4, np.float32), -np.ones(4, np.float32)):
        assert_same(path, graph, {"x": x})


def test_if_of_a_constant_condition_is_its_branch(tmp_path):
    nodes = [
        node("Exp", "x", "e"),
        helper.make_node("If", ["yes"], ["i"],
                         then_branch=inner("Sigmoid", ["e"], "t"), else_branch=inner("Neg", ["e"], "u")),
        node("Relu", "i", "y"),
    ]  # fmt: skip
    graph = load(build(nodes, {"x": [4]}, ["y"], {"yes": np.array(True)}), tmp_path)
    assert names(graph) == ["e_Exp", "i_Sigmoid", "y_Relu"]


def test_loop_that_reads_outer_tensors(tmp_path):
    body = helper.make_graph(
        [node("Add", "a e", "b"), node("Identity", "go", "go_on")],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("a", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("b", TensorProto.FLOAT, None),
        ],
    )
    nodes = [
        node("Exp", "x", "e"),
        helper.make_node("Loop", ["n", "", "x"], ["l"], body=body),
        node("Relu", "l", "y"),
    ]
    graph = load(build(nodes, {"x": [3]}, ["y"], {"n": np.array(3)}), tmp_path)
    loop = next(layer for layer in graph.layers if layer.op == "Opaque")
    assert "e_Exp" in loop.inputs


def test_an_endless_loop_is_stopped(tmp_path, monkeypatch):
    body = helper.make_graph(
        [node("Identity", "go", "go_on"), node("Sin", "a", "b")],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("a", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("b", TensorProto.FLOAT, None),
        ],
    )
    monkeypatch.setattr(probe, "LIMIT", 0.2)
    loop = helper.make_node("Loop", ["n", "", "x"], ["y"], body=body)
    path = save(build([loop], {"x": [3]}, ["y"], {"n": np.array(2**60)}), tmp_path)
    refused(path, "terminate")


def test_local_functions_are_inlined(tmp_path):
    function = helper.make_function(
        "own",
        "twice",
        ["a"],
        ["b"],
        [node("Add", "a a", "s"), node("Relu", "s", "b")],
        [helper.make_opsetid("", 17)],
    )
    graph = helper.make_graph(
        [helper.make_node("twice", ["x"], ["y"], domain="own")],
        "net",
        [helper.make_tensor_value_info("x", 1, [2, 3])],
        [helper.make_tensor_value_info("y", 1, [2, 3])],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    model = helper.make_model(graph, opset_imports=opsets, functions=[function], ir_version=8)
    assert ops(load(model, tmp_path)) == ["Add"]


def test_ops_of_other_domains_are_opaque(tmp_path):
    graph = helper.make_graph(
        [helper.make_node("FastGelu", ["x"], ["g"], domain="com.microsoft"), node("Relu", "g", "y")],
        "net",
        [helper.make_tensor_value_info("x", 1, [2, 3])],
        [helper.make_tensor_value_info("y", 1, [2, 3])],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    loaded = load(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path)
    assert ops(loaded) == ["Opaque", "Relu"]
    assert loaded.layers[0].attributes.domain == "com.microsoft"
    assert any("com.microsoft.FastGelu" in note for note in loaded.notes)


# ------------------------------------------------------------ names

NASTY = [
    "",
    " ",
    "a b",
    "#",
    "../../etc/passwd",
    "\x1b[31mred",
    "ls; rm -rf",
    "é\u202e",
    "[bold]x[/]",
    "a\tb\nc",
    "i0",
    "w0",
    "t1",
    "e1",
    "x0",
]


def test_names_may_be_anything(tmp_path):
    used = [name for name in NASTY if name]
    nodes, last = [], "x"
    for name in used:
        nodes.append(helper.make_node("Sigmoid", [last], [name], name="same"))
        last = name
    nodes.append(helper.make_node("Add", [last, "w"], ["y"], name="same"))
    path = save(
        build(nodes, {"x": [2, 3]}, ["y", *used[:5]], {"w": floats(2, 3)}), tmp_path, "m\x1b[2Jx.onnx"
    )
    graph = read_onnx(path)
    for item in nodes:  # onnxruntime refuses equal names
        item.ClearField("name")
    unnamed = save(build(nodes, {"x": [2, 3]}, ["y", *used[:5]], {"w": floats(2, 3)}), tmp_path)
    assert_same(unnamed, graph, {"x": floats(2, 3)})
    values = FloatRunner(graph).run({"x": floats(2, 3)})
    assert [f"{name}_Sigmoid" for name in used] == [n for n in graph.calibrated if n.endswith("_Sigmoid")]
    assert set(values) == set(graph.tensors)


def test_labels_that_meet_are_told_apart(tmp_path):
    nodes = [node("Relu", "a_Relu", "a"), node("Exp", "a", "b"), node("Add", "b b_Exp", "y")]
    graph = load(build(nodes, {"a_Relu": [2]}, ["y"], {"b_Exp": floats(2)}), tmp_path)
    found = [*graph.tensors, *graph.weights]
    assert len(set(found)) == len(found)
    assert names(graph)[0] == "a_Relu_1"


def test_nothing_is_printed(tmp_path, capfd):
    bad = [node("Reshape", "x s", "y")]
    path = save(build(bad, {"x": [2, 3], "s": [1]}, ["y"], types={"s": TensorProto.INT64}), tmp_path)
    refused(path)
    load(build([CONV], X, ["c"], W), tmp_path)
    assert capfd.readouterr() == ("", "")


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


# ------------------------------------------------------------ clean-up


def transposes():
    nodes = [
        node("Transpose", "x", "a", perm=[0, 2, 1]),
        node("Transpose", "a", "b", perm=[0, 2, 1]),
        node("Exp", "b", "y"),
    ]
    return build(nodes, {"x": [1, 3, 4]}, ["y"])


def test_clean_up_is_used_where_it_keeps_the_outputs(tmp_path):
    assert ops(load(transposes(), tmp_path)) == ["Exp"]
    assert ops(load(transposes(), tmp_path, clean=False)) == ["Permute", "Permute", "Exp"]


def test_clean_up_that_changes_outputs_or_fails_is_left_out(tmp_path, monkeypatch):
    wrong = build([node("Sin", "x", "y")], {"x": [1, 3, 4]}, ["y"])
    monkeypatch.setattr(cleanup, "_slim", lambda _: wrong)
    graph = load(transposes(), tmp_path)
    assert ops(graph) == ["Permute", "Permute", "Exp"]
    assert any("something else" in note for note in graph.notes)

    def crash(_):
        raise RuntimeError("a simplifier's bug")

    monkeypatch.setattr(cleanup, "_slim", crash)
    graph = load(transposes(), tmp_path)
    assert any("failed" in note for note in graph.notes)


def test_a_conversion_that_computes_something_else_is_found_and_not_used(tmp_path, monkeypatch):
    from quantdeck.engine.graph.patterns import gates, runner
    from quantdeck.engine.graph.vocabulary import Tanh

    def wrong(draft, layer):
        return (
            layer.attributes != Tanh()
            and layer.output == "y"
            and gates.become(draft, layer, Tanh(), layer.inputs, "Exp")
        )

    monkeypatch.setattr(runner, "PHASES", ((wrong,),))
    graph = load_unchecked(
        build([node("Exp", "x", "e"), node("Exp", "e", "y")], {"x": [2, 3]}, ["y"]), tmp_path
    )
    assert ops(graph) == ["Exp", "Exp"]
    assert any("not fused" in note for note in graph.notes)


def load_unchecked(model, folder):
    path = save(model, folder)
    graph = read_onnx(path)
    assert_same(path, graph, {"x": floats(2, 3)})
    return graph


def test_an_importer_that_is_wrong_leaves_the_node_as_it_is(tmp_path, monkeypatch):
    from quantdeck.engine.graph.importers import registry
    from quantdeck.engine.graph.vocabulary import Tanh

    table = dict(registry.IMPORTERS) | {"Exp": lambda n: n.draft.add(Tanh(), [n.input(0)], n.output)}
    monkeypatch.setattr(registry, "IMPORTERS", table)
    graph = load_unchecked(
        build([node("Exp", "x", "e"), node("Sin", "e", "y")], {"x": [2, 3]}, ["y"]), tmp_path
    )
    assert ops(graph) == ["Opaque", "Sin"]
    assert any("e_Exp" in note for note in graph.notes)


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


# ------------------------------------------------------------ runners


def test_runner_of_a_part_and_of_a_layer(tmp_path):
    from quantdeck.engine.run.float_runner import layer_runner

    graph = load(
        build([CONV, node("Sigmoid", "c", "s"), node("Mul", "c s", "y")], X, ["y", "s"], W), tmp_path
    )
    feeds = {"x": floats(1, 3, 6, 6)}
    whole = FloatRunner(graph).run(feeds)
    part = FloatRunner(graph, ["y_Mul"], inputs=["c_Conv"]).run({"c_Conv": whole["c_Conv"]})
    np.testing.assert_array_equal(part["y_Mul"], whole["y_Mul"])
    layer = graph.by_name["y_Mul"]
    got = layer_runner(graph, layer).run({name: whole[name] for name in graph.activations(layer)})
    np.testing.assert_array_equal(got["y_Mul"], whole["y_Mul"])
    some = FloatRunner(graph, ["s_Sigmoid"], threads=2).run(feeds)
    np.testing.assert_array_equal(some["s_Sigmoid"], whole["s_Sigmoid"])


def test_runner_names_what_does_not_fit(tmp_path):
    from quantdeck.engine.errors import QuantdeckError

    runner = FloatRunner(load(build([CONV], X, ["c"], W), tmp_path))
    with pytest.raises(QuantdeckError, match="input x"):
        runner.run({})
    with pytest.raises(QuantdeckError, match=r"\(1, 3, 5, 5\)"):
        runner.run({"x": floats(1, 3, 5, 5)})


def test_digest_is_the_same_in_another_process(tmp_path):
    path = save(build([CONV, node("Relu", "c", "y")], X, ["y"], W), tmp_path)
    code = (
        "import sys; from pathlib import Path; from quantdeck.engine.graph.onnx_reader import read_onnx; "
        "print(read_onnx(Path(sys.argv[1])).digest)"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == read_onnx(path).digest
    assert done.stderr == ""


def test_measures(tmp_path):
    from quantdeck.engine.graph.measure import describe, macs, params, shape_text

    nodes = [
        node("Conv", "x w b", "c", pads=[1, 0, 1, 1], strides=[2, 2]),
        node("ConvTranspose", "c t", "d", group=2),
        node("Reshape", "d s", "f"),
        node("MatMul", "f g", "y"),
    ]
    weights = W | {"t": floats(4, 3, 2, 2), "s": np.array([6, -1]), "g": floats(16, 5)}
    graph = load(build(nodes, X, ["y"], weights), tmp_path)
    conv, deconv, reshape, matmul = graph.layers
    assert macs(graph, conv) == 4 * 3 * 3 * 27
    assert macs(graph, deconv) == 4 * 3 * 3 * 3 * 4
    assert macs(graph, matmul) == 6 * 5 * 16
    assert macs(graph, reshape) == params(graph, reshape) == 0
    assert params(graph, conv) == 112
    assert describe(graph, conv) == "3x3, stride 2, pads 1 0 1 1"
    assert shape_text(()) == "scalar"
    assert shape_text((1, 32, 112)) == "1x32x112"


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
