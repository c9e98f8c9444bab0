"""Figures and bodies of a session that have no place on a screen: the rest is shown, and what is damaged is said."""

import math
import sqlite3
from pathlib import Path

import pytest
from decks import MakeDeck
from quantdeck.sessions.packing import pack
from sample_session import add_plans, add_search
from test_tui_layers import L, press, said
from test_tui_places import rows


def spoil(path: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement, values)
    connection.close()


@pytest.fixture
def planned(session: Path) -> Path:
    """The session with three plans, of which the last two have figures of every sample."""
    add_plans(session)
    return session


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e308])
async def test_a_curve_leaves_out_what_has_no_place_on_it(
    session: Path, deck: MakeDeck, value: float
) -> None:
    job = add_search(session)
    spoil(session, "UPDATE trial SET cos = ? WHERE job = ? AND position = 3", value, job)
    spoil(session, "UPDATE search SET target = ?, cos = ? WHERE job = ?", value, value, job)
    app = deck(session)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "3", "c", "c")
        assert len(rows(app, "cos")) >= 14


async def test_a_search_whose_outcome_is_damaged_shows_its_trials_and_says_so(
    session: Path, deck: MakeDeck
) -> None:
    job = add_search(session, state="done")
    spoil(session, "UPDATE search SET outcome = x'00ff', best = x'01' WHERE job = ?", job)
    app = deck(session)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "3")
        assert len(rows(app, "cos")) >= 14
        assert "damaged" in said(app, "head")
        await press(pilot, "end", "enter")
        assert app.is_running


@pytest.mark.parametrize(
    "body", [{}, {"plan": "{}"}, {"plan": {}, "curve": 3, "ranking": {}}, {"curve": [[]]}]
)
async def test_a_search_whose_bodies_are_others_shows_its_trials(
    session: Path, deck: MakeDeck, body: dict[str, object]
) -> None:
    for state in ("running", "done"):
        job = add_search(session, state=state)
        spoil(session, "UPDATE search SET outcome = ?, best = ? WHERE job = ?", pack(body), pack(body), job)
        app = deck(session)
        async with app.run_test(size=L) as pilot:
            await press(pilot, "3")
            assert len(rows(app, "cos")) >= 14
            await press(pilot, "v", "v", "end", "enter", "2")
            assert app.is_running
        spoil(session, "UPDATE job SET state = 'cancelled'")


@pytest.mark.parametrize("blob", [b"\xff\x00\xfe", b"\x00\x00\x80\x7f" * 64, b"\xff" * 64, b""])
async def test_a_histogram_that_is_none_leaves_the_detail_standing(
    session: Path, deck: MakeDeck, blob: bytes
) -> None:
    spoil(session, "UPDATE tensor SET histogram = ?", blob)
    app = deck(session)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "down", "up")
        assert app.is_running


PLANS = (
    "{}",
    '{"chip": 1}',
    '{"thresholds": {}, "modes": {}}',
    '{"thresholds": [], "modes": {}}',
    '{"thresholds": {"a": [1]}, "modes": {}}',
)
SCORES = (
    "{",
    "[]",
    '{"outputs": 3}',
    '{"outputs": [{"similarity": {"cosine": ["x"], "signal": [1], "noise": [1]}}]}',
    '{"outputs": [{"similarity": {"cosine": [1, 2], "signal": [1], "noise": [1]}}]}',
)


@pytest.mark.parametrize("body", PLANS)
async def test_a_damaged_plan_is_said_where_it_is_compared(planned: Path, deck: MakeDeck, body: str) -> None:
    spoil(planned, "UPDATE plan SET body = ? WHERE id = 2", body)
    app = deck(planned)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "4")
        assert "plan 2 of the session" in said(app)
        await press(pilot, "a", "v", "1", "space", "u")
        assert app.is_running


@pytest.mark.parametrize("body", SCORES)
async def test_damaged_figures_of_samples_are_said(planned: Path, deck: MakeDeck, body: str) -> None:
    spoil(planned, "UPDATE score SET body = ?", body)
    app = deck(planned)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "5")
        assert "damaged" in said(app)
        await press(pilot, "f", "down", "4", "v")
        assert "damaged" in said(app)
        await press(pilot, "2", "1")
        assert app.is_running


@pytest.mark.parametrize(
    "spec", ['{"kind": 3}', '{"expected_cos": "x", "inference_num": "y", "input_num": []}', "{}"]
)
async def test_settings_of_a_search_that_are_none_leave_the_screens_standing(
    planned: Path, deck: MakeDeck, spec: str
) -> None:
    add_search(planned, state="done")
    spoil(planned, "UPDATE job SET spec = ?", spec)
    app = deck(planned)
    async with app.run_test(size=L) as pilot:
        for key in "2354":
            await press(pilot, key)
        assert app.is_running
