"""The list of sessions: what each one's job does, copies, and deleting after a question."""

from pathlib import Path

import pytest
from decks import MakeDeck
from quantdeck.tui.screens.start import StartScreen
from quantdeck.tui.widgets.line_table import LineTable
from quantdeck.tui.workbench import Workbench
from resting import settle
from sample_session import add_job, make_session, set_job
from test_tui_layers import L, press, said
from test_tui_places import rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sessions whose jobs run, rest, failed and died; 4e9 lies in the future, so that a heart goes on beating."""
    for name, state, heart in (
        ("busy", "running", 4e9), ("resting", "paused", 1.0), ("failed", "failed", 1.0), ("dead", "running", 1.0),
        ("done", "done", 1.0),
    ):  # fmt: skip
        add_job(
            make_session(tmp_path / f"{name}.qdeck", title=name), kind="search", state=state, heartbeat=heart
        )
    return tmp_path


def go_to(app: Workbench, title: str) -> None:
    table = app.screen.query_one(LineTable)
    table.go(rows(app, "title").index(title))


async def test_every_session_tells_what_its_job_does(folder: Path, deck: MakeDeck) -> None:
    app = deck(folder=folder)
    async with app.run_test(size=L):
        found = dict(zip(rows(app, "title"), rows(app, "job"), strict=True))
    assert found == {
        "busy": "search running", "resting": "search paused", "failed": "search failed", "dead": "search broken",
        "done": "",
    }  # fmt: skip


async def test_a_session_is_copied_as_it_is(folder: Path, deck: MakeDeck) -> None:
    app = deck(folder=folder)
    async with app.run_test(size=L) as pilot:
        go_to(app, "done")
        await press(pilot, "d")
        await settle(pilot)
        assert "copied to" in said(app)
        assert len(rows(app, "title")) == 6
    assert (folder / "done-copy.qdeck").stat().st_size > 1000


async def test_a_session_is_deleted_after_a_yes_and_never_under_a_running_job(
    folder: Path, deck: MakeDeck
) -> None:
    log = folder / "done.qdeck.job1.log"
    log.write_text("done\n")
    app = deck(folder=folder)
    async with app.run_test(size=L) as pilot:
        go_to(app, "done")
        await press(pilot, "D", "n")
        assert "nothing was deleted" in said(app)
        assert (folder / "done.qdeck").exists()
        await press(pilot, "D", "escape")
        assert (folder / "done.qdeck").exists()
        await press(pilot, "D", "y")
        assert "deleted done.qdeck" in said(app)
        assert not list(folder.glob("done*"))
        assert "done" not in rows(app, "title")
        go_to(app, "busy")
        await press(pilot, "D", "y")
        assert "cancel it first" in said(app)
        assert (folder / "busy.qdeck").exists()
        assert isinstance(app.screen, StartScreen)


async def test_a_long_line_of_a_log_is_read_whole_and_its_end_is_followed(
    folder: Path, deck: MakeDeck
) -> None:
    log = folder / "job.log"
    words = " ".join(f"word{number}" for number in range(60))
    log.write_text(f"checking\n{words} [/0/conv]\n\n" + " " * 300 + "\n")
    session = make_session(folder / "logged.qdeck")
    job = add_job(session, kind="search", log=str(log), heartbeat=4e9)
    app = deck(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "L")
        lines = [str(line) for line in rows(app, "line")]
        assert " ".join(lines[1:-2]) == f"{words} [/0/conv]"
        assert max(map(len, lines)) < 80
        with log.open("a") as file:
            file.write("the newest\n")
        set_job(session, job, done=50)
        app._look()
        await pilot.pause()
        assert rows(app, "line")[-1] == "the newest"
        await press(pilot, "home", "down", "down", "y")
        assert app.clipboard == f"{words} [/0/conv]"


async def test_the_first_session_stands_in_the_list_that_was_empty(tmp_path: Path, deck: MakeDeck) -> None:
    app = deck(folder=tmp_path)
    async with app.run_test(size=L) as pilot:
        assert rows(app, "title") == []
        await press(pilot, "n")
        make_session(tmp_path / "first.qdeck", title="first")
        await press(pilot, "escape")
        assert isinstance(app.screen, StartScreen)
        assert rows(app, "title") == ["first"]
