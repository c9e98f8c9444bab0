"""--memory: what the budget has no room for goes into one bounded file beside the session, and no kill leaves it."""

import shutil
import signal
from pathlib import Path

import pytest
from quantdeck.engine.run.trials import spill
from quantdeck.sessions.jobs import close_dead, get_job
from quantdeck.sessions.store import open_session
from search_jobs import Desk, left, worker


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def unbroken(desk: Desk) -> dict[str, object]:
    return desk.unbroken("search_qtable")


def _files(folder: Path) -> list[Path]:
    return list(folder.glob(f"{spill.PREFIX}*"))


def test_the_file_is_used_and_removed_and_changes_nothing(
    desk: Desk, unbroken: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    real = spill.Spill.write

    def write(self: spill.Spill, value: spill.Array) -> spill.Spilled | None:
        assert self.path.parent == desk.folder  # beside the session
        found = real(self, value)
        written.append(found.size if found else 0)
        return found

    monkeypatch.setattr(spill.Spill, "write", write)
    path = desk.session(tmp_path.name)
    number = desk.add(path, desk.spec("search_qtable", tmp_path / "out", memory=1))
    assert desk.run(path, number).state == "done"
    assert sum(written) > 0
    assert _files(desk.folder) == []
    assert left(path, number, tmp_path / "out") == unbroken


def test_a_disk_that_is_full_costs_time_and_nothing_else(
    desk: Desk, unbroken: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is bounded by what is free; what it has no room for is computed again."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 100, 0))
    path = desk.session(tmp_path.name)
    number = desk.add(path, desk.spec("search_qtable", tmp_path / "out", memory=1))
    assert desk.run(path, number).state == "done"
    assert left(path, number, tmp_path / "out") == unbroken


def test_what_a_killed_worker_leaves_is_removed_on_resume(
    desk: Desk, unbroken: dict[str, object], tmp_path: Path
) -> None:
    path = desk.session(tmp_path.name)
    number = desk.add(path, desk.spec("search_qtable", tmp_path / "out", memory=1))
    assert worker(path, number, tmp_path, KILL_AT="9") == -signal.SIGKILL
    assert len(_files(desk.folder)) == 1
    with open_session(path) as session:
        close_dead(session)
        assert get_job(session, number).state == "paused"
    assert desk.again(path, number).state == "done"
    assert _files(desk.folder) == []
    assert left(path, number, tmp_path / "out") == unbroken
