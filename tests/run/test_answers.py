"""What outputs say of a sample: the heads that are known by their shapes, and boxes that are the same."""

import numpy as np
import pytest
from quantdeck.engine.run.answers import Boxes, answer, boxes_of, head_of, matched, overlaps, top_classes

SIZE = (64, 64)
CELLS = 8 * 8 + 4 * 4 + 2 * 2 + 1  # strides 8, 16, 32 and 64
THREE = 8 * 8 + 4 * 4 + 2 * 2


def yolox(boxes: list[tuple[int, int, float]], classes: int = 3) -> np.ndarray:
    """A raw YOLOX head on 64x64: (cell of the first grid, class, score)."""
    table = np.zeros((1, THREE, 5 + classes), np.float32)
    table[..., 2:4] = -1.0
    for cell, kind, score in boxes:
        table[0, cell, :4] = 0.5, 0.5, np.log(3), np.log(2)
        table[0, cell, 4], table[0, cell, 5 + kind] = 1.0, score
    return table


def test_a_raw_yolox_head_is_decoded_on_its_grids() -> None:
    output = yolox([(9, 1, 0.9), (40, 2, 0.4), (3, 0, 0.1)])
    head = head_of([output], SIZE)
    assert (head.kind, head.objectness, len(head.grids)) == ("boxes", True, 3)
    found = boxes_of(head, [output])
    assert found.classes.tolist() == [1, 2]
    assert found.scores == pytest.approx([0.9, 0.4])
    assert found.corners[0] == pytest.approx(
        [12 - 12, 12 - 8, 12 + 12, 12 + 8], abs=1e-4
    )  # cell (1, 1) of stride 8


def test_decoded_boxes_turned_round_have_no_objectness() -> None:
    output = np.zeros((1, 4 + 2, THREE), np.float32)
    output[0, :4, 7] = 20, 30, 8, 4
    output[0, 5, 7] = 0.8
    head = head_of([output], SIZE)
    assert (head.turned, head.objectness, head.grids) == (True, False, ())
    found = boxes_of(head, [output])
    assert found.corners.tolist() == [[16, 28, 24, 32]]
    assert found.classes.tolist() == [1]


def test_scores_and_boxes_apart_with_a_background() -> None:
    scores = np.tile(np.array([0.95, 0.05], np.float32), (1, 20, 1))
    corners = np.tile(np.array([0.1, 0.1, 0.2, 0.2], np.float32), (1, 20, 1))
    scores[0, 4], corners[0, 4] = (0.1, 0.9), (0.5, 0.5, 0.9, 0.8)
    scores[0, 5], corners[0, 5] = (0.2, 0.8), (0.51, 0.5, 0.9, 0.8)  # the same face once more
    head = head_of([scores, corners], SIZE)
    assert (head.kind, head.boxes, head.corners, head.background) == ("boxes", 1, True, True)
    found = boxes_of(head, [scores, corners])
    assert found.scores == pytest.approx([0.9])
    assert found.corners[0] == pytest.approx([0.5, 0.5, 0.9, 0.8])


@pytest.mark.parametrize("shape", [(1, 7), (1, 7, 1, 1)])
def test_a_classifier_has_one_row_a_sample(shape: tuple[int, ...]) -> None:
    logits = np.zeros(shape, np.float32).reshape(-1)
    logits[[3, 5]] = 4, 2
    head = head_of([logits.reshape(shape)], SIZE)
    top = top_classes(head, [logits.reshape(shape)])
    assert [number for number, _ in top[:3]] == [3, 5, 0]
    assert top[0][1] == pytest.approx(np.exp(4) / (np.exp(4) + np.exp(2) + 5))
    shares = np.array([[0.1, 0.7, 0.2]], np.float32)
    assert top_classes(head_of([shares], None), [shares])[0] == (1, pytest.approx(0.7))


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (1, CELLS + 1, 9), (1, 1)])
def test_anything_else_is_plain(shape: tuple[int, ...]) -> None:
    output = np.random.default_rng(1).normal(size=shape)
    head = head_of([output], SIZE)
    assert head.kind == "plain"
    assert answer(head, [output], {"A": [output]}) == {"kind": "plain"}


def test_a_box_is_matched_once_and_by_its_class() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30.0]])
    reference = Boxes(boxes, np.array([0.9, 0.8, 0.7]), np.array([0, 0, 1]))
    got = Boxes(boxes[[0, 2]], np.array([0.9, 0.6]), np.array([0, 2]))
    assert matched(reference, got) == [1.0, 0.0, 0.0]
    assert overlaps(boxes[0], boxes).tolist() == [1.0, 0.9, 0.0]


def test_the_answer_names_what_a_plan_has_lost() -> None:
    exact, got = yolox([(9, 1, 0.9), (40, 2, 0.6)]), yolox([(9, 1, 0.7)])
    found = answer(head_of([exact], SIZE), [exact], {"A": [got]})
    assert found["counts"] == {"float": 2, "A": 1}
    assert found["matches"] == {"A": [1.0, 0.0]}
