import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ops_arrays import check, float_arrays, quick
from quantdeck.engine.ops_c import kernels, reference

bounds = st.one_of(st.floats(0, 4, width=32), st.sampled_from([0.0, 0.1, 1e-3, np.inf]))


@quick
@given(float_arrays())
def test_moments(x):
    check(kernels.moments, reference.moments, x)


@quick
@given(float_arrays(), st.floats(0, 2), st.sampled_from([1, 2, 128, 2048, 4738, 20000]))
def test_histogram(x, width, bins):
    check(kernels.histogram, reference.histogram, x, width, bins)
    top = float(np.abs(x[np.isfinite(x)]).max(initial=0))
    if bins > 1 and top < 1e30:
        check(kernels.histogram, reference.histogram, x, top / (bins - 1), bins)


@quick
@given(
    float_arrays(), st.floats(-5, 5, width=32), st.floats(0, 9, width=32), st.sampled_from([1, 256, 20000])
)
def test_signed_histogram(x, low, span, bins):
    check(kernels.signed_histogram, reference.signed_histogram, x, low, low + span, bins)


@quick
@given(float_arrays(), bounds)
def test_octav_step(x, s):
    check(kernels.octav_step, reference.octav_step, x, s)


@quick
@given(float_arrays(), bounds, st.booleans())
def test_above_and_below(x, bound, absolute):
    check(kernels.above, reference.above, x, bound, absolute=absolute)
    check(kernels.below, reference.below, x, -bound)


@quick
@given(float_arrays(special=False), st.integers(0, 2**32))
def test_similarity(x, seed):
    noise = np.random.default_rng(seed).standard_normal(x.shape).astype(np.float32)
    check(kernels.similarity, reference.similarity, x, x + noise)
    check(kernels.similarity, reference.similarity, x, np.zeros_like(x))


def test_large_tensors_pass_the_inner_counters():
    x = np.zeros((1 << 24) + 40, np.float32)
    x[-3:] = [1, -2, np.nan]
    got = kernels.moments(x)
    assert (got.zeros, got.nans, got.infs, got.min, got.max) == (x.size - 3, 1, 0, -2.0, 1.0)
    assert (got.sum, got.sum_abs, got.sum_sq) == (-1.0, 3.0, 5.0)
    assert kernels.octav_step(x, -1.0)[1] == x.size - 1
    assert kernels.histogram(x, 1.0, 4).tolist() == [0, 1, 1, 0]


def test_histogram_agrees_with_numpy_up_to_2048_bins():
    x = np.random.default_rng(5).standard_normal(40_000).astype(np.float32)
    x[::2] = 0
    bins, a = 2048, np.abs(x)
    width = float(a.max()) / (bins - 1)
    k = np.floor(a[a != 0] / np.float32(width) + np.float32(0.5))
    wanted, _ = np.histogram(k, bins=bins, range=(0, bins - 1))
    assert np.array_equal(kernels.histogram(x, width, bins), wanted)
    assert wanted.sum() == 20_000


def test_order_of_memory_changes_no_sum():
    x = np.random.default_rng(6).standard_normal((3, 17, 9, 5)).astype(np.float32)
    last = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    assert kernels.moments(x) == kernels.moments(last)
    assert kernels.similarity(x, last) == kernels.similarity(last, x)


def test_signed_histogram_over_the_smallest_range():
    x = np.array([0, 1e-45, 3e-45, 1.0], np.float32)
    check(kernels.signed_histogram, reference.signed_histogram, x, 0.0, 3e-45, 256)
    assert kernels.signed_histogram(x, 0.0, 0.0, 4).tolist() == [1, 0, 0, 0]


def test_empty_tensors():
    x = np.zeros(0, np.float32)
    got = kernels.moments(x)
    assert (got.min, got.max, got.sum, got.zeros) == (np.inf, -np.inf, 0.0, 0)
    assert kernels.histogram(x, 1.0, 3).tolist() == [0, 0, 0]
    assert kernels.above(x, 0.0).size == 0
    assert kernels.similarity(x, x) == (0.0,) * 5


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: kernels.moments(x.astype(np.float64)), "x"),
        (lambda x: kernels.histogram(x, -1.0, 3), "width"),
        (lambda x: kernels.histogram(x, np.nan, 3), "width"),
        (lambda x: kernels.histogram(x, 1.0, 0), "bins"),
        (lambda x: kernels.histogram(x, 1.0, 2**24), "bins"),
        (lambda x: kernels.signed_histogram(x, 1.0, 0.0, 3), "lo"),
        (lambda x: kernels.signed_histogram(x, np.nan, 0.0, 3), "lo"),
        (lambda x: kernels.similarity(x, x[:2]), "got"),
    ],
)
def test_wrong_arguments_are_named(call, name):
    with pytest.raises(ValueError, match=name):
        call(np.zeros(3, np.float32))
