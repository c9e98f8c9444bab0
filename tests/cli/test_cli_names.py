"""What a bare word means: a stored session by its name, or a command that is spelled wrongly."""

import shutil
from pathlib import Path

import pytest
from command_line import dense_model, quantdeck, samples

Stored = tuple[Path, dict[str, str]]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """A folder to stand in, and the environment whose stored sessions hold one called net."""
    folder = tmp_path_factory.mktemp("stored")
    place = folder / "home" / "sessions"
    place.mkdir(parents=True)
    dense_model(folder / "m.onnx")
    done = quantdeck(
        "run_calibration", folder / "m.onnx", "--dataset", samples(folder / "data"), "-o", folder / "table",
        "--tune_num", "0", "--session", place / "net.qdeck",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    here = folder / "here"
    here.mkdir()
    return here, {"QUANTDECK_HOME": str(folder / "home")}


@pytest.mark.parametrize("name", ["net", "net.qdeck"])
@pytest.mark.parametrize("words", ["jobs NET", "layers NET", "export NET --csv FILE", "backup NET FILE"])
def test_a_name_that_the_list_shows_is_enough(words: str, name: str, stored: Stored, tmp_path: Path) -> None:
    here, environment = stored
    given = [{"NET": name, "FILE": str(tmp_path / "file")}.get(word, word) for word in words.split()]
    done = quantdeck(*given, environment=environment, cwd=here)
    assert done.returncode == 0, done.stderr


def test_a_file_that_is_here_comes_before_a_stored_session(stored: Stored, tmp_path: Path) -> None:
    here, environment = stored
    (tmp_path / "net.qdeck").write_bytes(b"no session")
    done = quantdeck("jobs", "net.qdeck", environment=environment, cwd=tmp_path)
    assert done.returncode == 2
    assert b"is no quantdeck session" in done.stderr
    missing = quantdeck("jobs", "./net.qdeck", environment=environment, cwd=here)
    assert missing.returncode == 2  # a path is a path
    assert b"quantdeck sessions lists" in missing.stderr


def test_the_folder_that_is_given_is_the_one_looked_in(stored: Stored, tmp_path: Path) -> None:
    here, environment = stored
    shutil.copy(Path(environment["QUANTDECK_HOME"]) / "sessions" / "net.qdeck", tmp_path / "other.qdeck")
    done = quantdeck("jobs", "other", "--sessions_folder", tmp_path, environment=environment, cwd=here)
    assert done.returncode == 0, done.stderr
    listed = quantdeck("jobs", "--sessions_folder", tmp_path, environment=environment, cwd=here)
    assert listed.stdout.splitlines()[1].startswith(b"other.qdeck  ")


def test_a_misspelled_command_is_not_taken_for_a_file_to_open(stored: Stored) -> None:
    here, environment = stored
    done = quantdeck("evalute", "m.onnx", "--calibration_table", "t", environment=environment, cwd=here)
    assert done.returncode == 2
    assert b"no command evalute; the nearest is evaluate" in done.stderr


def test_open_is_a_command_as_its_help_writes_it(stored: Stored) -> None:
    here, environment = stored
    for words in (
        ["open", "net"],
        ["open", "--glyphs", "ascii", "net"],
        ["open", "net", "--colors", "16"],
        ["open"],
    ):
        done = quantdeck(*words, environment=environment, cwd=here)
        assert done.returncode == 2
        assert b"needs a terminal" in done.stderr, done.stderr
    assert b"[SESSION|MODEL]" in quantdeck("open", "--help", environment=environment, cwd=here).stdout
