"""The store of values, its file, and the digests by which programs share them."""

import os
from pathlib import Path

import numpy as np
import pytest
from quantdeck.engine.graph.model import Graph
from quantdeck.engine.hw.chip import get_chip
from quantdeck.engine.plan import Mode, Plan
from quantdeck.engine.run.trial import Trial
from quantdeck.engine.run.trials import TrialEvaluator
from quantdeck.engine.run.trials.content import ArrayDigests, named
from quantdeck.engine.run.trials.network import Network
from quantdeck.engine.run.trials.spill import Spill, remove_stale
from quantdeck.engine.run.trials.store import ValueStore
from trial_cases import Held, calibrated, network, plain_score, random_feeds

A, B, C = (named("test", name) for name in "abc")


def block(value: float, size: int = 100) -> np.ndarray:
    return np.full(size, value, np.float32)


def test_the_budget_holds_and_the_file_takes_the_rest(tmp_path: Path) -> None:
    store = ValueStore(1000, Spill(tmp_path, 900))
    store.keep([A, B])
    for sample in range(6):
        store.put(sample, A, block(sample))
    assert store.used == 800
    assert [store.get(sample, A) is not None for sample in range(6)] == [True, True, True, True, False, False]
    for sample in range(4):
        np.testing.assert_array_equal(store.get(sample, A), block(sample))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 900
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_groups_leave_with_their_values_and_their_room_is_used_again(tmp_path: Path) -> None:
    store = ValueStore(400, Spill(tmp_path, 448), groups=1)
    store.keep_group("one", frozenset([A, B]))
    store.put(0, A, block(1))
    store.put(0, B, block(2))
    store.put(0, C, block(3))
    assert store.get(0, C) is None
    store.keep_group("two", frozenset([B, C]))
    assert store.get(0, A) is None
    np.testing.assert_array_equal(store.get(0, B), block(2))
    store.put(0, C, block(3))
    np.testing.assert_array_equal(store.get(0, C), block(3))
    store.keep_group("three", frozenset([A]))
    store.put(0, A, block(4))
    store.put(1, A, block(5))
    np.testing.assert_array_equal(store.get(1, A), block(5))
    store.close()


def test_memory_order_and_type_survive_the_file(tmp_path: Path) -> None:
    spill = Spill(tmp_path)
    values = [
        np.arange(24, dtype=np.int8).reshape(1, 2, 3, 4).transpose(0, 3, 1, 2),
        np.arange(6, dtype=np.float32).reshape(2, 3)[:, ::2],
        np.array(3, np.int64),
        np.zeros((0, 3), np.uint8),
    ]
    places = [spill.write(value) for value in values]
    for value, place in zip(values, places, strict=True):
        assert place is not None
        got = spill.read(place)
        assert got.dtype == value.dtype
        np.testing.assert_array_equal(got, value)
    spill.close()


def test_what_a_crash_left_is_removed_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    left = tmp_path / "quantdeck-values-1-0.tmp"
    left.write_bytes(b"old")
    other = tmp_path / "mine.tmp"
    other.write_bytes(b"mine")
    first = Spill(tmp_path)
    assert not left.exists()
    second = Spill(tmp_path)
    remove_stale(tmp_path)
    assert first.path.exists()
    assert second.path.exists()
    first.close()
    second.close()
    assert list(tmp_path.iterdir()) == [other]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device to write to")
def test_a_full_disk_ends_the_file_and_not_the_run(tmp_path: Path) -> None:
    spill = Spill(tmp_path)
    first = spill.write(block(1))
    full = os.open("/dev/full", os.O_WRONLY)
    kept = os.dup(spill._file.fileno())
    os.dup2(full, spill._file.fileno())
    assert spill.write(block(2)) is None
    os.dup2(kept, spill._file.fileno())
    assert spill.write(block(3)) is None
    assert first is not None
    np.testing.assert_array_equal(spill.read(first), block(1))
    for handle in (full, kept):
        os.close(handle)
    spill.close()


def lowered(graph: Graph, plan: Plan) -> Network:
    return Network(graph, get_chip(plan.chip).lower(graph, plan), ArrayDigests())


def test_digests_differ_from_the_change_on_only() -> None:
    graph = network(4, 8)
    plan = calibrated(graph, random_feeds(graph, 1)).with_modes(dict.fromkeys(graph.by_name, Mode.F16))
    names = list(graph.by_name)
    changed = names[len(names) // 2]
    one, other = lowered(graph, plan), lowered(graph, plan.with_mode(changed, Mode.BF16))
    touched = graph.cone([changed]) | {changed}
    for name in names:
        assert (one.digests[name] == other.digests[name]) == (name not in touched), name


def test_the_walk_of_run_qtable_does_not_start_again_at_the_inputs() -> None:
    graph = network(11, 10)
    feeds = random_feeds(graph, 2)
    plan = calibrated(graph, feeds)
    names = list(graph.by_name)
    with TrialEvaluator(graph, Held(feeds), reference="float32") as evaluator:
        evaluator([Trial(plan)])
        scores = [evaluator([Trial(plan, at=(name,))])[0] for name in names]
        held = [evaluator._store.get(0, evaluator._network(plan).digests[name]) is not None for name in names]
    assert sum(held) > len(names) / 2
    wanted = [plain_score(graph, feeds, Trial(plan, at=(name,)), "float32") for name in names]
    assert repr(scores) == repr(wanted)


def test_post_process_names_the_scores_and_may_fail_alone() -> None:
    graph = network(6, 5)
    feeds = random_feeds(graph, 2)
    plan = calibrated(graph, feeds)

    def halves(outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        value = outputs[graph.outputs[0].name]
        return {"left": value[..., :2], "right": value[..., 2:] > 0}

    def broken(outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        raise SystemExit("no")

    def growing(outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        calls.append(1)
        return {"found": np.zeros(len(calls), np.float32)}

    calls: list[int] = []
    with TrialEvaluator(graph, Held(feeds), post_process=halves) as evaluator:
        (score,) = evaluator([Trial(plan)])
    assert [output.name for output in score.outputs] == ["left", "right"]
    for function, message in [(broken, "SystemExit: no"), (growing, "shapes (1,) and (2,) for found")]:
        with TrialEvaluator(graph, Held(feeds), post_process=function) as evaluator:
            (failed,) = evaluator([Trial(plan)])
        assert message in failed.message
