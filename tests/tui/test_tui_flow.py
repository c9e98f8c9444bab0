"""The flow: stages run one behind the other as real jobs, advice by the figures, starting qtables."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from decks import MakeDeck
from quantdeck.engine.errors import QuantdeckError
from quantdeck.sessions import flow
from quantdeck.sessions.corrections import plan_corrections
from quantdeck.sessions.jobs import close_dead, get_job, resume_job
from quantdeck.sessions.store import open_session
from quantdeck.sessions.wiring import Wiring
from quantdeck.sessions.worker import main as work
from quantdeck.tui import request as ask_for
from quantdeck.tui.advice import GOOD, Advice, advice, advised, equalizable
from quantdeck.tui.editor import Editor
from quantdeck.tui.reader import SessionReader
from quantdeck.tui.screens.flow import FlowScreen
from quantdeck.tui.search_view import last_spec, last_target
from quantdeck.tui.snapshots import ScoreView
from quantdeck.tui.stages import NOT_USED, RUN, STALE, TARGET, TO_COME, WISHES, flow_target, newest_jobs
from quantdeck.tui.workbench import Workbench
from real_session import current, digits
from resting import until
from sample_session import layer_names
from test_tui_edits import plan
from test_tui_layers import L, S, press, said
from test_tui_places import rows
from textual.pilot import Pilot


@pytest.fixture
def example(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    return digits(tmp_path_factory.getbasetemp(), tmp_path)


@pytest.fixture
def by_hand(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Jobs wait in this list in place of getting a process each; this one plays the worker."""
    monkeypatch.setattr("faulthandler.enable", lambda file: None)
    monkeypatch.setattr("os.nice", lambda step: 0)
    started: list[int] = []
    monkeypatch.setattr("quantdeck.sessions.jobs._spawn", lambda path, number, log: started.append(number))
    return started


def states(path: Path) -> dict[str, str]:
    with SessionReader(path) as reader:
        return {name: stage.state for name, stage in newest_jobs(reader).items()}


def test_the_stages_are_those_of_the_sessions() -> None:
    assert RUN == flow.STAGES


def test_each_job_starts_the_next_and_the_rest_is_to_come(example: Path, by_hand: list[int]) -> None:
    wishes = flow.Wishes(scored=4)
    flow.start_flow(example, flow.steps_of(("calibrate", "search_threshold", "float", "evaluate"), wishes))
    assert states(example)["calibrate"] == "waiting"
    assert states(example)["float"] == TO_COME
    done = 0
    while done < len(by_hand):
        assert work([str(example), str(by_hand[done])]) == 0
        done += 1
    with open_session(example, readonly=True) as session:
        kinds = [
            get_job(session, number).spec.get("kind", get_job(session, number).kind) for number in by_hand
        ]
        assert kinds == ["calibrate", "search_threshold", "search_qtable", "evaluate"]
        assert get_job(session, by_hand[2]).spec["methods"][0] in {"kl", "mse", "max", "percentile9999"}
    assert {states(example)[name] for name in ("calibrate", "search_threshold", "float", "evaluate")} == {
        "done"
    }


