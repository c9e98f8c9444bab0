"""A job whose process was killed while it is watched: known within seconds, told, and gone on with by one key."""

import time
from pathlib import Path

import psutil
import pytest
from decks import MakeDeck
from quantdeck.sessions.lease import boot_name, myself
from quantdeck.tui.feed import Feed
from quantdeck.tui.reader import SessionReader
from sample_session import add_search, set_job
from test_tui_layers import S, press, said

NO_PROCESS = 2**22 + 1  # above the largest number that Linux gives


def held(path: Path, job: int, *, pid: int, started: float, silent: float) -> None:
    """Have a process of this boot hold a running job whose heart was heard *silent* seconds ago."""
    set_job(
        path,
        job,
        state="running",
        pid=pid,
        pid_started=started,
        boot=boot_name(),
        heartbeat=time.time() - silent,
    )


def test_the_process_table_decides_after_some_missed_beats(session: Path) -> None:
    job = add_search(session)
    for pid, silent, lost in ((NO_PROCESS, 3.0, False), (NO_PROCESS, 8.0, True), (NO_PROCESS, -3600.0, True)):
        held(session, job, pid=pid, started=1.0, silent=silent)
        with SessionReader(session) as reader:
            view = Feed(reader).view
            assert view.job is not None
            assert view.job.lost is lost
    me = myself()
    held(session, job, pid=me.pid, started=me.started, silent=500.0)
    with SessionReader(session) as reader:
        view = Feed(reader).view
        assert view.job is not None
        assert not view.job.lost, "a process that is there but was stopped for a while has not died"


def test_a_clock_that_is_set_makes_no_dead_of_the_living(
    session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, me = add_search(session), myself()
    before = psutil.Process().create_time()
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: before - 3600)  # as Linux works it out then
    held(session, job, pid=me.pid, started=me.started, silent=-3600.0)
    with SessionReader(session) as reader:
        view = Feed(reader).view
        assert view.job is not None
        assert not view.job.lost
    held(session, job, pid=me.pid, started=me.started - 1, silent=-3600.0)
    with SessionReader(session) as reader:
        view = Feed(reader).view
        assert view.job is not None
        assert view.job.lost


async def test_p_goes_on_with_a_search_whose_process_was_killed(
    session: Path, deck: MakeDeck, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = add_search(session)
    held(session, job, pid=NO_PROCESS, started=1.0, silent=8.0)
    app = deck(session)
    asked: list[tuple[str, int]] = []
    monkeypatch.setattr(app, "control", lambda what, number: asked.append((what, number)))
    async with app.run_test(size=S) as pilot:
        assert "!! search has died" in said(app, "header")
        await press(pilot, "3")
        head = said(app, "head")
        assert "its process has died; p goes on" in head
        assert "left" not in head.splitlines()[1]
        await press(pilot, "p")
        assert asked == [("resume", job)]
        assert "going on" in said(app)


async def test_a_search_whose_process_was_stopped_shows_no_time_left_and_says_what_helps(
    session: Path, deck: MakeDeck
) -> None:
    job, me = add_search(session), myself()
    held(session, job, pid=me.pid, started=me.started, silent=3.0)
    set_job(session, job, eta=100.0, rate=3.0)
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "3")
        assert "left" in said(app, "head")
        held(session, job, pid=me.pid, started=me.started, silent=60.0)
        app._look()
        await pilot.pause()
        assert "left" not in said(app, "header") + said(app, "head")
        assert "silent" in said(app, "head")
        assert f"kill -CONT {me.pid}" in " ".join(said(app, "head").split())
        held(session, job, pid=me.pid, started=me.started, silent=0.0)
        app._look()
        await press(pilot, "o")  # the same search, read again at once
        assert "kill" not in said(app, "head")
        assert "left" in said(app, "head")
