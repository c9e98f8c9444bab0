import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ops_arrays import byte_types, check, integer_arrays, multipliers, quick, shifts
from quantdeck.engine.ops_c import kernels, reference


@st.composite
def pools(draw):
    rank = draw(st.integers(1, 3))
    kernel = tuple(draw(st.integers(1, 4)) for _ in range(rank))
    strides = tuple(draw(st.integers(1, 3)) for _ in range(rank))
    pads = tuple(draw(st.integers(0, 3)) for _ in range(2 * rank))
    overhang = tuple(draw(st.integers(0, 2)) for _ in range(rank))
    sizes = tuple(draw(st.integers(k, 9)) for k in kernel)
    channels = draw(st.sampled_from([1, 2, 3, 7, 16, 33, 70]))
    x = draw(integer_arrays(shape=(draw(st.integers(0, 2)), channels, *sizes)))
    return x, kernel, strides, pads, overhang


@quick
@given(pools(), st.booleans())
def test_max_pool(pool, relu):
    check(kernels.max_pool, reference.max_pool, *pool[:4], relu)


@quick
@given(
    pools(),
    multipliers,
    shifts,
    byte_types,
    st.booleans(),
    st.sampled_from(["half_away", "half_up"]),
    st.booleans(),
)
def test_avg_pool(pool, m, n, out, include, rounding, relu):
    x, kernel, strides, pads, overhang = pool
    options = {"overhang": overhang, "rounding": rounding, "relu": relu}
    check(kernels.avg_pool, reference.avg_pool, x, kernel, strides, pads, m, n, out, include, **options)
    check(kernels.avg_pool, reference.avg_pool, x, kernel, strides, pads, 57, 9, out, include, **options)


def test_mean_of_a_cut_window_is_spread_over_the_whole_kernel():
    x = np.array([10, 11, 12, 13], np.int8).reshape(1, 1, 2, 2)
    # corner windows of 2x2 with padding 1 hold one element: mean 10, times 4 elements, times 1/4
    got = kernels.avg_pool(x, (2, 2), (2, 2), (1, 1, 1, 1), 64, 8)
    assert got.reshape(-1).tolist() == [10, 11, 12, 13]
    padded = kernels.avg_pool(x, (2, 2), (2, 2), (1, 1, 1, 1), 64, 8, np.int8, True)
    assert padded.reshape(-1).tolist() == [3, 3, 3, 3]  # 2.5, 2.75, 3 and 3.25, half up


def test_a_large_window_keeps_its_exact_sum():
    x = np.full((1, 1, 300, 300), 255, np.uint8)
    x[0, 0, 0, 0] = 254
    total = int(x.sum())
    got = kernels.avg_pool(x, (300, 300), (1, 1), (0, 0, 0, 0), 1, 0, np.uint8)
    assert got.item() == 255
    exact = kernels.avg_pool(x, (300, 300), (1, 1), (0, 0, 0, 0), 1, 17, np.uint8)
    assert exact.item() == (total + 2**16) >> 17


def test_padding_never_wins_a_maximum():
    x = np.full((1, 1, 2, 2), -100, np.int8)
    assert kernels.max_pool(x, (3, 3), (1, 1), (1, 1, 1, 1)).max() == -100


@quick
@given(integer_arrays(ranks=(1, 5), empty=False), st.data(), multipliers, shifts, byte_types, st.booleans())
def test_reductions(x, data, m, n, out, keep):
    axes = data.draw(st.lists(st.integers(0, x.ndim - 1), unique=True, min_size=1))
    check(kernels.reduce_sum, reference.reduce_sum, x, axes, keep, m, n, out)
    check(kernels.reduce_max, reference.reduce_max, x, axes, keep, m, n, out)
    check(kernels.reduce_min, reference.reduce_min, x, axes, keep)


def test_sum_of_many_bytes():
    x = np.full((1, 3_000_001), -128, np.int8)
    assert kernels.reduce_sum(x, (1,), False, 1, 22).tolist() == [-92]


def test_sum_of_nothing_is_zero():
    assert kernels.reduce_sum(np.zeros((3, 0), np.int8), (1,), False, 1, 0).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: kernels.max_pool(x.astype(np.float32), (2, 2), (1, 1), (0, 0, 0, 0)), "x"),
        (lambda x: kernels.max_pool(x, (2,), (1,), (0, 0)), "x"),
        (lambda x: kernels.max_pool(x, (2, 2), (1,), (0, 0, 0, 0)), "strides"),
        (lambda x: kernels.max_pool(x, (2, 2), (1, 0), (0, 0, 0, 0)), "strides"),
        (lambda x: kernels.max_pool(x, (2, 9), (1, 1), (0, 0, 0, 0)), "kernel"),
        (lambda x: kernels.avg_pool(x, (2, 2), (1, 1), (0, 0, 0, 0), 2**31, 0), "multiplier"),
        (lambda x: kernels.avg_pool(x, (2, 2), (1, 1), (0, 0, 0, 0), 1, 0, rounding="half_even"), "rounding"),
        (lambda x: kernels.avg_pool(x, (2, 2), (1, 1), (0, 0, 0, 0), 1, 0, overhang=(1,)), "overhang"),
        (lambda x: kernels.reduce_sum(x, (4,), True, 1, 0), "axis"),
        (lambda x: kernels.reduce_max(x, (1, 1), True), "axes"),
        (lambda x: kernels.reduce_max(x[:, :0], (1,), True), "empty"),
    ],
)
def test_wrong_arguments_are_named(call, name):
    with pytest.raises(ValueError, match=name):
        call(np.zeros((1, 3, 4, 4), np.int8))
