"""The undo log: any sequence of steps can be walked back and forth, over a closed session too."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quantdeck.engine.plan import Mode, Plan, Threshold
from quantdeck.sessions import edits, records
from quantdeck.sessions.store import create_session, open_session

START = Plan("bm1684x", "F16", {name: Threshold(1.0, -1.0, 1.0, "kl") for name in "abc"})


def make(path: Path) -> Path:
    with create_session(path, title="t", chip="bm1684x", fp_type="F16") as session:
        records.put_plan(session, START, "kl calibration")
    return path


def plan(path: Path) -> Plan:
    with open_session(path, readonly=True) as session:
        found = records.get_plan(session)
    assert found is not None
    return found[1]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "c", "undo", "redo"]), max_size=12))
def test_steps_are_walked_as_by_two_stacks(
    tmp_path_factory: pytest.TempPathFactory, moves: list[str]
) -> None:
    path = make(tmp_path_factory.mktemp("edits") / "s.qdeck")
    done, undone, now = [], [], START
    with open_session(path) as session:
        for move in moves:
            if move == "undo":
                assert (edits.undo(session) is not None) is bool(done)
                if done:
                    undone.append(now)
                    now = done.pop()
            elif move == "redo":
                assert (edits.redo(session) is not None) is bool(undone)
                if undone:
                    done.append(now)
                    now = undone.pop()
            else:
                done.append(now)
                now = now.with_mode(move, Mode.INT8 if move in now.modes else Mode.F16)
                undone.clear()
                edits.edit(session, now, move)
    assert plan(path) == now


def test_an_edit_that_changes_nothing_is_no_step(tmp_path: Path) -> None:
    path = make(tmp_path / "s.qdeck")
    with open_session(path) as session:
        edits.edit(session, START.with_mode("a", Mode.INT8), "nothing")
        assert edits.steps(session) == ()
        assert edits.undo(session) is None


def test_a_calibration_between_edits_can_be_undone_and_done_again(tmp_path: Path) -> None:
    path = make(tmp_path / "s.qdeck")
    edited, fresh = START.with_mode("a", Mode.F16), START.with_threshold("b", 0.5, "max")
    with open_session(path) as session:
        edits.edit(session, edited, "a to F16")
        records.put_plan(session, fresh, "max calibration")
        assert edits.undo(session) == "max calibration"
        assert plan(path) == edited
        assert edits.undo(session) == "a to F16"
        assert plan(path) == START
        assert (edits.redo(session), edits.redo(session)) == ("a to F16", "max calibration")
        assert plan(path) == fresh
        assert edits.redo(session) is None


def test_the_plan_of_a_search_can_be_taken_back_without_any_edit_before_it(tmp_path: Path) -> None:
    path = make(tmp_path / "s.qdeck")
    with open_session(path) as session:
        records.put_plan(session, START.with_mode("c", Mode.F32), "search_qtable: 1 float layers")
        assert edits.undo(session) == "search_qtable: 1 float layers"
        assert plan(path) == START
        assert edits.undo(session) is None
        assert edits.redo(session) is not None
        assert plan(path).modes == {"c": Mode.F32}
