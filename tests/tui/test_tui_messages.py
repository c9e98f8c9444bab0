"""A message above the footer ends when it is over: with the next key, on another screen, with the job it speaks of."""

from pathlib import Path

import pytest
from decks import MakeDeck
from pty_terminal import Terminal
from quantdeck.tui.screens import base
from quantdeck.tui.screens.layers import LayersScreen
from resting import settle
from sample_session import add_job, add_search, make_session, set_job
from test_tui_layers import L, press, said

S = (80, 24)


async def test_what_was_undone_is_said_until_the_next_key(session: Path, deck: MakeDeck) -> None:
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "space", "u")
        assert "undone" in said(app)
        await press(pilot, "left")  # the cursor stays on its row
        assert "undone" not in said(app)
        assert "1 of 64" in said(app)


async def test_no_message_waits_for_who_comes_back_from_another_screen(session: Path, deck: MakeDeck) -> None:
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        for there, back in (("go('flow')", "go('layers')"), ("app.help", "back"), ("app.palette", "leave")):
            await press(pilot, "space")
            assert "undoes" in said(app)
            await app.run_action(there, default_namespace=app.screen)  # no key: the screen alone ends it
            await pilot.pause()
            await app.run_action(back, default_namespace=app.screen)
            await pilot.pause()
            assert isinstance(app.screen, LayersScreen)
            assert said(app).strip() == "1 of 64"


@pytest.mark.parametrize("end", ["paused", "done", "failed"])
async def test_what_was_asked_of_a_job_is_said_until_it_rests_or_ends(
    session: Path, deck: MakeDeck, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    job = add_search(session, state="running")
    app = deck(session)
    monkeypatch.setattr(app, "control", lambda what, number: None)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "3", "p")
        set_job(session, job, wanted="pause", done=15)
        app._look()
        await pilot.pause()
        assert "it rests after its next step" in said(app)
        set_job(session, job, state=end)
        app._look()
        await pilot.pause()
        assert "rests" not in said(app)


async def test_an_error_stays_for_a_moment_whatever_is_typed(
    session: Path, deck: MakeDeck, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        monkeypatch.setattr(base, "READ", float("inf"))
        app.tell("job 3 cannot be paused", "bad")
        await press(pilot, "down", "up", "2", "1", "down")
        assert "cannot be paused" in said(app)
        monkeypatch.setattr(base, "READ", 0.0)
        await press(pilot, "left")
        assert said(app).strip() == "2 of 64"


async def test_what_is_told_while_a_dialog_is_open_stands_below_it(session: Path, deck: MakeDeck) -> None:
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "colon")
        app.tell("job 3 cannot be paused", "bad")
        await press(pilot, "escape")
        assert "cannot be paused" in said(app)


async def test_starting_is_said_until_the_job_is_there(
    session: Path, deck: MakeDeck, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = deck(session)
    monkeypatch.setattr(app, "start_job", lambda kind, spec: None)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "c", "f5")
        assert said(app).strip() == "starting"
        add_job(session, heartbeat=4e9)
        app._look()
        await pilot.pause()
        assert said(app).strip() == ""
        await press(pilot, "f5")
        assert "F8 cancels it" in said(app)


async def test_what_was_done_to_a_session_is_said_until_the_next_key(tmp_path: Path, deck: MakeDeck) -> None:
    make_session(tmp_path / "one.qdeck", title="one")
    make_session(tmp_path / "two.qdeck", title="two")
    app = deck(folder=tmp_path)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "d")
        await settle(pilot)
        assert "copied to" in said(app)
        await press(pilot, "s")
        assert "copied to" not in said(app)
        assert ".qdeck" in said(app).replace("\n ", "")


async def test_what_a_key_does_to_a_stage_follows_its_state(session: Path, deck: MakeDeck) -> None:
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "2", "down", "down", "down")
        assert "Space leaves it out" in said(app)
        await press(pilot, "space")
        assert "Space takes it in" in said(app)


