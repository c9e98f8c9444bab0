"""What-if on the embedded example with the real process beside the screen: predicted, confirmed, explained."""

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from decks import MakeDeck
from quantdeck.engine.mix.trial import Trial
from quantdeck.engine.run.score import Score
from quantdeck.sessions.flow import Step
from quantdeck.sessions.records import get_plan
from quantdeck.sessions.store import open_session
from quantdeck.tui import assessor
from quantdeck.tui.asked import Asked, Question
from quantdeck.tui.insight import Insight
from quantdeck.tui.messages import Answered
from quantdeck.tui.outlook import Outlook
from quantdeck.tui.screens.layers import LayersScreen
from quantdeck.tui.snapshots import SessionView
from quantdeck.tui.widgets.bars import header_lines
from quantdeck.tui.widgets.detail import DetailPane
from quantdeck.tui.workbench import Workbench
from real_session import digits
from test_tui_edits import plan, shown
from test_tui_layers import L, S, press, said, table
from textual.pilot import Pilot

LIMIT = 120.0
AGAIN = 1.0  # seconds after which is looked again without an answer


class Ear:
    """Waits for the answers of the assessing process; they are the clock."""

    def __init__(self, app: Workbench, pilot: Pilot[None]) -> None:
        self._app, self._pilot = app, pilot
        self._heard = asyncio.Event()
        loop, answer = asyncio.get_running_loop(), app._answer

        def hear(told: Any) -> None:
            answer(told)
            with contextlib.suppress(RuntimeError):  # the test has ended
                loop.call_soon_threadsafe(self._heard.set)

        app._answer = hear  # type: ignore[method-assign]

    async def until(self, done: Callable[[], bool]) -> None:
        """Until *done*; an answer that was told before, or that the application takes in later, is not missed."""
        async with asyncio.timeout(LIMIT):
            while not done():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._heard.wait(), AGAIN)
                self._heard.clear()
                await self._pilot.pause()
                self._app.catch_up()
                await self._pilot.pause()


@pytest.fixture
def example(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    return digits(tmp_path_factory.getbasetemp(), tmp_path)


async def test_an_edit_is_predicted_then_confirmed_and_its_repairs_are_keys(
    example: Path, deck: MakeDeck
) -> None:
    app = deck(example, assess=True)
    async with app.run_test(size=L) as pilot:
        ear, screen = Ear(app, pilot), app.screen
        assert isinstance(screen, LayersScreen)
        await press(pilot, "i")  # the layer under the cursor stays, whatever becomes known
        screen._look_at()
        await ear.until(lambda: bool(app.outlook.insight and app.outlook.insight.complete))
        first = app.outlook.insight
        assert first is not None
        assert first.channels
        assert first.samples
        screen._show_detail()
        assert "weights by channel" in screen.query_one(DetailPane).text
        await press(pilot, "w")
        loudest = str(table(app).model.value(table(app).model.order[0], "name"))
        assert shown(app, "rank")[table(app).model.order[0]] == 1
        assert sum(float(part) for part in shown(app, "cost") if part is not None) == pytest.approx(1)  # type: ignore[arg-type]
        await press(pilot, "g")
        screen._look_at()
        await ear.until(lambda: app.outlook.insight is not None and app.outlook.insight.layer == loudest)
        screen._show_detail()
        detail = screen.query_one(DetailPane)
        for wanted in (
            "why it hurts",
            "repairs, predicted at the outputs",
            "worst samples",
        ):
            assert wanted in detail.text
        assert "+" in detail.text.partition("repairs")[2]
        parts = re.findall(r"(\S+ %) of (?:the )?noise", detail.text)
        assert len(parts) == 2
        assert len(set(parts)) == 1, "one layer's part of the noise is one figure"
        assert not re.search(r"\d%", detail.text)
        await press(pilot, "a")
        assert "u undoes" in said(app)
        assert plan(example).modes or "threshold" in said(app)
        await ear.until(lambda: app.outlook.state in ("scored", "checked"))
        assert "predicted" in said(app, "header")
        await ear.until(lambda: app.outlook.state == "checked")
        assert "stale" not in said(app, "header")
        assert "~" not in said(app, "header")
        await press(pilot, "u")
        assert not plan(example).modes


def test_an_answer_that_comes_when_no_screen_is_left_is_no_fault(example: Path, deck: MakeDeck) -> None:
    """The workbench may be ending, or not have begun."""
    app = deck(example)
    assert app.view is not None
    app.outlook = app.outlook.asking(app.view.plan or 0)
    app.on_answered(Answered({"plan": app.view.plan, "state": "failed", "said": "no room"}))
    assert app.outlook.state == "failed"
    app.close_session()


async def test_at_80x24_the_detail_is_a_screen_that_scrolls(example: Path, deck: MakeDeck) -> None:
    app = deck(example, assess=True)
    async with app.run_test(size=S) as pilot:
        ear, screen = Ear(app, pilot), app.screen
        assert isinstance(screen, LayersScreen)
        await press(pilot, "i", "enter")
        screen._look_at()
        await ear.until(lambda: bool(app.outlook.insight and app.outlook.insight.samples))
        screen._show_detail()
        detail = screen.query_one(DetailPane)
        assert not table(app).display
        assert "lines" in detail.render_line(0).text
        await press(pilot, "G")
        seen = "\n".join(detail.render_line(y).text for y in range(detail.size.height))
        assert "from" in seen
        assert "worst samples" in seen
        await press(pilot, "escape")
        assert table(app).has_focus


async def test_a_repair_that_is_not_known_yet_is_said(session: Path, deck: MakeDeck) -> None:
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "a")
        assert "not known yet" in said(app)
        assert not plan(session).modes


