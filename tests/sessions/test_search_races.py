"""Two commands that start a search at the same moment."""

from pathlib import Path

import pytest
from quantdeck.engine.errors import QuantdeckError
from quantdeck.sessions import jobs, launch
from quantdeck.sessions.jobs import list_jobs
from quantdeck.sessions.launch import launch_search
from quantdeck.sessions.store import open_session
from quantdeck.sessions.work import Settings, make_session
from search_jobs import Desk


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Jobs wait here: no process is started for them."""
    (tmp_path / "desk").mkdir()
    monkeypatch.setenv("QUANTDECK_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(jobs, "_spawn", lambda *_: None)
    return Desk(tmp_path / "desk")


def test_a_session_that_appears_meanwhile_is_used(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.qdeck"

    def late(*what: object) -> object:
        make_session(path, desk.graph, desk.model, Settings()).close()
        return make_session(*what)  # type: ignore[arg-type]

    monkeypatch.setattr(launch, "make_session", late)
    job = launch_search(desk.model, desk.graph, desk.spec("run_qtable", tmp_path / "out"), path)
    assert (job.path, job.job) == (path, 1)


def test_a_search_without_a_session_of_its_own_steps_aside(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its session was free when it was chosen, and busy when the job was to start."""
    first = launch_search(desk.model, desk.graph, desk.spec("run_qtable", tmp_path / "out"), None)
    answers = iter([True])
    real = launch._usable
    monkeypatch.setattr(launch, "_usable", lambda *what: next(answers, None) or real(*what))
    second = launch_search(desk.model, desk.graph, desk.spec("search_qtable", tmp_path / "out"), None)
    assert second.path != first.path
    with open_session(first.path, readonly=True) as session:
        assert len(list_jobs(session)) == 1


def test_of_two_searches_on_a_named_session_the_second_is_told_to_wait(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "s.qdeck"
    launch_search(desk.model, desk.graph, desk.spec("run_qtable", tmp_path / "out"), path)
    with pytest.raises(QuantdeckError, match=r"job 1 \(run_qtable.*works on the session"):
        launch_search(desk.model, desk.graph, desk.spec("search_qtable", tmp_path / "out"), path)
