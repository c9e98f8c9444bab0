"""Rules that propose a starting qtable: detectors, transformers, shape arithmetic; and searches that start from one."""

from pathlib import Path

import pytest
from built_graphs import Build
from quantdeck.engine.graph import vocabulary as v
from quantdeck.engine.graph.model import Graph
from quantdeck.engine.mix.detector_head import detector_proposal
from quantdeck.engine.mix.start_rules import proposals, start_layers, starting_from
from quantdeck.engine.mix.trial import Outcome, Point, StopReason, Trial, run_search
from quantdeck.engine.plan import Mode, Plan
from quantdeck.sessions.work import load_model


def detector(*, levels: int = 2, decoded: bool = True, distribution: bool = False) -> Graph:
    """Maps of 8x8 and 4x4, a head on each with 5 values, a sigmoid, and one list of anchors; boxes are scaled."""
    build = Build()
    sizes = [8, 4][:levels] if levels > 1 else [8, 8]
    lists = []
    for place, size in enumerate(sizes):
        x = build.input(f"x{place}", (1, 6, size, size))
        trunk = build.layer(
            v.Conv(kernel_shape=(1, 1)),
            [x, build.weight((6, 6, 1, 1))],
            (1, 6, size, size),
            name=f"trunk{place}",
        )
        head = build.layer(
            v.Conv(kernel_shape=(1, 1)),
            [trunk, build.weight((5, 6, 1, 1))],
            (1, 5, size, size),
            name=f"head{place}",
        )
        if decoded:
            head = build.layer(v.Sigmoid(), [head], (1, 5, size, size), name=f"score{place}")
        lists.append(build.layer(v.Reshape(), [head], (1, 5, size * size), name=f"list{place}"))
    count = sum(size * size for size in sizes)
    last = build.layer(v.Concat(axis=2), lists, (1, 5, count), name="anchors")
    if distribution:
        soft = build.layer(v.Softmax(axis=1), [last], (1, 5, count), name="soft")
        flat = build.layer(v.Reshape(), [soft], (1, 5, 1, count), name="flat")
        last = build.layer(
            v.Conv(kernel_shape=(1, 1)), [flat, build.weight((1, 5, 1, 1))], (1, 1, 1, count), name="expected"
        )
    build.layer(v.MulConst(const_val=8.0), [last], build.tensors[last].shape, name="boxes")
    return build.graph()


def test_the_decoding_behind_heads_stays_float_and_the_heads_do_not():
    found = detector_proposal(detector())
    assert found is not None
    assert found.layers == ("score0", "list0", "score1", "list1", "anchors", "boxes")
    assert found.reason == "the decoding of boxes and scores behind 2 detector heads on 2 maps"


def test_a_product_that_makes_a_box_of_a_distribution_belongs_to_the_decoding():
    found = detector_proposal(detector(distribution=True))
    assert found is not None
    assert {"soft", "flat", "expected", "boxes", "score0"} <= set(found.layers)
    assert "head0" not in found.layers


@pytest.mark.parametrize("graph", [detector(levels=1), detector(decoded=False)])
def test_what_is_no_detector_has_no_proposal(graph: Graph):
    assert detector_proposal(graph) is None
    assert proposals(graph) == ()


def test_only_layers_that_would_be_int8_are_taken_in_model_order():
    found = proposals(detector())
    modes = {"list0": "INT8", "boxes": "F16", "score0": "INT8", "head0": "INT8"}
    assert start_layers(found, modes) == ("list0", "score0")


def test_a_search_that_starts_from_layers_has_them_float_in_all_that_it_tries_and_finds():
    plan, tried = Plan("bm1684x", "F16"), []

    def search():
        yield [Trial(plan), Trial(plan.with_mode("a", Mode.F16))]
        yield [Trial(plan.with_modes({"a": Mode.F16, "s": Mode.INT8}))]
        point = Point(1, 0.9, plan.with_mode("a", Mode.F16))
        return Outcome(point.plan, 0.9, 0.8, 0.99, StopReason.NOTHING_LEFT, curve=(point,))

    def evaluate(trials):
        tried.extend(trials)
        return [None] * len(trials)

    outcome = run_search(starting_from(search(), ["s"], Mode.F16), evaluate)
    assert [sorted(trial.plan.modes) for trial in tried] == [["s"], ["a", "s"], ["a", "s"]]
    assert sorted(outcome.plan.modes) == ["a", "s"]
    assert [(point.float_layers, sorted(point.plan.modes)) for point in outcome.curve] == [(2, ["a", "s"])]


@pytest.mark.parametrize(
    ("name", "layers", "maps"), [("yolox_nano", 14, 3), ("ultraface_rfb320", 34, 4), ("ppocrv4_det", 0, 0),
                                 ("mobilenet_v2", 0, 0), ("superres_x3", 0, 0)]
)  # fmt: skip
def test_real_networks(shared: Path, name: str, layers: int, maps: int):
    graph = load_model(shared / "zoo" / "models" / f"{name}.onnx")
    found = proposals(graph)
    assert sum(len(one.layers) for one in found) == layers
    assert all(f"{maps} maps" in one.reason for one in found)
    assert not any(graph.by_name[name].op == "Conv" for one in found for name in one.layers)
