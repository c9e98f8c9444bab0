"""What a network's outputs say about one sample: classes, boxes, or nothing that the shapes give away.

The rules are by shape and by the float network's values, never by names of models:

* two outputs of A rows each, one with four columns (boxes), the other with scores: an SSD head (ultraface);
* one output of A rows of 5 or more columns, or the same turned round, where A is the number of cells of the
  strides 8, 16, 32 over the input: boxes by centre and size (YOLOX has a column of objectness and may leave the
  decoding to the user: then sizes are logarithms and some are negative);
* one row a sample: a classifier;
* anything else: plain.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LIKELY = 0.3
"""Least score of a box that counts."""
SAME = 0.5
"""Least overlap (intersection over union) of boxes that are the same."""
OVERLAP = 0.45
"""Overlap from which the weaker of two boxes of a class is dropped."""
MOST = 100
"""Boxes that are kept of a sample."""
FIVE = 5
STRIDES = (8, 16, 32, 64)
LEAST_ROWS = 16
"""A head has at least so many rows."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """Boxes of a sample, the likeliest first. corners: [n, 4] x1, y1, x2, y2 in the output's units."""

    corners: Array
    scores: Array
    classes: Array


@dataclass(frozen=True, slots=True)
class Head:
    """How outputs are read. kind: "classes", "boxes", "plain".

    output: index of the classes' or the scores' output. boxes: index of the boxes' output where they stand
    apart. turned: rows are the last axis. objectness: the fifth column is one. decode: (columns, rows, stride)
    of grids whose cells the boxes are offsets to. corners: boxes are corners already. background: class 0 is none.
    """

    kind: str
    output: int = 0
    boxes: int | None = None
    turned: bool = False
    objectness: bool = False
    grids: tuple[tuple[int, int, int], ...] = ()
    corners: bool = False
    background: bool = False


def head_of(outputs: Sequence[Array], size: tuple[int, int] | None) -> Head:
    """How to read *outputs*, float values of one sample; *size*: height and width of the picture, if it is one."""
    apart = _apart(outputs)
    if apart is not None:
        return apart
    cells = _cells(size) if size else {}
    for index, output in enumerate(outputs):
        rows = _rows(output)
        if rows is not None:
            for turned, table in ((False, rows), (True, rows.T)):
                count, width = table.shape
                if count in cells and 5 <= width < count:
                    return _one_table(index, table, turned, cells[count])
    for index, output in enumerate(outputs):
        if output.ndim >= 2 and output.shape[0] == 1 and output.size == output.shape[1] and output.size > 1:
            return Head("classes", index)
    return Head("plain")


def _apart(outputs: Sequence[Array]) -> Head | None:
    tables = [(index, rows) for index, output in enumerate(outputs) if (rows := _rows(output)) is not None]
    for place, boxes in tables:
        for index, scores in tables:
            fits = index != place and len(scores) == len(boxes) >= LEAST_ROWS and boxes.shape[1] == 4
            if fits and float(scores.min()) >= 0 and float(scores.max()) <= 1.001:
                corners = bool(np.mean((boxes[:, 2] >= boxes[:, 0]) & (boxes[:, 3] >= boxes[:, 1])) > 0.99)
                sums = bool(scores.shape[1] > 1 and np.allclose(scores.sum(axis=1), 1, atol=1e-2))
                return Head("boxes", index, place, corners=corners, background=sums)
    return None


