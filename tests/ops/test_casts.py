import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ops_arrays import byte_types, check, float_arrays, integer_arrays, quick
from quantdeck.engine.ops_c import kernels, reference

vias = st.sampled_from(["F32", "F16", "BF16", "BF16_TRUNCATED"])
roundings = st.sampled_from(["half_away", "half_even", "half_up"])
scales = st.one_of(
    st.floats(2.0**-20, 2.0**20, width=32),
    st.sampled_from([1.0, 2.0, 0.5, 127.0, 1e-30, 1e30, 0.0, 70000.0]),
)
# every upper half of a float32, with the lower bits that decide a rounding to 10 or 7 bits
PATTERNS = (
    (np.arange(1 << 16, dtype=np.uint32) << 16)[:, None]
    | np.array([0, 1, 0x0FFF, 0x1000, 0x1001, 0x2FFF, 0x3000, 0x7FFF, 0x8000, 0x8001, 0xFFFF], np.uint32)
).view(np.float32)


@quick
@given(float_arrays(), scales, byte_types, roundings, vias)
def test_quantize(x, factor, out, rounding, via):
    check(kernels.quantize, reference.quantize, x, factor, out, rounding, via)


@quick
@given(st.one_of(integer_arrays(), integer_arrays(dtype=np.int32)), scales, vias)
def test_dequantize(x, scale, via):
    check(kernels.dequantize, reference.dequantize, x, scale, via)


def _nan_is_nan(got, wanted):
    return np.array_equal(got, wanted, equal_nan=True) and np.array_equal(np.signbit(got), np.signbit(wanted))


@pytest.mark.parametrize("via", ["F32", "F16", "BF16", "BF16_TRUNCATED"])
def test_round_float_on_every_exponent(via):
    wanted = reference.round_float(PATTERNS, via)
    before = kernels.level()
    for level in kernels.levels():
        kernels.use_level(level)
        assert _nan_is_nan(kernels.round_float(PATTERNS, via), wanted)
    kernels.use_level(before)


@pytest.mark.parametrize("via", ["F32", "F16", "BF16", "BF16_TRUNCATED"])
@pytest.mark.parametrize("out", [np.int8, np.uint8])
def test_quantize_every_exponent(via, out):
    check(kernels.quantize, reference.quantize, PATTERNS, 3.0, out, "half_away", via)


def test_roundings_at_ties():
    x = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49999997, -0.49999997], np.float32)
    assert kernels.quantize(x, 1.0).tolist() == [-3, -2, -1, 1, 2, 3, 0, 0]
    assert kernels.quantize(x, 1.0, rounding="half_even").tolist() == [-2, -2, 0, 0, 2, 2, 0, 0]
    assert kernels.quantize(x[:6], 1.0, rounding="half_up").tolist() == [-2, -1, 0, 1, 2, 3]


def test_ends_and_what_is_no_number():
    x = np.array([np.nan, np.inf, -np.inf, 127.49, 127.5, -128.5, 1e38], np.float32)
    assert kernels.quantize(x, 1.0).tolist() == [-128, 127, -128, 127, 127, -128, 127]
    assert kernels.quantize(x, 1.0, np.uint8).tolist() == [0, 255, 0, 127, 128, 0, 255]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: kernels.quantize(x.astype(np.float64), 1.0), "x"),
        (lambda x: kernels.quantize(x, 1.0, np.int16), "out_dtype"),
        (lambda x: kernels.quantize(x, 1.0, via="F8"), "via"),
        (lambda x: kernels.quantize(x, 1.0, rounding="up"), "rounding"),
        (lambda x: kernels.dequantize(x, 1.0), "x"),
        (lambda x: kernels.round_float(x, "F8"), "via"),
    ],
)
def test_wrong_arguments_are_named(call, name):
    with pytest.raises(ValueError, match=name):
        call(np.zeros(3, np.float32))