def test_a_worker_killed_between_two_jobs_leaves_the_next_one_to_be_seen(
    example: Path, by_hand: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(*_: object) -> None:
        raise Killed

    flow.start_flow(
        example, flow.steps_of(("calibrate", "search_threshold", "evaluate"), flow.Wishes(scored=4))
    )
    with monkeypatch.context() as patch:
        patch.setattr("quantdeck.sessions.worker.begin", kill)
        with pytest.raises(Killed):
            work([str(example), str(by_hand[0])])
    assert states(example)["calibrate"] == "done"
    assert states(example)["search_threshold"] == "waiting"
    with open_session(example) as session:
        with session.write() as writer:
            writer.update("job", by_hand[0] + 1, {"created": 0.0})
        close_dead(session)
    assert states(example)["search_threshold"] == "paused"
    resume_job(example, by_hand[0] + 1)
    for number in (by_hand[0] + 1, by_hand[0] + 2):
        assert work([str(example), str(number)]) == 0
    assert states(example)["evaluate"] == "done"


def test_a_job_that_cannot_follow_is_told_by_the_one_before(
    example: Path, by_hand: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def incomplete(*_: object) -> None:
        raise QuantdeckError("the session is not complete")

    flow.start_flow(example, flow.steps_of(("calibrate", "search_threshold"), flow.Wishes(scored=4)))
    monkeypatch.setattr(flow, "session_search", incomplete)
    assert work([str(example), str(by_hand[0])]) == 0
    with open_session(example, readonly=True) as session:
        told = get_job(session, by_hand[0])
    assert told.state == "done"
    assert told.message.endswith("what was to follow did not start: the session is not complete")


async def test_an_evaluation_of_an_earlier_plan_is_stale_until_that_is_the_plan_again(
    example: Path, by_hand: list[int], deck: MakeDeck
) -> None:
    flow.start_flow(example, flow.steps_of(("evaluate",)))
    assert work([str(example), str(by_hand.pop())]) == 0
    assert states(example)["evaluate"] == "done"
    app = deck(example)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "space", "2")
        assert rows(app, "state")[-1] == STALE
        assert rows(app, "result")[-1].startswith("of an earlier plan: cosine")
        await press(pilot, "1", "u", "2")
        assert rows(app, "state")[-1] == "done"


def test_what_a_new_calibration_did_away_with_is_not_used(example: Path, by_hand: list[int]) -> None:
    flow.start_flow(example, flow.steps_of(("search_threshold", "float"), flow.Wishes(scored=4)))
    while by_hand:
        assert work([str(example), str(by_hand.pop(0))]) == 0
    assert states(example)["search_threshold"] == states(example)["float"] == "done"
    flow.start_flow(example, flow.steps_of(("calibrate",)))
    assert work([str(example), str(by_hand.pop(0))]) == 0
    assert states(example)["search_threshold"] == states(example)["float"] == NOT_USED


def test_a_repair_of_all_layers_is_no_search_and_sets_no_target(example: Path, by_hand: list[int]) -> None:
    with SessionReader(example) as reader:
        before = last_spec(reader), last_target(reader), flow_target(reader)
    ask_for.flow(example, ("bias", "evaluate"), anyway=True)  # as far as it goes: to a cos of 1
    assert by_hand
    with SessionReader(example) as reader:
        assert (last_spec(reader), last_target(reader), flow_target(reader)) == before


def test_a_cancelled_step_ends_the_flow(example: Path, by_hand: list[int]) -> None:
    flow.start_flow(example, flow.steps_of(("calibrate", "evaluate")))
    with open_session(example) as session, session.write() as writer:
        writer.update("job", by_hand[0], {"wanted": "cancel"})
    assert work([str(example), str(by_hand[0])]) == 1
    assert len(by_hand) == 1
    assert states(example)["calibrate"] == "cancelled"


def test_a_plan_of_corrected_weights_is_known_as_one_through_edits(example: Path, by_hand: list[int]) -> None:
    stands = current(example)
    flow.start_flow(example, flow.steps_of(("equalize", "search_threshold"), flow.Wishes(scored=4)))
    while by_hand:
        assert work([str(example), str(by_hand.pop(0))]) == 0
    editor = Editor(example)
    editor.set_modes([layer_names(example)[0]], "F16")
    editor.set_modes([layer_names(example)[1]], "F16")
    editor.close()
    with open_session(example, readonly=True) as session:
        assert plan_corrections(session, stands) == (False, False)
        assert plan_corrections(session, current(example)) == (True, False)
        first = min(row[0] for row in session.rows("SELECT id FROM plan WHERE label LIKE '%, equalized'"))
        assert plan_corrections(session, first) == (True, False)


def test_corrections_go_with_the_runs_that_use_them() -> None:
    found = flow.steps_of(flow.STAGES)
    assert [kind for kind, _ in found] == ["search", "search", "search", "evaluate"]
    wishes = [one for _, one in found[:-1]]
    assert all(one["equalize"] for one in wishes)
    assert [one["kind"] for one in wishes] == ["calibrate", "search_threshold", "search_qtable"]
    assert [one.get("bias", False) for one in wishes] == [False, True, False]
    assert found[-1][1] == {"we": True, "bc": True}
    assert flow.steps_of(("evaluate",)) == (("evaluate", {}),)
    assert flow.steps_of(("float", "start"))[0][1]["start_rules"] == "auto"


@asynccontextmanager
async def opened(
    app: Workbench, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Pilot[None], Workbench, list[tuple[str, ...]]]]:
    """The flow's screen, and the stages that it asks to run: nothing is run."""
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(app, "start_flow", lambda stages: asked.append(tuple(stages)))
    async with app.run_test(size=S) as pilot:
        await press(pilot, "2")
        yield pilot, app, asked


