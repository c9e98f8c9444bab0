"""A session copied while a search works on it (case 44): it opens, says how old it is, and goes on from there."""

import shutil
import signal
import time
from pathlib import Path

import pytest
from quantdeck.sessions.jobs import close_dead, get_job
from quantdeck.sessions.journal import Journal
from quantdeck.sessions.store import backup, open_session
from search_jobs import Desk, left, worker

from quantdeck.cli import diagnostics
from quantdeck.cli.main import group


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def unbroken(desk: Desk) -> dict[str, object]:
    return desk.unbroken("search_qtable")


def _begun(desk: Desk, tmp_path: Path) -> tuple[Path, int]:
    path = desk.session(tmp_path.name)
    return path, desk.add(path, desk.spec("search_qtable", tmp_path / "out"))


def _trials(path: Path) -> int:
    with open_session(path, readonly=True) as session:
        assert session.row("SELECT name FROM model")[0] == "net"
        assert session.row("PRAGMA integrity_check")[0] == "ok"
        return session.row("SELECT count(*) FROM trial")[0]


@pytest.mark.parametrize("how", ["cp", "backup"])
def test_a_copy_of_a_running_search_is_known_as_one_and_goes_on(
    desk: Desk,
    unbroken: dict[str, object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    how: str,
) -> None:
    """(a), (d): the original's worker lives, which is not the copy's."""
    path, number = _begun(desk, tmp_path)
    copy, shown = tmp_path / "copy.qdeck", []
    real, seen = Journal.put, iter(range(1, 10_000))

    def put(journal: Journal, *result: object) -> None:
        if next(seen) == 8:
            shutil.copy(path, copy) if how == "cp" else backup(path, copy)
            for one in (path, copy):
                with open_session(one, readonly=True) as session:
                    job = get_job(session, number)
                shown.append((job.state, job.copied, job.alive(time.time())))
        real(journal, *result)

    monkeypatch.setattr(Journal, "put", put)
    assert desk.run(path, number).state == "done"
    monkeypatch.setattr(Journal, "put", real)
    assert left(path, number, tmp_path / "out") == unbroken
    assert shown[0] == ("running", False, True)
    if how == "backup":
        assert shown[1] == ("running", True, False)
        assert _trials(copy) == 7
    else:  # a plain copy lacks at most the last five seconds, here everything since the job was added
        assert shown[1][2] is False or shown[1][0] == "waiting"
        assert _trials(copy) <= 7
    with open_session(copy, readonly=True) as session:
        began = get_job(session, number).state == "running"
    assert diagnostics.run(group, ["jobs", str(copy)]) == 0
    text = capfdbinary.readouterr().out.decode()
    assert ("running when this copy was made (20" in text) == began
    with open_session(copy) as session:
        with session.write() as writer:  # a job that was only waiting has a minute to be claimed
            writer.update("job", number, {"created": 0.0})
        close_dead(session)
        job = get_job(session, number)
    assert job.state == "paused"
    assert "this file is a copy that was made while the job ran" in job.message or not began
    assert desk.again(copy, number).state == "done"
    assert left(copy, number, tmp_path / "out") == unbroken


def test_the_main_file_of_a_killed_worker_alone_goes_on(
    desk: Desk, unbroken: dict[str, object], tmp_path: Path
) -> None:
    """(b): the log stays behind on the other machine."""
    path, number = _begun(desk, tmp_path)
    assert worker(path, number, tmp_path, KILL_AT="10") == -signal.SIGKILL
    assert path.with_name(f"{path.name}-wal").exists()
    copy = tmp_path / "copy.qdeck"
    shutil.copy(path, copy)
    assert _trials(copy) <= 9
    assert _trials(path) == 9
    with open_session(copy) as session:
        with session.write() as writer:
            writer.update("job", number, {"created": 0.0})
        close_dead(session)
        assert get_job(session, number).state == "paused"
    assert desk.again(copy, number).state == "done"
    assert left(copy, number, tmp_path / "out") == unbroken
    assert not copy.with_name(f"{copy.name}-wal").exists()
