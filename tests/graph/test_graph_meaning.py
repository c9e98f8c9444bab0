"""Ops whose meaning depends on the opset or an attribute."""

import numpy as np
import pytest
from graph_models import build, floats, load, node, ops
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

INT64_MAX = 2**63 - 1


def ints(*values):
    return np.array(values, np.int64)


def scalar(value):
    return np.array(value, np.float32)


@pytest.mark.parametrize("opset", [9, 11, 12, 13, 17, 21])
@pytest.mark.parametrize("axis", [None, 0, 1, 2, -1])
@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
def test_softmax_of_every_opset(tmp_path, opset, axis, op):
    attributes = {} if axis is None else {"axis": axis}
    graph = load(build([node(op, "x", "y", **attributes)], {"x": [2, 3, 4, 5]}, ["y"], opset=opset), tmp_path)
    softmax = next(layer for layer in graph.layers if layer.op == "Softmax")
    assert softmax.attributes.log == (op == "LogSoftmax")
    if opset >= 13:
        assert softmax.attributes.axis == (3 if axis in (None, -1) else axis)
        assert ops(graph) == ["Softmax"]


def clip_nodes(opset, low, high):
    if opset < 11:
        found = {k: v for k, v in (("min", low), ("max", high)) if v is not None}
        return [node("Clip", "x", "y", **found)], {}
    weights = {k: scalar(v) for k, v in (("lo", low), ("hi", high)) if v is not None}
    inputs = ["x", "lo" if low is not None else "", "hi" if high is not None else ""]
    return [helper.make_node("Clip", inputs, ["y"])], weights


@pytest.mark.parametrize("opset", [9, 11, 13, 21])
@pytest.mark.parametrize(
    ("low", "high", "op"),
    [
        (0.0, 6.0, ["Relu"]),
        (-1.0, 0.5, ["Clip"]),
        (0.0, 1.0, ["Clip"]),
        (-0.5, None, ["MaxConst"]),
        (None, 0.5, ["MinConst"]),
        (None, None, []),
    ],
)
def test_every_form_of_clip(tmp_path, opset, low, high, op):
    nodes, weights = clip_nodes(opset, low, high)
    nodes = [node("Tanh", "a", "t"), node("Mul", "t three", "x"), *nodes]
    graph = load(build(nodes, {"a": [2, 8]}, ["y"], weights | {"three": scalar(3)}, opset=opset), tmp_path)
    assert ops(graph) == ["Tanh", "MulConst", *op] if op != ["Relu"] else ops(graph) == ["Tanh", "MulConst"]


def test_clip_bounds_that_come_from_data_stay_opaque(tmp_path):
    model = build([node("Clip", "x lo hi", "y")], {"x": [3, 4], "lo": [], "hi": []}, ["y"])
    feeds = {"x": floats(3, 4), "lo": scalar(-0.1), "hi": scalar(0.2)}
    graph = load(model, tmp_path, feeds)
    assert ops(graph) == ["Opaque"]


@pytest.mark.parametrize(
    "value",
    [
        {"value_float": 1.7},
        {"value_floats": [1.0, 2.0, 3.0, 4.0]},
        {"value_int": 3},
        {"value_ints": [1, 2, 3, 4]},
        {"value": helper.make_tensor("k", TensorProto.FLOAT, [1, 4], [1.0, 2.0, 3.0, 4.0])},
    ],
)
def test_every_form_of_constant(tmp_path, value):
    nodes = [helper.make_node("Constant", [], ["k"], **value)]
    if "int" in next(iter(value)):
        nodes += [node("Cast", "k", "kf", to=TensorProto.FLOAT), node("Mul", "x kf", "y")]
    else:
        nodes += [node("Mul", "x k", "y")]
    graph = load(build(nodes, {"x": [3, 4]}, ["y"]), tmp_path)
    assert ops(graph) in (["Mul"], ["MulConst"])
    if "value_float" in value:
        assert graph.layers[0].attributes.const_val == pytest.approx(1.7)