async def test_t_runs_to_the_stage_and_space_leaves_one_out(
    session: Path, deck: MakeDeck, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(deck(session), monkeypatch) as (pilot, app, asked):
        shown = dict(zip(rows(app, "stage"), rows(app, "state"), strict=True))
        assert shown["equalize weights"] == "left out"  # nothing speaks for it: int8 does well
        await press(pilot, "down", "down", "down", "t")
        await press(pilot, "up", "up", "space", "down", "down", "down", "down", "t")
        await press(pilot, "up", "up", "space", "2")
        shown = dict(zip(rows(app, "stage"), rows(app, "state"), strict=True))
        assert shown["search threshold"] == "left out"
    assert asked == [
        ("calibrate", "search_threshold"),
        ("equalize", "calibrate", "search_threshold", "float"),
    ]


async def test_a_starting_qtable_is_taken_as_one_step_or_refused(session: Path, deck: MakeDeck) -> None:
    from quantdeck.tui.messages import Answered
    from quantdeck.tui.outlook import Outlook

    names = layer_names(session)
    app = deck(session)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "2")
        app.outlook = Outlook(1)
        told = [["12 blocks of the vit family", names[1:3]], ["shape arithmetic", names[5:6]]]
        app.post_message(Answered({"plan": 1, "state": "proposals", "proposals": told}))
        await pilot.pause()
        assert "proposed" in rows(app, "state")
        await press(pilot, *["down"] * 5, "space")
        assert "refused" in rows(app, "state")
        assert not plan(session).modes
        await press(pilot, "enter")
        assert set(plan(session).modes) == {names[1], names[2], names[5]}
        assert "taken" in rows(app, "state")
        await press(pilot, "1", "u")
        assert not plan(session).modes


def test_advice_follows_the_chapters_cases_and_the_figures(stored: Path) -> None:
    with SessionReader(stored) as reader:
        columns = reader.layers(1).columns
        details = [str(row[0]) for row in reader.rows("SELECT detail FROM layer ORDER BY position")]
    names = [str(name) for name in columns["name"]]
    low = ScoreView(cos=0.9, sqnr=7.0, dead=0, top1_float=None, top1_int8=None, labelled=None)
    fair = ScoreView(cos=0.97, sqnr=12.0, dead=0, top1_float=None, top1_int8=None, labelled=None)
    nearly = replace(low, cos=0.99998)
    assert any("(cosine 0.99998)" in each.sentence for each in advice(columns, details, nearly)), (
        "it is not 1"
    )
    assert advised(advice(columns, details, None)) >= {"calibrate", "equalize"}
    assert {"equalize", "bias", "float"} <= advised(advice(columns, details, low))
    assert "search_threshold" in advised(advice(columns, details, fair))
    one = advice(
        columns, details, low, {name: 10.0 if place == 7 else 50.0 for place, name in enumerate(names)}
    )
    assert any(names[7] in each.sentence and "alone" in each.sentence for each in one)
    same = advice(columns, details, low, dict.fromkeys(names, 30.0))
    assert any("from everywhere" in each.sentence for each in same)
    wide = dict.fromkeys(names, 1e3)
    cut = dict(columns, saturation=[0.02] * len(names))
    assert any("beyond the threshold" in each.sentence for each in advice(cut, details, low, None, wide))
    at_limit = {
        name: float(str(value)) for name, value in zip(names, columns["threshold"], strict=True) if value
    }
    assert not any(
        "beyond the threshold" in each.sentence for each in advice(cut, details, low, None, at_limit)
    )
    ops = dict(columns, op=["Softmax", "LayerNorm", "LayerNorm", *["MatMul"] * (len(names) - 3)])
    assert any("transformer" in each.sentence for each in advice(ops, [""] * len(names), low))


async def test_the_settings_of_a_stage_are_those_of_the_session(session: Path, deck: MakeDeck) -> None:
    from sample_session import add_job

    add_job(session, state="done", message="64 thresholds with kl")
    app = deck(session)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "2")
        assert "kl, 100 samples, tuned on 5" in rows(app, "settings")
        assert "Enter shows them" in said(app)


