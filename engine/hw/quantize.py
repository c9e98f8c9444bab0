"""The integer arithmetic that lowerings share: multipliers, shifts, quantized weights (spec C.1, C.3)."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

INT32_MAX = 2**31 - 1
LIMIT_32BIT = INT32_MAX
LIMIT_8BIT = 127
SMALLEST_SCALE = 1e-5
"""A convolution's weight scale is never smaller; an input scale up to it means an all-zero input."""


def round_half_away(values: Array | float) -> Array:
    """C's round: the nearest integer, half away from zero, in float64."""
    given = np.asarray(values, np.float64)
    whole = np.floor(np.abs(given))
    return np.copysign(whole + (np.abs(given) - whole >= 0.5), given)


def scale_shift(scales: Array | float, limit: int = LIMIT_32BIT, lowest: int = -32) -> tuple[Array, Array]:
    """Multipliers and right shifts that come closest to *scales* (spec C.1.2), int32, of the same shape.

    The scale is rounded to float32. Among the shifts ``lowest`` to 30 the first with the smallest float32
    error wins whose multiplier stays below *limit* in magnitude.
    """
    given = np.asarray(scales, np.float32).astype(np.float64)
    flat = given.reshape(-1, 1)
    powers = 2.0 ** np.arange(lowest, 31)
    products = round_half_away(flat * powers)
    multipliers = np.where(np.abs(products) < 2.0**31, products, -(2.0**31))
    with np.errstate(over="ignore", invalid="ignore"):
        errors = np.abs(multipliers / powers - flat).astype(np.float32)
    largest = np.finfo(np.float32).max
    errors = np.where((np.abs(multipliers) < limit) & (errors < largest), errors, np.float32(np.inf))
    best = np.argmin(errors, axis=1)
    found = np.isfinite(errors[np.arange(len(best)), best])
    shifts = np.where(found, best + lowest, 0)
    chosen = round_half_away(flat[:, 0] * 2.0**shifts)
    chosen = np.clip(np.nan_to_num(chosen), -INT32_MAX, INT32_MAX)
    return chosen.astype(np.int32).reshape(given.shape), shifts.astype(np.int32).reshape(given.shape)


def scale_shift_8bit(scale: float) -> tuple[int, int]:
    """One multiplier of at most 126 in magnitude and its shift."""
    multiplier, shift = scale_shift(scale, LIMIT_8BIT)
    return int(multiplier), int(shift)


def scale_shift_positive(scale: float) -> tuple[int, int]:
    """As :func:`scale_shift_8bit` with shifts from 0 (Add, Sub, AddConst, SubConst)."""
    multiplier, shift = scale_shift(scale, LIMIT_8BIT, lowest=0)
    return int(multiplier), int(shift)


def logarithmic_shift(value: float) -> int:
    """The largest shift that keeps abs(value) * 2**shift within 127; 0 to 31 (spec C.1.2, PRelu)."""
    magnitude = abs(float(np.float32(value)))
    if magnitude == 0:
        return 31
    return max(0, min(31, math.floor(math.log(127 / magnitude) / math.log(2.0))))


@dataclass(frozen=True, slots=True)
class Product:
    """A quantized product with weights: integers and the requantization of each output (or one for all)."""

    weight: Array
    bias: Array | None
    multiplier: Array
    shift: Array


