"""The demo: from the example's pictures to a session, tables, or the workbench."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pexpect
import pytest
from quantdeck.sessions.report import Silent
from quantdeck.sessions.store import list_sessions, open_session

from quantdeck import demo as product
from quantdeck.cli.layers import session_rows


class Listener(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> product.Demo:
    return product.run_demo(tmp_path_factory.mktemp("sessions"), Silent())


def test_the_example_is_what_its_readme_says() -> None:
    files = product.example_folder()
    assert (files / "digits.onnx").stat().st_size < 1_000_000
    calibration = sorted((files / "calibration").glob("*.png"))
    test = sorted((files / "test").glob("*.png"))
    with (files / "labels.csv").open() as stream:
        labels = list(csv.DictReader(stream))
    assert (len(calibration), len(test)) == (100, 200)
    assert [row["file"] for row in labels] == [path.name for path in test]
    pixels = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED).tobytes() for path in (*calibration, *test)]
    assert len(set(pixels)) == 300


def test_float_and_int8_recognise_the_digits(finished: product.Demo) -> None:
    exact, quantized = finished.score.float_accuracy, finished.score.accuracy
    assert exact is not None
    assert quantized is not None
    assert exact.total == quantized.total == 200
    assert exact.top1 >= 194
    assert quantized.top1 >= exact.top1 - 4
    assert finished.score.dead_slices == 0


def test_the_session_holds_everything_that_the_workbench_shows(finished: product.Demo) -> None:
    rows, _ = session_rows(finished.session)
    assert [row["name"] for row in rows] == [layer.name for layer in finished.graph.layers]
    assert all(row["mode"] == "INT8" and row["sqnr"] > 20 and row["threshold"] > 0 for row in rows)
    with open_session(finished.session, readonly=True) as session:
        methods = {row[0] for row in session.rows("SELECT DISTINCT method FROM threshold")}
        roles = {row[0]: row[1] for row in session.rows("SELECT role, formed FROM samples")}
        labelled = session.row("SELECT max(labelled) FROM score")
    assert {"kl", "kl_tune", "max", "mse", "percentile9999", "aciq_gauss", "aciq_laplace"} <= methods
    assert roles == {"calibration": 100, "evaluation": 200}
    assert labelled is not None
    assert labelled[0] == 200


def test_a_second_demo_uses_the_session_again_and_a_foreign_file_is_left_alone(
    finished: product.Demo, tmp_path: Path
) -> None:
    again = product.run_demo(finished.session.parent, Silent())
    assert again.session == finished.session
    assert len(list_sessions(finished.session.parent)) == 1
    taken = tmp_path / finished.session.name
    taken.write_text("my notes")
    assert product.run_demo(tmp_path, Silent()).session != taken
    assert taken.read_text() == "my notes"


def test_a_folder_that_cannot_be_written_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder can be here")
    monkeypatch.setenv("QUANTDECK_HOME", str(blocked))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    listener = Listener()
    folder = product.session_folder(listener)
    assert folder.parent == tmp_path
    assert len(listener.said) == 1
    assert str(folder) in listener.said[0]


def _command(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "quantdeck", "demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


def test_without_a_terminal_tables_are_printed(tmp_path: Path) -> None:
    done = _command("--sessions_folder", str(tmp_path))
    assert done.returncode == 0
    for text in ("stem_Clip", "block3_se_gate_Sigmoid", "top-1", "int8", "cosine"):
        assert text in done.stdout
    assert str(tmp_path) in done.stderr


def test_a_named_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = _command("--headless", "--sessions_folder", str(blocked))
    assert (done.returncode, done.stdout) == (2, "")
    assert str(blocked) in done.stderr


@pytest.mark.pty
def test_on_a_terminal_the_workbench_opens(tmp_path: Path) -> None:
    environment = {**os.environ, "QUANTDECK_HOME": str(tmp_path), "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    child = pexpect.spawn(
        sys.executable,
        ["-m", "quantdeck", "demo"],
        env=environment,
        dimensions=(24, 80),
        encoding="utf-8",
        timeout=120,
    )
    child.expect("stem_Clip")
    child.send("q")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
