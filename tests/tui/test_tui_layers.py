"""The layers screen, driven by keys."""

from pathlib import Path

from decks import MakeDeck
from quantdeck.tui.columns import layer_columns
from quantdeck.tui.outlook import Outlook
from quantdeck.tui.screens.help import help_rows
from quantdeck.tui.screens.layers import LayersScreen
from quantdeck.tui.screens.log import LogScreen
from quantdeck.tui.screens.start import StartScreen
from quantdeck.tui.widgets.detail import DetailPane
from quantdeck.tui.widgets.line_table import LineTable
from quantdeck.tui.widgets.painted import Lines
from quantdeck.tui.workbench import Workbench
from resting import until
from sample_session import add_job, layer_names, set_job, set_layer_score
from textual.pilot import Pilot

S, L = (80, 24), (160, 48)


def table(app: Workbench) -> LineTable:
    return app.screen.query_one("#layers", LineTable)


def names(app: Workbench) -> list[str]:
    model = table(app).model
    return [str(model.value(row, "name")) for row in model.order]


def said(app: Workbench, name: str = "status") -> str:
    return app.screen.query_one(f"#{name}", Lines).text


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()
    while pilot.app._keys.busy:  # type: ignore[attr-defined]
        await pilot.pause()


async def test_any_column_sorts_and_again_turns_and_the_cursor_stays_on_its_layer(
    stored: Path, deck: MakeDeck
) -> None:
    app = deck(stored)
    async with app.run_test(size=L) as pilot:
        columns = table(app).columns
        for index, column in enumerate(columns):
            await press(pilot, "s")
            values = [table(app).model.value(row, column.key) for row in table(app).model.order]
            there = [column.rank(value) if column.rank else value for value in values if value is not None]
            assert there == sorted(there, reverse=column.descending), column.key
            before = table(app).row
            await press(pilot, "s")
            assert table(app).model.sorted_by == (column.key, not column.descending)
            assert table(app).row == before
            if index < len(columns) - 1:
                await press(pilot, "right")
        await press(pilot, "i")
        assert names(app) == layer_names(stored)


async def test_worst_first(stored: Path, deck: MakeDeck) -> None:
    app = deck(stored)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "w")
        model = table(app).model
        values = [model.value(row, "sqnr") for row in model.order]
        assert values == sorted(values)  # type: ignore[type-var]
        assert table(app).cursor == 0
        assert "until the noise at the outputs is known" in said(app)
        told(app, stored)
        await pilot.pause()
        assert names(app)[0] == layer_names(stored)[-2]


def told(app: Workbench, path: Path) -> None:
    """Noise at the outputs comes: the later in the graph the more, so that the last layer in int8 is the worst."""
    before, found = app.outlook, layer_names(path)
    app.outlook = Outlook(1, "scored", outputs={name: 60.0 - row / 4 for row, name in enumerate(found)})
    app.screen.show_outlook(before)  # type: ignore[attr-defined]


async def test_layers_are_sorted_by_their_noise_at_the_outputs(stored: Path, deck: MakeDeck) -> None:
    app = deck(stored)
    async with app.run_test(size=S) as pilot:
        assert names(app) == layer_names(stored)
        told(app, stored)
        await pilot.pause()
        worst = layer_names(stored)[-2]  # the last one is float
        assert names(app)[:2] == [worst, layer_names(stored)[-3]]
        assert table(app).cursor == 0
        await press(pilot, "r")
        assert names(app)[0] == worst
        await press(pilot, "slash", *"op:conv worst:3", "enter")
        convs = [name for name in layer_names(stored) if "Add" not in name and "Gemm" not in name]
        assert len(names(app)) == 3
        assert set(names(app)) <= set(convs[-6:])
        await press(pilot, "escape", "i")
        assert names(app) == layer_names(stored)


async def test_rows_stay_where_somebody_has_looked_for_one(stored: Path, deck: MakeDeck) -> None:
    for key in ("down", "i", "m"):
        app = deck(stored)
        async with app.run_test(size=S) as pilot:
            await press(pilot, key)
            told(app, stored)
            await pilot.pause()
            assert names(app) == layer_names(stored)
            await press(pilot, "w")
            assert names(app)[0] == layer_names(stored)[-2]


