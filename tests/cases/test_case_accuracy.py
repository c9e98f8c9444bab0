"""Masks, the HardSwish family, nearest Resize (cases 33, 35, 37)."""

from fractions import Fraction
from math import ceil, floor
from pathlib import Path

import numpy as np
import pytest
from case_models import Array, Assessed, assert_as_original, assess, floats, model, node, samples, save

import quantdeck as qd

# ------------------------------------------------------------ 33: masks of minus huge

KEYS = 8
SEEN = 5


def _attention(mask: float, form: str) -> tuple[list, dict[str, Array]]:
    """One head that sees the first keys only."""
    weights: dict[str, Array] = {"factor": np.float32(0.4)}
    if form == "where":
        weights |= {"seen": np.arange(KEYS)[None] < SEEN, "mask": np.float32(mask)}
        masking = [node("Where", "seen scaled mask", "masked")]
    else:
        weights["mask"] = np.where(np.arange(KEYS) < SEEN, 0, mask).astype(np.float32)[None]
        masking = [node("Add", "scaled mask", "masked")]
    nodes = [
        node("MatMul", "q k", "raw"),
        node("Mul", "raw factor", "scaled"),
        *masking,
        node("Softmax", "masked", "p"),
        node("MatMul", "p v", "y"),
    ]
    return nodes, weights


SHAPES = {"q": (1, 4, 6), "k": (1, 6, KEYS), "v": (1, KEYS, 3)}


def _attend(mask: float, form: str, folder: Path, modes: dict[str, qd.Mode] | None = None) -> Assessed:
    nodes, weights = _attention(mask, form)
    path = save(model(nodes, SHAPES, ["y", "p"], weights), folder)
    feeds = [
        {name: floats(*shape, seed=10 * index + place) for place, (name, shape) in enumerate(SHAPES.items())}
        for index in range(4)
    ]
    found = assess(path, samples(folder / "samples", feeds), modes=modes)
    assert_as_original(found.graph, path, feeds[0])
    return found


@pytest.mark.parametrize("form", ["add", "where"])
@pytest.mark.parametrize("mask", [-3.4028235e38, -1e30, -np.inf])
def test_33_a_huge_mask_is_no_threshold_and_costs_nothing(mask: float, form: str, tmp_path: Path) -> None:
    found = _attend(mask, form, tmp_path)
    assert all(row.value < 1e4 and row.min > -1e4 for row in found.calibration.thresholds.values())
    assert any("mask values" in warning for warning in found.calibration.warnings)
    assert found.cosine("y") > 0.98
    assert found.outputs()["p"][..., SEEN:].max() <= 1 / 255


@pytest.mark.parametrize("mask", [-1e9, -10000.0])
def test_33_a_mask_that_eats_the_range_is_named_and_the_offered_repair_works(
    mask: float, tmp_path: Path
) -> None:
    found = _attend(mask, "add", tmp_path)
    told = [warning for warning in found.calibration.warnings if "mask" in warning]
    assert len(told) == 1
    assert told[0].startswith("masked_Add")
    assert "F16 or F32 in the quantize table" in told[0]
    repaired = _attend(mask, "add", tmp_path, {"masked_Add": qd.Mode.F32})
    assert repaired.cosine("y") > 0.98
    assert repaired.outputs()["p"][..., SEEN:].max() <= 1 / 255


@pytest.mark.parametrize("mask", [-3.4028235e38, -1e9])
def test_33_all_layers_in_f16_give_no_nan(mask: float, tmp_path: Path) -> None:
    nodes, _ = _attention(mask, "add")
    names = {f"{made.output[0]}_{made.op_type}": qd.Mode.F16 for made in nodes}
    found = _attend(mask, "add", tmp_path, names)
    assert np.isfinite(found.outputs()["y"]).all()
    assert found.cosine("y") > 0.999


def test_33_infinite_bounds_are_no_thresholds(tmp_path: Path) -> None:
    nodes = [node("Max", "x low", "a"), node("Min", "a high", "b"), node("Exp", "b", "y")]
    weights = {"low": np.float32(-np.inf), "high": np.float32(np.inf)}
    path = save(model(nodes, {"x": [2, 9]}, ["y"], weights), tmp_path)
    found = assess(
        path, samples(tmp_path / "samples", [{"x": floats(2, 9, seed=index)} for index in range(3)])
    )
    assert_as_original(found.graph, path, {"x": floats(2, 9, seed=9)})
    assert found.cosine("y") > 0.999
    assert all(np.isfinite(row.value) for row in found.calibration.thresholds.values())


def test_33_an_infinity_that_the_data_makes_is_still_an_error(tmp_path: Path) -> None:
    nodes = [node("Exp", "x", "e"), node("Exp", "e", "y")]
    path = save(model(nodes, {"x": [2, 9]}, ["y"]), tmp_path)
    dataset = samples(tmp_path / "samples", [{"x": np.full((2, 9), 5, np.float32)}])
    with pytest.raises(qd.QuantdeckError, match=r"y_Exp becomes infinite with .*s00\.npz"):
        assess(path, dataset)


# ------------------------------------------------------------ 35: HardSwish and its kin

