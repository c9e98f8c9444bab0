"""Which layers become integers, and that none of them crashes, whatever its shape."""

from collections.abc import Mapping

import numpy as np
import pytest
from built_graphs import Array, Build, float_values, plan_of
from odd_layers import CASES
from quantdeck.engine.graph import vocabulary as v
from quantdeck.engine.graph.model import Graph
from quantdeck.engine.hw.chip import get_chip
from quantdeck.engine.plan import Mode, Plan, Threshold
from quantdeck.engine.run.backend import TWINS
from quantdeck.engine.run.executor import Executor

STAY_FLOAT = {
    "Clip": "F16", "LayerNorm": "F16", "Interp": "F16", "Reduce": "F16", "Div": "F32", "InstanceNorm": "F32",
    "LRN": "F32", "Softsign": "F32", "Pow": "F32", "Where": "F32", "Compare": "F32",
}  # fmt: skip


def cosine(a: Array, b: Array) -> float:
    x, y = a.astype(float).ravel(), b.astype(float).ravel()
    norm = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(x @ y) / norm if norm else float((x == y).all())


def check(graph: Graph, plan: Plan, feeds: Mapping[str, Array], values: Mapping[str, Array]) -> Executor:
    """Run on both backends; every tensor has its shape, and every layer runs alone."""
    program = get_chip(plan.chip).lower(graph, plan)
    executor, twin = Executor(graph, program), Executor(graph, program, backend=TWINS)
    names = [layer.name for layer in graph.layers]
    got, wanted = executor.run_raw(feeds, names), twin.run_raw(feeds, names)
    for layer in graph.layers:
        assert got[layer.name].shape == graph.tensors[layer.name].shape
        np.testing.assert_array_equal(got[layer.name], wanted[layer.name])
        local = executor.local(layer.name, {name: values[name] for name in graph.activations(layer)})
        assert local[layer.name].shape == graph.tensors[layer.name].shape
    return executor


@pytest.mark.parametrize("name", CASES)
def test_every_layer_comes_close_to_float(name: str) -> None:
    build = CASES[name]()
    graph, feeds = build.graph(), build.feeds()
    values = float_values(graph, feeds)
    executor = check(graph, plan_of(graph, values), feeds, values)
    output = graph.output_tensors[0]
    assert cosine(values[output], executor.run(feeds)[output]) > 0.98
    for layer in graph.layers:
        if layer.op in STAY_FLOAT:
            assert executor.program.modes[layer.name] == STAY_FLOAT[layer.op]


def broken(plan: Plan, how: str, graph: Graph) -> Plan:
    rows = dict(plan.thresholds)
    if how == "dead output":
        rows[graph.layers[-1].name] = Threshold(0.0, 0.0, 0.0)
    elif how == "input without a row":
        rows.pop(graph.inputs[0])
    elif how == "tiny":
        rows = {name: Threshold(1e-10, row.min, row.max) for name, row in rows.items()}
    elif how == "huge":
        rows = {name: Threshold(1e30, row.min, row.max) for name, row in rows.items()}
    else:
        return plan.with_modes({layer.name: Mode(how) for layer in graph.layers})
    return Plan(plan.chip, plan.fp_type, rows)


@pytest.mark.parametrize("how", ["dead output", "input without a row", "tiny", "huge", "F16", "BF16", "F32"])
def test_no_plan_breaks_a_layer(how: str) -> None:
    for make in CASES.values():
        build = make()
        graph, feeds = build.graph(), build.feeds()
        values = float_values(graph, feeds)
        executor = check(graph, broken(plan_of(graph, values), how, graph), feeds, values)
        if how == "F32":
            output = graph.output_tensors[0]
            np.testing.assert_allclose(executor.run(feeds)[output], values[output], rtol=1e-5, atol=1e-6)


def test_an_add_const_that_changes_nothing_leaves_its_scale_to_the_consumer() -> None:
    build = Build()
    x = build.input("x", (1, 2, 3, 3))
    build.layer(v.AddConst(const_val=1e-6), [x], (1, 2, 3, 3), name="a")
    build.layer(v.Conv(), ["a", build.weight((2, 2, 1, 1))], (1, 2, 3, 3), name="c")
    rows = {"x": Threshold(1.0, -1, 1), "a": Threshold(1.001, -1, 1), "c": Threshold(2.0, -2, 2)}
    program = get_chip("bm1684x").lower(build.graph(), Plan("bm1684x", "F16", rows))
    copy, conv = program.steps[-2:]
    assert (copy.kernel, conv.kernel) == ("copy", "conv")
    weight = np.abs(build.weights["w0"]).reshape(2, -1).max(axis=1) / np.float32(127)
    requant = conv.parameters["requant"]
    np.testing.assert_allclose(
        requant.multiplier / 2.0**requant.shift, weight * (1.001 / 127) / (2.0 / 127), rtol=2e-6
    )


