import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ops_arrays import byte_types, check, forms, integer_arrays, multipliers, quick, shifts
from quantdeck.engine.ops_c import kernels, reference

ONES = np.ones(5, np.int32)
EVERY = {np.int8: np.arange(-128, 128).astype(np.int8), np.uint8: np.arange(256).astype(np.uint8)}
PAIRS = {(a, b): np.broadcast_arrays(EVERY[a][:, None], EVERY[b][None, :]) for a in EVERY for b in EVERY}


@st.composite
def broadcast_pairs(draw):
    a = draw(integer_arrays())
    shape = tuple(draw(st.sampled_from([n, n, 1])) for n in a.shape)
    shape = shape[draw(st.integers(0, len(shape) - 1)) :] if draw(st.booleans()) else shape
    b = draw(integer_arrays(shape=shape))
    return (a, b) if draw(st.booleans()) else (b, a)


@quick
@given(
    broadcast_pairs(),
    st.lists(multipliers, min_size=3, max_size=3),
    st.lists(shifts, min_size=3, max_size=3),
    st.lists(st.sampled_from([1, -1]), min_size=3, max_size=3),
    st.booleans(),
    byte_types,
)
def test_add(pair, ms, ns, signs, relu, out):
    xs = [*pair, pair[0]]
    check(kernels.add, reference.add, xs, ms, ns, signs=signs, relu=relu, out_dtype=out)
    check(kernels.add, reference.add, xs[:2], ms[:2], ns[:2], relu=relu, out_dtype=out)


@quick
@given(broadcast_pairs(), multipliers, shifts, st.booleans(), byte_types, forms)
def test_mul(pair, m, n, relu, out, form):
    check(kernels.mul, reference.mul, *pair, m, n, relu, out, form)


@quick
@given(broadcast_pairs(), st.sampled_from([None, np.int8, np.uint8]))
def test_extremes(pair, out):
    check(kernels.maximum, reference.maximum, pair, out)
    check(kernels.minimum, reference.minimum, pair, out)
    check(kernels.maximum, reference.maximum, [*pair, pair[0], pair[1]], out)


@pytest.mark.parametrize("types", PAIRS)
def test_all_pairs_of_bytes(types):
    a, b = PAIRS[types]
    check(kernels.add, reference.add, [a, b], [77, 113], [6, 8])
    check(kernels.add, reference.add, [a, b], [127, 127], [7, 7], signs=[1, -1], out_dtype=np.uint8)
    check(kernels.mul, reference.mul, a, b, 83, 13)
    check(kernels.mul, reference.mul, a, b, 1 << 30, 43, form="qdm")
    check(kernels.maximum, reference.maximum, [a, b])
    check(kernels.minimum, reference.minimum, [a, b])


@quick
@given(
    st.sampled_from(list(EVERY.values())), multipliers, shifts, st.integers(-(2**61), 2**61), st.booleans(),
    byte_types,
)  # fmt: skip
def test_functions_of_one_byte(x, m, n, constant, flag, out):
    check(kernels.add_const, reference.add_const, x, m, constant, n, False, out, flag)
    check(kernels.add_const, reference.add_const, x, m, constant >> 40, n, flag, out)
    check(kernels.mul_shift, reference.mul_shift, x, m, n, flag, out)
    small = max(min(constant >> 50, 2**31 - 1), -(2**31))
    for value in (small, m):
        check(kernels.max_const, reference.max_const, x, value, out, m, n)
        check(kernels.min_const, reference.min_const, x, value, None, 1, 0)
    check(kernels.absolute, reference.absolute, x, out)
    check(kernels.relu, reference.relu, x, out)
    check(kernels.leaky_relu, reference.leaky_relu, x, m, n, out)
    check(kernels.leaky_relu, reference.leaky_relu, x, 13, 7, out, positive=(m, n))


@quick
@given(integer_arrays(), st.integers(0, 2**32), byte_types)
def test_lookup_and_tables_on_any_array(x, seed, kind):
    table = np.random.default_rng(seed).integers(0, 256, 256).astype(np.uint8).view(kind)
    check(kernels.lookup, reference.lookup, np.ascontiguousarray(x), table)
    assert np.array_equal(kernels.lookup(x, table), reference.lookup(np.ascontiguousarray(x), table))
    check(kernels.leaky_relu, reference.leaky_relu, x, 13, 7)
    check(kernels.relu, reference.relu, x)
    check(kernels.mul_shift, reference.mul_shift, x, 101, 6)


@quick
@given(integer_arrays(ranks=(2, 5)), st.data(), st.integers(-32, 62), byte_types)
def test_prelu(x, data, n, out):
    shape = data.draw(st.sampled_from([(1, x.shape[1], *[1] * (x.ndim - 2)), (1,) * x.ndim, x.shape]))
    slope = data.draw(integer_arrays(shape=shape))
    check(kernels.prelu, reference.prelu, x, slope, n, out)
    check(kernels.prelu, reference.prelu, x, slope, abs(n) % 31)
    check(kernels.prelu, reference.prelu, x, slope, 5, out, positive=(77, 6))


@quick
@given(integer_arrays(dtype=np.int32), multipliers, shifts, byte_types, st.booleans(), forms)
def test_requant(x, m, n, out, relu, form):
    check(kernels.requant, reference.requant, x, m, n, out, relu, form)


