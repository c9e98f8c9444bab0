"""Similarity figures against hand-checked values, and the dead-row alarm on the constructed detector."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quantdeck.engine.run.similarity import OutputTracker, compare, gather, slice_axis


def test_compare_by_hand():
    figure = compare(np.array([3.0, 4.0], np.float32), np.array([3.0, 0.0], np.float32))
    assert figure.cosine == pytest.approx(9 / (5 * 3))
    assert figure.signal == 25
    assert figure.noise == 16
    assert figure.euclid == pytest.approx(1 - 4 / (math.hypot(3, 2) + 1e-7))


def test_sqnr_and_chapter_cos():
    ref = np.array([10.0, 0.0])
    similarity = gather([compare(ref, np.array([9.0, 0.0])), compare(ref, np.array([10.0, 1.0]))])
    assert similarity.sqnr == pytest.approx(10 * math.log10(200 / 2))
    assert similarity.chapter_cos == pytest.approx(0.5 + 0.5 * similarity.mean_cosine)


def test_zero_against_zero_is_equal_and_zero_against_something_is_not():
    zeros = np.zeros(4, np.float32)
    assert compare(zeros, zeros).cosine == 1
    assert compare(zeros, np.ones(4, np.float32)).cosine == 0
    assert compare(np.ones(4, np.float32), zeros).cosine == 0


def test_nan_never_passes():
    figure = compare(np.ones(3), np.array([1.0, np.nan, 1.0]))
    assert figure.cosine == 0
    assert math.isinf(figure.noise)


def test_integers_compare_by_equality():
    figure = compare(np.array([1, 2, 3, 4]), np.array([1, 2, 3, 5]))
    assert figure.cosine == 0.75


@given(st.integers(1, 200), st.integers(0, 2**32 - 1))
def test_cosine_stays_in_range_and_equals_numpy(size: int, seed: int):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=size), rng.normal(size=size)
    figure = compare(a, b)
    expected = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
    assert figure.cosine == pytest.approx(expected, abs=1e-5)
    assert -1 - 1e-9 <= figure.cosine <= 1 + 1e-9


@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((1, 1000), 1),
        ((7,), None),
        ((1, 84, 8400), 1),
        ((1, 8400, 84), 2),
        ((1, 255, 13, 13), 1),
        ((1, 3, 20, 20, 85), 4),
    ],
)
def test_rows_are_found(shape, axis):
    assert slice_axis(shape) == axis


def detector(rng):
    """A head as a YOLO gives it: four rows of boxes in pixels, 80 rows of scores in 0..1."""
    head = np.zeros((1, 84, 8400), np.float32)
    head[:, :4] = rng.uniform(0, 640, (1, 4, 8400))
    head[:, 4:] = rng.uniform(0, 0.05, (1, 80, 8400))
    for anchor in rng.choice(8400, 81, replace=False):
        head[0, 4 + rng.integers(80), anchor] = rng.uniform(0.25, 1)
    return head


def test_dead_scores_are_found_behind_a_cosine_of_one():
    head = detector(np.random.default_rng(1))
    step = 640 / 127
    quantized = np.round(head / step) * step
    tracker = OutputTracker("head", head.shape)
    tracker.add(head, quantized.astype(np.float32))
    score = tracker.result()
    assert score.similarity.mean_cosine > 0.9999
    assert [part.start for part in score.dead] == list(range(4, 84))


def test_fine_scores_raise_no_alarm():
    head = detector(np.random.default_rng(2))
    quantized = head.copy()
    quantized[:, :4] = np.round(head[:, :4] / 5) * 5
    quantized[:, 4:] = np.round(head[:, 4:] * 255) / 255
    tracker = OutputTracker("head", head.shape)
    tracker.add(head, quantized)
    assert not tracker.result().dead


def test_a_class_that_no_sample_shows_is_no_failure():
    head = detector(np.random.default_rng(3))
    head[:, 50] = np.random.default_rng(4).uniform(0, 1e-4, 8400)
    quantized = np.round(head * 255) / 255
    tracker = OutputTracker("head", head.shape)
    tracker.add(head, quantized.astype(np.float32))
    assert not tracker.result().dead


def test_a_class_that_varies_by_little_more_than_a_step_is_no_failure():
    rng = np.random.default_rng(8)
    head = rng.uniform(0, 0.1, (1, 4, 40)).astype(np.float32)
    head[0, :3, 0] = 0.97
    head[:, 3] = rng.uniform(1.5, 3.3, 40) / 255
    quantized = np.round(head * 127) / 127
    quantized[:, 3] = 1 / 127
    tracker = OutputTracker("probabilities", head.shape)
    tracker.add(head, quantized.astype(np.float32))
    assert not tracker.result().dead


def test_dead_in_float_as_well_is_no_failure():
    head = np.zeros((1, 3, 40), np.float32)
    head[:, 0] = np.arange(40)
    tracker = OutputTracker("out", head.shape)
    tracker.add(head, head)
    assert not tracker.result().dead


def test_a_whole_output_that_died():
    rng = np.random.default_rng(5)
    tracker = OutputTracker("out", (1, 10))
    for _ in range(3):
        tracker.add(rng.normal(size=(1, 10)), np.zeros((1, 10)))
    assert len(tracker.result().dead) == 10


def test_a_dead_column_of_a_flat_head():
    rng = np.random.default_rng(6)
    scale = np.array([500, 300, 400, 0.001], np.float32)
    tracker = OutputTracker("out", (1, 4))
    for _ in range(10):
        row = rng.normal(size=(1, 4)).astype(np.float32) * scale
        tracker.add(row, (np.round(row / 19) * 19).astype(np.float32))
    score = tracker.result()
    assert score.similarity.mean_cosine > 0.999
    assert [part.start for part in score.dead] == [3]
    assert score.rows == 4


def test_few_values_are_no_evidence():
    tracker = OutputTracker("out", (1, 3))
    for value in (1.0, 1.2):
        row = np.array([[10.0, value, -10.0]], np.float32)
        tracker.add(row, np.array([[10.0, 1.0, -10.0]], np.float32))
    assert not tracker.result().dead


def test_a_thousand_logits_list_only_the_dead():
    rng = np.random.default_rng(7)
    tracker = OutputTracker("out", (1, 1000))
    for _ in range(12):
        row = rng.normal(size=(1, 1000)).astype(np.float32)
        got = row.copy()
        got[0, 17] = 0
        tracker.add(row, got)
    assert [part.start for part in tracker.result().slices] == [17]
