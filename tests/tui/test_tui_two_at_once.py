"""Two workbenches on one session: each follows the other's edits, and both undo one log of steps."""

import os
import threading
import time
from pathlib import Path

import pytest
from decks import MakeDeck
from quantdeck.sessions.edits import steps
from quantdeck.sessions.lease import boot_name, myself, stored
from quantdeck.sessions.store import open_session
from quantdeck.tui.editor import Editor
from quantdeck.tui.listing import list_folder
from quantdeck.tui.request import duplicate
from quantdeck.tui.workbench import Workbench
from real_session import digits
from sample_session import add_job, add_search, set_job
from test_tui_edits import plan
from test_tui_layers import L, press, said, table
from test_tui_what_if import Ear


@pytest.fixture
def example(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    return digits(tmp_path_factory.getbasetemp(), tmp_path)


def known(app: Workbench, number: int) -> bool:
    """Whether everything that is predicted of a plan is known."""
    told = app.outlook
    return told.plan == number and told.cost is not None and bool(told.gains)


async def test_a_workbench_predicts_the_plan_that_another_one_has_put_in_place(
    example: Path, deck: MakeDeck
) -> None:
    app = deck(example, assess=True)
    async with app.run_test(size=L) as pilot:
        await press(pilot)
        ear, other = Ear(app, pilot), Editor(example)
        first = app.view.plan if app.view else None
        assert first is not None
        number = other.set_modes([str(table(app).model.value(1, "name"))], "F16")
        app._look()
        await ear.until(lambda: known(app, number) and app.outlook.state == "checked")
        assert app.view is not None
        assert app.view.score is not None
        assert (app.view.plan, app.view.score.plan) == (number, number)
        assert table(app).model.value(1, "mode") == "F16"
        other.undo()  # the plan before has its score: nothing is stale, and yet the prediction is another
        other.close()
        app._look()
        await ear.until(lambda: known(app, first))
        assert table(app).model.value(1, "mode") == "INT8"


async def test_both_edit_and_undo_one_log(session: Path, deck: MakeDeck) -> None:
    app = deck(session)
    async with app.run_test(size=L) as pilot:
        await press(pilot)
        names = [str(table(app).model.value(row, "name")) for row in (0, 1)]
        other = Editor(session)
        other.set_modes([names[1]], "F16")
        await press(pilot, "space")  # the screen still shows the plan before
        assert set(plan(session).modes) == set(names)
        other.undo()
        other.undo()
        assert not plan(session).modes
        await press(pilot, "ctrl+r", "ctrl+r")
        assert set(plan(session).modes) == set(names)
        other.close()


@pytest.mark.parametrize("kind", ["calibrate", "search"])
async def test_a_copy_made_while_a_job_runs_has_no_process_though_the_original_s_lives(
    session: Path, deck: MakeDeck, kind: str
) -> None:
    job = add_search(session) if kind == "search" else add_job(session, kind=kind)
    set_job(
        session,
        job,
        pid=os.getpid(),
        pid_started=myself().started,
        boot=stored(boot_name(), str(session.stat().st_ino)),
        heartbeat=time.time(),
    )
    copy = duplicate(session)
    lines = {entry.path: entry.job for entry in list_folder(session.parent)}
    assert lines == {session: f"{kind} running", copy: f"{kind} broken"}
    app = deck(copy)
    async with app.run_test(size=L) as pilot:
        assert f"!! {kind} is the original's" in said(app, "header")
        assert not app.busy, "its own jobs need not wait for the original's"
        if kind == "search":
            await press(pilot, "3")
            assert "works on the original of this copy; p goes on" in said(app, "head")


def test_edits_of_two_processes_at_once_are_all_kept(session: Path) -> None:
    with open_session(session, readonly=True) as opened:
        names = [row[0] for row in opened.rows("SELECT name FROM layer ORDER BY position LIMIT 24")]
    begin = threading.Barrier(2)

    def work(mine: list[str]) -> None:
        editor = Editor(session)
        begin.wait()
        for name in mine:
            editor.set_modes([name], "F16")
        editor.close()

    both = [threading.Thread(target=work, args=(names[start::2],)) for start in (0, 1)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert set(plan(session).modes) == set(names)
    with open_session(session, readonly=True) as opened:
        assert len(steps(opened)) == len(names)