async def test_a_filter_follows_each_letter_and_escape_shows_all(stored: Path, deck: MakeDeck) -> None:
    app = deck(stored)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "slash", *"depth")
        assert len(names(app)) == 16
        await press(pilot, *" .15/")
        assert names(app) == ["features.15/depthwise/Clip_output_0_Clip"]
        await press(pilot, "enter")
        assert table(app).has_focus
        assert "filter: depth .15/" in said(app)
        assert "1 of 1 (64 in all)" in said(app)
        await press(pilot, "escape")
        assert len(names(app)) == 64
        await press(pilot, "slash", *"op:matmul", "enter")
        assert names(app) == ["output_Gemm"]
        await press(pilot, "slash", *["backspace"] * 9, *"worst:5", "enter")
        assert len(names(app)) == 5
        await press(pilot, "slash", *" op:conv", "enter")
        assert 0 < len(names(app)) <= 5
        await press(pilot, "slash", *["backspace"] * 20, *"mode:f16", "enter")
        assert names(app) == ["output_Gemm"]
        await press(pilot, "slash", *"nothing", "escape")
        assert len(names(app)) == 64


async def test_only_the_op_under_the_cursor(stored: Path, deck: MakeDeck) -> None:
    app = deck(stored)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "down", "down", "down", "o")
        model = table(app).model
        assert {model.value(row, "op") for row in model.order} == {"Add"}
        await press(pilot, "o")
        assert len(names(app)) == 64


async def test_find_jumps_round_without_hiding_rows(stored: Path, deck: MakeDeck) -> None:
    app = deck(stored)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "f", *"Add_", "enter")
        assert (len(names(app)), table(app).cursor) == (64, 3)
        await press(pilot, "n")
        assert table(app).cursor == 7
        await press(pilot, "N", "N")
        assert table(app).cursor == 59
        await press(pilot, "f", *"zzz", "enter")
        assert "nothing holds" in said(app)


async def test_on_a_small_screen_the_detail_takes_the_tables_place(stored: Path, deck: MakeDeck) -> None:
    app = deck(stored)
    async with app.run_test(size=S) as pilot:
        assert not app.screen.query_one(DetailPane).display
        await press(pilot, "down", "enter")
        await pilot.pause()
        assert app.screen.query_one(DetailPane).display
        assert not table(app).display
        detail = app.screen.query_one(DetailPane)
        assert detail.has_focus
        for wanted in ("1x96x112x112", "in the plan", "kl_tune", "from Conv"):
            assert wanted in detail.text
        assert "features.0/depthwise/Clip_output_0_Clip" in detail.render_line(0).text
        await press(pilot, "pagedown")
        assert detail.top > 0
        await press(pilot, "right")
        assert table(app).cursor == 2
        assert detail.top == 0
        assert "features.0/project/Conv_output_0_Conv" in detail.render_line(0).text
        await press(pilot, "escape")
        assert table(app).display
        assert table(app).has_focus


async def test_on_a_large_screen_the_detail_follows_the_cursor(stored: Path, deck: MakeDeck) -> None:
    app = deck(stored)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "down", "down", "down")
        detail = app.screen.query_one(DetailPane)
        await until(pilot, lambda: "features.0/Add_output_0_Add" in detail.render_line(0).text)
        drawn = "\n".join(detail.render_line(y).text for y in range(detail.size.height))
        letters = drawn.partition("activation")[2].splitlines()[8]
        for letter in "Kkmxpgl":
            assert letter in letters
        assert "from Conv" in drawn
        await press(pilot, "tab")
        assert detail.has_focus
        await press(pilot, "tab", "enter")
        assert not detail.display
        assert table(app).has_focus


async def test_changed_figures_come_into_their_cells_and_rows_stay(session: Path, deck: MakeDeck) -> None:
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "w")
        before = names(app)
        set_layer_score(session, before[10], sqnr=1.5, cos=0.5)
        app._look()
        await pilot.pause()
        row = table(app).model.order[10]
        assert table(app).model.value(row, "sqnr") == 1.5
        assert names(app) == before
        assert "!!" in table(app).render_line(11).text