def test_what_a_stage_would_run_with_is_what_the_sessions_run_it_with() -> None:
    (kind, wishes), *_ = flow.steps_of(("float",), flow.Wishes(target=TARGET))
    assert kind == "search"
    assert {key: wishes[key] for key in WISHES} == dict(WISHES)
    assert (1 + GOOD) / 2 == TARGET  # the flow is to reach what the advice calls good


def test_a_stage_says_what_its_job_did_for_it_and_whether_that_is_in_the_plan(
    example: Path, by_hand: list[int]
) -> None:
    """Equalizing and correcting are parts of other jobs, whose sentence speaks of something else."""
    flow.start_flow(
        example, flow.steps_of(("equalize", "calibrate", "bias"), flow.Wishes(scored=4, target=0.9))
    )
    while by_hand:
        assert work([str(example), str(by_hand.pop(0))]) == 0
    with SessionReader(example) as reader:
        found = newest_jobs(reader)
    assert "pair" in found["equalize"].result
    assert "reaches the target already: nothing changed" in found["bias"].result
    assert found["bias"].job == found["calibrate"].job
    with open_session(example, readonly=True) as session:
        assert plan_corrections(session, current(example)) == (
            True,
            False,
        )  # no bias differs, so it is predicted
    flow.start_flow(example, flow.steps_of(("calibrate",)))
    assert work([str(example), str(by_hand.pop(0))]) == 0
    assert states(example)["equalize"] == states(example)["bias"] == NOT_USED


async def test_corrected_biases_are_evaluated_since_nothing_else_scores_them(
    session: Path, deck: MakeDeck, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(deck(session), monkeypatch) as (pilot, _, asked):
        await press(pilot, *["down"] * 4, "t")
    assert asked == [("calibrate", "search_threshold", "bias", "evaluate")]


def test_equalizing_is_not_advised_where_no_pair_of_weights_allows_it() -> None:
    names, details = ["a", "b", "c"], ["3x3, ReLU6", "3x3, group 32, ReLU6", "1x1"]
    chain = Wiring(names, ['["x"]', '["a"]', '["b"]'], ['["a"]', '["b"]', '["c"]'])
    ops = ["Conv"] * 3
    assert equalizable(ops, details, chain) == 0
    assert equalizable(ops, ["3x3, ReLU", "3x3, group 32", "1x1"], chain) == 2
    columns = {
        "op": ops,
        "name": names,
        "mode": ["INT8"] * 3,
        "saturation": [None] * 3,
        "threshold": [None] * 3,
    }
    assert advised(advice(columns, details, None, pairs=0)) == {"calibrate", "bias"}
    assert "equalize" in advised(advice(columns, details, None, pairs=2))
    low = ScoreView(cos=0.9, sqnr=7.0, dead=0, top1_float=None, top1_int8=None, labelled=None)
    assert "bias" not in advised(advice(columns, details, low, pairs=0, done={"bias"}))


@pytest.mark.parametrize("size", [S, L])
async def test_settings_result_and_time_of_a_stage_stand_there_at_every_size(
    session: Path, deck: MakeDeck, size: tuple[int, int]
) -> None:
    from sample_session import add_job

    add_job(session, state="done", message="64 thresholds with kl from 100 samples")
    app = deck(session)
    async with app.run_test(size=size) as pilot:
        await press(pilot, "2", "down", "down")
        told = said(app, "stage")
        assert "kl, 100 samples, tuned on 5" in told
        assert "64 thresholds with kl from 100 samples" in told
        assert "time" in told
        await press(pilot, "down")
        assert "would run" in said(app, "stage")
        assert "to cos 0.995 (cosine 0.99)" in said(app, "stage").replace("\n              ", " ")


async def test_advice_that_does_not_fit_says_so(stored: Path, deck: MakeDeck) -> None:
    """At 80x24 the facts of a stage make room for advice; what still does not fit is counted."""
    app = deck(stored)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "2")
        screen = app.screen
        assert isinstance(screen, FlowScreen)
        long = "one threshold serves channels that differ widely, so that most of them use few of its steps"
        for count, fits in ((3, True), (6, False)):
            screen._advice = [Advice("", long)] * count
            screen._draw()
            await pilot.pause()
            area = screen.query_one("#advice")
            await until(pilot, lambda area=area: len(said(app, "advice").splitlines()) <= area.size.height)
            lines = said(app, "advice").splitlines()
            assert ("more lines" in lines[-1]) is not fits
            if not fits:
                assert f"{1 + 2 * count - (len(lines) - 1)} more lines" in lines[-1]