def _cells(size: tuple[int, int]) -> dict[int, tuple[tuple[int, int, int], ...]]:
    """Grids by the number of their cells together."""
    found: dict[int, tuple[tuple[int, int, int], ...]] = {}
    grids: list[tuple[int, int, int]] = []
    for stride in STRIDES:
        if any(length % stride for length in size):
            break
        grids.append((size[1] // stride, size[0] // stride, stride))
        if len(grids) > 1:
            found[sum(wide * high for wide, high, _ in grids)] = tuple(grids)
    return found


def _one_table(index: int, table: Array, turned: bool, grids: tuple[tuple[int, int, int], ...]) -> Head:
    raw = bool((table[:, 2:4] < 0).any())
    return Head("boxes", index, turned=turned, objectness=not turned, grids=grids if raw else ())


def _rows(output: Array) -> Array | None:
    """[A, columns] of an output of one sample; None for another shape."""
    if output.ndim == 3 and output.shape[0] == 1:
        return output[0]
    return output if output.ndim == 2 and output.shape[0] >= LEAST_ROWS else None


def top_classes(head: Head, outputs: Sequence[Array]) -> list[tuple[int, float]]:
    """The five likeliest classes; values that are no shares yet are made some by softmax."""
    values = np.asarray(outputs[head.output], np.float64).reshape(-1)
    if not (values.min() >= 0 and abs(values.sum() - 1) < 1e-2):
        values = np.exp(values - values.max())
        values /= values.sum()
    order = np.argsort(-values, kind="stable")[:FIVE]
    return [(int(index), float(values[index])) for index in order]


def boxes_of(head: Head, outputs: Sequence[Array]) -> Boxes:
    """The boxes of a sample after suppression."""
    if head.boxes is not None:
        table, scores = (
            np.asarray(outputs[head.boxes], np.float64),
            np.asarray(outputs[head.output], np.float64),
        )
        table, scores = table.reshape(-1, 4), scores.reshape(-1, scores.shape[-1])
        scores = scores[:, 1:] if head.background else scores
    else:
        both = np.asarray(outputs[head.output], np.float64)[0]
        both = both.T if head.turned else both
        table, scores = both[:, :4], both[:, 5:] if head.objectness else both[:, 4:]
        if head.objectness:
            scores = both[:, 4:5] * scores if scores.shape[1] else both[:, 4:5]
        table = _decoded(table, head.grids) if head.grids else table
    corners = (
        table
        if head.corners
        else np.hstack([table[:, :2] - table[:, 2:] / 2, table[:, :2] + table[:, 2:] / 2])
    )
    classes = scores.argmax(axis=1)
    return _suppressed(corners, scores[np.arange(len(scores)), classes], classes)


def _decoded(table: Array, grids: Sequence[tuple[int, int, int]]) -> Array:
    """Centres and sizes in pixels from offsets to cells and logarithms of sizes (YOLOX)."""
    places: list[Array] = []
    for wide, high, stride in grids:
        y, x = np.divmod(np.arange(wide * high), wide)
        places.append(np.stack([x, y, np.full(wide * high, stride)], axis=1))
    cells = np.vstack(places).astype(np.float64)
    with np.errstate(over="ignore"):
        sizes = np.exp(table[:, 2:4]) * cells[:, 2:3]
    return np.hstack([(table[:, :2] + cells[:, :2]) * cells[:, 2:3], sizes])


def _suppressed(corners: Array, scores: Array, classes: Array) -> Boxes:
    order = np.flatnonzero(scores >= LIKELY)
    order = order[np.argsort(-scores[order], kind="stable")][: 10 * MOST]
    kept: list[int] = []
    for index in order:
        same = [other for other in kept if classes[other] == classes[index]]
        if not same or float(overlaps(corners[index], corners[same]).max()) <= OVERLAP:
            kept.append(int(index))
        if len(kept) == MOST:
            break
    return Boxes(corners[kept], scores[kept], classes[kept])


def overlaps(box: Array, others: Array) -> Array:
    """Intersection over union of a box [4] with others [n, 4]."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=1)
    areas = np.prod(np.clip(others[:, 2:] - others[:, :2], 0, None), axis=1)
    union = float(np.prod(np.clip(box[2:] - box[:2], 0, None))) + areas - shared
    return shared / np.maximum(union, 1e-12)


def matched(reference: Boxes, got: Boxes) -> list[float]:
    """For each reference box the overlap with the box of *got* that is the same one, 0 where there is none.

    The likeliest choose first; a box is given once.
    """
    free = list(range(len(got.scores)))
    found: list[float] = []
    for box, kind in zip(reference.corners, reference.classes, strict=True):
        able = [index for index in free if got.classes[index] == kind]
        shares = overlaps(box, got.corners[able]) if able else np.zeros(1)
        best = int(shares.argmax())
        hit = bool(able) and float(shares[best]) >= SAME
        found.append(float(shares[best]) if hit else 0.0)
        if hit:
            free.remove(able[best])
    return found


def answer(head: Head, reference: Sequence[Array], got: Mapping[str, Sequence[Array]]) -> dict[str, Any]:
    """What the float outputs and those of some plans say, as JSON values.

    classes: {"float": [[class, share], ...], plan: ...}. boxes: the float network's boxes with the overlap of
    the same box of each plan, and how many each plan has.
    """
    if head.kind == "classes":
        tops = {name: top_classes(head, outputs) for name, outputs in {"float": reference, **got}.items()}
        return {"kind": "classes", "tops": {name: [list(pair) for pair in top] for name, top in tops.items()}}
    if head.kind == "boxes":
        exact = boxes_of(head, reference)
        boxes = {name: boxes_of(head, outputs) for name, outputs in got.items()}
        return {
            "kind": "boxes",
            "counts": {"float": len(exact.scores), **{name: len(one.scores) for name, one in boxes.items()}},
            "boxes": [
                [int(kind), float(score), *(float(value) for value in corners)]
                for kind, score, corners in zip(exact.classes, exact.scores, exact.corners, strict=True)
            ],
            "matches": {name: matched(exact, one) for name, one in boxes.items()},
        }
    return {"kind": "plain"}
