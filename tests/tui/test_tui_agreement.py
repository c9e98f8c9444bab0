"""What is predicted agrees with what was measured, on the embedded example with the real process beside the screen."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from decks import MakeDeck
from quantdeck.tui.assess import Assess
from quantdeck.tui.figures import StalePair, stale
from quantdeck.tui.outlook import Outlook
from quantdeck.tui.widgets.detail import DetailPane
from quantdeck.tui.widgets.line_table import LineTable
from quantdeck.tui.workbench import Workbench
from real_session import current, digits
from test_tui_edits import shown
from test_tui_layers import L, S, press, said, table
from test_tui_places import rows
from test_tui_what_if import Ear


@pytest.fixture
def example(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    return digits(tmp_path_factory.getbasetemp(), tmp_path)


@contextlib.contextmanager
def deaf() -> Iterator[None]:
    """The process beside the screen is neither asked nor heard: what an edit leaves at once stands there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Outlook, "after", lambda outlook, _told: outlook)
        patch.setattr(Assess, "ask", lambda *_: None)
        yield


def drawn(app: Workbench, row: int) -> str:
    """A row of the layer table as it is on the screen."""
    return table(app).render_line(1 + table(app).model.order.index(row) - table(app).top).text


def scored(path: Path, plan: int, like: int) -> float:
    """The score of a plan on the samples that plan *like*, an edit, was checked on."""
    connection = sqlite3.connect(path)
    found = connection.execute(
        "SELECT sqnr FROM score WHERE plan = ? AND samples_digest ="
        " (SELECT samples_digest FROM score WHERE plan = ? ORDER BY created DESC LIMIT 1)",
        (plan, like),
    )
    sqnr = float(found.fetchone()[0])
    connection.close()
    return sqnr


async def test_every_figure_of_the_plan_before_is_marked_from_the_edit_on(
    example: Path, deck: MakeDeck
) -> None:
    app = deck(example, assess=True)
    async with app.run_test(size=L) as pilot:
        ear = Ear(app, pilot)
        app._make_ready()
        await ear.until(lambda: bool(app.outlook.gains) and not app.outlook.former)
        await press(pilot, "i")
        cells = table(app).model.values
        row = cells["op"].index("Conv")
        table(app).go(table(app).model.order.index(row))
        assert "~" not in drawn(app, row)
        with deaf():
            await press(pilot, "space")
            assert isinstance(shown(app, "gain")[row], StalePair)
            assert not stale(shown(app, "output")[row]), "alone in int8 it makes what it made"
            await press(pilot, "u")
            app.screen.take_threshold(f"{float(str(cells['threshold'][row])) / 4:.6g}")  # type: ignore[attr-defined]
            await pilot.pause()
            for key in ("gain", "output", "rank", "cost", "local_sqnr", "sqnr"):
                assert stale(shown(app, key)[row]), key
            assert drawn(app, row).count("~") >= 4
            told = app.screen.query_one(DetailPane).text
            for sign in ("alone       cosine ~", "in the plan cosine ~", "clipped ~", "at output   ~"):
                assert sign in told
            await press(pilot, "4")
            gains = [gain for gain in rows(app, "gain") if gain is not None]
            assert gains
            assert all(stale(gain) for gain in gains)
            compared = app.screen.query_one("#differences", LineTable)
            assert compared.render_line(1).text.rstrip().split()[-1].startswith("~")
            await press(pilot, "1")
        app.assess()
        await ear.until(lambda: app.outlook.state == "checked")
        await ear.until(lambda: not app.outlook.former)
        for key in ("gain", "output", "rank", "cost", "local_sqnr", "sqnr"):
            assert not any(map(stale, shown(app, key))), key
        assert "~" not in drawn(app, row)


async def test_a_gain_is_what_the_header_says_of_the_edit_and_the_difference_of_scores_once_both_were_run(
    example: Path, deck: MakeDeck
) -> None:
    app = deck(example, assess=True)
    told: list[Outlook] = []
    after = Outlook.after

    def heard(outlook: Outlook, answer: dict[str, object]) -> Outlook:
        found = after(outlook, answer)
        told.extend([found] if answer.get("state") == "predicted" else [])
        return found

    async with app.run_test(size=L) as pilot:
        ear = Ear(app, pilot)
        app.assess()
        await ear.until(lambda: app.outlook.state == "checked" and bool(app.outlook.gains))
        await ear.until(lambda: not app.outlook.former)
        first = current(example)
        await press(pilot, "w", "g")
        row = table(app).row
        assert row is not None
        gain, error = shown(app, "gain")[row]  # type: ignore[misc]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Outlook, "after", heard)
            await press(pilot, "space")
            await ear.until(lambda: app.outlook.state == "checked" and not app.outlook.former)
        one, second = told[0], current(example)
        before = scored(example, first, second)
        assert one.sqnr == pytest.approx(before + gain, abs=0.01)
        assert one.high is not None
        assert one.sqnr is not None
        assert one.high - one.sqnr == pytest.approx(error, abs=0.01)
        assert one.cos_low is not None
        assert one.cos_high is not None
        assert one.cos is not None
        assert one.cos_low < one.cos < one.cos_high
        real = scored(example, second, second) - before
        assert shown(app, "gain")[row] == (pytest.approx(-real), None)
        assert "meas." in drawn(app, row)
        await press(pilot, "u")
        await ear.until(lambda: app.outlook.plan == first and not app.outlook.former)
        assert shown(app, "gain")[row] == (pytest.approx(real), None)
        app.look_at(str(table(app).model.value(row, "name")))
        await ear.until(lambda: bool(app.outlook.insight and app.outlook.insight.samples))
        assert app.outlook.insight is not None
        assert app.outlook.insight.complete
        floated = [one for one in app.outlook.insight.repairs if one.kind == "modes" and len(one.layers) == 1]
        assert [(one.gain, one.measured) for one in floated] == [(pytest.approx(real), True)]


async def test_at_80x24_a_prediction_tells_similarity_sqnr_and_cost_with_their_errors(
    example: Path, deck: MakeDeck
) -> None:
    app = deck(example, assess=True)
    async with app.run_test(size=S) as pilot:
        ear = Ear(app, pilot)
        app._make_ready()
        await ear.until(lambda: bool(app.outlook.gains))
        seen: list[str] = []
        redraw = app._redraw_bars

        def look() -> None:
            redraw()
            seen.append(said(app, "header"))

        app._redraw_bars = look  # type: ignore[method-assign]
        await press(pilot, "space")
        await ear.until(lambda: app.outlook.state == "checked")
        predicted = [line for line in seen if "predicted cosine" in line and "stale" in line]
        assert predicted
        words = predicted[0].partition("predicted ")[2]
        assert [part.count("(") for part in words.split(", ")] == [1, 1, 0]
        assert " dB (" in words
        assert words.split(", ")[2].split()[1] in ("us", "ms")
