"""Every dialog can be left for good: the keys that end the workbench reach it everywhere."""

from pathlib import Path

import pytest
from decks import MakeDeck
from quantdeck.tui.columns import short_method
from quantdeck.tui.screens.layers import LayersScreen
from quantdeck.tui.widgets.choice_line import ChoiceLine
from quantdeck.tui.widgets.histogram import LETTERS
from resting import until
from test_tui_layers import L, S, press, said, table


@pytest.mark.parametrize("key", ["ctrl+q", "ctrl+c"])
@pytest.mark.parametrize(
    "way",
    [("colon",), ("4", "o"), ("3", "n"), ("slash", "a"), ("c",), ("question_mark",), ("p",), ("F",)],
    ids=["palette", "picker", "search-form", "filter", "calibrate", "help", "precision", "region"],
)
async def test_the_workbench_ends_from_every_dialog(
    session: Path, deck: MakeDeck, way: tuple[str, ...], key: str
) -> None:
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, *way)
        await press(pilot, key)
        for _ in range(3):
            await pilot.pause()
        assert app._exit, app.screen


async def test_every_method_can_be_read_and_chosen_at_80x24(session: Path, deck: MakeDeck) -> None:
    """Choices that do not fit into one line go on in the next; on a wide terminal there is one."""
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "t")
        line = app.screen.query_one(ChoiceLine)
        await until(pilot, lambda: line.size.height == 2)
        shown = [line.render_line(y).text for y in range(line.size.height)]
        assert all(f"{key} {short_method(name)}" in " ".join(shown) for name, key in LETTERS.items())
        await pilot.resize_terminal(*L)
        await until(pilot, lambda: line.size.height == 1)
        await pilot.resize_terminal(*S)
        await pilot.pause()
        await press(pilot, "o")
        assert "observer" in said(app)
        await press(pilot, "p")
        await until(pilot, lambda: line.size.height == 1)


@pytest.mark.parametrize("way", ["t", "slash"])
async def test_a_terminal_of_another_size_leaves_the_keys_to_what_is_asked(
    session: Path, deck: MakeDeck, way: str
) -> None:
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, way)
        asking = app.focused
        await pilot.resize_terminal(*L)
        await pilot.pause()
        assert app.focused is asking
        await press(pilot, "escape")
        assert isinstance(app.screen, LayersScreen)
        assert table(app).has_focus
