"""What a plan is worth: similarity per sample and output, from which means and worst cases are derived."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Similarity:
    """One tensor against its float reference, per sample.

    ``cosine``: raw cosine in [-1, 1]. ``signal`` and ``noise``: energies sum(ref**2), sum((ref - got)**2),
    in float64. ``euclid``: 1 - |ref - got| / |(ref + got) / 2| (spec A.11). Integer and boolean tensors are
    compared by equality: their cosine is the share of equal elements.
    """

    cosine: tuple[float, ...]
    euclid: tuple[float, ...]
    signal: tuple[float, ...]
    noise: tuple[float, ...]

    @property
    def finite(self) -> bool:
        """Whether every sample has a figure: none holds a NaN, or an infinity that the reference does not have."""
        return all(map(math.isfinite, self.noise)) and all(map(math.isfinite, self.cosine))

    @property
    def mean_cosine(self) -> float:
        """Mean over samples of the raw cosine."""
        return sum(self.cosine) / len(self.cosine) if self.cosine else math.nan

    @property
    def chapter_cos(self) -> float:
        """(1 + cosine) / 2, what the chapter's searches call cos (spec B.1)."""
        return 0.5 + 0.5 * self.mean_cosine

    @property
    def worst_cosine(self) -> float:
        """Smallest cosine of a sample."""
        return min(self.cosine, default=math.nan)

    @property
    def mean_euclid(self) -> float:
        """Mean over samples of the Euclidean similarity."""
        return sum(self.euclid) / len(self.euclid) if self.euclid else math.nan

    @property
    def sqnr(self) -> float:
        """10 log10 of signal over noise energy of all samples, in dB.

        Infinite without noise, minus infinite where the noise is beyond all numbers.
        """
        signal, noise = sum(self.signal), sum(self.noise)
        if noise == 0:
            return math.inf
        if math.isinf(noise):
            return -math.inf
        return 10 * math.log10(signal / noise) if signal > 0 else -math.inf


def spoilt_samples(tensors: Iterable[Similarity]) -> int:
    """Number of samples in which a tensor holds a NaN, or an infinity that the reference does not have."""
    found = {
        index
        for item in tensors
        for index, (noise, cosine) in enumerate(zip(item.noise, item.cosine, strict=True))
        if not (math.isfinite(noise) and math.isfinite(cosine))
    }
    return len(found)


def broken_references(tensors: Iterable[Similarity]) -> list[int]:
    """The samples in which the float network itself gives NaN or an infinity that no mask is, in order."""
    return sorted(
        {
            index
            for item in tensors
            for index, signal in enumerate(item.signal)
            if not math.isfinite(signal) and not math.isfinite(item.noise[index])
        }
    )


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows of an output along ``axis`` that are judged on their own (peers section 5)."""

    axis: int
    start: int
    stop: int
    similarity: Similarity
    dead: bool  # varies in float, constant in the quantized network


@dataclass(frozen=True, slots=True)
class OutputScore:
    """One graph output. ``rows`` were judged one by one; ``slices`` lists them, of very many only the dead ones."""

    name: str
    similarity: Similarity
    slices: tuple[Slice, ...] = ()
    rows: int = 0

    @property
    def dead(self) -> tuple[Slice, ...]:
        """Slices that vary in float and are constant in the quantized network."""
        return tuple(part for part in self.slices if part.dead)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Hits of a classifier among labelled samples, with Wilson's 95 % interval."""

    top1: int
    top5: int
    total: int

    def interval(self, hits: int) -> tuple[float, float]:
        """Wilson score interval of a share, 95 %."""
        if not self.total:
            return 0.0, 1.0
        z, n, p = 1.959964, self.total, hits / self.total
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        low = 0.0 if hits == 0 else max(0.0, centre - half)
        return low, 1.0 if hits == n else min(1.0, centre + half)


@dataclass(frozen=True, slots=True)
class Excess:
    """Values of a layer that an arithmetic could not hold, over all samples.

    kind: the float type that they went beyond ("F16" ...), "sum" for integer sums from 2**24 on, "int32" for those
    that the accumulator does not hold. reference: met not in the plan but in what it is compared with.
    """

    layer: str
    kind: str
    count: int
    reference: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """A plan over samples."""

    outputs: tuple[OutputScore, ...]
    samples: int
    float_accuracy: Accuracy | None = None
    accuracy: Accuracy | None = None
    excesses: tuple[Excess, ...] = ()

    @property
    def cosine(self) -> float:
        """Mean cosine of the worst output."""
        return min((output.similarity.mean_cosine for output in self.outputs), default=math.nan)

    @property
    def sqnr(self) -> float:
        """SQNR of the worst output, in dB."""
        return min((output.similarity.sqnr for output in self.outputs), default=math.nan)

    @property
    def dead_slices(self) -> int:
        """Number of dead slices over all outputs; a score with any has failed."""
        return sum(len(output.dead) for output in self.outputs)


@dataclass(frozen=True, slots=True)
class LayerScore:
    """One layer of a plan: alone in int8 at its own output, and accumulated in the whole plan."""

    layer: str
    mode: str
    local: Similarity | None
    accumulated: Similarity | None
    saturation: float | None = None