async def test_a_job_shows_in_the_header_and_its_end_reads_the_table_again(
    session: Path, deck: MakeDeck
) -> None:
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        job = add_job(session, heartbeat=4e9)
        app._look()
        await pilot.pause()
        assert "calibrate  34 %, 5 s left" in said(app, "header")
        set_layer_score(session, layer_names(session)[0], sqnr=2.0)
        set_job(session, job, state="done", done=100, message="64 thresholds")
        app._look()
        await pilot.pause()
        assert "calibrate" not in said(app, "header")
        assert table(app).model.value(0, "sqnr") == 2.0


async def test_y_copies_the_visible_name(hostile: Path, deck: MakeDeck) -> None:
    app = deck(hostile)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "down", "down", "down", "down", "down", "y")
        assert app.clipboard == "esc\u241b[2J\u241b]52;c;AAAA\u2407here"
        assert "copied (OSC 52)" in said(app)
        await press(pilot, "Y")
        assert app.clipboard == f"quantdeck layers {hostile}"


async def test_escape_leaves_for_the_list_and_enter_comes_back(session: Path, deck: MakeDeck) -> None:
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "escape")
        assert isinstance(app.screen, StartScreen)
        assert app.view is None
        await press(pilot, "enter")
        assert isinstance(app.screen, LayersScreen)
        await press(pilot, "escape")
        assert isinstance(app.screen, StartScreen)


async def test_the_log_of_the_newest_job(session: Path, deck: MakeDeck, tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    log.write_text("first\nesc\x1b[31m line [red]x[/]\nlast\n")
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "L")
        assert "no log" in said(app)
        add_job(session, state="failed", log=str(log))
        app._look()
        await press(pilot, "L")
        assert isinstance(app.screen, LogScreen)
        lines = app.screen.query_one("#lines", LineTable)
        assert [lines.model.value(row, "line") for row in lines.model.order][-1] == "last"
        assert "esc\u241b[31m line [red]x[/]" in lines.render_line(2).text
        await press(pilot, "escape")
        assert isinstance(app.screen, LayersScreen)


async def test_a_session_before_any_calibration(tmp_path: Path, deck: MakeDeck) -> None:
    from sample_session import make_session

    app = deck(make_session(tmp_path / "fresh.qdeck", scored=False))
    async with app.run_test(size=S) as pilot:
        assert "no plan yet" in said(app, "header")
        await press(pilot, "w", "enter")
        await pilot.pause()
        assert "no histogram yet" in app.screen.query_one(DetailPane).text


async def test_too_small_a_screen_shows_one_line_and_q_still_quits(stored: Path, deck: MakeDeck) -> None:
    app = deck(stored)
    async with app.run_test(size=S) as pilot:
        for size in ((79, 24), (400, 5), (30, 8), (1, 1)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            shown = [widget.id for widget in app.screen.children if widget.display]
            assert shown == ["notice"]
        await pilot.resize_terminal(*L)
        await pilot.pause()
        assert table(app).display
        await pilot.resize_terminal(20, 5)
        await press(pilot, "q")
        assert app._exit


async def test_a_screen_below_follows_a_terminal_that_grew_or_shrank_meanwhile(
    stored: Path, deck: MakeDeck
) -> None:
    app = deck(stored)
    async with app.run_test(size=S) as pilot:
        await pilot.resize_terminal(60, 20)
        await press(pilot, "6")
        await pilot.resize_terminal(*S)
        await press(pilot, "1")
        assert app.screen.query_one("#header").display
        assert not app.screen.query_one("#notice").display
        await press(pilot, "6")
        await pilot.resize_terminal(60, 20)
        await press(pilot, "1")
        assert not app.screen.query_one("#header").display
        assert app.screen.query_one("#notice").display


async def test_every_column_can_be_reached_at_80x24(stored: Path, deck: MakeDeck) -> None:
    app = deck(stored)
    async with app.run_test(size=S) as pilot:
        await pilot.pause()
        titles = {column.title for column in layer_columns(app.glyphs)}
        for _ in titles:
            head = table(app).render_line(0).text
            titles = {title for title in titles if title not in head}
            await press(pilot, "right")
        assert titles == set()
        assert {"clipped", "output dB"} <= {row[0] for row in help_rows(("layers",), {})}
