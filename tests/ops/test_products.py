"""Convolution, transposed convolution and matrix products against their twins, at every level."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ops_arrays import LAYOUTS, byte_types, check, forms, levels, multipliers, quick, reorder, shifts, values
from quantdeck.engine.ops_c import kernels, products, reference
from quantdeck.engine.ops_c.params import Requant

KINDS = st.sampled_from(["full", "full", "ends", "near"])


@st.composite
def requants(draw, outputs: int) -> Requant | None:
    """None, any extremes, or what real layers have: scales below 1/4 in the one-product form."""
    kind = draw(st.sampled_from(["none", "any", "real", "real"]))
    if kind == "none":
        return None
    count = draw(st.sampled_from([1, outputs]))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    out, relu = draw(byte_types), draw(st.booleans())
    if kind == "any":
        m, n = draw(multipliers), draw(shifts)
        return Requant(np.full(count, m, np.int32), np.full(count, n, np.int32), relu, out, draw(forms))
    m = random.integers(1, 2**24, count).astype(np.int32)
    return Requant(m, random.integers(26, 36, count).astype(np.int32), relu, out)


@st.composite
def layers(draw):
    """x, weight, bias, attributes, requant; dense, grouped and depthwise, one to three spatial axes."""
    rank = draw(st.integers(1, 3))
    style = draw(st.sampled_from(["dense", "grouped", "depthwise", "multiplied"]))
    group = 1 if style == "dense" else draw(st.integers(2, 5 if style == "grouped" else 70))
    inner = draw(st.integers(1, 40 if style == "dense" else 9)) if style in ("dense", "grouped") else 1
    outer = draw(st.integers(1, 70 if style == "dense" else 9)) if style in ("dense", "grouped") else 1
    outer = draw(st.integers(2, 3)) if style == "multiplied" else outer
    window = [draw(st.integers(1, 3 if rank == 3 else 4)) for _ in range(rank)]
    attributes = {
        "strides": [draw(st.integers(1, 3)) for _ in range(rank)],
        "pads": [draw(st.integers(0, 3)) for _ in range(2 * rank)],
        "dilations": [draw(st.integers(1, 2)) for _ in range(rank)],
        "group": group,
    }
    sizes = [
        (k - 1) * d + draw(st.integers(1, 6)) for k, d in zip(window, attributes["dilations"], strict=True)
    ]
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = values(random, (draw(st.integers(1, 2)), inner * group, *sizes), draw(byte_types), draw(KINDS))
    weight = values(random, (outer * group, inner, *window), draw(byte_types), draw(KINDS))
    reach = draw(st.sampled_from([0, 10_000, 2**31 - 1]))
    bias = random.integers(-reach - 1, reach + 1, outer * group).astype(np.int32) if reach else None
    x = reorder(random, x, draw(st.sampled_from(LAYOUTS)))
    weight = reorder(random, weight, draw(st.sampled_from(LAYOUTS)))
    return x, weight, bias, attributes, draw(requants(outer * group))


@quick
@given(layers())
def test_conv(layer):
    x, weight, bias, attributes, requant = layer
    check(kernels.conv, reference.conv, x, weight, bias, **attributes, requant=requant)


@quick
@given(layers(), st.data())
def test_deconv(layer, data):
    x, weight, bias, attributes, requant = layer
    extra = [data.draw(st.integers(0, s - 1)) for s in attributes["strides"]]
    rank = len(extra)
    for i in range(rank):  # what the pads leave must be at least one pixel
        full = (x.shape[2 + i] - 1) * attributes["strides"][i] + extra[i] + 1
        full += (weight.shape[2 + i] - 1) * attributes["dilations"][i]
        attributes["pads"][i] = min(attributes["pads"][i], full - 1)
        attributes["pads"][rank + i] = min(attributes["pads"][rank + i], full - 1 - attributes["pads"][i])
    options = attributes | {"output_padding": extra, "requant": requant}
    check(kernels.deconv, reference.deconv, x, weight, bias, **options)


@st.composite
def pairs(draw):
    """a, b, bias, transposes, requant, with leading axes that broadcast."""
    m, k, n = draw(st.integers(1, 30)), draw(st.integers(1, 70)), draw(st.integers(1, 70))
    lead = draw(st.sampled_from([(), (), (2,), (2, 3), (1, 2), (2, 1, 1, 2)]))
    right_lead = draw(st.sampled_from([(), (), lead[-1:], (1, *lead[-1:])]))
    left, right = draw(st.booleans()), draw(st.booleans())
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    a = values(random, (*lead, k, m) if left else (*lead, m, k), draw(byte_types), draw(KINDS))
    b = values(random, (*right_lead, n, k) if right else (*right_lead, k, n), draw(byte_types), draw(KINDS))
    bias = random.integers(-9999, 9999, n).astype(np.int32) if draw(st.booleans()) else None
    a = reorder(random, a, draw(st.sampled_from(LAYOUTS)))
    return a, b, bias, {"left_transpose": left, "right_transpose": right}, draw(requants(n))


@quick
@given(pairs())
def test_matmul(pair):
    a, b, bias, transposes, requant = pair
    check(kernels.matmul, reference.matmul, a, b, bias, **transposes, requant=requant)


def test_matmul_of_a_vector():
    a, b = np.arange(-3, 4).astype(np.int8), np.arange(-21, 21).astype(np.int8).reshape(7, 6)
    check(kernels.matmul, reference.matmul, a, b, None)
    check(kernels.matmul, reference.matmul, a, np.stack([b, b[::-1]]), None)


@pytest.mark.parametrize("outputs", [1, 4, 8, 9, 15, 16, 17, 31, 33, 47, 48, 64, 65, 97, 113, 130])
def test_every_tile(outputs):
    """All remainders of rows and of vectors, bytes and accumulators, unsigned and signed."""
    random = np.random.default_rng(outputs)
    weight = values(random, (19, outputs), np.int8, "full")
    requant = Requant(random.integers(1, 2**24, outputs).astype(np.int32), np.full(outputs, 31, np.int32))
    for rows in range(1, 27):
        a = values(random, (rows, 19), (np.int8, np.uint8)[rows % 2], "full")
        check(kernels.matmul, reference.matmul, a, weight, None, requant=(requant, None)[rows % 3 == 0])


@pytest.mark.parametrize("channels", [2, 3, 16, 31, 32, 33, 48, 64, 65, 95, 96, 97, 130])
def test_every_depthwise_block(channels):
    random = np.random.default_rng(channels)
    weight = values(random, (channels, 1, 3, 3), np.int8, "full")
    multiplier = random.integers(1, 2**24, channels).astype(np.int32)
    for height, width in [(1, 1), (1, 2), (2, 1), (2, 3), (3, 2), (5, 4), (4, 7)]:
        x = values(random, (2, channels, height, width), (np.int8, np.uint8)[height % 2], "full")
        requant = Requant(multiplier, np.full(channels, 30, np.int32), bool(width % 2), np.int8)
        window = {"strides": (1, 1), "pads": (1, 1, 1, 1), "dilations": (1, 1), "group": channels}
        check(kernels.conv, reference.conv, x, weight, None, **window, requant=requant)


@pytest.mark.parametrize("a_type", [np.int8, np.uint8])
@pytest.mark.parametrize("b_type", [np.int8, np.uint8])
def test_largest_sums(a_type, b_type):
    """All extreme values together over a long sum: nothing saturates on the way."""
    length = 5000
    low, high = np.iinfo(a_type).min, np.iinfo(a_type).max
    a = np.stack([np.full(length, low), np.full(length, high), np.tile([low, high], length // 2)]).astype(
        a_type
    )
    low, high = np.iinfo(b_type).min, np.iinfo(b_type).max
    b = np.stack([np.full(length, low), np.full(length, high), np.tile([high, low], length // 2)], 1).astype(
        b_type
    )
    check(kernels.matmul, reference.matmul, a, b, None)
    requant = Requant(np.array([2**30 + 1], np.int32), np.array([50], np.int32))
    check(kernels.matmul, reference.matmul, a, b, None, requant=requant)


def test_sums_beyond_int32_saturate():
    """The pack-time bound sends such a layer to 64-bit sums."""
    a, b = np.full((1, 70_000), 255, np.uint8), np.full((70_000, 2), -128, np.int8)
    b[:, 1] = 127
    check(kernels.matmul, reference.matmul, a, b, None)
    requant = Requant(np.array([3], np.int32), np.array([31], np.int32))
    check(kernels.matmul, reference.matmul, a, b, None, requant=requant)
    assert products.pack_matmul(b).kind == "scalar"


@pytest.mark.parametrize("shift", [-32, -1, 0, 1, 2, 29, 30, 31, 32, 33, 34, 62])
@pytest.mark.parametrize("form", ["multiplier_shift", "qdm", "half_away"])
def test_rounding_ties_and_edges_of_the_fast_form(shift, form):
    """Accumulators on exact halves, and multipliers just below and at the scale of 1/4."""
    accumulators = np.arange(-130, 131, dtype=np.int64).repeat(2)
    bias = np.concatenate([accumulators, accumulators * 2**20 + 2**19]).astype(np.int32)
    edge = 2 ** min(max(shift - 2, 0), 30)
    for m in {1, 3, edge - 1, edge, edge + 1, 2**31 - 1, -edge, -(2**31)}:
        for out in (np.int8, np.uint8):
            requant = Requant(np.array([m], np.int32), np.array([shift], np.int32), False, out, form)
            a, b = np.zeros((1, 4), np.int8), np.zeros((4, len(bias)), np.int8)
            check(kernels.matmul, reference.matmul, a, b, bias, requant=requant)


def _layer(random, channels=24, outputs=40):
    weight = values(random, (outputs, channels, 3, 3), np.int8, "full")
    requant = Requant(random.integers(2**20, 2**24, outputs).astype(np.int32), np.full(outputs, 34, np.int32))
    return products.pack_conv(
        weight, None, strides=(1, 1), pads=(1, 1, 1, 1), dilations=(1, 1), requant=requant
    )


def test_batch_equals_single_samples():
    random = np.random.default_rng(5)
    x = values(random, (5, 24, 6, 7), np.int8, "full")
    for _ in levels():
        layer = _layer(np.random.default_rng(6))
        together = layer.run(x)
        assert all(np.array_equal(together[i : i + 1], layer.run(x[i : i + 1])) for i in range(5))


def test_two_threads_share_a_layer():
    random = np.random.default_rng(7)
    xs = [values(random, (1, 24, 20, 20), np.uint8, "full") for _ in range(8)]
    for _ in levels():
        layer = _layer(np.random.default_rng(8))
        wanted = [layer.run(x) for x in xs]
        with ThreadPoolExecutor(2) as pool:
            got = list(pool.map(layer.run, xs * 5))
        assert all(np.array_equal(a, b) for a, b in zip(got, wanted * 5, strict=True))


@pytest.mark.parametrize("channels", [3, 8, 21])
def test_results_are_read_in_place(channels):
    """A result feeds the next layer; what lies beside its channels and behind its end does not matter."""
    random = np.random.default_rng(9)
    first = values(random, (channels, 5, 1, 1), np.int8, "full")
    second = values(random, (7, channels, 1, 1), np.int8, "full")
    plain = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1)}
    requant = Requant(np.array([3], np.int32), np.array([9], np.int32), True, np.uint8)
    x = values(random, (2, 5, 4, 3), np.uint8, "full")
    for _ in levels():
        middle = products.conv(x, first, None, **plain, requant=requant)
        owner = middle
        while owner.base is not None:
            owner = owner.base
        kept = np.array(middle)
        owner[...] = 255
        middle[...] = kept
        assert middle.strides[1] == 1
        assert middle.strides[3] == (channels + 3) // 4 * 4
        assert np.array_equal(
            products.conv(middle, second, None, **plain), reference.conv(kept, second, **plain)
        )


def test_input_at_the_very_end_of_its_memory():
    """No byte behind an array that has no slack is read: the copy that is made then is right."""
    random = np.random.default_rng(10)
    memory = values(random, (2 * 4 * 3 * 8,), np.uint8, "full")
    x = memory.reshape(2, 4, 3, 8).transpose(0, 3, 1, 2)
    weight = values(random, (9, 8, 1, 1), np.int8, "full")
    check(kernels.conv, reference.conv, x, weight, None, strides=(1, 1), pads=(0,) * 4, dilations=(1, 1))


def test_bound():
    weight = np.array([[[-128, 127]], [[3, 4]]], np.int8)
    bias = np.array([-(2**31), 5], np.int32)
    assert products.accumulator_bound(weight) == 255 * 255
    assert products.accumulator_bound(weight, bias) == 255 * 255 + 2**31
    layer = products.pack_conv(weight, bias, strides=(1,), pads=(0, 0), dilations=(1,))
    assert layer.bound == 255 * 255 + 2**31
    assert layer.leaves_float32
    assert not products.pack_matmul(np.full((518, 1), 127, np.int8)).leaves_float32
    assert products.pack_matmul(np.full((519, 1), 127, np.int8)).leaves_float32


def test_kinds():
    """Which kernels run: none is slower than it need be."""
    plain = {"strides": (1, 1), "pads": (0,) * 4, "dilations": (1, 1)}
    for name in levels():
        dense = products.pack_conv(np.ones((8, 8, 1, 1), np.int8), None, **plain)
        depthwise = products.pack_conv(np.ones((8, 1, 3, 3), np.int8), None, **plain, group=8)
        wide = products.pack_conv(np.full((8, 8, 1, 1), 200, np.uint8), None, **plain)
        if name == "scalar":
            assert {dense.kind, depthwise.kind, wide.kind} == {"scalar"}
        else:
            assert dense.kind == ("gemm16" if name == "avx2" else "gemm8")
            assert (depthwise.kind, wide.kind) == ("depthwise", "gemm16")


@pytest.mark.parametrize("bad", ["type", "rank", "channels", "small", "bias", "multiplier", "shift", "form"])
def test_wrong_arguments(bad):
    x, weight = np.zeros((1, 4, 5, 5), np.int8), np.zeros((2, 4, 3, 3), np.int8)
    multiplier, shift, form, bias = np.ones(2, np.int32), np.ones(2, np.int32), "multiplier_shift", None
    if bad == "type":
        x = x.astype(np.int16)
    elif bad == "rank":
        x = x[0]
    elif bad == "channels":
        x = x[:, :3]
    elif bad == "small":
        x = x[:, :, :2]
    elif bad == "bias":
        bias = np.zeros(3, np.int32)
    elif bad == "multiplier":
        multiplier = np.ones(3, np.int32)
    elif bad == "shift":
        shift = np.full(2, 63, np.int32)
    else:
        form = "half_even"
    window = {"strides": (1, 1), "pads": (0,) * 4, "dilations": (1, 1)}
    requant = Requant(multiplier, shift, False, np.int8, form)
    with pytest.raises(ValueError, match=r"\w"):
        products.conv(x, weight, bias, **window, requant=requant)


def test_empty_batch():
    weight = np.zeros((2, 4, 3, 3), np.int8)
    window = {"strides": (1, 1), "pads": (0,) * 4, "dilations": (1, 1)}
    assert products.conv(np.zeros((0, 4, 5, 5), np.int8), weight, None, **window).shape == (0, 2, 3, 3)
    assert products.matmul(np.zeros((0, 4), np.int8), np.zeros((4, 3), np.int8)).shape == (0, 3)


@pytest.mark.parametrize("window", [((3, 3), (1, 1), (1, 1, 1, 1)), ((3, 3), (2, 2), (1, 1, 1, 1))])
@pytest.mark.parametrize("size", [(30, 27), (61, 52)])
def test_depthwise_edges(window, size):
    """Maps big enough that only their edges are copied."""
    _edges(*window, (1, 1), size)


@pytest.mark.parametrize("pads", [(0, 1, 1, 0), (2, 2, 2, 2), (1, 0, 3, 4)])
def test_depthwise_edges_of_other_windows(pads):
    _edges((5, 4), (1, 2), pads, (2, 1), (33, 58))
    _edges((3, 3), (1, 1), pads, (1, 1), (29, 28))


def _edges(kernel, strides, pads, dilations, size):
    random = np.random.default_rng(size[0])
    for channels in (6, 40, 68):
        identity = np.ones((channels, 1, 1, 1), np.int8)
        one = Requant(np.array([1], np.int32), np.array([0], np.int32), False, np.uint8)
        given = values(random, (2, channels, *size), np.uint8, "full")
        weight = values(random, (channels, 1, *kernel), np.int8, "full")
        requant = Requant(random.integers(1, 2**24, channels).astype(np.int32), np.array([31], np.int32))
        window = {"strides": strides, "pads": pads, "dilations": dilations, "group": channels}
        plain = {"strides": (1, 1), "pads": (0,) * 4, "dilations": (1, 1), "group": channels}
        x = products.conv(given, identity, None, **plain, requant=one)  # laid out as the kernels like it
        assert np.array_equal(x, given)
        check(kernels.conv, reference.conv, x, weight, None, **window, requant=requant)
        check(kernels.conv, reference.conv, x, weight, None, **window)


@pytest.mark.parametrize("channels", [2, 3, 7])
def test_zeros_between_the_values_of_a_deconv(channels):
    """The input's own gaps may be as wide as the inserted zeros; what they hold must not get there."""
    random = np.random.default_rng(channels)
    for stride in (2, 3):
        for gap in range(channels, 4 * stride + channels):
            memory = values(random, (1, 4, 5, gap), np.int8, "full")
            x = memory.transpose(0, 3, 1, 2)[:, :channels]
            weight = values(random, (5, channels, 3, 3), np.int8, "full")
            window = {"strides": (stride, stride), "pads": (1, 1, 1, 1), "dilations": (1, 1)}
            check(kernels.deconv, reference.deconv, x, weight, None, **window, output_padding=(0, 0))
            check(
                kernels.deconv,
                reference.deconv,
                x.view(np.uint8),
                weight,
                None,
                **window,
                output_padding=(1, 0),
            )
