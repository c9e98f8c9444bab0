"""The commands on sessions and folders that nobody may write, as an ordinary user (case 46)."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from quantdeck.sessions.store import open_session
from search_jobs import Desk
from session_files import as_ordinary_user

COMMAND = (sys.executable, "-m", "quantdeck")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A finished search, in a session that is complete by itself."""
    made = Desk(tmp_path_factory.mktemp("desk"))
    path = made.session("s")
    assert made.run(path, made.add(path, made.spec("search_threshold", made.folder / "out"))).state == "done"
    return made


@pytest.fixture
def closed(desk: Desk, tmp_path: Path) -> Iterator[Path]:
    """The session, 0444, in a folder of 0555."""
    folder = tmp_path / "closed"
    folder.mkdir()
    shutil.copy(desk.folder / "s.qdeck", folder)
    (folder / "s.qdeck").chmod(0o444)
    folder.chmod(0o555)
    yield folder / "s.qdeck"
    folder.chmod(0o755)


def _one_sentence(text: str) -> str:
    (line,) = text.splitlines()
    assert line.startswith("quantdeck: ")
    return line


def test_what_is_stored_is_shown_and_marked(closed: Path, desk: Desk) -> None:
    """(a): in full, and no file appears beside it."""
    for words, shown in (("layers", "c0_Conv"), ("jobs", "search_threshold")):
        done = as_ordinary_user(*COMMAND, words, closed)
        assert done.returncode == 0, done.stderr
        assert shown in done.stdout
        assert "is read-only" in done.stderr
        writable = as_ordinary_user(*COMMAND, words, desk.folder / "s.qdeck")
        assert writable.stdout == done.stdout
        assert "read-only" not in writable.stderr
    listed = as_ordinary_user(*COMMAND, "sessions", "--sessions_folder", closed.parent)
    assert "s.qdeck" in listed.stdout
    assert os.listdir(closed.parent) == ["s.qdeck"]


def test_what_writes_is_refused_with_the_way_out(closed: Path, desk: Desk, tmp_path: Path) -> None:
    words = ("--dataset", desk.samples, "-o", tmp_path / "t")
    for line in (
        ("pause", closed), ("resume", closed, "1"), ("cancel", closed), ("jobs", closed, "--cancel", "1"),
        ("run_calibration", desk.model, *words, "--session", closed),
        ("run_calibration", desk.model, *words, "--search", "search_threshold", "--session", closed),
    ):  # fmt: skip
        done = as_ordinary_user(*COMMAND, *line)
        assert (done.returncode, done.stdout) == (2, ""), line
        assert "quantdeck backup" in _one_sentence(done.stderr)
    assert os.listdir(closed.parent) == ["s.qdeck"]
    assert not (tmp_path / "t").exists()
    done = as_ordinary_user(*COMMAND, "backup", closed, closed.with_name("t.qdeck"))
    assert done.returncode == 2
    assert "cannot be written; name a file elsewhere" in _one_sentence(done.stderr)
    done = as_ordinary_user(*COMMAND, "backup", closed, tmp_path / "copy.qdeck")
    assert done.returncode == 0, done.stderr
    with open_session(tmp_path / "copy.qdeck"):
        pass


def test_newer_data_that_cannot_be_read_is_never_left_out(desk: Desk, tmp_path: Path) -> None:
    """(b): a left-over log in the same folder."""
    folder = tmp_path / "closed"
    folder.mkdir()
    with open_session(desk.folder / "s.qdeck") as session:
        with session.write() as writer:
            writer.update("state", 1, {"title": "newest"})
        for end in ("", "-wal"):
            shutil.copy(desk.folder / f"s.qdeck{end}", folder / f"s.qdeck{end}")
    folder.chmod(0o555)
    try:
        for words in ("layers", "jobs"):
            done = as_ordinary_user(*COMMAND, words, folder / "s.qdeck")
            if done.returncode != 0:  # else the newer state was read
                assert done.returncode == 2
                assert "bytes of newer data" in _one_sentence(done.stderr)
        listed = as_ordinary_user(*COMMAND, "sessions", "--sessions_folder", folder)
        assert "newest" in listed.stdout or "bytes of newer data" in listed.stdout
    finally:
        folder.chmod(0o755)


@pytest.mark.parametrize("home", ["closed", "below a file", "none"])
def test_a_place_that_cannot_be_is_named_before_any_work(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    """(c), (d): one sentence with the option, while help and reading elsewhere still work."""
    (tmp_path / "file").write_text("")
    (tmp_path / "closed").mkdir(mode=0o555)
    for name in ("HOME", "XDG_DATA_HOME", "QUANTDECK_HOME"):
        monkeypatch.delenv(name, raising=False)
    if home == "none":
        monkeypatch.setenv("HOME", str(tmp_path / "file" / "nobody"))
    else:
        monkeypatch.setenv(
            "QUANTDECK_HOME", str(tmp_path / {"closed": "closed", "below a file": "file"}[home] / "h")
        )
    line = ("--dataset", desk.samples, "--search", "search_threshold", "-o", tmp_path / "t")
    done = as_ordinary_user(*COMMAND, "run_calibration", desk.model, *line)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    sentence = _one_sentence(done.stderr)
    assert str(tmp_path) in sentence
    assert "--session" in sentence
    for words in (["--help"], ["doctor"], ["layers", desk.model], ["jobs", desk.folder / "s.qdeck"]):
        assert as_ordinary_user(*COMMAND, *words).returncode in (0, 3)
    named = as_ordinary_user(
        *COMMAND, "run_calibration", desk.model, *line, "--session", tmp_path / "own.qdeck"
    )
    assert named.returncode == 0, named.stderr


def test_a_file_that_may_not_be_read_at_all_is_one_sentence(desk: Desk, tmp_path: Path) -> None:
    secret = tmp_path / "secret.qdeck"
    shutil.copy(desk.folder / "s.qdeck", secret)
    secret.chmod(0)
    done = as_ordinary_user(*COMMAND, "layers", secret)
    assert done.returncode == 2
    assert "is not readable" in _one_sentence(done.stderr)