@pytest.mark.parametrize("form", ["multiplier_shift", "qdm", "half_away"])
@pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 62])
def test_requant_at_exact_ties(form, n):
    halves = np.arange(-301, 302, dtype=np.int64)
    x = (halves << max(n - 31, 0)).clip(-(2**31), 2**31 - 1).astype(np.int32)
    m = 1 << min(n - 1, 30)
    check(kernels.requant, reference.requant, x, m, n, np.int8, False, form)


@quick
@given(integer_arrays(dtype=np.int32, ranks=(2, 5)), st.data(), byte_types, st.booleans(), forms)
def test_requant_axis(x, data, out, relu, form):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    count = data.draw(st.sampled_from([1, x.shape[axis]]))
    m = np.array(data.draw(st.lists(multipliers, min_size=count, max_size=count)), np.int32)
    n = np.array(data.draw(st.lists(shifts, min_size=count, max_size=count)), np.int32)
    check(kernels.requant_axis, reference.requant_axis, x, m, n, out, relu, axis=axis, form=form)


@quick
@given(integer_arrays(ranks=(2, 5)), st.data(), byte_types, st.booleans(), forms)
def test_scale(x, data, out, relu, form):
    channels = x.shape[1]
    weight = data.draw(integer_arrays(shape=(channels,)))
    bias = data.draw(st.one_of(st.none(), integer_arrays(dtype=np.int32, shape=(channels,))))
    m = np.array(data.draw(st.lists(multipliers, min_size=channels, max_size=channels)), np.int32)
    n = np.array(data.draw(st.lists(shifts, min_size=channels, max_size=channels)), np.int32)
    check(kernels.scale, reference.scale, x, weight, bias, m, n, relu, out, form=form)


@quick
@given(
    integer_arrays(ranks=(1, 4), empty=False), st.data(), st.sampled_from([0.001, 0.02, 0.1, 3.0]), byte_types
)
def test_softmax(x, data, step, out):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    table = np.exp(-step * np.arange(256)).astype(np.float32)
    check(kernels.softmax, reference.softmax, x, table, axis, out_dtype=out)
    check(kernels.softmax, reference.softmax, x, table[::-1].copy(), axis, out_scale=0.01)


def test_softmax_of_equal_inputs_is_even():
    x = np.full((1, 5), 7, np.int8)
    table = np.exp(-0.1 * np.arange(256)).astype(np.float32)
    assert kernels.softmax(x, table).tolist() == [[51] * 5]


def test_each_input_of_add_is_rounded_on_its_own():
    one = np.array([1], np.int8)
    assert kernels.add([one, one], [1, 1], [1, 1]).tolist() == [2]  # 0.5 and 0.5 both round up
    assert kernels.add([-one, -one], [1, 1], [1, 1]).tolist() == [0]  # half up: -0.5 becomes 0


def test_memory_order_of_the_input_is_kept():
    x = np.zeros((1, 7, 7, 16), np.int8).transpose(0, 3, 1, 2)
    assert kernels.add([x, x], [1, 1], [0, 0]).strides == x.strides
    assert kernels.leaky_relu(x, 1, 3).strides == x.strides


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: kernels.add([x, x.astype(np.int16)], [1, 1], [0, 0]), "xs"),
        (lambda x: kernels.add([x], [1, 2], [0]), "multipliers"),
        (lambda x: kernels.add([x, x[:, :2]], [1, 1], [0, 0]), "broadcast"),
        (lambda x: kernels.add([x], [1], [63]), "shift"),
        (lambda x: kernels.add([x], [1], [0], signs=[2]), "signs"),
        (lambda x: kernels.mul(x, x.astype(np.float32), 1, 1), "b"),
        (lambda x: kernels.mul(x, x, 2**31, 1), "multiplier"),
        (lambda x: kernels.mul(x, x, 1, 1, out_dtype=np.int16), "out_dtype"),
        (lambda x: kernels.mul(x, x, 1, 1, form="other"), "form"),
        (lambda x: kernels.add_const(x, 1, 2**62, 0), "constant"),
        (lambda x: kernels.mul_shift([1, 2], 1, 0), "x"),
        (lambda x: kernels.maximum([]), "xs"),
        (lambda x: kernels.max_const(x, 2**31), "constant"),
        (lambda x: kernels.leaky_relu(x, 1, 0, positive=(1, 99)), "shift"),
        (lambda x: kernels.prelu(x, np.zeros((2, 3, 5), np.int8), 1), "slope"),
        (lambda x: kernels.prelu(x, np.zeros(3, np.int8), 1), "broadcast"),
        (lambda x: kernels.lookup(x, np.zeros(255, np.int8)), "table"),
        (lambda x: kernels.softmax(x, np.zeros(256, np.float64)), "table"),
        (lambda x: kernels.softmax(x, np.zeros(256, np.float32), 2), "axis"),
        (lambda x: kernels.requant(x, 1, 1), "x"),
        (lambda x: kernels.requant_axis(x.astype(np.int32), ONES[:3], ONES[:5]), "multiplier"),
        (lambda x: kernels.requant_axis(x.astype(np.int32), ONES[:5], 70 * ONES[:1]), "shift"),
        (lambda x: kernels.scale(x, np.ones(4, np.int8), None, ONES[:1], ONES[:1]), "weight"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(call, name):
    with pytest.raises(ValueError, match=name):
        call(np.zeros((3, 5), np.int8))
