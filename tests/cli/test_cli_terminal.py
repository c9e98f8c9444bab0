"""Progress on a real pseudo-terminal, of any size or none (cases 48 and 51)."""

import os
import pty
import re
import sqlite3
import struct
import subprocess
import sys
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

import pytest
from command_line import command, dense_model, forbidden_bytes, quantdeck, samples

pytestmark = pytest.mark.pty
CODE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")  # what rich writes to draw a bar


def on_terminal(arguments: list[str], size: tuple[int, int]) -> tuple[int, bytes, bytes]:
    """Status, standard output and what the terminal behind standard error received."""
    master, slave = pty.openpty()
    ioctl(slave, TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        arguments,
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=slave,
        env={**environment, "TERM": "xterm-256color"},
    )
    os.close(slave)
    out = process.stdout.read()
    received = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        received += part
    os.close(master)
    return process.wait(), out, received


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("terminal")
    dense_model(folder / "m\x1b[2J.onnx")
    samples(folder / "data")
    return folder


@pytest.fixture(scope="module")
def piped(work: Path) -> tuple[list[str], bytes]:
    """A command and what it prints into a pipe."""
    arguments = [
        "run_calibration",
        str(work / "m\x1b[2J.onnx"),
        "--dataset",
        str(work / "data"),
        "-o",
        str(work / "t"),
    ]
    return arguments, quantdeck(*arguments).stdout


@pytest.mark.parametrize("size", [(24, 80), (0, 0), (1, 1), (5, 400)])
def test_results_do_not_depend_on_the_terminal(piped: tuple[list[str], bytes], size: tuple[int, int]) -> None:
    arguments, wanted = piped
    status, out, received = on_terminal([*command(), *arguments], size)
    assert (status, out) == (0, wanted)
    assert b"thresholds" in wanted
    assert not forbidden_bytes(CODE.sub(b"", received).replace(b"\r", b"").replace(b"\x1b[2K", b""))
    assert b"Traceback" not in received
    if size[1] < 40:
        assert b"\x1b" not in received
    else:
        assert b"calibrating with kl" in received


def test_stages_are_shown_with_rate_and_time_left() -> None:
    code = """
import sys
from quantdeck.cli.console import console
with console() as out, out.progress() as report:
    import time
    advance = report.stage("counting \\x1b[2J")
    now = time.monotonic()
    for step in range(1, 41):
        while time.monotonic() < now + step * 0.02:
            pass
        advance(step, 80)
    report.say("a note \\x07")
"""
    status, _, received = on_terminal([sys.executable, "-c", code], (24, 100))
    text = CODE.sub(b"", received).decode("utf-8")
    assert status == 0
    assert "counting \u241b[2J" in text
    assert "a note \u2407" in text
    assert re.search(r"\d+/80", text)
    assert re.search(r"\d\.\d/s", text)
    assert re.search(r"\d\d:\d\d", text)


def test_a_terminal_that_is_no_terminal_is_told_what_to_use() -> None:
    done = quantdeck()
    assert done.returncode == 2
    assert done.stderr.startswith(b"quantdeck: ")
    assert b"quantdeck layers" in done.stderr


def test_what_is_wrong_with_the_word_comes_before_the_terminal(work: Path) -> None:
    done = quantdeck("frobnicate")
    assert done.returncode == 2
    assert b"neither a command nor a file" in done.stderr
    foreign = work / "foreign.qdeck"
    with sqlite3.connect(foreign) as database:
        database.execute("CREATE TABLE other(a)")
    for words in ([foreign], ["layers", foreign]):
        done = quantdeck(*words)
        assert done.returncode == 2
        assert b"another program" in done.stderr
