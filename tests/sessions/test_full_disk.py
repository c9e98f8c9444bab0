"""Disks that are full and checkpoints that were cut off: one sentence, and what was committed stays (case 46)."""

import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from quantdeck.engine.errors import QuantdeckError
from quantdeck.sessions.store import open_session
from session_files import make

from quantdeck.demo import example_folder

EXAMPLE = example_folder()


def test_a_checkpoint_that_was_cut_off_loses_nothing(tmp_path: Path) -> None:
    """The header counts pages that only the log holds: killed, or out of room, while the log went into the file."""
    path, lone = make(tmp_path / "a.qdeck"), tmp_path / "b.qdeck"
    with open_session(path) as session:
        with session.write() as writer:
            writer.update("state", 1, {"title": "x" * 400_000})
        pages = session.row("PRAGMA page_count")[0]
        for end in ("", "-wal"):
            shutil.copy(f"{path}{end}", f"{lone}{end}")
    content = bytearray(lone.read_bytes())
    content[28:32] = pages.to_bytes(4, "big")
    lone.write_bytes(content)
    with open_session(lone, readonly=True) as session:
        assert len(session.row("SELECT title FROM state")[0]) == 400_000
    with open_session(lone) as session:
        assert session.row("PRAGMA integrity_check")[0] == "ok"


def test_a_file_that_ends_early_without_a_log_is_damaged(tmp_path: Path) -> None:
    path = make(tmp_path / "a.qdeck")
    path.write_bytes(path.read_bytes()[:-4096])
    with pytest.raises(QuantdeckError, match="is damaged \\(it ends after"):
        open_session(path)


def _with_room_for(size: int) -> Callable[[], None]:
    """No file may grow beyond *size* bytes, which fails as a full disk does."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("command", ["run_qtable", "run_calibration"])
def test_a_place_without_room_is_named_before_any_work(tmp_path: Path, command: str) -> None:
    """(e): the folder that the session would go into, and the option that names another."""
    table = tmp_path / "t"
    table.write_text("logits_Gemm 1.0 -1.0 1.0\n")
    line = {
        "run_qtable": ["--calibration_table", str(table), "--chip", "bm1684x", "-o", str(tmp_path / "q")],
        "run_calibration": ["-o", str(tmp_path / "u")],
    }[command]
    done = subprocess.run(
        [sys.executable, "-m", "quantdeck", command, str(EXAMPLE / "digits.onnx"),
         "--dataset", str(EXAMPLE / "calibration"), *line,
         "--session", str(tmp_path / "s.qdeck")],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, preexec_fn=_with_room_for(1000),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    (sentence,) = done.stderr.splitlines()
    assert str(tmp_path) in sentence
    assert "--session" in sentence
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t"]


def test_reading_and_help_need_no_room(tmp_path: Path) -> None:
    path = make(tmp_path / "a.qdeck")
    for line in (["--help"], ["layers", str(path)], ["jobs", str(path)], ["doctor"]):
        done = subprocess.run(
            [sys.executable, "-m", "quantdeck", *line],
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=_with_room_for(0),
        )
        assert done.returncode in (0, 3), done.stderr
        assert "Traceback" not in done.stderr
    assert not any(entry.stat().st_size for entry in tmp_path.iterdir() if entry != path)


def test_a_log_without_room_costs_its_lines_and_not_the_work(tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from quantdeck.sessions.diagnosis import PatientLog
log = PatientLog(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT))
log.write("first\\n")
log.write("second" * 100 + "\\n")
log.flush()
print("goes on")
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "log")],
        capture_output=True, text=True, check=False, preexec_fn=_with_room_for(100),
    )  # fmt: skip
    assert done.stdout == "goes on\n", done.stderr
    assert (tmp_path / "log").read_text().startswith("first\n")
