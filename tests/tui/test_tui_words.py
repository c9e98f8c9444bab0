"""What the screens say can be read whole on a terminal of 80x24, and says what the figures mean."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from decks import MakeDeck
from quantdeck.tui.figures import gain
from quantdeck.tui.glyphs import GLYPHS
from quantdeck.tui.insight import Insight, Repair
from quantdeck.tui.keys import USUAL
from quantdeck.tui.outlook import Outlook
from quantdeck.tui.reader import SessionReader
from quantdeck.tui.screens.help import help_rows
from quantdeck.tui.screens.palette import palette_rows
from quantdeck.tui.screens.settings import SETTINGS
from quantdeck.tui.snapshots import LayerView, ScoreView
from quantdeck.tui.widgets.bars import header_lines
from quantdeck.tui.widgets.line_table import LineTable
from quantdeck.tui.widgets.sections import Subject, gain_told, repair_lines
from sample_session import make_session, set_layer_score
from test_tui_layers import L, S, press, said, table


def shown(app: object) -> str:
    tables = app.screen.query(LineTable)  # type: ignore[attr-defined]
    return "\n".join(one.render_line(y).text for one in tables for y in range(one.size.height))


async def test_every_line_of_the_help_can_be_read_whole(stored: Path, deck: MakeDeck) -> None:
    rows = help_rows(("place", "layers"), {})
    assert all(len(detail) <= S[0] - 2 for _, _, detail in rows)
    app = deck(stored)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "question_mark")
        help_table = app.screen.query_one(LineTable)
        seen = ""
        for place, (key, _, detail) in enumerate(rows):
            help_table.go(place)
            await pilot.pause()
            assert detail in said(app)
            seen += shown(app)
            assert key in help_table.render_line(1 + place - help_table.top).text
        for title in ("SESSION SCREENS", "LAYER DETAIL", "IN EVERY TABLE", "FILE PICKER"):
            assert title in seen


async def test_settings_and_actions_say_what_they_are_about(stored: Path, deck: MakeDeck) -> None:
    app = deck(stored)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "7", "down")
        assert said(app).strip() == SETTINGS["rate"][2]
        await press(pilot, "up")
        assert said(app).strip() == SETTINGS["theme"][2]
        await press(pilot, "1", "colon", *"most to gain")
        assert said(app, "about").strip() == next(
            row[2] for row in palette_rows(("layers",), {}) if row[0] == "Most to gain"
        )


def test_a_header_of_80_cells_tells_prediction_error_and_that_it_is_stale(session: Path) -> None:
    with SessionReader(session) as reader:
        view = reader.head()
    plan = view.plan or 0
    stale = replace(view, plan=plan + 1, plan_label="backbone_block_12_conv_Conv to F16")
    outlook = Outlook(
        plan + 1, "checking", 19.4, 18.6, 20.1, 0.99436, 0.99256, 0.99553, cost=389e-6, ratio=1.348
    )
    short, whole = (
        "cosine 0.994 (0.002), 19.4 dB (0.8), 389 us",
        "cosine 0.99436 (0.99256 to 0.99553), 19.4 dB (18.6 to 20.1)",
    )
    for width, told, end in ((80, short, "stale"), (100, short, "stale"), (160, whole, "stale, checking")):
        line = "".join(text for text, _ in header_lines(stale, "", GLYPHS["ascii"], width, outlook)[1])
        assert len(line) <= width
        assert f"predicted {told}" in line
        assert line.endswith(end)
        assert "to F16" in line
    near = replace(outlook, sqnr=48.2, low=47.6, high=48.8, cos=0.999992, cos_low=0.99999, cos_high=0.999994)
    for width in (80, 160):
        line = "".join(text for text, _ in header_lines(stale, "", GLYPHS["ascii"], width, near)[1])
        assert "cosine 0.99999" in line
        assert "1.000" not in line, "no cosine is rounded up to one"
    wide = Outlook(
        plan + 1, "checking", -1.5, -6.6, 6.2, 0.342, -1.0, 0.711, cost=289e-6, ratio=1.0
    )  # a threshold far too low
    line = "".join(text for text, _ in header_lines(stale, "", GLYPHS["ascii"], 80, wide)[1])
    assert len(line) <= 80
    assert "predicted cosine 0.34 (-1.0 to 0.71), -1.5 dB (7.7), 289 us - stale" in line
    scored = replace(view, plan_label="relu6_2_Clip to F16")
    outlook = Outlook(plan, "checked", cost=389e-6, ratio=1.348)
    line = "".join(text for text, _ in header_lines(scored, "", GLYPHS["ascii"], 80, outlook)[1])
    assert "relu6_2_Clip to F16" in line

    few = replace(scored, score=ScoreView(0.98973, 16.8, 0, None, None, None, plan, samples=16))
    line = "".join(text for text, _ in header_lines(few, "", GLYPHS["ascii"], 80, outlook)[1])
    assert line.endswith("cosine 0.98973 - 16.8 dB ! on 16 - predicted 389 us")
    assert "relu6_2_Clip to F16" in line
    line = "".join(text for text, _ in header_lines(few, "", GLYPHS["ascii"], 160, outlook)[1])
    assert "SQNR 16.8 dB ! on 16 samples" in line
    assert "389 us (+34.8 %)" in line


@pytest.mark.parametrize(
    "body", ["{", "[]", "7", '{"samples": "16"}', '{"samples": -1}', '{"samples": [16]}']
)
def test_a_score_of_unknown_size_says_no_number(session: Path, body: str) -> None:
    connection = sqlite3.connect(session)
    with connection:
        connection.execute("UPDATE score SET body = ?", (body,))
    connection.close()
    with SessionReader(session) as reader:
        view = reader.head()
    line = "".join(text for text, _ in header_lines(view, "", GLYPHS["ascii"], 160)[1])
    assert "SQNR" in line
    assert " on " not in line


async def test_an_order_that_was_asked_for_too_early_comes_with_the_figures(
    session: Path, deck: MakeDeck
) -> None:
    connection = sqlite3.connect(session)
    with connection:
        kept = connection.execute("SELECT layer, plan, sqnr FROM layer_score").fetchall()
        connection.execute("UPDATE layer_score SET sqnr = NULL")
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "w")
        with connection:
            for layer, plan, sqnr in kept:
                connection.execute(
                    "UPDATE layer_score SET sqnr = ? WHERE layer = ? AND plan = ?", (sqnr, layer, plan)
                )
            connection.execute("UPDATE state SET rev = rev + 1")
        connection.close()
        await press(pilot, "r")
        model = table(app).model
        figures = [model.value(row, "sqnr") for row in model.order]
        assert figures == sorted(figures)
        assert table(app).cursor == 0
        worst = str(model.value(model.order[0], "name"))
        await press(pilot, "down")
        set_layer_score(session, worst, sqnr=99.0)  # later figures move no row
        app.catch_up()
        await pilot.pause()
        assert str(model.value(model.order[0], "name")) == worst


async def test_the_column_that_orders_the_rows_is_shown_on_the_narrowest_screen(
    stored: Path, deck: MakeDeck
) -> None:
    app = deck(stored)
    async with app.run_test(size=S) as pilot:
        await press(pilot, *["right"] * 4)
        titles = {column.key: column.title for column in table(app).columns}
        for key in ("saturation", "gain", "macs", "local_sqnr"):
            app.screen.action_sort_by(key)  # type: ignore[attr-defined]
            await pilot.pause()
            head = table(app).render_line(0).text
            assert titles[key] in head
            assert titles[table(app).columns[table(app).column].key] in head
            assert len(head) == S[0]


async def test_why_a_plan_could_not_be_checked_is_said(session: Path, deck: MakeDeck) -> None:
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "space")
        view = app.view
        assert view is not None
        app.outlook = Outlook(view.plan, "checking")
        app._answer({"plan": view.plan, "state": "failed", "said": "the model x.onnx does not exist"})
        await pilot.pause()
        assert "not checked: the model x.onnx does not exist" in said(app)
        assert "stale, not checked" in said(app, "header")


async def test_sessions_of_one_title_go_by_their_files(tmp_path: Path, deck: MakeDeck) -> None:
    for stem, title in (("first", "net"), ("second", "net"), ("third", "other")):
        make_session(tmp_path / f"{stem}.qdeck", layers=4, title=title)
    app = deck()
    async with app.run_test(size=S) as pilot:
        await pilot.pause()
        titles = app.screen.query_one(LineTable).model.values["title"]
        assert sorted(titles) == ["first", "other", "second"]


async def test_a_sample_fails_against_a_figure_of_its_own_kind(session: Path, deck: MakeDeck) -> None:
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "5")
        assert "below cosine 0.98 " in said(app)
        assert "wanted cos 0.99" in said(app)


async def test_samples_compared_have_no_columns_of_layers(session: Path, deck: MakeDeck) -> None:
    app = deck(session)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "4")
        assert "same plan" in said(app)
        assert "MACs" in said(app, "scores")
        head = app.screen.query_one(LineTable)
        await press(pilot, "end", *["right"] * 8, "v")
        assert "thr." not in head.render_line(0).text
        assert "SQNR B" in head.render_line(0).text
        await press(pilot, "v")
        assert "thr. A" in head.render_line(0).text


def test_a_gain_that_rounds_to_nothing_is_no_loss() -> None:
    assert [gain(value) for value in (-0.04, 0.0, -0.06, 2.44)] == ["+0.0", "+0.0", "-0.1", "+2.4"]


def test_no_repair_is_ruled_out_while_the_outputs_are_still_measured() -> None:
    view = LayerView("conv", "Conv", "1x8", "", 0, 0, (), (), None)
    text = lambda complete: str(
        repair_lines(Subject(view, {}, Insight(1, "conv", complete=complete)), GLYPHS["braille"], 60, USUAL)
    )
    assert "none is known yet" in text(False)
    assert "none is predicted to gain anything" in text(True)


def test_a_gain_that_was_measured_is_not_told_as_predicted() -> None:
    repair = Repair("threshold 6 by max", "threshold", "max", ("conv",), 5.4, 0.8)
    assert gain_told(repair) == "predicted +5.4 dB (0.8)"
    assert gain_told(replace(repair, measured=True)) == "measured +5.4 dB"
