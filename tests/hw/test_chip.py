"""Profiles of the chips (spec B.18)."""

import pytest
from built_graphs import Build, float_values, plan_of
from quantdeck.engine.errors import QuantdeckError
from quantdeck.engine.graph import vocabulary as v
from quantdeck.engine.hw.chip import CHIPS, get_chip, resolve_fp_type
from quantdeck.engine.plan import Mode, Plan

AUTO = {
    "bm1684x": "F16", "bm1688": "F16", "cv186x": "F16", "bm1690": "F16", "bm1684": "F32",
    "cv183x": "BF16", "cv182x": "BF16", "cv181x": "BF16", "cv180x": "BF16",
    "mars3": "BF16",
}  # fmt: skip


def test_the_nine_chips_and_what_auto_means() -> None:
    assert {name: resolve_fp_type(name, "auto") for name in CHIPS} == AUTO


@pytest.mark.parametrize(
    ("chip", "text", "wanted"),
    [
        ("bm1684x", "f32", "F32"),
        ("BM1688", "F16", "F16"),
        ("bm1684", "F32", "F32"),
        ("cv181x", "BF16", "BF16"),
    ],
)
def test_explicit_types(chip: str, text: str, wanted: str) -> None:
    assert resolve_fp_type(chip, text) == wanted


@pytest.mark.parametrize(
    ("chip", "text"), [("bm1684x", "BF16"), ("bm1684", "F16"), ("cv181x", "F32"), ("cv183x", "\x1b[31mF16")]
)
def test_a_type_that_the_chip_lacks(chip: str, text: str) -> None:
    with pytest.raises(QuantdeckError, match=f"--fp_type .*not supported by {chip}; give auto or ") as caught:
        resolve_fp_type(chip, text)
    assert "\x1b" not in str(caught.value)


def test_an_unknown_chip_is_named() -> None:
    with pytest.raises(QuantdeckError, match=r"--chip nope.*bm1684x"):
        get_chip("nope")


def tanh_plan(chip: str, **modes: Mode) -> tuple[Build, Plan]:
    build = Build()
    build.layer(v.Tanh(), [build.input("x", (2, 3))], (2, 3), name="t")
    graph = build.graph()
    return build, plan_of(graph, float_values(graph, build.feeds()), chip, modes=modes)


@pytest.mark.parametrize(("chip", "mode"), [("bm1684", Mode.F16), ("cv181x", Mode.F32), ("cv180x", Mode.F16)])
def test_modes_that_a_chip_lacks_are_refused(chip: str, mode: Mode) -> None:
    build, plan = tanh_plan(chip, t=mode)
    with pytest.raises(QuantdeckError, match=f"layer t: {chip} has no {mode}"):
        get_chip(chip).lower(build.graph(), plan)


@pytest.mark.parametrize("chip", CHIPS)
def test_chips_lower_or_say_which_do(chip: str) -> None:
    build, plan = tanh_plan(chip)
    if AUTO[chip] == "F16":
        assert get_chip(chip).lower(build.graph(), plan).modes == {"t": "INT8"}
    else:
        with pytest.raises(QuantdeckError, match=f"--chip {chip}.*bm1684x"):
            get_chip(chip).lower(build.graph(), plan)
