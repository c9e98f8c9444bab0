"""The digits example at a command line: its words, its calibration table, a shell."""

from pathlib import Path

import pytest
from command_line import DIGITS, quantdeck
from shell import Shell, open_shell


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calibration table of the digits."""
    path = tmp_path_factory.mktemp("start") / "start"
    words = [*DIGITS["MODEL"], "--dataset", *DIGITS["FOLDER"]]
    done = quantdeck("run_calibration", *words, "--input_num", "16", "--tune_num", "0", "-o", path)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def shell(
    start: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    """Command lines with MODEL, NET, DATA, FOLDER and PICTURES for ours, and ``start`` for its table."""
    return open_shell(tmp_path, capfdbinary, monkeypatch, DIGITS, start)