def quantize_rows(weight: Array, bias: Array | None, scale_in: float, scale_out: float) -> Product:
    """Weights of a convolution, one scale for each output channel (family X, spec C.3).

    weight: (outputs, everything else) float32; bias: (outputs) or None. Weights that are integers after
    multiplication with a power of two up to 64 are kept as they are.
    """
    rows = np.ascontiguousarray(weight, np.float32).reshape(len(weight), -1)
    signed = bias is not None or bool(rows.min(initial=0.0) < 0)
    low, high = (-128, 127) if signed else (0, 255)
    scale_in = _input_scale(scale_in, rows, bias)
    factor = _integer_factor(rows, low, high)
    if factor:
        scales = np.full(len(rows), 1.0 / factor)
    else:
        largest = np.abs(rows).max(axis=1, initial=0.0) / np.float32(high)
        scales = np.maximum(largest, np.float32(SMALLEST_SCALE)).astype(np.float64)
    integers = np.clip(round_half_away(rows.astype(np.float64) / scales[:, None]), low, high)
    multiplier, shift = scale_shift(scales * scale_in / scale_out)
    return Product(
        integers.astype(np.int8 if signed else np.uint8).reshape(weight.shape),
        None if bias is None else to_int32(bias.astype(np.float64) / (scales * scale_in)),
        multiplier,
        shift,
    )


def quantize_columns(
    weight: Array, bias: Array | None, scale_in: float, scale_out: float, groups: int = 1
) -> Product:
    """Weights of a matrix product, one scale for all columns, or one for each of *groups* blocks of columns.

    weight: (..., K, N) float32, already in the order of the product; bias: (N) or None (family X, spec C.3).
    """
    blocks = [
        _quantize_block(part, None if bias is None else bias_part, scale_in, scale_out)
        for part, bias_part in zip(
            np.split(weight.astype(np.float32), groups, axis=-1),
            [None] * groups if bias is None else np.split(bias, groups),
            strict=True,
        )
    ]
    if groups == 1:
        return blocks[0]
    width = weight.shape[-1] // groups
    biases = [block.bias for block in blocks if block.bias is not None]
    return Product(
        np.concatenate([block.weight for block in blocks], axis=-1),
        np.concatenate(biases) if biases else None,
        np.repeat(np.concatenate([block.multiplier for block in blocks]), width),
        np.repeat(np.concatenate([block.shift for block in blocks]), width),
    )


def _quantize_block(weight: Array, bias: Array | None, scale_in: float, scale_out: float) -> Product:
    scale_in = _input_scale(scale_in, weight, bias)
    scale = float(np.abs(weight).max(initial=0.0)) / 127.0 or SMALLEST_SCALE
    integers = np.clip(round_half_away(weight.astype(np.float64) / scale), -128, 127)
    multiplier, shift = scale_shift(np.array([scale_in * scale / scale_out]))
    return Product(
        integers.astype(np.int8),
        None if bias is None else to_int32(bias.astype(np.float64) / (scale * scale_in)),
        multiplier,
        shift,
    )


def quantize_constant(values: Array) -> tuple[Array, float]:
    """A constant operand of Add or Mul as integers with a scale of its own: unsigned if never negative."""
    largest = float(np.abs(values).max(initial=0.0))
    signed = bool(values.min(initial=0.0) < 0)
    scale = largest / (127.0 if signed else 255.0) or SMALLEST_SCALE
    low, high = (-128, 127) if signed else (0, 255)
    integers = np.clip(round_half_away(values.astype(np.float64) / scale), low, high)
    return np.asarray(integers, np.int8 if signed else np.uint8), scale


def to_int32(values: Array) -> Array:
    """Rounded half away from zero and saturated."""
    return np.clip(round_half_away(values), -INT32_MAX - 1, INT32_MAX).astype(np.int32)


def _input_scale(scale: float, weight: Array, bias: Array | None) -> float:
    """The input's scale; that of an all-zero input is replaced (spec C.3)."""
    if scale > SMALLEST_SCALE:
        return scale
    for values in (bias, weight):
        if values is not None:
            replacement = float(np.abs(values).max(initial=0.0)) / 127.0
            if replacement > SMALLEST_SCALE:
                return replacement
    return 1.0


def _integer_factor(rows: Array, low: int, high: int) -> int:
    """The first power of two up to 64 that makes all weights integers of the type; 0 if none does."""
    for exponent in range(7):
        scaled = rows * np.float32(2**exponent)
        if np.array_equal(scaled, np.clip(np.trunc(scaled), low, high)):
            return 2**exponent
    return 0
