"""Figures of a session are of its samples: a folder that has changed gives the same ones, or a sentence."""

import io
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from quantdeck.engine.errors import QuantdeckError
from quantdeck.sessions.jobs import add_job, get_job
from quantdeck.sessions.report import Silent
from quantdeck.sessions.same_samples import session_samples
from quantdeck.sessions.session import Session
from quantdeck.sessions.store import open_session
from quantdeck.sessions.work import Settings, Source, calibrate, evaluate, new_session, session_graph
from quantdeck.sessions.worker import run_job

from quantdeck.demo import example_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model and 10 samples, of which a session takes 4."""
    shutil.copy(example_folder() / "digits.onnx", tmp_path)
    (tmp_path / "data").mkdir()
    random = np.random.default_rng(3)
    for index in range(10):
        np.savez(tmp_path / "data" / f"{index}.npz", random.random((1, 1, 32, 32)).astype(np.float32))
    return tmp_path


@pytest.fixture
def session(folder: Path) -> Iterator[Session]:
    source = Source(dataset=folder / "data", number=4)
    path = new_session(folder, folder / "digits.onnx", source, Settings(method="max", tune_num=0), "d")
    with open_session(path) as opened:
        calibrate(opened, {"methods": [], "score_num": -1}, Silent())
        yield opened


def taken(session: Session) -> list[Path]:
    row = session.row("SELECT entries FROM samples WHERE role = 'calibration'")
    assert row is not None
    return [Path(text) for text in json.loads(row[0])]


def scored(session: Session) -> list[float]:
    evaluate(session, {"layers": -1}, Silent())
    return [row[0] for row in session.rows("SELECT sqnr FROM score")]


@pytest.mark.parametrize("change", ["more", "fewer", "broken"])
def test_a_folder_with_other_files_too_gives_the_same_samples(
    session: Session, folder: Path, change: str
) -> None:
    before = scored(session)
    others = sorted(set((folder / "data").iterdir()) - set(taken(session)))
    if change == "more":
        shutil.copy(others[0], folder / "data" / "11.npz")
    elif change == "fewer":
        others[0].unlink()
    else:
        for index in range(20):
            (folder / "data" / f"2{index}.npz").write_bytes(b"none")
    assert scored(session) == before, "one score, not one of other samples beside it"
    entries = session_samples(session, session_graph(session), Silent()).entries
    assert [Path(name) for (name,) in entries] == taken(session)


@pytest.mark.parametrize("change", ["gone", "other", "broken"])
def test_a_sample_that_is_gone_or_changed_is_told_and_nothing_is_scored(
    session: Session, change: str
) -> None:
    first = taken(session)[0]
    if change == "gone":
        first.unlink()
    elif change == "other":
        np.savez(first, np.zeros((1, 1, 32, 32), np.float32))
    else:
        first.write_bytes(b"none")
    with pytest.raises(QuantdeckError) as raised:
        scored(session)
    wanted: Mapping[str, str] = {
        "gone": f"{first.name} is missing",
        "other": "a file has changed",
        "broken": first.name,
    }
    assert wanted[change] in str(raised.value)
    assert not session.rows("SELECT 1 FROM score")
    if change != "broken":
        assert "calibrate again" in str(raised.value)
        calibrate(session, {"methods": [], "score_num": -1}, Silent())
        assert len(scored(session)) == 1


def test_a_folder_that_is_gone_is_told_without_an_option_that_nobody_gave(
    session: Session, folder: Path
) -> None:
    (folder / "data").rename(folder / "away")
    for work in (lambda: scored(session), lambda: calibrate(session, {"score_num": -1}, Silent())):
        with pytest.raises(QuantdeckError, match=r"not at .*data any more; put them back, or calibrate on"):
            work()
    (folder / "away").rename(folder / "data")
    assert len(scored(session)) == 1


def test_an_evaluation_of_other_samples_needs_none_of_the_session_s(session: Session, folder: Path) -> None:
    taken(session)[0].unlink()
    number = add_job(session, "evaluate", {"dataset": str(folder / "data"), "layers": -1})
    run_job(session, number, io.StringIO())
    assert get_job(session, number).state == "done"


def test_files_are_found_though_they_were_typed_from_another_folder(
    session: Session, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command line records paths as they were typed."""
    names = json.dumps([f"data/{path.name}" for path in taken(session)])
    with session.write() as writer:
        writer.update("samples", "calibration", {"entries": names}, column="role")
    monkeypatch.chdir(folder.parent)
    sorted(set((folder / "data").iterdir()) - set(taken(session)))[0].unlink()
    before = scored(session)
    assert len(before) == 1
