"""Streams that are no terminal, closed or gone: a sentence and an end, never a loop (style 2.7)."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pty_terminal import DRAWN, SYNC_ANSWER, SYNC_ASKED

pytestmark = pytest.mark.pty

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TMUX", "COLUMNS")},
    "TERM": "xterm-256color",
    "LC_ALL": "C.UTF-8",
}


def shell(line: str, session: Path, *, keys: str = "", limit: float = 120.0) -> tuple[int, bytes]:
    """Exit status and output of a shell's line on a terminal of 80x24; *keys* are typed at the first frame."""
    pid, fd = pty.fork()
    if pid == 0:
        command = f"{sys.executable} -m quantdeck"
        os.execvpe("sh", ["sh", "-c", line], {**ENVIRONMENT, "Q": command, "S": str(session), "LINES": "24"})
    output, end, typed = bytearray(), time.monotonic() + limit, False
    try:
        while time.monotonic() < end:
            if not select.select([fd], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(fd, 65536)
            except OSError:  # nobody has the terminal open any more
                break
            if not data:
                break
            output += data
            if SYNC_ASKED in data:
                os.write(fd, SYNC_ANSWER)
            if keys and not typed and DRAWN.search(output):
                os.write(fd, keys.encode())
                typed = True
        else:
            os.kill(pid, 9)
            pytest.fail(f"it did not end: {bytes(output[-400:])!r}")
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), bytes(output)
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('exec $Q "$S" <&-', b"standard input"),
        ('exec $Q "$S" </dev/zero', b"standard input"),
        (': | $Q "$S"', b"standard input"),
        ('$Q "$S" 2>&1 >/dev/tty | cat', b"standard error"),
    ],
    ids=["input closed", "input a device", "input a pipe", "error a pipe"],
)
def test_without_a_terminal_it_ends_with_a_sentence(stored: Path, line: str, named: bytes) -> None:
    status, output = shell(line, stored)
    assert status == (0 if line.endswith("cat") else 2)
    assert named in output
    assert b"quantdeck layers" in output
    assert output.count(b"\n") == 1
    assert b"\x1b" not in output


def test_with_every_stream_closed_it_ends_without_a_word(stored: Path) -> None:
    assert shell('exec $Q "$S" <&- >&- 2>&-', stored) == (2, b"")


@pytest.mark.parametrize("line", ['exec $Q "$S" >&-', '$Q "$S" | cat', 'exec $Q "$S" >"$S.out"'])
def test_output_that_is_closed_or_a_pipe_does_no_harm(stored: Path, line: str) -> None:
    """The workbench draws on standard error, as Textual does: ``quantdeck > file`` shows it all the same."""
    status, output = shell(line, stored, keys="q")
    assert status == 0
    assert b"kl calibration" in output
    assert output.rfind(b"\x1b[?1049l") > output.rfind(b"\x1b[?1049h") >= 0
    assert b"Traceback" not in output


def test_the_command_line_needs_none_of_its_streams(stored: Path) -> None:
    for line in (
        'exec $Q layers "$S" >&-',
        'exec $Q layers "$S" <&- >&- 2>&-',
    ):
        status, output = shell(line, stored)
        assert status == 0, line
        assert output == b"", line


def test_a_terminal_that_vanishes_leaves_no_process_at_work(stored: Path) -> None:
    """Not even one that hears of no hang-up: what reads a terminal that is gone may not spin."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "quantdeck", str(stored)]
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=ENVIRONMENT, start_new_session=True
    )
    os.close(slave)
    output = b""
    while b"kl calibration" not in output:
        output += os.read(master, 65536)
    os.close(master)
    try:
        process.wait(120)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        pytest.fail("it went on without a terminal")