FORMS = {
    "a": [node("HardSwish", "c", "a")],
    "b": [node("HardSigmoid", "c", "b0", alpha=1 / 6, beta=0.5), node("Mul", "c b0", "b")],
    "d": [
        node("Add", "c three", "d0"),
        node("Clip", "d0 zero six", "d1"),
        node("Mul", "c d1", "d2"),
        node("Div", "d2 six", "d"),
    ],
    "e": [node("HardSigmoid", "c", "e")],
    "f": [node("HardSigmoid", "c", "f", alpha=0.3, beta=0.4)],
    "g": [node("Sigmoid", "c", "g0"), node("Mul", "c g0", "g")],
}


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> tuple[Assessed, Path]:
    folder = tmp_path_factory.mktemp("case35")
    weights = {
        "w": np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1), "three": np.float32(3), "zero": np.float32(0),
        "six": np.float32(6),
    }  # fmt: skip
    nodes = [node("Conv", "x w", "c"), *(made for form in FORMS.values() for made in form)]
    path = save(model(nodes, {"x": [1, 3, 8, 8]}, list(FORMS), weights), folder)
    feeds = [
        {"x": np.random.default_rng(i).uniform(-6, 6, (1, 3, 8, 8)).astype(np.float32)} for i in range(4)
    ]
    return assess(path, samples(folder / "samples", feeds)), path


def test_35_the_three_forms_are_one_op_and_the_others_are_not(family: tuple[Assessed, Path]) -> None:
    found, path = family
    feed = next(found.samples.batches())
    values = assert_as_original(found.graph, path, feed)
    np.testing.assert_allclose(values["b"], values["a"], atol=1e-5)
    np.testing.assert_allclose(values["d"], values["a"], atol=1e-5)
    ops = {o.name: found.graph.by_name[o.tensor].op for o in found.graph.outputs}
    assert ops["a"] == ops["b"] == ops["d"] == "HardSwish"
    assert (ops["e"], ops["f"], ops["g"]) == ("HardSigmoid", "HardSigmoid", "SiLU")


def test_35_int8_is_within_two_steps_and_keeps_the_lobe(family: tuple[Assessed, Path]) -> None:
    found, path = family
    for index, feed in enumerate(found.samples.batches()):
        wanted, got = assert_as_original(found.graph, path, feed), found.outputs(index)
        for output in found.graph.outputs:
            step = found.step(output.tensor)
            # an integer of the quantized input stands for half a step to both sides
            slack = 2 * step + found.step("c_Conv") / 2 * 1.1
            assert np.abs(got[output.name] - wanted[output.name]).max() <= slack
            if output.name in "abd":
                assert got[output.name].max() > 4
                assert got[output.name].min() == pytest.approx(-0.375, abs=step)
            if output.name in "ef":
                row = found.calibration.thresholds[output.tensor]
                assert row.value <= 1
                assert found.program.types[output.tensor].storage == "uint8"


# ------------------------------------------------------------ 37: nearest Resize at the tie

COORDINATES = ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
ROUNDINGS = ("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")


def _source(index: int, old: int, new: int, coordinate: str, rounding: str) -> int:
    """The source pixel in exact fractions."""
    if coordinate == "align_corners":
        place = Fraction(index * (old - 1), new - 1)
    elif coordinate == "asymmetric":
        place = Fraction(index * old, new)
    else:
        place = (index + Fraction(1, 2)) * Fraction(old, new) - Fraction(1, 2)
    half = Fraction(1, 2)
    pixel = {
        "floor": lambda: floor(place),
        "ceil": lambda: ceil(place),
        "round_prefer_floor": lambda: ceil(place - half),
        "round_prefer_ceil": lambda: floor(place + half),
    }[rounding]()
    return min(max(pixel, 0), old - 1)


@pytest.mark.parametrize("opset", [11, 13, 19])
@pytest.mark.parametrize(("old", "new"), [(20, 6), (5, 12), (7, 14), (8, 2)])
def test_37_every_rule_picks_the_exact_pixel_also_in_int8(
    old: int, new: int, opset: int, tmp_path: Path
) -> None:
    nodes, outputs = [], []
    for coordinate in COORDINATES:
        for rounding in ROUNDINGS:
            name = f"{coordinate}-{rounding}"
            rules = {"coordinate_transformation_mode": coordinate, "nearest_mode": rounding}
            nodes.append(node("Resize", "x roi none sizes", name, mode="nearest", **rules))
            outputs.append(name)
    empty = np.zeros(0, np.float32)
    weights = {"roi": empty, "none": empty, "sizes": np.array([1, 2, 1, new], np.int64)}
    path = save(model(nodes, {"x": [1, 2, 1, old]}, outputs, weights, opset=opset), tmp_path)
    numbers = np.arange(2 * old, dtype=np.float32).reshape(1, 2, 1, old)
    found = assess(path, samples(tmp_path / "samples", [{"x": numbers}]))
    values = assert_as_original(found.graph, path, {"x": numbers})
    step = found.calibration.thresholds["x"].value / 127
    for name, value in values.items():
        coordinate, rounding = name.split("-")
        wanted = [_source(index, old, new, coordinate, rounding) for index in range(new)]
        np.testing.assert_array_equal(value[0, 0, 0], wanted)
        np.testing.assert_array_equal(value[0, 1, 0], np.array(wanted) + old)
        got = found.outputs()[name]
        assert np.abs(got - value).max() <= step / 2 + 1e-3
        np.testing.assert_array_equal(np.rint(got[0, 0, 0]), wanted)
