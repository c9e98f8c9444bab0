"""The curve and the list of a search that grows: what is added piece by piece looks as if it had been there at once."""

from pathlib import Path

import pytest
from decks import MakeDeck
from quantdeck.tui.screens import search as search_screen
from quantdeck.tui.widgets import plot
from quantdeck.tui.widgets.canvas import Grid
from quantdeck.tui.widgets.curve import Curve
from quantdeck.tui.widgets.line_table import LineTable
from quantdeck.tui.widgets.plot import LAYERS, Cloud, plot_of
from quantdeck.tui.workbench import Workbench
from resting import until
from sample_session import add_search, add_trial
from test_tui_layers import L, press, said
from test_tui_places import rows
from textual.pilot import Pilot

POINTS = [(float(step % 9), 0.9 + step * 37 % 100 / 1001) for step in range(60)]


async def settled(app: Workbench, pilot: Pilot[None], trials: int) -> list[str]:
    """The lines of the curve when so many trials are read and nothing is left to draw."""
    curve = app.screen.query_one(Curve)
    screen = app.screen
    assert isinstance(screen, search_screen.SearchScreen)

    def drawn() -> bool:
        open_still = (curve._next, screen._filling, screen._reading, screen._pause)
        return screen._found is not None and screen._found.trials == trials and open_still == (None,) * 4

    await until(pilot, drawn)
    return [curve.render_line(y).text for y in range(curve.size.height)]


def test_points_keep_their_places_whatever_portions_they_come_in(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[list[list[tuple[str, str]]]] = []
    for portion in (1, 7, 1000):
        monkeypatch.setattr(plot, "PORTION", portion)
        cloud, grid = Cloud(), Grid(60, 12, "braille")
        for start in range(0, len(POINTS), portion):
            cloud.add(POINTS[start : start + portion])
        where = plot_of(cloud, 0.99, LAYERS, grid)
        assert (len(list(where.dot(grid, cloud.columns))) > 5) is (portion < 60)
        where.draw(grid, cloud.best, 0.99, "-")
        drawn.append(grid.rows("fill"))
        assert cloud.best[3.0] == max(cos for cost, cos in POINTS if cost == 3.0)
    assert drawn[0] == drawn[1] == drawn[2]


@pytest.mark.parametrize("portion", [3, 1500])
async def test_a_search_that_grew_shows_what_one_opened_later_shows(
    session: Path, deck: MakeDeck, monkeypatch: pytest.MonkeyPatch, portion: int
) -> None:
    job = add_search(session, trials=6)
    monkeypatch.setattr(search_screen, "PORTION", portion)
    monkeypatch.setattr(search_screen, "PAUSE", 0.01)
    app = deck(session)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "3")
        await settled(app, pilot, 6)
        for step in range(12):  # some within the axes, some beyond them
            add_trial(session, job, 100 + step, step * 3 % 20, 0.97 + step / 500)
            app._look()
            await settled(app, pilot, 7 + step)
        grown = await settled(app, pilot, 18)
        listed = rows(app, "cos", "points")
        await press(pilot, "1", "3")
        assert await settled(app, pilot, 18) == grown
        assert rows(app, "cos", "points") == listed
        assert said(app, "head").splitlines()[1].startswith(" 18 trials")
        await press(pilot, "c", "c")
        assert await settled(app, pilot, 18) == grown


async def test_new_points_come_last_and_move_no_row(
    session: Path, deck: MakeDeck, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = add_search(session, trials=6)
    monkeypatch.setattr(search_screen, "PAUSE", 0.01)
    app = deck(session)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "3", "right", "s", "down")  # by similarity, the highest first
        await settled(app, pilot, 6)
        table = app.screen.query_one("#points", LineTable)
        before, row = rows(app, "cos", "points"), table.row
        assert before == sorted(before, reverse=True)  # type: ignore[type-var]
        add_trial(session, job, 100, 3, 0.9991)
        app._look()
        await settled(app, pilot, 7)
        assert rows(app, "cos", "points") == [*before, 0.9991]
        assert table.row == row


async def test_under_another_screen_nothing_is_read_and_all_of_it_afterwards(
    session: Path, deck: MakeDeck
) -> None:
    job = add_search(session, trials=6)
    app = deck(session)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "3")
        screen = app.screen
        assert isinstance(screen, search_screen.SearchScreen)
        assert screen._watched is not None
        await press(pilot, "question_mark")
        add_trial(session, job, 100, 3, 0.9991)
        app._look()
        await pilot.pause()
        assert screen._watched.trials == 6  # Help opens sooner so
        await press(pilot, "escape")
        await settled(app, pilot, 7)
        assert screen._watched.trials == 7
        assert 0.9991 in rows(app, "cos", "points")
