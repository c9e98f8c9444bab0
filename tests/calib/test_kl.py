from types import ModuleType

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from quantdeck.engine.calib.divergence import best_range
from quantdeck.engine.calib.growing import Counts, GrowingHistogram
from quantdeck.engine.calib.methods.kl import KlCollector
from quantdeck.engine.calib.sample import Setting, View


def counts(values: np.ndarray, width: float = 0.01) -> Counts:
    index = np.flatnonzero(values)
    return Counts(index, values[index].astype(np.int64), values.size, width)


def shape_of(kind: str, bins: int, generator: np.random.Generator) -> np.ndarray:
    ramp = np.arange(bins) / bins
    match kind:
        case "exponential":
            return generator.poisson(150 * np.exp(-8 * ramp))
        case "gauss":
            return generator.poisson(2e5 * np.exp(-((4 * ramp) ** 2)))
        case "sparse":
            return (generator.random(bins) < 0.02) * generator.integers(1, 100_000, bins)
        case "single counts":
            return generator.poisson(0.01, bins)
        case "last bin only":
            return np.eye(1, bins, bins - 1, dtype=int)[0] * 5
        case "flat":
            return np.full(bins, 7)
        case "more than float32 counts":
            return generator.integers(0, 200_000, bins)
    raise AssertionError(kind)


KINDS = (
    "exponential",
    "gauss",
    "sparse",
    "single counts",
    "last bin only",
    "flat",
    "more than float32 counts",
)


@pytest.mark.parametrize("kind", KINDS)
def test_the_search_finds_the_originals_range(oracle: ModuleType, kind: str) -> None:
    generator = np.random.default_rng(KINDS.index(kind))
    for bins in (128, 300, 2048, 2048, 3000):
        values = shape_of(kind, bins, generator)
        assert best_range(counts(values)) == oracle.kl_from_histogram(values, 0.01), (kind, bins)


def test_an_empty_histogram_gives_zero() -> None:
    assert best_range(GrowingHistogram(2048).counts()) == 0


@settings(max_examples=40, deadline=None)
@example(seed=615, spreads=[1.5, 1.0, 1.0, 1.0, 11.0], bins=2048)  # neighbouring bins that both move up
@given(
    seed=st.integers(0, 10**6),
    spreads=st.lists(st.floats(0.05, 20), min_size=1, max_size=5),
    bins=st.sampled_from([256, 2048]),
)
def test_the_histogram_grows_as_the_originals(
    oracle: ModuleType, seed: int, spreads: list[float], bins: int
) -> None:
    generator = np.random.default_rng(seed)
    ours, theirs = GrowingHistogram(bins), oracle.KlState(bins)
    for spread in spreads:
        x = (generator.laplace(0, spread, 700) * (generator.random(700) > 0.3)).astype(np.float32)
        ours.add(x, float(np.abs(x).max()))
        theirs.add(x)
    found = ours.counts()
    dense = np.zeros(found.bins, np.int64)
    dense[found.index] = found.count
    assert (found.bins, found.width) == (len(theirs.counts), theirs.width)
    assert np.array_equal(dense, theirs.counts)


def test_more_bins_than_fit_are_kept_sparsely_and_equal(oracle: ModuleType) -> None:
    generator = np.random.default_rng(3)
    ours, theirs = GrowingHistogram(2048), oracle.KlState(2048)
    for factor in (1, 70, 3, 90):
        x = (generator.normal(size=4000) * factor).astype(np.float32)
        ours.add(x, float(np.abs(x).max()))
        theirs.add(x)
    found = ours.counts()
    assert found.bins == len(theirs.counts) > 1 << 16
    assert np.array_equal(found.index, np.flatnonzero(theirs.counts))
    assert np.array_equal(found.count, theirs.counts[found.index])


def test_a_range_of_millions_of_bins_takes_no_memory_and_history_is_dropped_past_eight() -> None:
    histogram = GrowingHistogram(2048)
    for factor in (1.0, 3000.0, 3500.0):
        histogram.add(np.linspace(0, factor, 1000, dtype=np.float32), factor)
    found = histogram.counts()
    assert found.bins > 7_000_000
    assert found.index.size <= 3000
    assert 0 < best_range(found) < 3500.2  # rounded up to whole groups
    histogram.add(np.linspace(0, 9e6, 1000, dtype=np.float32), 9e6)
    assert histogram.dropped == 1
    assert histogram.counts().bins == 2048


def test_zero_samples_in_front_do_not_lose_the_others() -> None:
    generator = np.random.default_rng(0)
    rest = [generator.normal(size=500).astype(np.float32) for _ in range(3)]
    plain, late = (KlCollector(Setting(0, 1, 5, 500)) for _ in range(2))
    for x in [np.zeros(500, np.float32)] * 2 + rest:
        late.add(View.of(x))
    for x in rest:
        plain.add(View.of(x))
    assert late.reading() == plain.reading()
    assert late.reading().value > 0.5


def test_the_exact_variant_is_the_two_pass_one_in_any_order(oracle: ModuleType) -> None:
    generator = np.random.default_rng(5)
    samples = [(generator.laplace(0, spread, 3000)).astype(np.float32) for spread in (0.2, 3, 1)]
    top = max(float(np.abs(x).max()) for x in samples)
    results = set()
    for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
        collector = KlCollector(Setting(0, 1, 3, 3000, exact=True, top=top))
        for index in order:
            collector.add(View.of(samples[index]))
        results.add(min(collector.reading().value, top))
    assert results == {oracle.kl_threshold_two_pass(samples)}