POOLS = [
    {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1},
    {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "ceil_mode": 1},
    {"kernel_shape": [2, 3], "strides": [2, 3], "pads": [0, 1, 1, 0]},
    {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": "SAME_UPPER"},
    {"kernel_shape": [3, 2], "strides": [2, 2], "auto_pad": "SAME_LOWER"},
    {"kernel_shape": [2, 2], "auto_pad": "VALID"},
    {"kernel_shape": [4, 4], "strides": [3, 3], "ceil_mode": 1},
]


@pytest.mark.parametrize("attributes", POOLS)
@pytest.mark.parametrize("include", [0, 1])
@pytest.mark.parametrize("size", [(7, 8), (9, 6)])
def test_average_pool_of_every_kind(tmp_path, attributes, include, size):
    pool = node("AveragePool", "x", "y", count_include_pad=include, **attributes)
    graph = load(build([pool], {"x": [1, 3, *size]}, ["y"], opset=19), tmp_path)
    assert ops(graph) == ["AvgPool"]


@pytest.mark.parametrize("attributes", POOLS)
@pytest.mark.parametrize("size", [(7, 8), (9, 6)])
def test_max_pool_of_every_kind(tmp_path, attributes, size):
    graph = load(
        build([node("MaxPool", "x", "y", **attributes)], {"x": [1, 3, *size]}, ["y"], opset=12), tmp_path
    )
    assert ops(graph) in (["MaxPool"], ["Opaque"])


@pytest.mark.parametrize("pad", ["SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"])
@pytest.mark.parametrize("strides", [[1, 1], [2, 3]])
@pytest.mark.parametrize("op", ["Conv", "ConvTranspose"])
def test_auto_pad_of_convolutions(tmp_path, pad, strides, op):
    weights = {"w": floats(4, 2, 3, 2) if op == "Conv" else floats(2, 4, 3, 2), "b": floats(4)}
    conv = node(op, "x w b", "y", auto_pad=pad, strides=strides)
    graph = load(build([conv], {"x": [1, 2, 9, 8]}, ["y"], weights), tmp_path)
    assert ops(graph) == ["Conv" if op == "Conv" else "Deconv"]


def test_transposed_convolution_with_groups_output_padding_and_output_shape(tmp_path):
    weights = {"w": floats(4, 3, 3, 3), "b": floats(6)}
    conv = node(
        "ConvTranspose", "x w b", "y", group=2, strides=[2, 2], output_padding=[1, 0], pads=[1, 0, 1, 1]
    )
    graph = load(build([conv], {"x": [1, 4, 5, 6]}, ["y"], weights), tmp_path)
    assert graph.weights[graph.layers[0].inputs[1]].shape == (6, 2, 3, 3)
    conv = node("ConvTranspose", "x w b", "y", group=2, strides=[2, 2], output_shape=[10, 12])
    assert ops(load(build([conv], {"x": [1, 4, 5, 6]}, ["y"], weights), tmp_path)) == ["Deconv"]


@pytest.mark.parametrize("rank", [1, 3])
def test_convolutions_and_pools_of_other_ranks(tmp_path, rank):
    size = [9, 8, 7][:rank]
    weights = {"w": floats(6, 2, *[3] * rank), "b": floats(6), "d": floats(6, 1, *[3] * rank)}
    nodes = [
        node("Conv", "x w b", "c", pads=[2] * rank + [0] * rank, dilations=[2] * rank, group=2),
        node("Relu", "c", "r"),
        node("Conv", "r d", "e", group=6, strides=[2] * rank),
        node("MaxPool", "r", "m", kernel_shape=[2] * rank, strides=[2] * rank),
        node("GlobalAveragePool", "m", "y"),
    ]
    graph = load(build(nodes, {"x": [1, 4, *size]}, ["y", "e"], weights), tmp_path)
    assert sorted(ops(graph)) == ["AvgPool", "Conv", "Conv", "MaxPool"]


GEMMS = [
    ({"alpha": 2.0}, (3, 4), (4, 5), (5,)),
    ({"alpha": 0.5, "beta": 3.0}, (3, 4), (4, 5), (5,)),
    ({"transB": 1}, (3, 4), (5, 4), None),
    ({"transA": 1}, (4, 3), (4, 5), (1, 5)),
    ({"beta": 2.0}, (3, 4), (4, 5), (1,)),
    ({"beta": 2.0}, (3, 4), (4, 5), (3, 1)),
    ({"beta": 0.5, "alpha": 3.0}, (3, 4), (4, 5), (3, 5)),
    ({"beta": 0.0}, (3, 4), (4, 5), (5,)),
    ({}, (3, 4), (4, 5), ()),
]


@pytest.mark.parametrize(("factors", "left", "right", "bias"), GEMMS)
@pytest.mark.parametrize("constant", [True, False])
def test_gemm_factors_and_transpositions(tmp_path, factors, left, right, bias, constant):
    names = ["a", "b"] + (["c"] if bias is not None else [])
    weights = {"c": floats(*bias)} if bias is not None else {}
    inputs = {"a": left}
    if constant:
        weights["b"] = floats(*right)
    else:
        inputs["b"] = right
    graph = load(build([helper.make_node("Gemm", names, ["y"], **factors)], inputs, ["y"], weights), tmp_path)
    assert graph.outputs[0].tensor == "y_Gemm"
    assert "Opaque" not in ops(graph)
    if constant and factors == {"alpha": 2.0}:
        np.testing.assert_allclose(graph.weights[graph.layers[0].inputs[1]], floats(*right) * 2, rtol=1e-6)
        np.testing.assert_array_equal(graph.weights[graph.layers[0].inputs[2]], floats(5))


def test_gemm_with_a_tensor_as_c(tmp_path):
    gemm = node("Gemm", "a b c", "y", beta=0.5)
    graph = load(build([gemm], {"a": [3, 4], "c": [3, 5]}, ["y"], {"b": floats(4, 5)}), tmp_path)
    assert ops(graph) == ["MatMul", "Add"]


RESIZES = [
    (coord, nearest)
    for coord in ("asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel")
    for nearest in ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")
]


@pytest.mark.parametrize(("coord", "nearest"), RESIZES)
@pytest.mark.parametrize("opset", [11, 13, 19])
def test_nearest_resize_of_every_rule(tmp_path, coord, nearest, opset):
    nodes = [
        helper.make_node("Resize", ["x", *rest], [f"y{index}"], mode="nearest",
                         coordinate_transformation_mode=coord, nearest_mode=nearest)
        for index, rest in enumerate((["none", "up"], ["none", "down"], ["none", "none", "size"]))
    ]  # fmt: skip
    weights = {
        "none": np.zeros(0, np.float32),
        "up": scalar([1, 1, 2, 2]),
        "down": scalar([1, 1, 0.5, 0.7]),
        "size": ints(1, 2, 13, 3),
    }
    if opset == 11:  # the size form needs an empty scales input there as well
        weights["none"] = np.zeros(0, np.float32)
    model = build(nodes, {"x": [1, 2, 5, 6]}, ["y0", "y1", "y2"], weights, opset=opset)
    graph = load(model, tmp_path, {"x": np.arange(60, dtype=np.float32).reshape(1, 2, 5, 6)})
    whole = coord == "asymmetric" and nearest == "floor"
    assert ops(graph)[0] == ("Upsample" if whole else "Interp")


@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("coord", ["asymmetric", "half_pixel", "align_corners"])
def test_smooth_resize(tmp_path, mode, coord):
    resize = helper.make_node("Resize", ["x", "", "s"], ["y"], mode=mode, coordinate_transformation_mode=coord,
                              cubic_coeff_a=-0.5, exclude_outside=int(mode == "cubic"))  # fmt: skip
    graph = load(build([resize], {"x": [1, 2, 5, 6]}, ["y"], {"s": scalar([1, 1, 1.6, 2.5])}), tmp_path)
    assert ops(graph) == ["Interp"]


@pytest.mark.parametrize(("opset", "op"), [(9, "Upsample"), (10, "Resize")])
def test_resize_before_opset_11(tmp_path, opset, op):
    resize = node(op, "x s", "y", mode="nearest")
    graph = load(
        build([resize], {"x": [1, 2, 5, 6]}, ["y"], {"s": scalar([1, 1, 2, 3])}, opset=opset), tmp_path
    )
    assert ops(graph) == ["Upsample"]


def test_resize_of_batch_or_antialias_stays_right(tmp_path):
    resize = helper.make_node("Resize", ["x", "", "", "s"], ["y"], mode="linear", antialias=1)
    assert ops(
        load(build([resize], {"x": [1, 2, 8, 8]}, ["y"], {"s": ints(1, 2, 4, 4)}, opset=19), tmp_path)
    ) == ["Opaque"]


@settings(max_examples=25, deadline=None)
@given(
    starts=st.lists(st.integers(-9, 9), min_size=3, max_size=3),
    stops=st.lists(st.sampled_from([-100, -7, -1, 0, 3, 6, INT64_MAX, -INT64_MAX]), min_size=3, max_size=3),
    steps=st.lists(st.sampled_from([-3, -1, 1, 2]), min_size=3, max_size=3),
)
def test_any_slice_is_numpys(tmp_path_factory, starts, stops, steps):
    x = floats(4, 5, 6)
    index = tuple(
        slice(a, None if c < 0 and b < -size else b, c)
        for a, b, c, size in zip(starts, stops, steps, x.shape, strict=True)
    )
    if x[index].size == 0:
        return
    weights = {"a": ints(*starts), "b": ints(*stops), "c": ints(*steps), "axes": ints(0, -2, 2)}
    nodes = [node("Slice", "x a b axes c", "s"), node("Exp", "s", "y")]
    load(build(nodes, {"x": [4, 5, 6]}, ["y"], weights), tmp_path_factory.mktemp("s"), {"x": x})


def test_slice_and_pad_of_old_opsets(tmp_path):
    nodes = [
        node("Slice", "x", "s", starts=[1, -3], ends=[9, INT64_MAX], axes=[1, 2]),
        node("Pad", "s", "y", pads=[0, 1, 0, 0, 0, 2], mode="constant", value=0.5),
    ]
    graph = load(build(nodes, {"x": [2, 4, 6]}, ["y"], opset=9), tmp_path)
    assert ops(graph) == ["Slice", "Pad"]


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge"])
def test_pad_with_axes(tmp_path, mode):
    nodes = [helper.make_node("Pad", ["x", "p", "", "axes"], ["y"], mode=mode)]
    weights = {"p": ints(1, 2, 0, 1), "axes": ints(-1, 2)}
    assert ops(load(build(nodes, {"x": [1, 2, 6, 6]}, ["y"], weights, opset=18), tmp_path)) == ["Pad"]


REDUCES = ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceProd")


@pytest.mark.parametrize("opset", [9, 13, 18])
@pytest.mark.parametrize("op", REDUCES)
@pytest.mark.parametrize("keepdims", [0, 1])
def test_reductions_of_every_opset(tmp_path, opset, op, keepdims):
    as_input = opset >= (13 if op == "ReduceSum" else 18)
    for axes in (None, [-1], [2, 3]):
        found = {} if as_input or axes is None else {"axes": axes}
        weights = {"axes": ints(*axes)} if as_input and axes else {}
        inputs = ["x", "axes"] if weights else ["x"]
        reduce = helper.make_node(op, inputs, ["y"], keepdims=keepdims, **found)
        graph = load(build([reduce], {"x": [1, 3, 4, 5]}, ["y"], weights, opset=opset), tmp_path)
        pooled = op == "ReduceMean" and axes == [2, 3]
        assert ops(graph) == ["AvgPool" if pooled else "Reduce"]


@pytest.mark.parametrize("opset", [9, 13, 21])
def test_movers(tmp_path, opset):
    axes = {"axes": [1]} if opset < 13 else {}
    extra = [] if opset < 13 else ["one"]
    nodes = [
        helper.make_node("Unsqueeze", ["x", *extra], ["u"], **axes),
        helper.make_node("Squeeze", ["u", *extra], ["s"], **axes),
        node("Tile", "s reps", "t"),
        node("Expand", "t big", "e"),
        node("Transpose", "e", "p"),
        node("Flatten", "p", "f", axis=2),
        node("Identity", "f", "y"),
    ]
    weights = {"one": ints(1), "reps": ints(1, 2, 1), "big": ints(3, 2, 6, 4)}
    graph = load(build(nodes, {"x": [2, 3, 4]}, ["y"], weights, opset=opset), tmp_path)
    assert "Opaque" not in ops(graph)


def test_split_of_every_form(tmp_path):
    nodes = [
        node("Split", "x sizes", "a b", axis=1),
        node("Split", "b", "c d", axis=-1, num_outputs=2),
        node("Add", "c d", "y"),
        node("Sigmoid", "a", "z"),
    ]
    graph = load(build(nodes, {"x": [1, 5, 4]}, ["y", "z"], {"sizes": ints(2, 3)}, opset=18), tmp_path)
    assert [layer.name for layer in graph.layers][:2] == ["a_Split", "b_Split"]


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_and_space(tmp_path, mode):
    nodes = [
        node("DepthToSpace", "x", "d", blocksize=2, mode=mode),
        node("SpaceToDepth", "d", "y", blocksize=2),
    ]
    assert ops(load(build(nodes, {"x": [2, 8, 3, 4]}, ["y", "d"], opset=13), tmp_path)) == ["Depth2Space"] * 2


@pytest.mark.parametrize("opset", [9, 10, 12, 16])
def test_comparisons_and_where(tmp_path, opset):
    modes = ["Equal", "Greater", "Less"] + (["GreaterOrEqual", "LessOrEqual"] if opset >= 12 else [])
    if opset < 11:
        modes.remove("Equal")
    nodes, outputs = [], []
    for index, mode in enumerate(modes):
        nodes += [node(mode, "x z", f"c{index}"), node("Where", f"c{index} x z", f"y{index}")]
        outputs.append(f"y{index}")
    nodes += [node("Or", "c0 c1", "o"), node("Where", "o x z", "last")]
    feeds = {"x": np.round(floats(3, 4)), "z": np.round(floats(3, 4)[::-1].copy())}
    graph = load(build(nodes, {"x": [3, 4], "z": [3, 4]}, [*outputs, "last"], opset=opset), tmp_path, feeds)
    assert "Opaque" not in ops(graph)


def test_element_wise_functions(tmp_path):
    unary = ["Tanh", "Exp", "Abs", "Floor", "Cos", "Sin", "Erf", "Softplus", "Softsign", "Sigmoid", "Elu",
             "LeakyRelu", "HardSigmoid", "HardSwish", "Mish", "Gelu", "Neg"]  # fmt: skip
    nodes = [node(op, "x", op) for op in unary]
    nodes += [node("Abs", "x", "positive"), node("Add", "positive half", "p")]
    nodes += [node(op, "p", op) for op in ("Sqrt", "Log", "Reciprocal")]
    nodes += [node("Gelu", "x", "tanh_gelu", approximate="tanh"), node("Pow", "p cube", "Pow")]
    outputs = [*unary, "Sqrt", "Log", "Reciprocal", "tanh_gelu", "Pow"]
    model = build(nodes, {"x": [2, 30]}, outputs, {"half": scalar(0.5), "cube": scalar(3)}, opset=20)
    graph = load(model, tmp_path)
    assert "Opaque" not in ops(graph)


@pytest.mark.parametrize("opset", [9, 13, 17])
def test_normalisations(tmp_path, opset):
    weights = {"g": floats(4), "b": floats(4), "lg": floats(5), "lb": floats(5)}
    nodes = [
        node("InstanceNormalization", "x g b", "i", epsilon=1e-3),
        node("LRN", "x", "l", size=3, alpha=0.1, beta=0.6, bias=1.5),
    ]
    outputs = ["i", "l"]
    if opset >= 17:
        nodes.append(node("LayerNormalization", "x lg lb", "n", axis=-1))
        outputs.append("n")
    graph = load(build(nodes, {"x": [2, 4, 6, 5]}, outputs, weights, opset=opset), tmp_path)
    assert "Opaque" not in ops(graph)


def every_layer(opset):
    """Nodes of most layer kinds that exist at *opset*, each into an output, and one that is opaque."""
    axes = lambda *values: {"axes": list(values)}
    nodes = [
        node("Ceil", "x", "ceil"),
        node("Conv", "x w b", "conv", pads=[1] * 4),
        node("Relu", "conv", "relu"),
        node("ConvTranspose", "relu t", "deconv", group=2),
        node("Softmax", "x", "soft_last", axis=3),
        node("LogSoftmax", "x", "soft", axis=1),
        node("AveragePool", "x", "average", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4),
        node("MaxPool", "x", "maximum", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4),
        node("DepthToSpace", "relu", "d2s", blocksize=2),
        node("InstanceNormalization", "relu g b", "instance"),
        node("LRN", "relu", "lrn", size=3),
        node("Tile", "x reps", "tile"),
        node("Sum", "x x x", "sum"),
        node("PRelu", "conv slope", "prelu"),
        node("Erf", "x", "erf"),
        node("Less", "x zero", "less"),
        node("Where", "less x zero", "where"),
        node("Transpose", "x", "permute", perm=[0, 2, 3, 1]),
        node("MatMul", "x m", "product"),
    ]
    if opset < 13:
        nodes += [node("ReduceSum", "x", "rsum", **axes(2)), node("Squeeze", "g4", "sq", **axes(0))]
        nodes[-1] = node("ReduceL2", "x", "l2", **axes(1, 3))
    if opset < 11:
        nodes += [node("Pad", "x", "pad", pads=[0, 0, 1, 0, 0, 0, 0, 2], value=1.5)]
        nodes += [node("Clip", "x", "clip", min=-0.5, max=0.5)]
    else:
        nodes += [node("Pad", "x p half", "pad"), node("Clip", "x zero half", "clip")]
    if opset < 10:
        nodes += [node("Slice", "x", "slice", starts=[1], ends=[5], axes=[2])]
    else:
        nodes += [node("Slice", "x start stop axis step", "slice")]
        nodes += [
            node(
                "Resize", ["x", "twice"] if opset == 10 else ["x", "none", "twice"], ["resize"], mode="linear"
            )
        ]
    return nodes


@pytest.mark.parametrize("opset", [9, 10, 11, 12, 13, 15, 18, 20, 21])
def test_layers_beside_an_opaque_one_are_written_in_its_opset(tmp_path, opset):
    weights = {
        "w": floats(4, 3, 3, 3), "b": floats(4), "t": floats(4, 3, 2, 2), "g": floats(4), "slope": floats(4, 1, 1),
        "reps": ints(1, 2, 1, 1), "zero": scalar(0), "half": scalar(0.5), "m": floats(6, 5), "none": scalar([]),
        "p": ints(0, 0, 1, 0, 0, 0, 0, 2), "twice": scalar([1, 1, 2, 2]),
        "start": ints(5), "stop": ints(0), "axis": ints(2), "step": ints(-2),
    }  # fmt: skip
    nodes = every_layer(opset)
    outputs = [item.output[0] for item in nodes if item.output[0] not in ("less", "conv")]
    graph = load(build(nodes, {"x": [1, 3, 6, 6]}, outputs, weights, opset=opset), tmp_path)
    assert ops(graph).count("Opaque") == 1
