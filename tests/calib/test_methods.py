import math
from types import ModuleType

import numpy as np
import pytest
from quantdeck.engine.calib.methods import METHODS, resolve_method
from quantdeck.engine.calib.observer import ResampledHistogram
from quantdeck.engine.calib.sample import Reading, Setting, View
from quantdeck.engine.errors import QuantdeckError


def reading(
    method: str, samples: list[np.ndarray], position: int = 0, positions: int = 1, exact: bool = False
) -> Reading:
    top = max(float(np.abs(x).max()) for x in samples) if exact else None
    collector = METHODS[method].start(
        Setting(position, positions, len(samples), samples[0].size, 2048, exact, top)
    )
    for x in samples:
        collector.add(View.of(x))
    return collector.reading()


def tensors() -> dict[str, list[np.ndarray]]:
    generator = np.random.default_rng(1684)
    laplace = [generator.laplace(0, 1.3, (1, 64, 40, 40)) for _ in range(4)]
    wide = [(2 + index) * generator.standard_normal((1, 32, 48, 48)) for index in range(4)]
    silu = [x / (1 + np.exp(-x)) for x in wide]
    other = np.random.default_rng(7)
    found = {
        "laplace": laplace,
        "silu": silu,
        "relu": [np.maximum(other.normal(0, 2, (1, 8, 20, 20)), 0) for _ in range(3)],
        "heavy": [other.standard_t(2, (1, 8, 30, 30)) for _ in range(5)],
        "small": [other.normal(0, 1, (1, 10)) for _ in range(5)],
        "small values": [other.normal(0, 1e-4, (1, 400)) for _ in range(5)],
        "shrinking": [other.normal(0, 5 - index, (1, 3000)) for index in range(5)],
    }
    return {name: [x.astype(np.float32) for x in samples] for name, samples in found.items()}


TENSORS = tensors()


@pytest.mark.parametrize(
    ("name", "method", "value"),
    [
        ("laplace", "max", 16.9678612),
        ("laplace", "percentile9999", 11.7678527),
        ("laplace", "mse", 13.0161765),
        ("laplace", "aciq_gauss", 12.9249258),
        ("laplace", "aciq_laplace", 12.8952566),
        ("laplace", "observer", 13.1708841),
        ("silu", "kl", 17.9777927),
        ("silu", "percentile9999", 17.1864476),
        ("silu", "mse", 13.0599446),
        ("silu", "aciq_gauss", 6.8606522),
        ("silu", "aciq_laplace", 16.1414917),
        ("silu", "observer", 18.5559164),
    ],
)
def test_the_figures_that_the_original_gives(name: str, method: str, value: float) -> None:
    assert reading(method, TENSORS[name], 3, 10).value == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("name", TENSORS)
@pytest.mark.parametrize("method", METHODS)
def test_every_method_agrees_with_the_oracle(oracle: ModuleType, name: str, method: str) -> None:
    samples = TENSORS[name]
    word = "observer" if method == "observer" else f"use_{method}"
    value, low, high = oracle.calibrate(samples, word, pos=3, n_ops=10)
    found = reading(method, samples, 3, 10)
    capped = found.value if method == "observer" else min(found.value, float(oracle.absmax(samples)))
    assert capped == pytest.approx(value, rel=1e-6, abs=1e-6 * value)
    if found.min is not None:
        assert found.min == pytest.approx(low, rel=2e-6, abs=1e-9)
        assert found.max == pytest.approx(high, rel=2e-6, abs=1e-9)


@pytest.mark.parametrize("position", [0, 40, 99])
@pytest.mark.parametrize("size", [3, 700, 30_000])
def test_percentiles_along_the_network(oracle: ModuleType, position: int, size: int) -> None:
    generator = np.random.default_rng(size)
    samples = [generator.standard_t(3, size).astype(np.float32) for _ in range(7)]
    value, low, high = oracle.percentile_signed(samples, position, 100)
    found = reading("percentile9999", samples, position, 100)
    assert (found.value, found.min, found.max) == (value, low, high)


def test_tiny_tensors_in_very_many_samples_count_their_overlap_twice(oracle: ModuleType) -> None:
    generator = np.random.default_rng(2)
    samples = [generator.normal(size=2).astype(np.float32) for _ in range(6000)]
    assert reading("percentile9999", samples).value == oracle.percentile_signed(samples, 0, 1)[0]


def test_the_exact_percentile_is_numpys_at_every_position() -> None:
    samples = TENSORS["heavy"]
    together = np.concatenate([x.reshape(-1) for x in samples]).astype(np.float64)
    low, high = np.percentile(together, [0.01, 99.99])
    for position in (0, 5):
        found = reading("percentile9999", samples, position, 10, exact=True)
        assert (found.min, found.max) == (pytest.approx(low, rel=1e-9), pytest.approx(high, rel=1e-9))


def test_samples_that_say_nothing() -> None:
    zero, some = np.zeros(8, np.float32), np.arange(8, dtype=np.float32)
    assert reading("mse", [zero, some]).value == reading("mse", [some]).value
    assert math.isnan(reading("mse", [zero]).value)
    assert math.isnan(reading("aciq_gauss", [np.ones(1, np.float32)]).value)


def test_the_observer_does_not_blow_up_when_the_range_explodes(oracle: ModuleType) -> None:
    steps = [np.linspace(-1, 1, 999, dtype=np.float32) * scale for scale in (0.1, 1, 9)]
    ours, theirs = ResampledHistogram(512), oracle.HistogramObserver(512)
    for x in steps:
        ours.add(x, float(x.min()), float(x.max()))
        theirs.add(x)
    assert np.allclose(ours.counts, theirs.h, rtol=1e-5, atol=1e-3)
    ours.add(steps[0] * np.float32(1e20), -1e19, 1e19)
    assert float(ours.counts.sum()) == pytest.approx(4 * 999, rel=1e-3)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("kl", "kl"),
        ("use_kl", "kl"),
        ("KL", "kl"),
        ("MAX", "max"),
        ("use_mse", "mse"),
        ("Percentile9999", "percentile9999"),
        ("use_aciq_gauss", "aciq_gauss"),
        ("use_torch_observer_for_cali", "observer"),
        (" observer ", "observer"),
    ],
)
def test_both_spellings(text: str, name: str) -> None:
    assert resolve_method(text) == name


@pytest.mark.parametrize("text", ["", "use_mxa", "kl2", "kl,mse", "\x1b[2J", "klmax"])
def test_another_word_is_an_error_and_not_kl(text: str) -> None:
    with pytest.raises(QuantdeckError, match="percentile9999") as found:
        resolve_method(text)
    assert "\x1b" not in str(found.value)
