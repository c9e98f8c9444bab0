import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ops_arrays import check, integer_arrays, quick
from quantdeck.engine.ops_c import kernels, reference

types = st.sampled_from([np.int8, np.uint8, np.int16, np.int32, np.int64])


@quick
@given(types, st.data())
def test_concat(dtype, data):
    first = data.draw(integer_arrays(dtype=dtype))
    axis = data.draw(st.integers(0, first.ndim - 1))
    xs = [first]
    for _ in range(data.draw(st.integers(0, 3))):
        shape = list(first.shape)
        shape[axis] = data.draw(st.sampled_from([0, 1, 2, 17]))
        xs.append(data.draw(integer_arrays(dtype=dtype, shape=tuple(shape))))
    check(kernels.concat, reference.concat, xs, axis)
    check(kernels.concat, reference.concat, xs, axis - first.ndim)


@quick
@given(types, st.data(), st.sampled_from(["constant", "reflect", "edge"]))
def test_pad(dtype, data, mode):
    x = data.draw(integer_arrays(dtype=dtype, ranks=(1, 4), empty=mode == "constant"))
    pads = data.draw(st.lists(st.integers(0, 4), min_size=2 * x.ndim, max_size=2 * x.ndim))
    check(kernels.pad, reference.pad, x, pads, data.draw(st.integers(0, 127)), mode)


@quick
@given(types, st.data())
def test_tile(dtype, data):
    x = data.draw(integer_arrays(dtype=dtype, ranks=(1, 4)))
    extra = data.draw(st.integers(0, 1))
    repeats = data.draw(st.lists(st.integers(0, 3), min_size=x.ndim + extra, max_size=x.ndim + extra))
    check(kernels.tile, reference.tile, x, repeats)


@quick
@given(types, st.data(), st.integers(1, 4), st.integers(1, 3))
def test_upsample(dtype, data, high, wide):
    check(
        kernels.upsample, reference.upsample, data.draw(integer_arrays(dtype=dtype, ranks=(2, 5))), high, wide
    )


@quick
@given(types, st.data(), st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_depth_to_space_and_back(dtype, data, high, wide, crd):
    batch, depth, h, w = (data.draw(st.integers(0 if i == 2 else 1, 5)) for i in range(4))
    x = data.draw(integer_arrays(dtype=dtype, shape=(batch, depth * high * wide, h, w)))
    check(kernels.depth_to_space, reference.depth_to_space, x, high, wide, crd)
    spread = kernels.depth_to_space(x, high, wide, crd)
    check(kernels.depth_to_space, reference.depth_to_space, spread, high, wide, crd, True)
    assert np.array_equal(kernels.depth_to_space(spread, high, wide, crd, True), x)


@quick
@given(types, st.data())
def test_gather_nearest(dtype, data):
    x = data.draw(integer_arrays(dtype=dtype, ranks=(2, 5), empty=False))
    rows, cols = (
        np.array(data.draw(st.lists(st.integers(0, n - 1), max_size=40)), np.int32) for n in x.shape[-2:]
    )
    check(kernels.gather_nearest, reference.gather_nearest, x, rows, cols)


def test_large_change_of_layout():
    x = np.random.default_rng(3).integers(-128, 128, (2, 67, 45, 51)).astype(np.int8)
    last = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    assert np.array_equal(kernels.concat([x, last], 1), np.concatenate([x, x], 1))
    assert np.array_equal(kernels.concat([last, x], 1), np.concatenate([x, x], 1))


def test_channels_last_stays_channels_last():
    x = np.zeros((1, 5, 6, 16), np.int8).transpose(0, 3, 1, 2)
    for y in (kernels.concat([x, x], 1), kernels.upsample(x, 2, 2), kernels.pad(x, [0, 0, 1, 1, 0, 0, 1, 1])):
        assert y.transpose(0, 2, 3, 1).flags.c_contiguous


def test_floats_move_too():
    x = np.arange(24, dtype=np.float32).reshape(1, 4, 2, 3)
    assert np.array_equal(kernels.upsample(x, 2, 1), reference.upsample(x, 2, 1))
    assert np.isinf(kernels.pad(x, [0] * 7 + [1], -np.inf)).sum() == 8


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: kernels.concat([], 0), "xs"),
        (lambda x: kernels.concat([x, x.astype(np.uint8)], 0), "xs"),
        (lambda x: kernels.concat([x, x[:, :2]], 0), "xs"),
        (lambda x: kernels.concat([x, x], 4), "axis"),
        (lambda x: kernels.pad(x, [1, 2]), "pads"),
        (lambda x: kernels.pad(x, [-1] + [0] * 7), "pads"),
        (lambda x: kernels.pad(x, [0] * 8, 128), "value"),
        (lambda x: kernels.pad(x, [0] * 8, 0, "wrap"), "mode"),
        (lambda x: kernels.pad(x[:0], [1] * 8, 0, "edge"), "empty"),
        (lambda x: kernels.tile(x, [1, 1]), "repeats"),
        (lambda x: kernels.upsample(x, 0, 1), "scale_h"),
        (lambda x: kernels.depth_to_space(x, 2, 1), "x"),
        (lambda x: kernels.depth_to_space(x, 3, 1, False, True), "x"),
        (lambda x: kernels.gather_nearest(x, np.array([4], np.int32), np.array([0], np.int32)), "rows"),
        (lambda x: kernels.gather_nearest(x, np.array([0], np.int32), np.array([0], np.int64)), "cols"),
        (lambda x: kernels.upsample(x.astype(np.complex128), 1, 1), "x"),
    ],
)
def test_wrong_arguments_are_named(call, name):
    with pytest.raises(ValueError, match=name):
        call(np.zeros((1, 3, 4, 4), np.int8))
