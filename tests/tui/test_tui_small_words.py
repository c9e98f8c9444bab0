"""Words that tell a figure as what it is: a multiple, what would be in int8, where a filter looks."""

from dataclasses import replace
from pathlib import Path

import pytest
from decks import MakeDeck
from quantdeck.tui.compare_view import Side, score_lines
from quantdeck.tui.glyphs import GLYPHS
from quantdeck.tui.listing import job_words
from quantdeck.tui.messages import Answered
from quantdeck.tui.queries import PlanEntry
from quantdeck.tui.screens.place import make_place
from quantdeck.tui.snapshots import JobView
from quantdeck.tui.widgets.bars import job_parts
from test_tui_layers import S, press, table


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [(1.0, 1.125, "+12.5 %"), (2.0, 1.0, "-50.0 %"), (1e-6, 4e-4, "x 400"), (1e-9, 3.0, "x 3e+09")],
)
def test_times_that_have_little_in_common_are_told_as_a_multiple(
    first: float, second: float, told: str
) -> None:
    sides = [
        Side("A", PlanEntry(1, "a", 0.0, 0, 0.9, 20.0), seconds=first),
        Side("B", PlanEntry(2, "b", 0.0, 1, 0.9, 20.0), seconds=second),
    ]
    last = "".join(text for text, _ in score_lines(sides, GLYPHS["braille"], 120)[-1])
    assert last.endswith(" " + told)


async def test_a_filter_by_precision_and_where_filters_look(session: Path, deck: MakeDeck) -> None:
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "slash", *"precision:f16", "enter")
        floats = len(table(app).model)
        await press(pilot, "slash", *["backspace"] * 20, *"mode:f16", "enter")
        assert len(table(app).model) == floats == 1
        await press(pilot, "slash", *["backspace"] * 20, *"worst:many", "enter")
        assert len(table(app).model) == 0
        shown = "\n".join(table(app).render_line(y).text for y in range(5))
        assert "worst:10" in shown
        assert "Esc shows all" in shown


def test_a_stage_that_is_done_is_not_told_as_the_whole_job() -> None:
    job = JobView(
        id=1, kind="search", title="search_qtable to cos 0.99", state="running", wanted="run", created=0.0,
        started=100.0, finished=None, heartbeat=110.0, stage="checking samples", done=16, total=16, rate=8.0,
        eta=0.0, message="", log=None,
    )  # fmt: skip
    (told, _), *_ = job_parts(job, GLYPHS["braille"], now=112.0)
    assert told == "search_qtable running, 12 s: checking samples"
    (half, _), *_ = job_parts(replace(job, done=8, eta=1.0), GLYPHS["braille"], now=112.0)
    assert half == "search_qtable  50 %, 1 s left"
    (short, _), *_ = job_parts(replace(job, done=8, eta=1.0), GLYPHS["braille"], now=112.0, room=24)
    assert short == "search  50 %, 1 s left"
    corrected = replace(job, title="calibrate with bc to cos 1", done=8, eta=1.0)
    assert job_parts(corrected, GLYPHS["braille"], now=112.0)[0][0] == "calibrate  50 %, 1 s left"


@pytest.mark.parametrize("place", ["compare", "flow"])
async def test_an_answer_that_comes_before_a_screen_stands_does_not_end_the_workbench(
    session: Path, deck: MakeDeck, place: str
) -> None:
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        assert app.view is not None
        app.outlook = app.outlook.asking(app.view.plan or 0, "")
        standing = app.push_screen(make_place(place))
        app.on_answered(
            Answered({"plan": app.view.plan, "state": "gains", "gains": {}, "outputs": {"a": 1.0}})
        )
        await standing
        await pilot.pause()
        assert "bm1684x" in app.screen.query_one("#header").render_line(0).text


def test_a_calibration_that_corrects_biases_is_no_search_in_the_list_of_sessions() -> None:
    job = JobView(
        id=1, kind="search", title="calibrate with bc to cos 1", state="paused", wanted="run", created=0.0,
        started=None, finished=None, heartbeat=None, stage="", done=0, total=0, rate=None, eta=None, message="",
        log=None,
    )  # fmt: skip
    assert job_words(job) == "calibrate paused"
    assert job_words(replace(job, title="search_qtable to cos 0.99")) == "search paused"
