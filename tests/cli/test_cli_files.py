"""Files that are none, outputs that would destroy something, and values that no comparison keeps out."""

import os
import socket
import subprocess
from pathlib import Path

import pytest
from click import UsageError
from command_line import command, dense_model, quantdeck, samples

from quantdeck.cli import diagnostics
from quantdeck.cli.main import group
from quantdeck.cli.options import Between


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: a model, samples, a pipe that nobody writes to, a socket."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUANTDECK_HOME", str(tmp_path / "home"))
    dense_model(tmp_path / "m.onnx")
    samples(tmp_path / "data")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
    return tmp_path


def refused(capture: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The sentence of a command line that is refused."""
    status = diagnostics.run(group, arguments)
    out, err = capture.readouterr()
    assert (status, out, err.count("\n")) == (2, "", 1), err
    return err


CALIBRATE = ("run_calibration", "m.onnx", "--dataset", "data", "--input_num", "1")


@pytest.mark.parametrize("place", ["pipe", "socket", "/dev/zero", "/dev/null", "data"])
@pytest.mark.parametrize("option", ["--calibration_table", "--data_list", "--tune_list", "MODEL", "SESSION"])
def test_what_is_no_file_is_refused_at_once(
    work: Path, capfd: pytest.CaptureFixture[str], option: str, place: str
) -> None:
    lines = {
        "--calibration_table": ("evaluate", "m.onnx", "--dataset", "data", option, place),
        "--data_list": ("run_calibration", "m.onnx", option, place, "-o", "table"),
        "--tune_list": (*CALIBRATE, option, place, "-o", "table"),
        "MODEL": ("layers", place),
        "SESSION": ("jobs", place),
    }
    assert place in refused(capfd, *lines[option])


@pytest.mark.parametrize("place", ["pipe", "socket", "data"])
def test_a_table_never_replaces_what_is_no_file(
    work: Path, capfd: pytest.CaptureFixture[str], place: str
) -> None:
    before = os.lstat(place)
    assert f"-o {place} is " in refused(capfd, *CALIBRATE, "-o", place)
    assert os.lstat(place).st_ino == before.st_ino


@pytest.mark.parametrize(
    ("target", "more"),
    [
        ("m.onnx", ()),
        ("linked", ()),
        ("list", ("--data_list", "list")),
        ("list", ("--tune_list", "list")),
        ("new.qdeck", ("--session", "new.qdeck")),
        ("same", ("--quantize_table", "./same")),
        ("SAMPLE", ()),
    ],
)
def test_a_table_never_replaces_an_input(
    work: Path, capfd: pytest.CaptureFixture[str], target: str, more: tuple[str, ...]
) -> None:
    sample = min(path for path in Path("data").iterdir() if path.is_file())
    Path("list").write_text(f"{sample}\n")
    Path("linked").symlink_to("m.onnx")
    path = sample if target == "SAMPLE" else Path(target)
    before = path.read_bytes() if path.exists() else None
    assert "would replace" in refused(capfd, *CALIBRATE, *more, "-o", str(path))
    assert (path.read_bytes() if path.exists() else None) == before


@pytest.mark.parametrize("option", ["MODEL", "--dataset", "-o", "--session"])
def test_a_name_that_no_file_system_takes_is_no_fault(
    work: Path, capfd: pytest.CaptureFixture[str], option: str
) -> None:
    long = "n" * 5000
    lines = {
        "MODEL": ("layers", long),
        "--dataset": ("run_calibration", "m.onnx", "--dataset", long, "-o", "table"),
        "-o": (*CALIBRATE, "-o", long),
        "--session": (*CALIBRATE, "--session", long, "-o", "table"),
    }
    assert "nnn" in refused(capfd, *lines[option])


def test_no_memory_is_one_sentence(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(group, "invoke", exhausted)
    assert "memory" in refused(capfd, "doctor")


def test_nan_lies_in_no_range() -> None:
    with pytest.raises(UsageError, match="no number"):
        Between(0, 1).convert("nan", None, None)
    assert Between(0, 1).convert("0.5", None, None) == 0.5


def test_a_pipe_as_labels_is_refused(work: Path) -> None:
    quantdeck(*CALIBRATE, "-o", "table", cwd=work)
    done = quantdeck(
        "evaluate",
        "m.onnx",
        "--calibration_table",
        "table",
        "--dataset",
        "data",
        "--labels",
        "pipe",
        cwd=work,
    )
    assert done.returncode == 2
    assert b"--labels pipe cannot be read (is no regular file but a pipe)" in done.stderr


def test_a_working_folder_that_is_gone_is_no_fault(work: Path) -> None:
    (work / "gone").mkdir()
    script = 'cd gone; rmdir ../gone; exec "$0" run_calibration x.onnx --dataset . -o table'
    done = subprocess.run(["/bin/sh", "-c", script, *command()], cwd=work, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"working folder was removed" in done.stderr
