"""Similarity of a quantized tensor with its float reference, per sample and per slice.

A slice is a row of an output along one axis, judged on its own: the cosine of a whole tensor hides rows that
died when others carry most of the energy (peers section 5).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..ops_c import kernels
from .score import OutputScore, Similarity, Slice

Array = np.ndarray

STEPS = 255  # int8 steps of an ideal scale for a group of rows
SURE = 2  # a row that varies by less than so many steps may be constant: its values are rounded
JUDGED_VALUES = 8  # a row of fewer values may be constant by chance
COMPARED_ROWS = 512  # an output of more rows (a classifier's logits) lists only the dead ones
GAP = 30.0  # rows whose RMS differ by more than this at one place are two groups


@dataclass(frozen=True, slots=True)
class Comparison:
    """Figures of one tensor and one sample; see ``Similarity`` for their meaning."""

    cosine: float
    euclid: float
    signal: float
    noise: float


def compare(reference: Array, got: Array) -> Comparison:
    """Compare two arrays.

    Floats: raw cosine (1 when both are all zero or identical, 0 when only one is zero or *got* holds a NaN),
    euclid of spec A.11, energies in float64; infinities at the same places (masks) are left out. Integers and
    booleans: the share of equal elements stands for the cosine, the number of different ones for the noise.
    Where sizes differ (they follow from the data: boxes that were found) what one side lacks counts as zero, and
    as different among integers.
    """
    if reference.dtype.kind in "biu":
        return _equality(reference, got)
    if reference.size != got.size:
        reference, got = _filled(reference, got)
    if got.dtype.kind == "f" and not np.isfinite(got).all():
        finite = np.isfinite(reference)
        if not np.array_equal(reference[~finite], got[~finite]) or not np.isfinite(got[finite]).all():
            return Comparison(0.0, -math.inf, _energy(reference), math.inf)
        reference, got = reference[finite], got[finite]
    dot, signal, other, noise, total = kernels.similarity(_single(reference), _single(got))
    return Comparison(_cosine(dot, signal, other, noise), _euclid(noise, total), signal, noise)


def _common(reference: Array, got: Array) -> tuple[Array, Array]:
    """The places that both arrays have; where ranks differ, of rows of numbers."""
    if reference.ndim != got.ndim:
        reference, got = reference.reshape(-1), got.reshape(-1)
    window = tuple(slice(min(sizes)) for sizes in zip(reference.shape, got.shape, strict=True))
    return reference[window], got[window]


def _filled(reference: Array, got: Array) -> tuple[Array, Array]:
    """Both arrays with zeros where only the other has a place."""
    if reference.ndim != got.ndim:
        reference, got = reference.reshape(-1), got.reshape(-1)
    shape = [max(sizes) for sizes in zip(reference.shape, got.shape, strict=True)]
    results = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for result, value in zip(results, (reference, got), strict=True):
        result[tuple(slice(size) for size in value.shape)] = value
    return results


def _single(value: Array) -> Array:
    return np.asarray(value, np.float32)


def _energy(value: Array) -> float:
    return kernels.similarity(_single(value), _single(value))[1]


def _equality(reference: Array, got: Array) -> Comparison:
    size = max(reference.size, got.size)
    if reference.size != got.size:
        reference, got = _common(reference, got)
    same = float(np.count_nonzero(reference.ravel() == got.ravel()))
    share = same / size if size else 1.0
    return Comparison(share, share, float(size), size - same)


def _cosine(dot: float, signal: float, other: float, noise: float) -> float:
    if noise == 0.0:
        return 1.0
    norm = math.sqrt(signal) * math.sqrt(other)
    return dot / norm if norm > 0 else 0.0


def _euclid(noise: float, total: float) -> float:
    """total: sum((ref + got)**2)."""
    return 1.0 - math.sqrt(noise) / (math.sqrt(total) / 2 + 1e-7)


def gather(comparisons: Sequence[Comparison]) -> Similarity:
    """The per-sample figures of one tensor as one value."""
    return Similarity(
        cosine=tuple(item.cosine for item in comparisons),
        euclid=tuple(item.euclid for item in comparisons),
        signal=tuple(item.signal for item in comparisons),
        noise=tuple(item.noise for item in comparisons),
    )


def slice_axis(shape: Sequence[int]) -> int | None:
    """The axis whose rows are judged one by one; None where only the whole makes sense.

    Rank 2: the columns. Rank 3 (heads of detectors, sequences): the shorter of the two axes after the batch.
    Rank 4 and more: the channel axis, or the last one where it is the only one that differs from its
    neighbours (heads exported as batch, anchors, y, x, values).
    """
    rank = len(shape)
    if rank < 2:
        return None
    if rank == 3:
        axis = 1 if shape[1] <= shape[2] else 2
    elif rank >= 5 and shape[-1] != shape[-2]:
        axis = rank - 1
    else:
        axis = 1
    return axis if shape[axis] > 1 else None


class OutputTracker:
    """Collects one output over the samples: whole-tensor figures and rows, in bounded memory."""

    def __init__(self, name: str, shape: Sequence[int]) -> None:
        self._name = name
        self._axis = slice_axis(shape)
        self._whole: list[Comparison] = []
        self._rows: list[list[Comparison]] = []
        self._float: _Ranges | None = None
        self._quantized: _Ranges | None = None

    def add(self, reference: Array, got: Array) -> None:
        """Add one sample; both arrays have the output's shape."""
        self._whole.append(compare(reference, got))
        a, b = self._as_rows(reference), self._as_rows(got)
        if self._float is None or self._quantized is None:
            self._float, self._quantized = _Ranges(len(a)), _Ranges(len(a))
            self._rows = [[] for _ in range(len(a))] if 1 < len(a) <= COMPARED_ROWS else []
        self._float.add(a)
        self._quantized.add(b)
        for row, (x, y) in zip(self._rows, zip(a, b, strict=True), strict=False):
            row.append(compare(x, y))

    def _as_rows(self, value: Array) -> Array:
        if self._axis is None:
            return value.reshape(1, -1)
        return np.moveaxis(value, self._axis, 0).reshape(value.shape[self._axis], -1)

    def result(self) -> OutputScore:
        """The figures of all samples added so far."""
        whole = gather(self._whole)
        if self._float is None or self._quantized is None:
            return OutputScore(self._name, whole)
        dead = dead_rows(self._float, self._quantized)
        if len(dead) > 1 and not dead.any():
            dead |= dead_rows(self._float.joined(), self._quantized.joined())
        axis = 0 if self._axis is None else self._axis
        slices = tuple(
            Slice(axis, index, index + 1, gather(self._rows[index] if self._rows else ()), bool(is_dead))
            for index, is_dead in enumerate(dead)
            if self._rows or is_dead
        )
        return OutputScore(self._name, whole, slices, len(dead))


