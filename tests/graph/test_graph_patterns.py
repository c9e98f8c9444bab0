"""The conversion rules of spec A.12, each with what it must leave alone."""

import numpy as np
import pytest
from graph_models import build, floats, load, names, node, ops
from hypothesis import given, settings
from hypothesis import strategies as st


def scalar(value):
    return np.array(value, np.float32)


def ints(*values):
    return np.array(values, np.int64)


W = {"w": floats(4, 3, 3, 3), "b": floats(4), "six": scalar(6), "zero": scalar(0), "three": scalar(3)}
X = {"x": [1, 3, 8, 8]}
CONV = node("Conv", "x w b", "c", pads=[1] * 4)


def test_relu_joins_the_conv_that_it_alone_reads(tmp_path):
    graph = load(build([CONV, node("Relu", "c", "y")], X, ["y"], W), tmp_path)
    assert names(graph) == ["y_Relu"]
    assert graph.layers[0].attributes.do_relu


@pytest.mark.parametrize("outputs", [["y", "c"], ["y", "s"]])
def test_relu_stays_where_somebody_else_reads_the_conv(tmp_path, outputs):
    nodes = [CONV, node("Relu", "c", "y"), node("Sigmoid", "c", "s")]
    graph = load(build(nodes, X, outputs, W), tmp_path)
    assert [(layer.op, layer.name) for layer in graph.layers][:2] == [("Conv", "c_Conv"), ("Relu", "y_Relu")]


def test_relu6_is_a_limit_and_other_clips_stay(tmp_path):
    nodes = [CONV, node("Clip", "c zero six", "y")]
    graph = load(build(nodes, X, ["y"], W), tmp_path)
    assert graph.by_name["y_Clip"].attributes.relu_limit == 6.0
    graph = load(build([CONV, node("Clip", "c zero three", "y")], X, ["y"], W), tmp_path)
    assert ops(graph) == ["Conv", "Clip"]


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "MaxPool", "AveragePool", "GlobalAveragePool", "MatMul"])
def test_relu_joins_other_layers(tmp_path, op):
    one = node("MaxPool", "x", "t", kernel_shape=[1, 1]) if op != "MaxPool" else node("Abs", "x", "t")
    if op in ("Add", "Sub", "Mul", "MatMul"):
        last = node(op, "x t", "u")
    else:
        last = node(op, "t", "u", **({} if op.startswith("Global") else {"kernel_shape": [2, 2]}))
    graph = load(build([one, last, node("Relu", "u", "y")], X, ["y"]), tmp_path)
    assert graph.layers[-1].name == "y_Relu"
    assert graph.layers[-1].attributes.do_relu


def test_relu_behind_movers_stays(tmp_path):
    nodes = [CONV, node("Transpose", "c", "t", perm=[0, 2, 3, 1]), node("Relu", "t", "y")]
    assert ops(load(build(nodes, X, ["y"], W), tmp_path)) == ["Conv", "Permute", "Relu"]


def test_relu_moves_ahead_of_a_concat_of_layers_that_take_it(tmp_path):
    nodes = [
        CONV,
        node("Conv", "x w", "d", pads=[1] * 4),
        node("Concat", "c d", "a", axis=1),
        node("Relu", "a", "y"),
    ]
    graph = load(build(nodes, X, ["y"], W), tmp_path)
    assert names(graph) == ["c_Conv_move_ahead_relu", "d_Conv_move_ahead_relu", "a_Concat_relu"]
    nodes[1] = node("Sigmoid", "x", "d")
    assert ops(load(build(nodes, X, ["y"], W), tmp_path)) == ["Conv", "Sigmoid", "Concat", "Relu"]


BN = {"g": floats(4), "be": floats(4), "m": floats(4), "v": np.abs(floats(4)) + 0.1}


def test_batch_norm_goes_into_the_conv(tmp_path):
    bn = node("BatchNormalization", "c g be m v", "n")
    graph = load(build([CONV, bn, node("Exp", "n", "y")], X, ["y"], W | BN), tmp_path)
    assert names(graph) == ["c_Conv", "y_Exp"]
    graph = load(build([CONV, bn], X, ["n"], W | BN), tmp_path)
    assert names(graph) == ["n_Conv"]


def test_batch_norm_elsewhere_is_a_scale(tmp_path):
    nodes = [
        CONV,
        node("Relu", "c", "r"),
        node("BatchNormalization", "r g be m v", "n"),
        node("Relu", "n", "y"),
    ]
    graph = load(build(nodes, X, ["y"], W | BN), tmp_path)
    assert [(layer.op, layer.name) for layer in graph.layers] == [("Conv", "r_Relu"), ("Scale", "y_Relu")]


