"""A quick check of every kernel against its numpy twin, for ``quantdeck doctor``."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from . import casts, elementwise, float_products, movers, passes, pooling, products, reference
from .native import is_array
from .params import Requant

_Case = tuple[tuple[Any, ...], dict[str, Any]]


def _case(*arguments: Any, **options: Any) -> _Case:
    return arguments, options


def _cases() -> Mapping[str, _Case]:
    """One call of each kernel, full-range data, sizes that leave remainders at every vector width."""
    random = np.random.default_rng(1684)
    x = random.integers(-128, 128, (1, 19, 7, 5)).astype(np.int8)
    y = random.integers(0, 256, x.shape).astype(np.uint8)
    weight = random.integers(-128, 128, (21, 19, 3, 3)).astype(np.int8)
    wide = random.integers(-(2**31), 2**31, x.shape).astype(np.int32)
    multiplier = random.integers(1, 2**31, 21).astype(np.int32)
    shift = random.integers(30, 50, 21).astype(np.int32)
    bias = random.integers(-9999, 9999, 21).astype(np.int32)
    real = (random.standard_normal(10_007) * 3).astype(np.float32)
    real[::3] = 0
    table = np.exp(-0.05 * np.arange(256)).astype(np.float32)
    entries = random.permutation(256).astype(np.uint8)
    window = {"strides": (2, 1), "pads": (1, 0, 1, 1), "dilations": (1, 1)}
    requant = Requant(multiplier, shift)
    slope = x[:, :, :1, :1]
    picture = real[:2100].reshape(1, 21, 10, 10)
    filters = real[2100 : 2100 + 21 * 17].reshape(17, 21, 1, 1)
    finish = {"relu": True, "relu_limit": 6.0, "via": "F16"}
    return {
        "conv": _case(x, weight, bias, **window, requant=requant),
        "deconv": _case(x, weight, bias, **window, output_padding=(0, 0), requant=requant),
        "matmul": _case(x, np.swapaxes(x, 2, 3), requant=Requant(multiplier[:1], shift[:1])),
        "add": _case([x, y], [93, 71], [7, 8], signs=[1, -1]),
        "mul": _case(x, y, 77, 13),
        "add_const": _case(x, 55, -1234, 6),
        "mul_shift": _case(x, 101, 7, False, np.uint8),
        "maximum": _case([x, y]),
        "minimum": _case([x, y]),
        "max_const": _case(x, 13),
        "min_const": _case(x, 13),
        "absolute": _case(x),
        "relu": _case(x),
        "leaky_relu": _case(x, 13, 7),
        "prelu": _case(x, slope, 5),
        "lookup": _case(x, entries),
        "softmax": _case(x, table),
        "requant": _case(wide, 1234567, 48),
        "requant_axis": _case(wide, multiplier[:19], shift[:19]),
        "scale": _case(x, slope, bias[:19], multiplier[:19], shift[:19]),
        "max_pool": _case(x, (3, 2), (2, 1), (1, 0, 1, 1)),
        "avg_pool": _case(x, (3, 2), (2, 1), (1, 0, 1, 1), 43, 8),
        "reduce_sum": _case(x, (1, 3), True, 3, 7),
        "reduce_max": _case(x, (2,), False),
        "reduce_min": _case(x, (2,), False),
        "concat": _case([x, x], 1),
        "pad": _case(x, (0, 0, 1, 2, 0, 0, 2, 1), -3),
        "tile": _case(x, (1, 2, 1, 3)),
        "upsample": _case(x, 2, 3),
        "depth_to_space": _case(x[:, :18], 3, 2),
        "gather_nearest": _case(x, np.array([0, 6, 3], np.int32), np.array([4, 4, 0], np.int32)),
        "quantize": _case(real, 21.3, via="F16"),
        "dequantize": _case(x, 0.0123, "BF16"),
        "round_float": _case(real, "F16"),
        "float_conv": _case(picture, filters, real[:17], **window, **finish),
        "float_matmul": _case(picture, np.swapaxes(picture, 2, 3), via="BF16"),
        "float_sum": _case(picture, picture, **finish),
        "moments": _case(real),
        "histogram": _case(real, 0.01, 1000),
        "signed_histogram": _case(real, -5.0, 6.0, 256),
        "octav_step": _case(real, 2.5),
        "above": _case(real, 4.0, absolute=True),
        "below": _case(real, -4.0),
        "similarity": _case(real, real[::-1]),
    }


def _kernels() -> Mapping[str, Callable[..., Any]]:
    found: dict[str, Callable[..., Any]] = {}
    for module in (casts, elementwise, float_products, movers, passes, pooling, products):
        found |= {name: getattr(module, name) for name in reference.__all__ if hasattr(module, name)}
    return found


def _equal(got: Any, wanted: Any) -> bool:
    if not is_array(wanted):
        return got == wanted
    return got.dtype == wanted.dtype and got.shape == wanted.shape and bool(np.array_equal(got, wanted))


def self_test() -> list[tuple[str, bool]]:
    """(kernel, equals its twin) for every kernel, at the level in use."""
    kernels = _kernels()
    return [
        (name, _equal(kernels[name](*arguments, **options), getattr(reference, name)(*arguments, **options)))
        for name, (arguments, options) in _cases().items()
    ]