class _Ranges:
    """Smallest, largest value and energy of each row."""

    def __init__(self, rows: int) -> None:
        self.low = np.full(rows, np.inf)
        self.high = np.full(rows, -np.inf)
        self.energy = np.zeros(rows)
        self.count = 0

    def add(self, rows: Array) -> None:
        values = np.asarray(rows, np.float64)
        if not values.size:
            return
        self.low = np.minimum(self.low, values.min(axis=1))
        self.high = np.maximum(self.high, values.max(axis=1))
        self.energy = self.energy + np.einsum("ij,ij->i", values, values)
        self.count += values.shape[1]

    def joined(self) -> "_Ranges":
        """All rows as one."""
        one = _Ranges(1)
        one.low, one.high = self.low.min(keepdims=True), self.high.max(keepdims=True)
        one.energy, one.count = self.energy.sum(keepdims=True), self.count * len(self.low)
        return one

    @property
    def span(self) -> Array:
        return np.where(np.isfinite(self.high - self.low), self.high - self.low, 0.0)

    @property
    def rms(self) -> Array:
        return np.sqrt(self.energy / max(self.count, 1))


def dead_rows(reference: "_Ranges", quantized: "_Ranges") -> Array:
    """Which rows vary in float and are constant in the quantized network (peers section 5).

    A row counts only where it varies by more than ``SURE`` steps of the best int8 scale that its group could have:
    a class that no sample shows stays below that and is no failure. Rows form two groups where their RMS,
    sorted, jumps by more than ``GAP`` (boxes in pixels beside scores in 0..1).
    """
    top = np.maximum(np.abs(reference.low), np.abs(reference.high))
    step = np.zeros(len(top))
    for group in _groups(reference.rms):
        step[group] = top[group].max() / STEPS
    span = reference.span
    enough = reference.count >= JUDGED_VALUES
    return (span > SURE * step) & (span > 0) & (quantized.span == 0) & enough


def _groups(rms: Array) -> list[Array]:
    order = np.argsort(rms, kind="stable")
    sorted_rms = rms[order]
    positive = np.flatnonzero(sorted_rms > 0)
    if len(positive) < 2:
        return [order]
    first = int(positive[0])
    ratios = sorted_rms[first + 1 :] / sorted_rms[first:-1]
    widest = int(np.argmax(ratios))
    if ratios[widest] <= GAP:
        return [order]
    cut = first + widest + 1
    return [order[:cut], order[cut:]]