def test_shared_filter_with_two_batch_norms(tmp_path):
    other = {f"{k}2": v + 0.5 for k, v in BN.items()}
    nodes = [
        CONV,
        node("Conv", "x w b", "d", pads=[1] * 4),
        node("BatchNormalization", "c g be m v", "n"),
        node("BatchNormalization", "d g2 be2 m2 v2", "o"),
    ]
    load(build(nodes, X, ["n", "o"], W | BN | other), tmp_path)


def test_per_channel_mul_and_add_are_one_scale(tmp_path):
    weights = {"s": floats(1, 4, 1, 1), "t": floats(4, 1, 1)} | W
    nodes = [CONV, node("Relu", "c", "r"), node("Mul", "r s", "p"), node("Add", "p t", "y")]
    graph = load(build(nodes, X, ["y"], weights), tmp_path)
    assert [(layer.op, layer.name) for layer in graph.layers][1] == ("Scale", "y_Add")
    assert graph.layers[1].inputs[1:] == ("y_Add_merged_scale", "y_Add_merged_bias")


@pytest.mark.parametrize("op", ["Mul", "Div"])
def test_a_factor_goes_into_the_conv(tmp_path, op):
    graph = load(build([CONV, node(op, "c three", "y"), node("Relu", "y", "z")], X, ["z"], W), tmp_path)
    assert names(graph) == ["z_Relu"]
    assert graph.layers[0].inputs[1:] == ("c_Conv__mergeMulConst", "c_Conv_1__mergeMulConst")


def test_numbers_become_constants_of_layers(tmp_path):
    nodes = [
        node("Add", "x three", "a"),
        node("Sub", "three a", "s"),
        node("Sub", "s three", "t"),
        node("Div", "three x", "r"),
        node("Max", "t three", "m"),
        node("Min", "three r", "n"),
        node("Pow", "x two", "p"),
    ]
    feeds = {"x": np.abs(floats(1, 3, 8, 8)) + 0.5}
    graph = load(build(nodes, X, ["m", "n", "p"], W | {"two": scalar(2)}), tmp_path, feeds)
    assert ops(graph) == ["AddConst", "SubConst", "AddConst", "Reciprocal", "MaxConst", "MinConst", "Mul"]


def test_linear_pointwise_convs_in_a_row_become_one(tmp_path):
    weights = {"p": floats(5, 4, 1, 1), "pb": floats(5), "q": floats(6, 5, 1, 1), "k": floats(6, 5, 3, 3)} | W
    first = [CONV, node("Relu", "c", "r"), node("Conv", "r p pb", "d")]
    graph = load(
        build([*first, node("Conv", "d q", "e", strides=[2, 2]), node("Relu", "e", "y")], X, ["y"], weights),
        tmp_path,
    )
    assert names(graph) == ["r_Relu", "y_Relu"]
    assert graph.layers[1].inputs[1:] == ("e_Conv_merge_filter_weight", "e_Conv_merge_bias_weight")
    graph = load(build([*first, node("Conv", "d k", "y")], X, ["y"], weights), tmp_path)
    assert ops(graph) == ["Conv", "Conv", "Conv"]


def test_pads_join_the_window_behind_them(tmp_path):
    weights = W | {"p": ints(0, 0, 1, 2, 0, 0, 0, 1), "wide": ints(0, 0, 16, 0, 0, 0, 0, 0), "one": scalar(1)}
    conv = node("Conv", "u w b", "y")
    graph = load(build([node("Pad", "x p", "u"), conv], X, ["y"], weights), tmp_path)
    assert graph.layers[0].attributes.pads == (1, 2, 0, 1)
    for pad in (
        node("Pad", "x wide", "u"),
        node("Pad", "x p one", "u"),
        node("Pad", "x p", "u", mode="edge"),
    ):
        assert ops(load(build([pad, conv], X, ["y"], weights), tmp_path)) == ["Pad", "Conv"]
    pool = {"kernel_shape": [3, 3], "strides": [2, 2]}
    graph = load(
        build([node("Pad", "x p", "u"), node("AveragePool", "u", "y", **pool)], X, ["y"], weights), tmp_path
    )
    assert ops(graph) == ["AvgPool"]
    nodes = [node("Pad", "x p", "u"), node("MaxPool", "u", "y", **pool)]
    assert ops(load(build(nodes, X, ["y"], weights), tmp_path)) == ["Pad", "MaxPool"]
    nodes = [CONV, node("Relu", "c", "r"), node("Pad", "r p", "u"), node("MaxPool", "u", "y", **pool)]
    load(build(nodes, X, ["y"], weights), tmp_path)