async def test_repairs_that_a_key_asked_for_in_vain_are_said_as_soon_as_they_are_known(
    session: Path, deck: MakeDeck
) -> None:
    from quantdeck.tui.insight import Repair
    from quantdeck.tui.messages import Answered

    app = deck(session, assess=True)
    asked: list[str] = []
    app.look_at = lambda layer: not asked.append(layer)  # type: ignore[method-assign]
    async with app.run_test(size=S) as pilot:
        assert app.view is not None
        await press(pilot, "a", "a")
        (layer,) = asked
        assert "not known yet" in said(app)
        app.outlook = app.outlook.asking(app.view.plan or 0, "")
        app.post_message(Answered({"plan": app.view.plan, "state": "unseen", "said": "the model is gone"}))
        await pilot.pause()
        assert said(app).strip() == "the model is gone"
        await press(pilot, "down", "up", "a")
        assert asked == [layer, layer], "what was in the way may be mended by now"
        assert said(app).strip() == "the model is gone"
        repairs = (Repair("run it in F16", "modes", "F16", (layer,), 1.5, 0.5),)
        insight = Insight(app.view.plan or 0, layer, repairs=repairs).to_dict()
        app.post_message(Answered({"plan": app.view.plan, "state": "layer", "insight": insight}))
        await pilot.pause()
        assert said(app).strip() == "a run it in F16 +1.5 dB (0.5)"
        await press(pilot, "a")
        assert plan(session).modes == {layer: "F16"}


@pytest.mark.parametrize(("stage", "scored"), [("bias", "bc"), ("equalize", "we")])
async def test_one_key_applies_a_repair_of_weights_as_jobs_that_are_scored(
    session: Path, deck: MakeDeck, monkeypatch: pytest.MonkeyPatch, stage: str, scored: str
) -> None:
    from quantdeck.tui.insight import Repair
    from quantdeck.tui.messages import Answered

    app = deck(session)
    wished: list[Sequence[Step]] = []
    monkeypatch.setattr("quantdeck.sessions.flow.start_flow", lambda path, steps: wished.append(steps))
    async with app.run_test(size=S) as pilot:
        assert app.view is not None
        layer = str(table(app).model.value(table(app).model.order[0], "name"))
        app.outlook = app.outlook.asking(app.view.plan or 0, "")
        repairs = (Repair("correct it", "stage", stage, (layer,), 1.5, rough=True),)
        insight = Insight(app.view.plan or 0, layer, repairs=repairs).to_dict()
        app.post_message(Answered({"plan": app.view.plan, "state": "layer", "insight": insight}))
        await pilot.pause()
        await press(pilot, "a")
        assert "for all layers; it calibrates again" in " ".join(said(app).split())
        await app.workers.wait_for_complete()
    (((_, first), (kind, then)),) = wished
    assert first[stage]
    assert first["expected_cos"] == 1, "a network that meets the flow's target is not corrected"
    assert first.get("min_layer_cos", 1) == 1, "nor are layers that do well by the chapter's measure"
    assert (kind, then) == ("evaluate", {scored: True})


def test_the_newest_plan_and_the_newest_layer_count_plans_first() -> None:
    asked = Asked()
    for question in (
        Question(1), Question(1, "a", "layer"), Question(2), Question(2, "b", "layer"), Question(2, None, "proposals"),
    ):  # fmt: skip
        asked.put(Question.from_line(question.to_line()))
    assert asked.newer
    found = [asked.take() for _ in range(3)]
    assert found[0] == Question(2)
    assert found[1] == Question(2, "b", "layer")
    assert found[2] == Question(2, None, "proposals")
    assert not asked.waiting
    asked.close()
    assert asked.take() is None


def test_an_insight_goes_through_json_unchanged() -> None:
    import json

    from quantdeck.tui.insight import Repair

    repairs = (
        Repair("run it in F16", "modes", "F16", ("a", "b"), 1.5, 0.5),
        Repair("threshold 2 by mse", "threshold", "mse", ("a",), 0.25, rough=True, row=(2.0, -1.0, 2.5)),
    )
    insight = Insight(3, "a", (1.0, 2.0), (("x.png", 0.99, float("inf")),), 0.5, ("because",), repairs, True)
    assert Insight.from_dict(json.loads(json.dumps(insight.to_dict()))) == insight


