"""Numpy twins of quantize and dequantize (spec C.8)."""

import numpy as np

from .params import Array, ByteArray, ByteType, Float32Array, Rounding, Via
from .rounding import round_float, to_integer

__all__ = ["dequantize", "quantize", "round_float"]


def quantize(
    x: Float32Array,
    inverse_scale: float,
    out_dtype: ByteType = np.int8,
    rounding: Rounding = "half_away",
    via: Via = "F32",
) -> ByteArray:
    """float32 to a byte: ``clamp(round(x * inverse_scale))``; NaN becomes the lowest value.

    The factor is rounded to float32, and with ``via`` F16 or BF16 to that type, as is the product.
    BF16_TRUNCATED (cv18xx) also cuts x to bfloat16 first; its product is rounded half to even.
    """
    factor = np.float32(inverse_scale).reshape(1)
    with np.errstate(over="ignore", invalid="ignore"):
        if via == "BF16_TRUNCATED":
            product = round_float(round_float(x, "BF16_TRUNCATED") * round_float(factor, "BF16"), "BF16")
        else:
            product = round_float(np.asarray(x, np.float32) * round_float(factor, via), via)
    return to_integer(product, rounding, out_dtype)


def dequantize(x: Array, scale: float, via: Via = "F32") -> Float32Array:
    """Integer (int8, uint8 or int32) to float32: ``scale * x``; F16 and BF16 round scale and product."""
    factor = round_float(np.float32(scale).reshape(1), via)
    with np.errstate(over="ignore", invalid="ignore"):
        return round_float(x.astype(np.float32) * factor, via)
