"""Terminals that close or ask, and sessions that move, while a job runs in its own process."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pexpect
import pytest
from command_line import command, quantdeck
from quantdeck.engine.calib.qtable import read_qtable
from quantdeck.engine.errors import QuantdeckError
from quantdeck.sessions.jobs import get_job, request_cancel
from quantdeck.sessions.store import create_session, open_session

from quantdeck.demo import example_folder

pytestmark = pytest.mark.pty
EXAMPLE = example_folder()
PICTURES = ("--pixel_format", "gray", "--mean", "0", "--scale", "0.0039216")
DATA = ("--dataset", str(EXAMPLE / "calibration"))
DEADLINE = 120.0


def until(condition: Callable[[], Any]) -> Any:
    """What the condition gives once it gives something."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        threading.Event().wait(0.02)
    raise AssertionError("it did not come to be")


class Run:
    """A search of some seconds: its command line, its session, its outputs."""

    def __init__(self, folder: Path, table: Path) -> None:
        self.folder = folder
        self.session = folder / "s.qdeck"
        self.line = [
            *command(), "run_sensitive_layer", str(EXAMPLE / "digits.onnx"), *PICTURES, *DATA, "--input_num", "8",
            "--inference_num", "40", "--tune_num", "1", "--expected_cos", "1", "--chip", "bm1684x", "--jobs", "1",
            "--calibration_table", str(table), "--session", str(self.session), "-o", str(folder / "qtable"),
        ]  # fmt: skip

    def row(self, path: Path | None = None) -> dict[str, Any]:
        """The job's row as another process prints it; nothing before there is a session."""
        done = quantdeck("jobs", path or self.session, "--json")
        rows = json.loads(done.stdout or b"[]")
        return rows[0] if rows else {}

    def begun(self) -> bool:
        """Whether a trial was paid."""
        if not self.session.exists():
            return False
        with open_session(self.session, readonly=True) as session:
            return session.row("SELECT count(*) FROM trial")[0] > 0

    def terminal(self) -> pexpect.spawn:
        """The command on a terminal of its own, after its first trial."""
        child = pexpect.spawn(
            self.line[0],
            self.line[1:],
            dimensions=(24, 100),
            timeout=DEADLINE,
            env={**os.environ, "TERM": "xterm"},
        )
        until(self.begun)
        return child

    def state(self) -> str:
        with open_session(self.session, readonly=True) as session:
            return get_job(session, 1).state


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("table")
    done = quantdeck(
        "run_calibration", EXAMPLE / "digits.onnx", *PICTURES, *DATA, "--input_num", "8", "--tune_num", "0",
        "-o", folder / "cali_table",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "cali_table"


@pytest.fixture
def run(tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setenv("QUANTDECK_HOME", str(tmp_path / "home"))
    made = Run(tmp_path, table)
    yield made
    for path in tmp_path.glob("*.qdeck"):  # a test that failed leaves no job behind
        with suppress(QuantdeckError):
            request_cancel(path, 1)


def test_a_job_goes_on_without_its_terminal(run: Run) -> None:
    """The terminal is closed (SIGHUP); another process sees progress, that it moves, and the end."""
    child = run.terminal()
    child.close(force=False)
    until(lambda: not child.isalive())
    first = run.row()
    assert first["state"] == "running"
    assert 0 < first["done"] < first["total"]
    moved = until(lambda: (row := run.row())["done"] > first["done"] and row)
    assert moved["best"] is not None
    done = quantdeck("attach", run.session)
    assert done.returncode == 3, done.stderr
    assert done.stdout.splitlines()[-1].startswith(b"target not reached: best cos ")
    assert read_qtable(run.folder / "qtable")


@pytest.mark.parametrize("answer", ["g\r", "p\r", "\r", "\x03"])
def test_ctrl_c_on_a_terminal_asks(run: Run, answer: str) -> None:
    """g lets the job go on; p, nothing, or a second Ctrl-C pauses it."""
    child = run.terminal()
    child.sendintr()
    child.expect(r"pause the job \(p\), or let it go on without this terminal \(g\)\? \[p\]")
    assert run.state() == "running"  # the question itself stops nothing
    child.send(answer)
    child.expect("goes on; " if answer == "g\r" else "pauses at its next step; ")
    child.expect(pexpect.EOF)
    assert child.wait() == 130
    state = until(lambda: (found := run.state()) != "running" and found)
    assert state == ("done" if answer == "g\r" else "paused")
    if state == "paused":
        again = subprocess.run(run.line, capture_output=True, stdin=subprocess.DEVNULL, check=False)
        assert again.returncode == 3, again.stderr
        assert b"goes on where it stopped" in again.stderr


def test_ctrl_c_asks_on_a_terminal_that_has_no_size(run: Run) -> None:
    child = pexpect.spawn(run.line[0], run.line[1:], dimensions=(0, 0), timeout=DEADLINE)
    until(run.begun)
    child.sendintr()
    child.expect(r"pause the job \(p\)")
    child.send("p\r")
    child.expect(pexpect.EOF)
    assert child.wait() == 130


@pytest.mark.parametrize("how", ["renamed", "removed", "replaced"])
def test_a_session_that_moves_is_followed_to_the_end(run: Run, how: str) -> None:
    """Case 44 (c): what stands at the old path is never taken for the job's result."""
    process = subprocess.Popen(
        run.line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ}
    )
    until(run.begun)
    if how == "replaced":
        other = run.folder / "other"
        create_session(other, title="another", chip="bm1684x", fp_type="F16").close()
        other.replace(run.session)
    elif how == "renamed":
        run.session.rename(run.folder / "new.qdeck")
    else:
        run.session.unlink()
    out, err = process.communicate()
    assert process.returncode == 3, err
    assert out.splitlines()[-1].startswith(b"target not reached: best cos ")
    assert b"it goes on in " in err
    (found,) = (path for path in run.folder.glob("*.qdeck") if path.name != "s.qdeck")
    assert found.name.startswith("new" if how == "renamed" else "s-rescued-")
    assert run.row(found)["state"] == "done"
    assert run.session.exists() == (how == "replaced")


def test_a_session_that_is_gone_with_its_worker_is_an_error(run: Run) -> None:
    process = subprocess.Popen(
        run.line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    until(run.begun)
    with open_session(run.session, readonly=True) as session:
        holder = get_job(session, 1).holder
    assert holder is not None
    os.kill(holder.pid, signal.SIGKILL)
    run.session.unlink()
    out, err = process.communicate()
    assert (process.returncode, out) == (2, b"")
    last = err.decode().splitlines()[-1]
    assert "s.qdeck" in last
    assert "cannot be opened" in last or "its process has ended" in last
