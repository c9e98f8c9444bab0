"""What users' graphs really hold: inputs, outputs, inner graphs, functions, names."""

import numpy as np
from graph_models import CONV, W, X, assert_same, build, floats, load, names, node, ops, refused, save
from onnx import TensorProto, helper
from quantdeck.engine.graph import probe
from quantdeck.engine.graph.onnx_reader import read_onnx
from quantdeck.engine.run.float_runner import FloatRunner

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
