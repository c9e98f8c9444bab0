import numpy as np
import pytest
from calib_samples import Arrays, Given, chain
from hypothesis import example, given
from hypothesis import strategies as st
from quantdeck.engine.calib.display import DisplayHistogram
from quantdeck.engine.calib.methods import METHODS
from quantdeck.engine.calib.methods.rules import rows
from quantdeck.engine.calib.statistics import TensorStatistics, collect
from quantdeck.engine.errors import QuantdeckError


def statistics(
    values: dict[str, list[np.ndarray]], methods: tuple[str, ...] = tuple(METHODS)
) -> dict[str, TensorStatistics]:
    number = len(next(iter(values.values())))
    feeds = [
        {name: np.asarray(x[index], np.float32) for name, x in values.items()} for index in range(number)
    ]
    graph = chain({name: np.shape(x[0]) for name, x in values.items()})
    source = Arrays(feeds)
    return collect(graph, source.batches(), Given(), methods=methods, count=number, label=source.label)


def test_the_plain_figures() -> None:
    generator = np.random.default_rng(0)
    x = [np.maximum(generator.normal(1, 2, (2, 50)), 0).astype(np.float32) for _ in range(4)]
    found = statistics({"x": x})["x"]
    flat = np.concatenate(x).astype(np.float64)
    assert (found.samples, found.size) == (4, 100)
    assert (found.min, found.max) == (0.0, flat.max())
    assert found.mean == pytest.approx(flat.mean())
    assert found.std == pytest.approx(flat.std())
    assert found.zero_share == np.mean(flat == 0)
    assert found.histogram.dtype == np.float32
    assert found.histogram.sum() == pytest.approx(400)
    assert (found.histogram_lo, found.histogram_hi) == (0.0, flat.max())


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.zeros(9), "all zero in 3 of 3 samples"),
        (np.full(9, 0.75), "constant (0.75) in 3 of 3 samples"),
        (np.linspace(-1e-7, 1e-7, 9), "all values under 1e-05 in 3 of 3 samples"),
        (np.linspace(-3, 0, 9), "one sign: never positive in 3 of 3 samples"),
        (np.linspace(0, 3, 9), None),
        (np.linspace(-3, 3, 9), None),
    ],
)
def test_degenerate_tensors_are_named_by_kind(values: np.ndarray, kind: str | None) -> None:
    found = statistics({"x": [values] * 3})["x"]
    assert found.warning == kind


@pytest.mark.parametrize("method", METHODS)
def test_every_degenerate_tensor_gets_a_usable_row(method: str) -> None:
    generator = np.random.default_rng(4)
    tail = [generator.normal(size=20_000) for _ in range(3)]
    values = {
        "x": [generator.normal(size=50) for _ in range(3)],
        "dead": [np.zeros(50)] * 3,
        "flat": [np.full(50, 0.3)] * 3,
        "late": [np.zeros(50), np.zeros(50), np.linspace(0, 3, 50)],
        "tiny": [np.linspace(-1, 1, 50) * 1e-7] * 3,
        "one": [np.array([1.5]), np.array([2.0]), np.array([1.0])],
        "rare": [np.concatenate([np.zeros(19_999), [2.0]])] * 3,
        **{f"tail{index}": tail for index in range(6)},
    }
    found = statistics(values, (method,))
    graph = chain({name: np.shape(x[0]) for name, x in values.items()})
    row = rows(graph, found, method)
    assert list(row) == list(values)
    assert all(
        np.isfinite([item.value, item.min, item.max]).all() and item.value >= 1e-5 for item in row.values()
    )
    assert (row["dead"].value, row["dead"].min, row["dead"].max) == (1e-5, 0.0, 1e-5)
    assert (row["tiny"].value, row["tiny"].min, row["tiny"].max) == (1e-5, -1e-5, 1e-5)
    assert row["flat"].value == pytest.approx(0.3, rel=0.01)
    assert row["late"].value > 0.5
    assert row["rare"].value > 1e-4


