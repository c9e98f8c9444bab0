"""Float convolutions and products: the same bits as the twin at every level, whatever the blocking."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quantdeck.engine.ops_c import float_products, levels, twin_float

Array = np.ndarray


@pytest.fixture(autouse=True)
def _level():
    before = levels.level()
    yield
    levels.use_level(before)


def values(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers of many magnitudes, some zero of either sign."""
    found = random.normal(0, 1, shape) * 10.0 ** random.integers(-6, 4, shape)
    found[random.random(shape) < 0.1] = -0.0
    return found.astype(np.float32)


def finish(random: np.random.Generator) -> dict[str, object]:
    return {
        "relu": bool(random.integers(2)),
        "relu_limit": float(random.choice([-1.0, 0.0, 0.7])),
        "via": str(random.choice(["F32", "F16", "BF16"])),
    }


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["dense", "grouped", "depthwise", "line"]))
def test_convolutions_are_equal_to_the_twin(seed: int, kind: str) -> None:
    random = np.random.default_rng(seed)
    rank = 1 if kind == "line" else 2
    group = {"dense": 1, "line": 1, "grouped": 3, "depthwise": int(random.integers(2, 40))}[kind]
    depth, outputs = (1, group) if kind == "depthwise" else random.integers(1, 21, 2) * (1, group)
    taps, sizes = random.integers(1, 4, rank), random.integers(7, 12, rank)
    x = values(random, (int(random.integers(1, 3)), int(depth) * group, *sizes))
    weight = values(random, (int(outputs), int(depth), *taps))
    bias = values(random, (int(outputs),)) if random.integers(2) else None
    options = {
        "strides": tuple(random.integers(1, 3, rank)),
        "pads": tuple(random.integers(0, 3, 2 * rank)),
        "dilations": tuple(random.integers(1, 3, rank)),
        "group": group,
        **finish(random),
    }
    wanted = twin_float.float_conv(x, weight, bias, **options)
    if rank == 2 and random.integers(2):
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    for name in levels.levels():
        levels.use_level(name)
        got = float_products.float_conv(x, weight, bias, **options)
        np.testing.assert_array_equal(got, wanted, err_msg=name)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_products_are_equal_to_the_twin(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows, depth, columns = (int(size) for size in random.integers(1, 70, 3))
    batch = tuple(random.integers(1, 3, int(random.integers(0, 3))))
    a = values(random, (*batch, rows, depth))
    b = values(random, (*(batch if random.integers(2) else ()), depth, columns))
    bias = values(random, (columns,)) if random.integers(2) else None
    options = finish(random)
    wanted = twin_float.float_matmul(a, b, bias, **options)
    for name in levels.levels():
        levels.use_level(name)
        np.testing.assert_array_equal(
            float_products.float_matmul(a, b, bias, **options), wanted, err_msg=name
        )


def test_a_fused_step_rounds_once() -> None:
    tie = np.float32(1 + 2**-12)
    product = tie * np.float64(tie)  # 1 + 2^-11 + 2^-24: half a unit above a float32
    above = twin_float.fused(np.array([tie]), np.array([tie]), np.array([2**-80], np.float32))
    below = twin_float.fused(np.array([tie]), np.array([tie]), np.array([-(2**-80)], np.float32))
    assert product == 1 + 2**-11 + 2**-24
    assert above[0] == np.float32(1 + 2**-11) + np.float32(2**-23)
    assert below[0] == np.float32(1 + 2**-11)


def test_sums_beyond_f16_become_infinite_and_nan_stays() -> None:
    x = np.array([[300.0, 300.0], [np.nan, 1.0]], np.float32)
    for name in levels.levels():
        levels.use_level(name)
        layer = float_products.FloatMatMul(np.array([[300.0], [-1.0]], np.float32), relu=True, via="F16")
        got = layer.run(x)
        assert np.isposinf(got[0, 0])
        assert np.isnan(got[1, 0])


def test_wrong_arguments_are_named() -> None:
    weight = np.ones((4, 2, 3, 3), np.float32)
    plain = {"strides": (1, 1), "pads": (0, 0, 0, 0), "dilations": (1, 1)}
    layer = float_products.FloatConv(weight, **plain)
    with pytest.raises(ValueError, match="x: shape"):
        layer.run(np.ones((1, 3, 5, 5), np.float32))
    with pytest.raises(ValueError, match="smaller than the kernel"):
        layer.run(np.ones((1, 2, 2, 5), np.float32))
    with pytest.raises(ValueError, match="bias: 4 values"):
        float_products.FloatConv(weight, np.ones(3, np.float32), **plain)
    with pytest.raises(ValueError, match="group"):
        float_products.FloatConv(weight, group=3, **plain)
    with pytest.raises(ValueError, match="via"):
        float_products.FloatMatMul(np.ones((2, 2), np.float32), via="F8")
    with pytest.raises(ValueError, match="does not end in 2"):
        float_products.FloatMatMul(np.ones((2, 2), np.float32)).run(np.ones((1, 3), np.float32))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_sums_are_equal_to_the_twin(seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = tuple(int(size) for size in random.integers(1, 8, 4))
    a, b = values(random, shape), values(random, shape)
    options = finish(random)
    wanted = twin_float.float_sum(a, b, **options)
    if random.integers(2):
        a = np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    for name in levels.levels():
        levels.use_level(name)
        np.testing.assert_array_equal(float_products.float_sum(a, b, **options), wanted, err_msg=name)
