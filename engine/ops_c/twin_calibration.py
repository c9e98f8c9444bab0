"""Numpy twins of the passes over float32 activations that calibration and scores need (spec B.3 to B.6)."""

import numpy as np

from .params import Array, Float32Array, Moments

STRIPES = 16
FACTOR_MAX = float(np.finfo(np.float32).max)


def striped_sum(values: Array) -> float:
    """float64 sum in the order of the kernels: element i into stripe i mod 16, stripes added in order."""
    flat = np.ascontiguousarray(values, np.float64).reshape(-1)
    if flat.size == 0:
        return 0.0
    rows = np.pad(flat, (0, -flat.size % STRIPES)).reshape(-1, STRIPES)
    total = np.float64(0)
    for stripe in np.cumsum(rows, axis=0)[-1]:
        total = total + stripe
    return float(total)


def moments(x: Float32Array) -> Moments:
    """Range, sums and counts in one sweep; NaN and infinities are counted and left out of everything else."""
    flat = np.ascontiguousarray(x, np.float32).reshape(-1)
    finite = np.isfinite(flat)
    used = np.where(finite, flat, np.float32(0)).astype(np.float64)
    return Moments(
        min=float(flat[finite].min(initial=np.inf)) + 0.0,
        max=float(flat[finite].max(initial=-np.inf)) + 0.0,
        sum=striped_sum(used),
        sum_abs=striped_sum(np.abs(used)),
        sum_sq=striped_sum(used * used),
        zeros=int((flat == 0).sum()),
        nans=int(np.isnan(flat).sum()),
        infs=int(np.isinf(flat).sum()),
    )


def histogram(x: Float32Array, width: float, bins: int) -> Array:
    """Counts (int64) of ``floor(|x| / width + 0.5)`` in float32; zeros, NaN and what lies above are left out.

    Exact per index. The original counts these indices with numpy.histogram, whose float32 edges move a few
    counts next to the top by one bin where bins > 2048 (spec B.3, reference).
    """
    a = np.abs(np.ascontiguousarray(x, np.float32).reshape(-1))
    a = a[a > 0]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        k = np.floor(a / np.float32(width) + np.float32(0.5))
    return np.bincount(k[k < bins].astype(np.int64), minlength=bins)


def signed_histogram(x: Float32Array, lo: float, hi: float, bins: int) -> Array:
    """Counts (int64) of ``floor((x - lo) * (bins / (hi - lo)))`` in float32 over [lo, hi], zeros included.

    hi falls into the last bin; values outside and NaN are left out. lo == hi counts equal values in bin 0.
    """
    flat = np.ascontiguousarray(x, np.float32).reshape(-1)
    low, high = np.float32(lo), np.float32(hi)
    flat = flat[(flat >= low) & (flat <= high)]
    factor = min(bins / (float(high) - float(low)), FACTOR_MAX) if high > low else 0.0
    with np.errstate(over="ignore"):
        k = np.minimum((flat - low) * np.float32(factor), np.float32(bins - 1)).astype(np.int64)
    return np.bincount(k, minlength=bins)


def octav_step(abs_x: Float32Array, s: float) -> tuple[float, int]:
    """Sum (float64, striped) and count of ``|x| > s``, s rounded to float32; 0 gives the start (B.6)."""
    a = np.abs(np.ascontiguousarray(abs_x, np.float32).reshape(-1))
    above_s = a > np.float32(s)
    return striped_sum(np.where(above_s, a, np.float32(0))), int(above_s.sum())


def above(x: Float32Array, bound: float, *, absolute: bool = False) -> Float32Array:
    """The values (or magnitudes, where ``absolute``) greater than ``bound``, in the order of x."""
    flat = np.ascontiguousarray(x, np.float32).reshape(-1)
    flat = np.abs(flat) if absolute else flat
    return flat[flat > np.float32(bound)]


def below(x: Float32Array, bound: float) -> Float32Array:
    """The values less than ``bound``, in the order of x."""
    flat = np.ascontiguousarray(x, np.float32).reshape(-1)
    return flat[flat < np.float32(bound)]


def similarity(ref: Float32Array, got: Float32Array) -> tuple[float, float, float, float, float]:
    """Sums that every similarity is made of, float64 and striped.

    Returns (sum ref*got, sum ref^2, sum got^2, sum (ref-got)^2, sum (ref+got)^2); shapes must be equal.
    """
    a = np.ascontiguousarray(ref, np.float32).reshape(-1).astype(np.float64)
    b = np.ascontiguousarray(got, np.float32).reshape(-1).astype(np.float64)
    return (
        striped_sum(a * b),
        striped_sum(a * a),
        striped_sum(b * b),
        striped_sum((a - b) * (a - b)),
        striped_sum((a + b) * (a + b)),
    )
