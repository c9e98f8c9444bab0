"""Edits of the plan on the layers screen, driven by keys; each is a step that the session keeps."""

import sqlite3
from pathlib import Path

from decks import MakeDeck
from hypothesis import given, settings
from hypothesis import strategies as st
from quantdeck.engine.errors import QuantdeckError
from quantdeck.engine.hw.chip import CHIPS, get_chip
from quantdeck.engine.plan import Plan
from quantdeck.sessions import records
from quantdeck.sessions.store import open_session
from quantdeck.tui.editor import CHIP_MODES, typed_threshold
from quantdeck.tui.figures import Stale
from quantdeck.tui.outlook import Outlook
from quantdeck.tui.workbench import Workbench
from sample_session import layer_names, set_layer_score
from test_tui_layers import S, press, said, table


def plan(path: Path) -> Plan:
    with open_session(path, readonly=True) as session:
        found = records.get_plan(session)
    assert found is not None
    return found[1]


def shown(app: Workbench, key: str) -> list[object]:
    return table(app).model.values[key]


def test_the_modes_of_the_chips_are_the_engines() -> None:
    assert {name: set(modes) for name, modes in CHIP_MODES.items()} == {
        name: set(get_chip(name).modes) for name in CHIPS
    }


async def test_space_floats_a_layer_and_u_and_ctrl_r_walk_the_steps(session: Path, deck: MakeDeck) -> None:
    names = layer_names(session)
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "down", "space")
        assert plan(session).modes == {names[1]: "F16"}
        assert shown(app, "mode")[1] == "F16"
        assert table(app).row == 1
        assert "to F16; u undoes" in said(app)
        await press(pilot, "down", "space", "u")
        assert set(plan(session).modes) == {names[1]}
        await press(pilot, "u", "u")
        assert not plan(session).modes
        assert "nothing to undo" in said(app)
        await press(pilot, "ctrl+r", "ctrl+r", "ctrl+r")
        assert set(plan(session).modes) == set(names[1:3])
        assert "nothing to do again" in said(app)
        await press(pilot, "space")
        assert set(plan(session).modes) == {names[1]}
    again = deck(session)
    async with again.run_test(size=S) as pilot:
        await press(pilot, "u")
        assert set(plan(session).modes) == set(names[1:3])


async def test_marked_layers_are_edited_together(session: Path, deck: MakeDeck) -> None:
    names = layer_names(session)
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "m", "down", "down", "M")
        assert "4 marked" in said(app)
        await press(pilot, "p", "4")
        assert plan(session).modes == dict.fromkeys(names[:4], "F32")
        assert "*" in table(app).render_line(1).text[:2]
        await press(pilot, "space")
        assert not plan(session).modes
        await press(pilot, "escape")
        assert not table(app).marks
        await press(pilot, "p", "escape")
        assert not plan(session).modes


async def test_a_method_or_a_typed_threshold(session: Path, deck: MakeDeck) -> None:
    name = layer_names(session)[0]
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "t", "x")
        row = plan(session).thresholds[name]
        assert (row.method, row.value) == ("max", row.max)
        await press(pilot, "equals_sign", *"2.5", "enter")
        assert plan(session).thresholds[name].value == 2.5
        assert shown(app, "method")[0] == "typed"
        for wrong in ("-1", "nan", "x", "1e40"):
            await press(pilot, "equals_sign", *wrong, "enter")
            assert "is no threshold" in said(app)
        assert plan(session).thresholds[name].value == 2.5


async def test_float_regions(session: Path, deck: MakeDeck) -> None:
    names = layer_names(session)
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "down", "down", "F", "b")
        assert set(plan(session).modes) == set(names[:3])
        await press(pilot, "u", "F", "a")
        assert set(plan(session).modes) == set(names[2:])
        await press(pilot, "u", "m", "down", "m", "F", "w")
        assert set(plan(session).modes) == set(names[2:5])