async def test_what_edits_ask_for_is_measured_from_the_opening_on(example: Path, deck: MakeDeck) -> None:
    """So that the first edit is predicted at once; one of a threshold by what it does to the layer's own noise."""
    app = deck(example, assess=True)
    async with app.run_test(size=S) as pilot:
        ear = Ear(app, pilot)
        app._make_ready()
        await ear.until(lambda: bool(app.outlook.gains))
        assert not app.outlook.state, "nothing was asked that the header would tell"
        assert "output dB" in table(app).render_line(0).text
        predicted: list[Outlook] = []
        after = Outlook.after

        def watched(outlook: Outlook, told: Mapping[str, Any]) -> Outlook:
            found = after(outlook, told)
            if told.get("state") == "predicted":
                predicted.append(found)
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Outlook, "after", watched)
            await press(pilot, "space")
            await ear.until(lambda: app.outlook.state == "checked")
            assert predicted
            before = predicted[-1]
            await ear.until(lambda: "gains" not in app.outlook.former)
            predicted.clear()
            cells = table(app).model.values
            row = cells["op"].index("Conv")
            table(app).go(table(app).model.order.index(row))
            app.screen.take_threshold(f"{cells['threshold'][row] / 8:.6g}")  # type: ignore[attr-defined]
            await ear.until(lambda: app.outlook.state == "checked")
        edited = predicted[0]
        assert edited.sqnr is not None
        assert before.sqnr is not None
        assert edited.sqnr < before.sqnr - 1, "a threshold far too low is told to cost much before it is run"
        assert wide(edited) > 2 * wide(before), "an estimate from histograms is told to be coarse"
        view = app.view
        assert view is not None
        assert view.score is not None
        assert edited.low is not None
        assert edited.low <= view.score.sqnr <= (edited.high or 0.0)
        told = header_lines(stale_view(app), "", app.glyphs, 160, edited)
        assert f"({edited.low:.1f} to {edited.high:.1f})" in "".join(text for text, _ in told[1])


def wide(told: Outlook) -> float:
    """The width of the interval of dB."""
    assert told.low is not None
    assert told.high is not None
    return told.high - told.low


def stale_view(app: Workbench) -> SessionView:
    """The head of the session as it is before a plan's own score is known."""
    view = app.view
    assert view is not None
    assert view.score is not None
    return replace(view, score=replace(view.score, plan=-1))


async def test_a_layer_without_an_error_is_offered_no_repair(example: Path, deck: MakeDeck) -> None:
    app = deck(example, assess=True)
    async with app.run_test(size=S) as pilot:  # no detail is shown, so the screen asks for none
        ear = Ear(app, pilot)
        app.look_at("features_Flatten")
        await ear.until(lambda: bool(app.outlook.insight and app.outlook.insight.complete))
        assert app.outlook.insight is not None
        assert not app.outlook.insight.repairs
        assert app.outlook.insight.reasons == ("it makes no error of its own",)


def test_an_edit_is_predicted_from_what_the_plan_before_was_measured_at(
    example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger's own samples are few: without the plan that stands every prediction would be off by the same."""
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(
        assessor, "tell", lambda number, state, **values: told.append({"state": state, **values})
    )
    one = assessor.Assessor(example, Asked())
    with open_session(example) as session:
        found = get_plan(session)
        assert found is not None
        number = found[0]
        rows = "SELECT samples_digest, created, sqnr FROM score WHERE plan = ? ORDER BY created DESC"
        before = [tuple(row) for row in session.rows(rows, number)]
        one.answer(Question(number, None, "ready"))
        while one.idle():
            pass
        one.assess(number)
        ledger = one._ledger_of(found[1])
        assert ledger is not None
        (result,) = one._trials([Trial(found[1])])
        assert isinstance(result, Score)
        predicted = [values["sqnr"] for values in told if values["state"] == "predicted"]
        assert predicted[0] == pytest.approx(result.sqnr, abs=0.1)
        with_more = [tuple(row) for row in session.rows(rows, number)]
        assert with_more[-len(before) :] == before or with_more == before
        one.assess(number)
        assert [tuple(row) for row in session.rows(rows, number)] == with_more, "a score is not written twice"
    one.close()


def test_a_plan_whose_layer_is_looked_at_first_has_its_cost_told(
    example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who opens the layers at once asks about a layer before anything else; the ledger may take minutes."""
    told: list[str] = []
    monkeypatch.setattr(assessor, "tell", lambda number, state, **values: told.append(state))
    one = assessor.Assessor(example, Asked())
    with open_session(example, readonly=True) as session:
        found = get_plan(session)
    assert found is not None
    layers = [layer.name for layer in one._graph.layers]
    for layer in layers[:2]:
        one.look(found[0], layer)
    assert told.count("cost") == 1
    one.close()
