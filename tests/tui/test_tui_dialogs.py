"""Every dialog can be left for good: the keys that end the workbench reach it everywhere."""

from pathlib import Path

import pytest
from decks import MakeDeck
from test_tui_layers import S, press


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
