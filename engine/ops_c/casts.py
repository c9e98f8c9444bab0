"""Wrappers of quantize and dequantize; rules and signatures as in :mod:`.twin_casts`."""

import numpy as np

from .native import cut, dense, lib, need_byte_type, need_float32, pointer
from .params import ROUNDINGS, VIAS, Array, ByteArray, ByteType, Float32Array, Rounding, Via
from .rounding import round_float as _round_one

_KINDS = {np.dtype(np.uint8): 0, np.dtype(np.int8): 1, np.dtype(np.int32): 2}


def _number(name: str, value: str, names: tuple[str, ...]) -> int:
    if value not in names:
        raise ValueError(f"{name}: {value!r} is not one of {', '.join(names)}")
    return names.index(value)


def _factor(value: float, via: Via) -> float:
    """The factor as the float type holds it."""
    with np.errstate(over="ignore"):
        return float(_round_one(np.array([value], np.float32), via)[0])


def quantize(
    x: Float32Array,
    inverse_scale: float,
    out_dtype: ByteType = np.int8,
    rounding: Rounding = "half_away",
    via: Via = "F32",
) -> ByteArray:
    """float32 to a byte: ``clamp(round(x * inverse_scale))``; NaN becomes the lowest value (spec C.8).

    The factor is rounded to float32, and with ``via`` F16 or BF16 to that type, as is the product.
    BF16_TRUNCATED (cv18xx) also cuts x to bfloat16 first; its product is rounded half to even.
    """
    need_float32("x", x)
    need_byte_type(out_dtype)
    number, mode = _number("via", via, VIAS), _number("rounding", rounding, ROUNDINGS)
    factor = _factor(inverse_scale, "BF16" if via == "BF16_TRUNCATED" else via)
    x = dense(x)
    out = np.empty_like(x, dtype=out_dtype)
    low, high = cut(False, out_dtype)
    lib.qd_quantize(pointer(x), x.size, factor, number, mode, low, high, pointer(out))
    return out


def dequantize(x: Array, scale: float, via: Via = "F32") -> Float32Array:
    """Integer (int8, uint8 or int32) to float32: ``scale * x``; F16 and BF16 round scale and product."""
    kind = _KINDS.get(x.dtype)
    if kind is None:
        raise ValueError(f"x: an int8, uint8 or int32 array is wanted, not {x.dtype}")
    number = _number("via", via, VIAS)
    x = dense(x)
    out = np.empty_like(x, dtype=np.float32)
    lib.qd_dequantize(pointer(x), x.size, kind, _factor(scale, via), number, pointer(out))
    return out


def round_float(x: Float32Array, via: Via) -> Float32Array:
    """float32 values rounded to the grid of another float type and kept as float32 (spec C.8).

    F16 and BF16 round half to even (overflow becomes infinity); BF16_TRUNCATED drops the low bits.
    """
    need_float32("x", x)
    number = _number("via", via, VIAS)
    x = dense(x)
    out = np.empty_like(x)
    lib.qd_round_float(pointer(x), x.size, number, pointer(out))
    return out
