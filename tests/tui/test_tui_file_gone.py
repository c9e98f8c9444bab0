"""The open session's file is deleted, moved, put back or replaced while the workbench shows it."""

import os
import shutil
from pathlib import Path

import pytest
from decks import MakeDeck
from quantdeck.tui.screens.layers import LayersScreen
from quantdeck.tui.screens.start import StartScreen
from sample_session import add_search, layer_names, make_session
from test_tui_edits import plan
from test_tui_layers import S, names, press, said


async def test_a_file_that_is_gone_is_told_and_nothing_is_written_until_it_is_back(
    session: Path, deck: MakeDeck
) -> None:
    app = deck(session)
    away = session.with_name("away.qdeck")
    async with app.run_test(size=S) as pilot:
        session.rename(away)
        app._look()
        await pilot.pause()
        assert "!! file gone" in said(app, "header")
        await press(pilot, "space")
        assert "deleted or moved" in said(app)
        assert not session.exists()
        assert "INT8" in {str(value) for value in app.screen.table.model.values["mode"]}  # type: ignore[attr-defined]
        away.rename(session)
        app._look()
        await pilot.pause()
        assert "gone" not in said(app, "header")
        await press(pilot, "space")
    assert len(plan(session).modes) == 1


@pytest.mark.parametrize(("state", "keys"), [("", "t enter"), ("running", "p x"), ("paused", "p x")])
async def test_no_job_is_said_to_run_on_a_file_that_is_gone(
    session: Path, deck: MakeDeck, state: str, keys: str
) -> None:
    """Neither of the flow nor of a search that goes on, rests or stops."""
    if state:
        add_search(session, state=state)
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, *(["3"] if state else ["2", "end"]))
        session.unlink()
        for key in keys.split():
            await press(pilot, key)
            assert "deleted or moved" in said(app), key


async def test_a_file_that_was_replaced_is_shown_and_never_edited_as_the_one_before(
    session: Path, deck: MakeDeck, tmp_path: Path
) -> None:
    other = make_session(tmp_path / "new.qdeck", layers=20, title="other network")
    known = layer_names(other)
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "down", "space", "5")
        os.replace(other, session)
        await press(pilot, "1", "space")
        assert isinstance(app.screen, LayersScreen)
        assert "other network" in said(app, "header")
        assert "was replaced" in said(app)
        assert names(app) == known
        assert not plan(session).modes
        await press(pilot, "space")
        assert set(plan(session).modes) == {known[0]}
        shutil.copy(__file__, tmp_path / "text")
        os.replace(tmp_path / "text", session)
        app._look()
        await pilot.pause()
        assert isinstance(app.screen, StartScreen)
        assert session.name in "".join(said(app).split())  # a long path is wrapped where it must be