def test_casts_are_shared_and_stand_where_types_change() -> None:
    build = Build()
    x = build.input("x", (1, 2, 3, 3))
    build.layer(v.Tanh(), [x], (1, 2, 3, 3), name="t")
    build.layer(v.Clip(min=-0.5, max=0.5), ["t"], (1, 2, 3, 3), name="c")
    build.layer(v.Clip(min=-0.2, max=0.5), ["t"], (1, 2, 3, 3), name="d")
    build.layer(v.Add(), ["c", "d"], (1, 2, 3, 3), name="s")
    graph, feeds = build.graph(), build.feeds()
    program = get_chip("bm1684x").lower(graph, plan_of(graph, float_values(graph, feeds)))
    assert [step.kernel for step in program.steps] == [
        "quantize", "lookup", "dequantize", "float", "float", "quantize", "quantize", "add",
    ]  # fmt: skip
    assert [step.parameters["via"] for step in program.steps if step.kernel == "quantize"] == [
        "F32",
        "F16",
        "F16",
    ]


def attention(build: Build, *, shared: bool = True) -> Graph:
    """Two heads of four on three tokens."""
    x = build.input("x", (1, 3, 8))
    x = build.layer(v.Tanh(), [x], (1, 3, 8), name="tanh")
    parts: dict[str, str] = {}
    for name, order, shape in [
        ("q", (0, 2, 1, 3), (1, 2, 3, 4)), ("k", (0, 2, 3, 1), (1, 2, 4, 3)),
        ("v", (0, 2, 1, 3), (1, 2, 3, 4)),
    ]:  # fmt: skip
        product = build.layer(v.MatMul(), [x, build.weight((8, 8)), build.weight((8,))], (1, 3, 8), name=name)
        heads = build.layer(v.Reshape((1, 3, 2, 4)), [product], (1, 3, 2, 4))
        parts[name] = build.layer(v.Permute(order), [heads], shape)
    scores = build.layer(v.MatMul(), [parts["q"], parts["k"]], (1, 2, 3, 3), name="scores")
    scores = build.layer(v.MulConst(const_val=0.5), [scores], (1, 2, 3, 3))
    weights = build.layer(v.Softmax(axis=3), [scores], (1, 2, 3, 3), name="softmax")
    mixed = build.layer(v.MatMul(), [weights, parts["v"]], (1, 2, 3, 4))
    mixed = build.layer(v.Permute((0, 2, 1, 3)), [mixed], (1, 3, 2, 4))
    mixed = build.layer(v.Reshape((1, 3, 8)), [mixed], (1, 3, 8))
    build.layer(v.MatMul(), [mixed, build.weight((8, 8)), build.weight((8,))], (1, 3, 8), name="out")
    return build.graph(["out"] if shared else ["out", "softmax"])


@pytest.mark.parametrize(
    ("chip", "modes", "shared", "fused"),
    [
        ("bm1684x", {}, True, True),
        ("bm1688", {}, True, False),
        ("bm1684x", {"scores": Mode.F16}, True, False),
        ("bm1684x", {}, False, False),
    ],
)
def test_attention_is_fused_on_bm1684x_only(
    chip: str, modes: dict[str, Mode], shared: bool, fused: bool
) -> None:
    build = Build()
    graph, feeds = attention(build, shared=shared), build.feeds()
    values = float_values(graph, feeds)
    executor = check(graph, plan_of(graph, values, chip, modes=modes), feeds, values)
    assert executor.program.modes["softmax"] == ("INT8" if fused else "F16")
    step = next(step for step in executor.program.steps if step.outputs == ("q",))
    assert len(step.parameters["requant"].multiplier) == (8 if fused else 1)
    assert cosine(values["out"], executor.run(feeds)["out"]) > 0.98


def test_a_product_sliced_into_three_has_three_weight_scales() -> None:
    build = Build()
    x = build.input("x", (1, 3, 8))
    product = build.layer(v.MatMul(), [x, build.weight((8, 12))], (1, 3, 12), name="qkv")
    parts = build.layer(v.Reshape((1, 3, 3, 4)), [product], (1, 3, 3, 4))
    for i in range(3):
        build.layer(v.Slice((0, 0, i, 0), (1, 3, i + 1, 4), (1,) * 4), [parts], (1, 3, 1, 4), name=f"s{i}")
    outputs = ["s0", "s1", "s2"]
    feeds = build.feeds()
    values = float_values(build.graph(outputs), feeds)
    for names, scales in ((outputs, 12), (["qkv", *outputs], 1)):
        graph = build.graph(names)
        program = get_chip("bm1684x").lower(graph, plan_of(graph, values))
        step = next(step for step in program.steps if step.outputs == ("qkv",))
        assert len(step.parameters["requant"].multiplier) == scales


def test_reshape_stays_float_behind_a_float_layer() -> None:
    build = Build()
    x = build.input("x", (2, 8))
    build.layer(v.LayerNorm(axis=1), [x, build.weight((8,))], (2, 8), name="n")
    build.layer(v.Reshape((4, 4)), ["n"], (4, 4), name="r")
    build.layer(v.Permute((1, 0)), ["r"], (4, 4), name="p")
    graph, feeds = build.graph(["p", "r"]), build.feeds()
    values = float_values(graph, feeds)
    executor = check(graph, plan_of(graph, values), feeds, values)
    assert executor.program.modes == {"n": "F16", "r": "F16", "p": "INT8"}
    got = executor.run_raw(feeds, ["n", "r"])
    np.testing.assert_array_equal(got["n"].reshape(4, 4), got["r"])