def test_some_channels_of_a_conv_are_a_smaller_conv(tmp_path):
    weights = W | {"s": ints(1), "e": ints(3), "axis": ints(1)}
    graph = load(build([CONV, node("Slice", "c s e axis", "y")], X, ["y"], weights), tmp_path)
    assert names(graph) == ["y_Slice"]
    assert graph.weights[graph.layers[0].inputs[1]].shape == (2, 3, 3, 3)


def test_mean_over_height_and_width_is_a_pool(tmp_path):
    graph = load(build([node("ReduceMean", "x", "y", axes=[2, 3], keepdims=0)], X, ["y"]), tmp_path)
    assert [(layer.op, layer.name) for layer in graph.layers] == [("AvgPool", "y_ReduceMean")]


def gelu_nodes(half, tanh):
    gate = [node("Div", "x root", "d"), node("Erf", "d", "e"), node("Add", "e one", "g")]
    if tanh:
        gate = [
            node("Pow", "x three", "p"),
            node("Mul", "p k", "q"),
            node("Add", "x q", "s"),
            node("Mul", "s t", "u"),
            node("Tanh", "u", "e"),
            node("Add", "one e", "g"),
        ]
    end = {
        "last": [node("Mul", "x g", "m"), node("Mul", "m half", "y")],
        "first": [node("Mul", "half x", "m"), node("Mul", "m g", "y")],
        "gate": [node("Mul", "g half", "m"), node("Mul", "x m", "y")],
    }[half]
    return gate + end


@pytest.mark.parametrize("half", ["last", "first", "gate"])
@pytest.mark.parametrize("tanh", [False, True])
def test_gelu_in_every_spelling(tmp_path, half, tanh):
    weights = {"root": scalar(2**0.5), "one": scalar(1), "half": scalar(0.5), "three": scalar(3),
               "k": scalar(0.044715), "t": scalar(0.7978845608)}  # fmt: skip
    graph = load(build(gelu_nodes(half, tanh), {"x": [2, 30]}, ["y"], weights), tmp_path)
    assert [(layer.op, layer.name) for layer in graph.layers] == [("GELU", "y_GELU")]
    assert graph.layers[0].attributes.approximate == ("tanh" if tanh else "none")


def test_almost_gelu_is_left_alone(tmp_path):
    weights = {"root": scalar(1.5), "one": scalar(1), "half": scalar(0.5)}
    graph = load(build(gelu_nodes("last", False), {"x": [2, 30]}, ["y"], weights), tmp_path)
    assert "GELU" not in ops(graph)


def test_hard_swish_family(tmp_path):
    nodes = [
        node("HardSwish", "x", "a"),
        node("HardSigmoid", "x", "h", alpha=1 / 6, beta=0.5),
        node("Mul", "x h", "bb"),
        node("Add", "x three", "s"),
        node("Clip", "s zero six", "t"),
        node("Mul", "x t", "u"),
        node("Div", "u six", "d"),
        node("Div", "t six", "e"),
        node("HardSigmoid", "x", "f"),
        node("Mul", "f x", "g"),
    ]
    feeds = {"x": floats(1, 3, 8, 8, scale=4)}
    graph = load(build(nodes, X, ["a", "bb", "d", "e", "g"], W), tmp_path, feeds)
    assert ops(graph).count("HardSwish") == 1  # three spellings of one function are one layer
    assert sorted(set(ops(graph))) == ["HardSigmoid", "HardSwish", "Mul"]


def test_silu_takes_the_sigmoid_that_it_alone_reads(tmp_path):
    nodes = [node("Sigmoid", "x", "s"), node("Mul", "x s", "y")]
    assert ops(load(build(nodes, X, ["y"]), tmp_path)) == ["SiLU"]
    assert ops(load(build(nodes, X, ["y", "s"]), tmp_path)) == ["Sigmoid", "Mul"]