async def test_figures_of_another_plan_are_marked_until_they_are_confirmed(
    session: Path, deck: MakeDeck
) -> None:
    names = layer_names(session)
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, *["down"] * 20, "space")
        assert not isinstance(shown(app, "sqnr")[5], Stale)
        assert isinstance(shown(app, "sqnr")[40], Stale)
        assert isinstance(shown(app, "local_sqnr")[20], Stale)
        assert not isinstance(shown(app, "local_sqnr")[40], Stale)
        assert "~" in table(app).render_line(12).text
        assert "stale" in said(app, "header")
        assert "cosine ~" in said(app, "header")
        value = float(str(shown(app, "sqnr")[40]))
        connection = sqlite3.connect(session)
        with connection:
            connection.execute("UPDATE state SET rev = rev + 1")
            connection.execute(
                "INSERT INTO layer_score SELECT 2, layer, mode, local_cos, local_sqnr, cos, sqnr, saturation,"
                " (SELECT rev FROM state) FROM layer_score WHERE plan = 1"
            )
            connection.execute(
                "INSERT INTO score(plan, samples_digest, created, cos, sqnr, dead, body)"
                " VALUES (2, 'x', 0, 0.99, 21.5, 0, '{}')"
            )
        connection.close()
        app._look()
        await pilot.pause()
        assert shown(app, "sqnr")[40] == value
        assert not any(isinstance(one, Stale) for one in shown(app, "sqnr"))
        assert "SQNR 21.5 dB" in said(app, "header")
        assert "stale" not in said(app, "header")
        assert names[20] in plan(session).modes


async def test_the_prediction_stands_in_the_header_with_its_interval(session: Path, deck: MakeDeck) -> None:
    from quantdeck.tui.messages import Answered

    app = deck(session)
    async with app.run_test(size=(120, 30)) as pilot:
        await press(pilot, "space")
        app.outlook = Outlook(2, "checking")
        answer = {"plan": 2, "state": "predicted", "sqnr": 18.25, "low": 17.5, "high": 19.0}
        app.post_message(Answered(answer))
        app.post_message(Answered({"plan": 1, "state": "failed", "said": "late"}))
        await pilot.pause()
        assert "predicted 18.2 dB (17.5 to 19.0)" in said(app, "header")
        assert "stale, checking" in said(app, "header")
        name = layer_names(session)[0]
        app.post_message(Answered({"plan": 2, "state": "gains", "gains": {name: [1.5, 0.4]}}))
        await pilot.pause()
        assert shown(app, "gain")[0] == (1.5, 0.4)


@settings(max_examples=100, deadline=None)
@given(st.floats() | st.text(max_size=8))
def test_a_typed_threshold_is_positive_and_finite_or_a_sentence(value: object) -> None:
    try:
        found = typed_threshold(str(value))
    except QuantdeckError as error:
        assert "threshold" in str(error)
    else:
        assert 0 < found < 1e30


def test_a_changed_layer_score_is_not_stale(session: Path) -> None:
    set_layer_score(session, layer_names(session)[0], sqnr=2.0)
    from quantdeck.tui.reader import SessionReader

    with SessionReader(session) as reader:
        assert not isinstance(reader.layers(1).columns["sqnr"][0], Stale)


async def test_what_was_done_is_said_in_a_sorted_table_too(session: Path, deck: MakeDeck) -> None:
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "w", "down", "down", "space")
        assert "to F16; u undoes" in said(app)
        row = table(app).row
        await press(pilot, "u")
        assert "undone" in said(app)
        assert table(app).row == row
        await press(pilot, "down")
        assert "undone" not in said(app)


async def test_a_layer_that_follows_a_float_one_says_so_when_it_is_turned(
    session: Path, deck: MakeDeck
) -> None:
    """What the chip made of a plan comes with its figures, while the table is shown."""
    app, found = deck(session), layer_names(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "down", "down", "down", "space")
        connection = sqlite3.connect(session)
        with connection:
            rev = connection.execute("UPDATE state SET rev = rev + 1 RETURNING rev").fetchone()[0]
            current = connection.execute("SELECT current_plan FROM state").fetchone()[0]
            connection.execute(
                "INSERT INTO layer_score SELECT ?, layer, mode, local_cos, local_sqnr, cos, sqnr, saturation, ?"
                " FROM layer_score WHERE plan = 1",
                (current, rev),
            )
            for name, mode in ((found[3], "F32"), (found[4], "F32")):
                connection.execute(
                    "UPDATE layer_score SET mode = ? WHERE plan = ? AND layer = ?", (mode, current, name)
                )
        connection.close()
        app.catch_up()
        await pilot.pause()
        assert shown(app, "mode")[3:5] == ["F32", "F32"]
        steps = plan(session)
        await press(pilot, "down", "space")
        assert "the layer beside it" in said(app)
        assert plan(session) == steps
        await press(pilot, "up", "space")
        assert "to INT8" in said(app)