@pytest.mark.parametrize("method", ["mse", "aciq_gauss", "aciq_laplace"])
def test_inputs_and_small_last_outputs_take_their_maximum(method: str) -> None:
    generator = np.random.default_rng(9)
    big, small = (1, 40_000), (1, 40)
    shapes = {"in": big, "a": big, "b": small, "c": big, "d": small, "e": small}
    values = {name: [generator.standard_t(3, shape) for _ in range(2)] for name, shape in shapes.items()}
    found = statistics(values, (method,))
    row = rows(chain(shapes), found, method)
    full = {name for name, item in found.items() if row[name].value == item.largest}
    assert {"in", "d", "e"} <= full  # the walk from the end stops at c
    assert not full & {"a", "c"}


@pytest.mark.parametrize(("bad", "word"), [(np.nan, "NaN"), (np.inf, "infinite"), (-np.inf, "infinite")])
def test_a_number_that_is_none_is_named_by_sample_and_layer(bad: float, word: str) -> None:
    good = np.ones(4)
    with pytest.raises(QuantdeckError, match=rf"y\u241b.*{word}.*s1\.npz"):
        statistics({"x": [good] * 3, "y\x1b": [good, np.array([1, bad, 2, 3]), good]})


def test_mask_values_stay_out_of_the_table() -> None:
    generator = np.random.default_rng(1)
    scores = generator.normal(size=(1, 8, 8))
    masked = np.where(np.arange(8) > 4, -3.4028235e38, scores)
    found = statistics({"x": [scores] * 2, "masked": [masked] * 2})
    row = rows(chain({"x": (1, 8, 8), "masked": (1, 8, 8)}), found, "kl")["masked"]
    real = np.abs(scores[..., :5]).max()
    assert found["masked"].largest == pytest.approx(real)
    assert row.value == pytest.approx(real + 8)
    assert row.min == -row.value
    assert "48 mask values" in str(found["masked"].warning)


@given(
    st.lists(
        st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=30),
        min_size=1,
        max_size=5,
    )
)
@example([[0.0, -9.999999747378752e-06], [753628.0, -407816.0]])
def test_the_drawn_histogram_loses_nothing_and_knows_no_order(samples: list[list[float]]) -> None:
    drawn = []
    for order in (samples, samples[::-1]):
        histogram = DisplayHistogram()
        for sample in order:
            histogram.add(np.array(sample, np.float32), min(sample), max(sample))
        drawn.append(histogram.spread())
    counts, low, high = drawn[0]
    assert counts.shape == (256,)
    assert counts.sum() == pytest.approx(sum(len(sample) for sample in samples), rel=1e-5)
    assert (counts >= 0).all()
    assert low < high
    assert (low, high) == drawn[1][1:]
    moved = np.abs(np.cumsum(counts - drawn[1][0])).sum()  # values times bins
    assert (
        moved <= sum(map(len, samples)) / 8 + 1e-3
    )  # one at a border may lie on either side, as float32 rounds it


def test_the_drawn_histogram_is_close_to_the_true_one() -> None:
    generator = np.random.default_rng(3)
    samples = [generator.normal(0, scale, 20_000).astype(np.float32) for scale in (0.01, 1, 3)]
    histogram = DisplayHistogram()
    for x in samples:
        histogram.add(x, float(x.min()), float(x.max()))
    counts, low, high = histogram.spread()
    true, _ = np.histogram(np.concatenate(samples), 256, (low, high))
    assert np.abs(np.cumsum(counts) - np.cumsum(true)).max() < 0.02 * 60_000


def test_progress_counts_the_samples() -> None:
    seen: list[tuple[int, int]] = []
    graph = chain({"x": (2,)})
    feeds = [{"x": np.ones(2, np.float32)}] * 3
    collect(
        graph,
        feeds,
        Given(),
        methods=["max"],
        count=3,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]