@pytest.mark.parametrize("affine", ["", "weight", "both"])
def test_layer_norm_spelt_out(tmp_path, affine):
    nodes = [
        node("ReduceMean", "x", "m", axes=[-1]),
        node("Sub", "x m", "d"),
        node("Pow", "d two", "p"),
        node("ReduceMean", "p", "v", axes=[-1]),
        node("Add", "v eps", "e"),
        node("Sqrt", "e", "r"),
        node("Div", "d r", "q"),
        node("Mul", "q g", "s"),
        node("Add", "s b", "y"),
    ]
    count, out = {"": (7, "q"), "weight": (8, "s"), "both": (9, "y")}[affine]
    weights = {"two": scalar(2), "eps": scalar(1e-5), "g": floats(6), "b": floats(6)}
    graph = load(build(nodes[:count], {"x": [2, 5, 6]}, [out], weights), tmp_path)
    assert [(layer.op, layer.name) for layer in graph.layers] == [("LayerNorm", f"{out}_LayerNormalization")]


def test_matmul_takes_a_vector_as_bias(tmp_path):
    weights = {"w": floats(6, 5), "b": floats(5), "row": floats(4, 1), "v": floats(1, 1, 5)}
    product = node("MatMul", "x w", "p")
    for bias, taken in (("b", True), ("v", True), ("row", False)):
        graph = load(
            build([product, node("Add", f"{bias} p", "y")], {"x": [2, 4, 6]}, ["y"], weights), tmp_path
        )
        assert ops(graph) == (["MatMul"] if taken else ["MatMul", "Scale"])
        assert graph.outputs[0].tensor == "y_Add"
    graph = load(build([product, node("Add", "p b", "y")], {"x": [4, 6]}, ["y"], weights), tmp_path)
    assert graph.outputs[0].tensor == "y_Gemm"  # what the original's simplifier makes of two axes


def test_what_changes_nothing_is_left_out(tmp_path):
    weights = {"one": scalar(1), "zero": scalar(0), "low": scalar(-np.inf)}
    nodes = [
        node("Identity", "x", "a"),
        node("Dropout", "a", "b"),
        node("Cast", "b", "c", to=1),
        node("Mul", "c one", "d"),
        node("Add", "zero d", "e"),
        node("Max", "e low", "f"),
        node("Exp", "f", "y"),
    ]
    assert names(load(build(nodes, X, ["y"], weights), tmp_path)) == ["y_Exp"]


def test_equal_layers_are_one_and_random_ones_are_not(tmp_path):
    nodes = [node("Exp", "x", "a"), node("Exp", "x", "b"), node("Add", "a b", "y")]
    assert names(load(build(nodes, X, ["y"]), tmp_path)) == ["a_Exp", "y_Add"]


def test_sum_is_a_chain_of_additions(tmp_path):
    nodes = [node("Exp", "x", "a"), node("Abs", "x", "b"), node("Sum", "x a b", "y")]
    assert names(load(build(nodes, X, ["y"]), tmp_path)) == ["a_Exp", "b_Abs", "y_Sum_1", "y_Sum"]


UNARY = ("Relu", "Sigmoid", "Exp", "Tanh", "Neg", "Identity", "HardSigmoid", "Softplus")
BINARY = ("Add", "Mul", "Sub", "Max")


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_small_network_computes_what_the_file_does(tmp_path_factory, data):
    """Random graphs over a few tensors, numbers and channel constants: fusions may fire in any combination."""
    tensors, nodes = ["x"], []
    weights = {
        "n": scalar(0.5),
        "m": scalar(6),
        "ch": floats(1, 3, 1, 1),
        "w": floats(3, 3, 1, 1),
        "zero": scalar(0),
    }
    for index in range(data.draw(st.integers(2, 9))):
        kind = data.draw(st.sampled_from(["unary", "binary", "constant", "conv", "clip"]))
        source, name = data.draw(st.sampled_from(tensors[-3:])), f"t{index}"
        if kind == "unary":
            nodes.append(node(data.draw(st.sampled_from(UNARY)), source, name))
        elif kind == "binary":
            nodes.append(
                node(
                    data.draw(st.sampled_from(BINARY)), [source, data.draw(st.sampled_from(tensors))], [name]
                )
            )
        elif kind == "constant":
            sides = data.draw(st.permutations([source, data.draw(st.sampled_from(["n", "m", "ch"]))]))
            nodes.append(node(data.draw(st.sampled_from(BINARY)), sides, [name]))
        elif kind == "clip":
            nodes.append(node("Clip", [source, "zero", "m"], [name]))
        else:
            nodes.append(node("Conv", [source, "w"], [name]))
        tensors.append(name)
    outputs = list(dict.fromkeys([tensors[-1], data.draw(st.sampled_from(tensors[1:]))]))
    load(build(nodes, {"x": [1, 3, 4, 4]}, outputs, weights), tmp_path_factory.mktemp("n"))
