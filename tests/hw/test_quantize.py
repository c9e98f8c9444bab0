"""Multipliers, shifts and quantized weights (spec C.1.2, C.3)."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quantdeck.engine.hw.quantize import (
    LIMIT_8BIT,
    LIMIT_32BIT,
    logarithmic_shift,
    quantize_columns,
    quantize_constant,
    quantize_rows,
    round_half_away,
    scale_shift,
    scale_shift_8bit,
    scale_shift_positive,
)

scales = st.floats(1e-9, 1e6, allow_nan=False)


def plain_scale_shift(scale: float, limit: int, lowest: int) -> tuple[int, int]:
    """The rule as spec C.1.2 words it: one shift after the other, the first strictly better one stays."""
    scale = float(np.float32(scale))
    best, kept = math.inf, 0
    for shift in range(lowest, 31):
        multiplier = int(round_half_away(scale * 2.0**shift))
        multiplier = multiplier if abs(multiplier) < 2**31 else -(2**31)
        error = float(np.float32(abs(multiplier / 2.0**shift - scale)))
        if error < best and abs(multiplier) < limit:
            best, kept = error, shift
    return int(round_half_away(scale * 2.0**kept)), kept


@settings(max_examples=150)
@given(scales, st.sampled_from([(LIMIT_8BIT, -32), (LIMIT_8BIT, 0), (LIMIT_32BIT, -32)]))
def test_multiplier_and_shift_are_those_of_the_plain_search(scale: float, form: tuple[int, int]) -> None:
    limit, lowest = form
    multiplier, shift = scale_shift(scale, limit, lowest)
    if scale < 100:
        assert (int(multiplier), int(shift)) == plain_scale_shift(scale, limit, lowest)


@given(st.floats(2**-6, 100))
def test_the_32_bit_form_is_exact_above_a_64th(scale: float) -> None:
    multiplier, shift = scale_shift(scale)
    assert int(multiplier) / 2.0 ** int(shift) == float(np.float32(scale))


def test_vectors_are_elementwise() -> None:
    values = np.array([0.0, 1e-4, 0.37, 1.0, -0.6, 90.0])
    multipliers, shifts = scale_shift(values, LIMIT_8BIT)
    assert [(int(m), int(n)) for m, n in zip(multipliers, shifts, strict=True)] == [
        scale_shift_8bit(float(value)) for value in values
    ]


def test_golden_multipliers() -> None:
    # Printed in the original's lowered networks: Add of mini_conv, LeakyRelu 0.1, Mul by 0.355.
    assert scale_shift_positive(0.035771794488188971 / 0.065547996062992123) == (35, 6)
    assert scale_shift_positive(0.03470956 / 0.065547996062992123) == (17, 5)
    assert scale_shift_8bit(0.10000000149011612) == (51, 9)
    assert scale_shift_8bit(-1.0) == (-1, 0)


def test_huge_and_tiny_scales_stay_in_int32() -> None:
    for scale in (1e30, 1e-30, 0.0):
        multiplier, shift = scale_shift(scale, LIMIT_8BIT)
        assert abs(int(multiplier)) < 2**31
        assert -32 <= int(shift) <= 30


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_weights_come_back_within_half_a_step(seed: int, with_bias: bool) -> None:
    random = np.random.default_rng(seed)
    weight = random.normal(0, 1, (5, 3, 2, 2)).astype(np.float32)
    bias = random.normal(0, 1, 5).astype(np.float32) if with_bias else None
    product = quantize_rows(weight, bias, 0.02, 0.05)
    steps = np.abs(weight).reshape(5, -1).max(axis=1) / 127
    error = np.abs(product.weight * steps[:, None, None, None] - weight)
    assert (error <= steps[:, None, None, None] * 0.5001).all()
    ratios = product.multiplier / 2.0**product.shift
    np.testing.assert_allclose(ratios, steps * 0.02 / 0.05, rtol=1e-6)
    if bias is not None and product.bias is not None:
        np.testing.assert_allclose(product.bias * steps * 0.02, bias, atol=steps.max() * 0.02)


def test_weights_without_negative_value_and_bias_are_unsigned() -> None:
    weight = np.array([[0.0, 0.3], [1.1, 0.2]], np.float32)
    assert quantize_rows(weight, None, 0.1, 0.1).weight.dtype == np.uint8
    assert quantize_rows(weight, np.zeros(2, np.float32), 0.1, 0.1).weight.dtype == np.int8


def test_weights_on_a_grid_of_a_power_of_two_are_kept() -> None:
    weight = np.array([[0.25, -0.75], [12.5, 0.0]], np.float32)
    product = quantize_rows(weight, None, 0.1, 0.1)
    assert product.weight.tolist() == [[1, -3], [50, 0]]
    assert (product.multiplier / 2.0**product.shift).tolist() == [0.25, 0.25]


def test_an_all_zero_input_takes_its_scale_from_the_bias() -> None:
    weight = np.array([[1.1, -2.0]], np.float32)
    product = quantize_rows(weight, np.array([1.27], np.float32), 1e-9, 0.1)
    assert product.bias is not None
    assert np.isclose(product.bias[0] * (2 / 127) * 0.01, 1.27, rtol=1e-3)


def test_blocks_of_columns_have_scales_of_their_own() -> None:
    weight = np.array([[1.0, -2.0, 100.0, 50.0], [0.5, 1.5, -25.0, 75.0]], np.float32)
    whole = quantize_columns(weight, None, 0.1, 0.1)
    split = quantize_columns(weight, np.zeros(4, np.float32), 0.1, 0.1, groups=2)
    assert abs(whole.weight[:, :2]).max() <= 3
    assert abs(split.weight[:, :2]).max() == 127
    assert split.multiplier.shape == split.shift.shape == split.bias.shape == (4,)  # type: ignore[union-attr]


@pytest.mark.parametrize("values", [np.zeros((2, 2), np.float32), np.float32(-3.0), np.array([], np.float32)])
def test_constants_of_any_shape(values: np.ndarray) -> None:
    integers, scale = quantize_constant(np.asarray(values))
    assert integers.shape == np.shape(values)
    assert scale > 0


def test_logarithmic_shift() -> None:
    assert [logarithmic_shift(value) for value in (0.25, 1.0, 127.0, 500.0, 0.0)] == [8, 6, 0, 0, 31]
