"""Wrappers of the calibration passes; rules and signatures as in :mod:`.twin_calibration`.

Arrays are read in their logical order, so a result does not depend on how the tensor lies in memory.
"""

from typing import Any

import numpy as np

from .native import ffi, lib, need_float32, pointer
from .params import Array, Float32Array, Moments
from .twin_calibration import FACTOR_MAX

BINS_MAX = 2**24 - 1
_COLUMNS_UP_TO = 1 << 14  # four counters a bin stay in the second-level cache
_CHUNK = 1 << 31  # elements that 32-bit counters hold


def _flat(name: str, x: Any) -> Float32Array:
    need_float32(name, x)
    return np.ascontiguousarray(x)


def moments(x: Float32Array) -> Moments:
    """Range, sums and counts in one sweep; NaN and infinities are counted and left out of everything else."""
    x = _flat("x", x)
    out = ffi.new("qd_moments_out *")
    lib.qd_moments(pointer(x), x.size, out)
    return Moments(out.min, out.max, out.sum, out.sum_abs, out.sum_sq, out.zeros, out.nans, out.infs)


def _counters(bins: int) -> Array:
    if not 1 <= bins <= BINS_MAX:
        raise ValueError(f"bins: {bins} is not in 1..{BINS_MAX}")
    return np.zeros((bins + 1, 4 if bins <= _COLUMNS_UP_TO else 1), np.uint32)


def histogram(x: Float32Array, width: float, bins: int) -> Array:
    """Counts (int64) of ``floor(|x| / width + 0.5)`` in float32; zeros, NaN and what lies above are left out.

    Exact per index. The original counts these indices with numpy.histogram, whose float32 edges move a few
    counts next to the top by one bin where bins > 2048 (spec B.3, reference).
    """
    flat = _flat("x", x).reshape(-1)
    if not width >= 0:
        raise ValueError(f"width: {width} is negative or no number")
    total = np.zeros(bins, np.int64)
    for begin in range(0, flat.size, _CHUNK):
        part = flat[begin : begin + _CHUNK]
        counts = _counters(bins)
        lib.qd_histogram(pointer(part), part.size, width, bins, counts.shape[1], pointer(counts))
        total += counts[:-1].sum(axis=1, dtype=np.int64)
    return total


def signed_histogram(x: Float32Array, lo: float, hi: float, bins: int) -> Array:
    """Counts (int64) of ``floor((x - lo) * (bins / (hi - lo)))`` in float32 over [lo, hi], zeros included.

    hi falls into the last bin; values outside and NaN are left out. lo == hi counts equal values in bin 0.
    """
    flat = _flat("x", x).reshape(-1)
    low, high = float(np.float32(lo)), float(np.float32(hi))
    if not low <= high:
        raise ValueError(f"lo, hi: {lo} is not below {hi}")
    factor = min(bins / (high - low), FACTOR_MAX) if high > low else 0.0
    total = np.zeros(bins, np.int64)
    for begin in range(0, flat.size, _CHUNK):
        part = flat[begin : begin + _CHUNK]
        counts = _counters(bins)
        lib.qd_signed_histogram(
            pointer(part), part.size, low, high, factor, bins, counts.shape[1], pointer(counts)
        )
        total += counts[:-1].sum(axis=1, dtype=np.int64)
    return total


def octav_step(abs_x: Float32Array, s: float) -> tuple[float, int]:
    """Sum (float64, striped) and count of ``|x| > s``, s rounded to float32; 0 gives the start (B.6)."""
    x = _flat("abs_x", abs_x)
    count = ffi.new("int64_t *")
    total = lib.qd_sum_above(pointer(x), x.size, s, count)
    return total, count[0]


def _beyond(x: Float32Array, bound: float, mode: int) -> Float32Array:
    x = _flat("x", x)
    out = np.empty(lib.qd_count_beyond(pointer(x), x.size, bound, mode), np.float32)
    if out.size:
        lib.qd_take_beyond(pointer(x), x.size, bound, mode, pointer(out))
    return out


def above(x: Float32Array, bound: float, *, absolute: bool = False) -> Float32Array:
    """The values (or magnitudes, where ``absolute``) greater than ``bound``, in the order of x."""
    return _beyond(x, bound, 1 if absolute else 0)


def below(x: Float32Array, bound: float) -> Float32Array:
    """The values less than ``bound``, in the order of x."""
    return _beyond(x, bound, 2)


def similarity(ref: Float32Array, got: Float32Array) -> tuple[float, float, float, float, float]:
    """Sums that every similarity is made of, float64 and striped.

    Returns (sum ref*got, sum ref^2, sum got^2, sum (ref-got)^2, sum (ref+got)^2); shapes must be equal.
    """
    a, b = _flat("ref", ref), _flat("got", got)
    if a.shape != b.shape:
        raise ValueError(f"got: shape {b.shape} is not that of ref, {a.shape}")
    out = ffi.new("double[5]")
    lib.qd_similarity(pointer(a), pointer(b), a.size, out)
    return (out[0], out[1], out[2], out[3], out[4])