async def test_what_runs_as_several_jobs_is_said_until_the_last_of_them(
    session: Path, deck: MakeDeck, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = deck(session)
    monkeypatch.setattr(app, "start_flow", lambda stages: None)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "2", "end", "t")

        async def changes(job: int, **values: object) -> None:
            set_job(session, job, **values)
            app._look()
            await pilot.pause()

        assert "running " in said(app)
        first = add_job(session, heartbeat=4e9)
        await changes(first, spec='{"then": [["evaluate", {}]]}')
        await changes(first, state="done")  # the next one has not begun yet
        assert "running " in said(app)
        second = add_job(session, heartbeat=4e9)
        await changes(second, done=3)
        assert "running " in said(app)
        await changes(second, state="done")
        assert "running " not in said(app)


@pytest.mark.parametrize("spec", ["{", "[1]", '{"then": 3}', "", '{"then": [["evaluate", {}]]}'])
async def test_jobs_that_have_ended_between_two_looks_end_what_is_said(
    session: Path, deck: MakeDeck, monkeypatch: pytest.MonkeyPatch, spec: str
) -> None:
    """However damaged what they were to do is; one that failed has none behind it."""
    app = deck(session)
    monkeypatch.setattr(app, "start_job", lambda kind, spec: None)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "c", "f5")
        assert "starting" in said(app)
        set_job(session, add_job(session), state="failed", spec=spec)
        app._look()
        await pilot.pause()
        assert said(app).strip() == ""


@pytest.mark.pty
def test_the_mouse_ends_a_message_as_a_key_does(session: Path) -> None:
    with Terminal(session, options="mouse=True") as terminal:
        terminal.read_until("1 of 64")
        for button in (0, 65):  # the left one, and the wheel
            terminal.send("m")
            terminal.read_until("Esc unmarks")
            terminal.send(f"\x1b[<{button};10;23M\x1b[<{button};10;23m")
            terminal.read_until(" of 64")
            assert "unmarks" not in terminal.text
        terminal.send("q")
        assert terminal.wait() == 0


async def test_a_search_without_a_trial_is_named_with_its_state_and_its_time(
    session: Path, deck: MakeDeck, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time goes on by itself, also where the search writes nothing; as far as there is room for it."""
    job = add_job(session, kind="search", total=0, heartbeat=4e9)
    set_job(session, job, title="search_qtable to cos 0.99", stage="statistics", eta=None, started=1000.0)
    for size in (S, L):
        app = deck(session)
        monkeypatch.setattr(app, "clock", lambda: 1012.0)
        async with app.run_test(size=size):
            assert "search_qtable running, 12 s" in said(app, "header")
            assert ("statistics" in said(app, "header")) is (size == L)
            monkeypatch.setattr(app, "clock", lambda: 1075.0)
            app._look()
            assert "search_qtable running, 1 min 15 s" in said(app, "header")
    set_job(session, job, wanted="cancel")
    app = deck(session)
    monkeypatch.setattr(app, "clock", lambda: 1012.0)
    async with app.run_test(size=S):
        assert "search_qtable stopping, 12 s" in said(app, "header")


async def test_why_a_job_failed_is_said_and_stands_there_when_the_session_is_opened_again(
    session: Path, deck: MakeDeck
) -> None:
    job = add_job(session, kind="evaluate", heartbeat=4e9)
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "2")
        set_job(session, job, state="failed", message="the folder x does not exist; put it back")
        app._look()
        await pilot.pause()
        assert said(app).strip() == "evaluate failed: the folder x does not exist; put it back"
    app = deck(session)
    async with app.run_test(size=S):
        assert said(app).strip() == "evaluate failed: the folder x does not exist; put it back"


async def test_what_the_job_of_a_calibration_says_is_shown_whole(session: Path, deck: MakeDeck) -> None:
    sentence = f"sample {'n' * 20}/{'m' * 30}.png is cut off; mend it, remove it, or leave it out"
    add_job(session, state="failed", message=sentence)
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "c")
        assert sentence in " ".join(said(app, "progress").split())
