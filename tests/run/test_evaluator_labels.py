"""Labels of a classifier: what counts, what is refused."""

import numpy as np
import pytest
from quantdeck.engine.errors import QuantdeckError
from quantdeck.engine.graph.model import Graph, Layer, Output, Tensor
from quantdeck.engine.graph.vocabulary import Relu
from quantdeck.engine.run.evaluator import Hits


def classifier(batch: int = 2, classes: int = 6) -> Graph:
    tensors = {name: Tensor(name, (batch, classes)) for name in ("x", "y")}
    return Graph(
        "c", ("x",), (Output("y", "y"),), (Layer("y", Relu(), ("x",), ("y",)),), tensors, {}, "digest"
    )


def rows(*best: int) -> dict[str, np.ndarray]:
    """Scores whose highest class is given, the others falling with their number."""
    scores = np.tile(-np.arange(6, dtype=np.float32), (len(best), 1))
    scores[np.arange(len(best)), best] = 1
    return {"y": scores}


def test_hits_are_counted_for_both_networks():
    hits = Hits(classifier(), [3, 5, 0, 1])
    hits.add(rows(3, 5), rows(3, 0))
    hits.add(rows(0, 0), rows(1, 1))
    assert (hits.float_accuracy().top1, hits.float_accuracy().top5) == (3, 4)
    assert (hits.accuracy().top1, hits.accuracy().top5, hits.accuracy().total) == (2, 3, 4)


def test_a_row_that_fills_the_batch_does_not_count():
    hits = Hits(classifier(), [3, -1])
    hits.add(rows(3, 3), rows(3, 3))
    assert hits.accuracy().total == 1
    assert hits.accuracy().top1 == 1


def test_a_label_beyond_the_classes_is_refused():
    with pytest.raises(QuantdeckError, match="classes 0 to 5"):
        Hits(classifier(), [3, 1000]).add(rows(3, 3), rows(3, 3))


def test_too_few_labels_are_refused():
    with pytest.raises(QuantdeckError, match="labels end"):
        Hits(classifier(), [3]).add(rows(3, 3), rows(3, 3))


def test_equal_scores_go_to_the_smaller_class():
    flat = {"y": np.zeros((2, 6), np.float32)}
    hits = Hits(classifier(), [0, 5])
    hits.add(flat, flat)
    assert (hits.accuracy().top1, hits.accuracy().top5) == (1, 1)
