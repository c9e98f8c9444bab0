"""Sharing of thresholds (spec C.2)."""

from collections.abc import Mapping

import pytest
from built_graphs import Build
from quantdeck.engine.graph import vocabulary as v
from quantdeck.engine.hw.propagate import shared_ranges
from quantdeck.engine.plan import Threshold

SHAPE = (1, 2, 4, 4)


def ranges(build: Build, rows: Mapping[str, tuple[float, float]], family: str = "X") -> Mapping[str, object]:
    """rows: name to (threshold, min)."""
    thresholds = {name: Threshold(value, low, value) for name, (value, low) in rows.items()}
    return shared_ranges(build.graph(), thresholds, family)


def test_sign_comes_from_the_observed_minimum() -> None:
    build = Build()
    build.layer(v.MulConst(), [build.input("x", SHAPE)], SHAPE, name="y")
    assert ranges(build, {"x": (2.0, -0.0)})["x"] == (0.0, 2.0)
    assert ranges(build, {"x": (2.0, -1e-9)})["x"] == (-2.0, 2.0)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_threshold_without_meaning_leaves_the_tensor_uncalibrated(value: float) -> None:
    build = Build()
    build.layer(v.Tanh(), [build.input("x", SHAPE)], SHAPE, name="y")
    assert "y" not in ranges(build, {"x": (1.0, -1.0), "y": (value, -1.0)})


def test_ops_with_a_range_of_their_own() -> None:
    build = Build()
    x = build.input("x", SHAPE)
    for attributes in (v.Sigmoid(), v.Sigmoid(log=True), v.Abs(), v.Conv(do_relu=True), v.Sub()):
        build.layer(attributes, [x, x], SHAPE, name=attributes.op + str(getattr(attributes, "log", "")))
    found = ranges(build, {"x": (3.0, -3.0)} | {layer.name: (5.0, -4.0) for layer in build.layers})
    assert found["SigmoidFalse"] == (0.0, 1.0)
    assert found["SigmoidTrue"] == (-5.0, 5.0)
    assert found["Conv"] == (0.0, 5.0)
    assert found["Sub"] == (-5.0, 5.0)
    assert found["Abs"] == (-3.0, 3.0)  # forwarded


def test_concat_gives_its_range_to_inputs_that_nobody_else_reads() -> None:
    build = Build()
    x = build.input("x", SHAPE)
    for name in ("a", "b"):
        build.layer(v.Tanh(), [x], SHAPE, name=name)
    build.layer(v.Concat(axis=1), ["a", "b"], (1, 4, 4, 4), name="cat")
    rows = {"x": (1.0, -1.0), "a": (2.0, -2.0), "b": (3.0, -3.0), "cat": (2.5, -2.5)}
    assert {name: ranges(build, rows)[name] for name in ("a", "b")} == {"a": (-2.5, 2.5), "b": (-2.5, 2.5)}
    build.layer(v.Tanh(), ["a"], SHAPE, name="other")
    assert ranges(build, rows)["a"] == (-2.0, 2.0)


def test_concat_of_mixed_signs_is_left_alone() -> None:
    build = Build()
    x = build.input("x", SHAPE)
    build.layer(v.Tanh(), [x], SHAPE, name="a")
    build.layer(v.Exp(), [x], SHAPE, name="b")
    build.layer(v.Concat(axis=1), ["a", "b"], (1, 4, 4, 4), name="cat")
    found = ranges(build, {"x": (1.0, -1.0), "a": (2.0, -2.0), "b": (3.0, 0.0), "cat": (2.5, -2.5)})
    assert found["a"] == (-2.0, 2.0)
    assert found["b"] == (0.0, 3.0)


def test_an_output_of_the_network_counts_as_a_use() -> None:
    build = Build()
    x = build.input("x", SHAPE)
    build.layer(v.Tanh(), [x], SHAPE, name="a")
    build.layer(v.Relu(), ["a"], SHAPE, name="r")
    rows = {name: Threshold(value, -value, value) for name, value in {"x": 1.0, "a": 4.0, "r": 2.0}.items()}
    assert shared_ranges(build.graph(["r"]), rows, "X")["a"] == (-2.0, 2.0)
    assert shared_ranges(build.graph(["r", "a"]), rows, "X")["a"] == (-4.0, 4.0)


@pytest.mark.parametrize(("family", "leaky", "kept"), [("X", 5.0, 5.0), ("X", 1.0, 3.0), ("V", 1.0, 1.0)])
def test_leaky_relu_and_its_input(family: str, leaky: float, kept: float) -> None:
    build = Build()
    build.layer(v.Tanh(), [build.input("x", SHAPE)], SHAPE, name="a")
    build.layer(v.LeakyRelu(), ["a"], SHAPE, name="l")
    found = ranges(build, {"x": (1.0, -1.0), "a": (3.0, -3.0), "l": (leaky, -leaky)}, family)
    assert found["l"] == found["a"] == (-kept, kept)


@pytest.mark.parametrize(("factor", "wanted"), [(2.0, (0.0, 6.0)), (-2.0, (-6.0, 0.0)), (0.0, (0.0, 3.0))])
def test_a_constant_factor_scales_the_range(factor: float, wanted: tuple[float, float]) -> None:
    build = Build()
    build.layer(v.MulConst(const_val=factor), [build.input("x", SHAPE)], SHAPE, name="m")
    assert ranges(build, {"x": (3.0, 0.0), "m": (7.0, -7.0)})["m"] == wanted


def test_pools_keep_the_sign_of_their_input() -> None:
    build = Build()
    pool = v.AvgPool(kernel_shape=(2, 2), strides=(2, 2))
    build.layer(pool, [build.input("x", SHAPE)], (1, 2, 2, 2), name="p")
    assert ranges(build, {"x": (3.0, -3.0), "p": (2.0, 0.0)})["p"] == (-0.2, 2.0)
    assert ranges(build, {"x": (3.0, 0.0), "p": (2.0, -1.0)})["p"] == (0.0, 2.0)


def test_products_of_signed_operands_are_signed() -> None:
    build = Build()
    x, y = build.input("x", SHAPE), build.input("y", SHAPE)
    build.layer(v.Mul(), [x, y], SHAPE, name="m")
    assert ranges(build, {"x": (1.0, -1.0), "y": (1.0, -1.0), "m": (2.0, 0.0)})["m"] == (-0.2, 2.0)
    assert ranges(build, {"x": (1.0, 0.0), "y": (1.0, -1.0), "m": (2.0, 0.0)})["m"] == (0.0, 2.0)


def test_v_is_always_symmetric() -> None:
    build = Build()
    build.layer(v.Exp(), [build.input("x", SHAPE)], SHAPE, name="e")
    assert ranges(build, {"x": (1.0, -1.0), "e": (3.0, 0.0)}, "V")["e"] == (-3.0, 3.0)
