"""Text goes out by OSC 52, the buffer of tmux or a file, and the way is named."""

import base64
import os
import re
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from quantdeck.tui.clipboard import LONGEST, copy_out, through_screen


def test_osc_52_and_a_file_for_what_is_too_long(tmp_path: Path) -> None:
    sent: list[str] = []
    assert copy_out("name", sent.append, tmp_path, {}) == "(OSC 52)"
    assert sent == ["name"]
    long = "n" * (LONGEST + 1)
    assert str(tmp_path / "copied.txt") in copy_out(long, sent.append, tmp_path, {})
    assert (tmp_path / "copied.txt").read_text() == long
    assert "nowhere" in copy_out(long, sent.append, tmp_path / "copied.txt", {})
    assert sent == ["name"]
    assert str(tmp_path / "copied.txt") in copy_out("a", sent.append, tmp_path, {"TERM": "linux"})
    assert (tmp_path / "copied.txt").read_text() == "a"
    assert copy_out("b", sent.append, tmp_path, {"TERM": "xterm-256color"}) == "(OSC 52)"
    assert sent == ["name", "b"]


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_the_buffer_of_tmux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    socket = tmp_path / "t"
    tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]
    subprocess.run([*tmux, "new-session", "-d", "cat"], check=True)
    try:
        monkeypatch.setenv("TMUX", f"{socket},1,0")
        sent: list[str] = []
        assert "tmux buffer" in copy_out("a/层[0]", sent.append, tmp_path)
        shown = subprocess.run([*tmux, "show-buffer"], capture_output=True, check=True, encoding="utf-8")
        assert shown.stdout == "a/层[0]"
        assert not sent
    finally:
        subprocess.run([*tmux, "kill-server"], check=True)
    assert copy_out("x", sent.append, tmp_path) == "(OSC 52)"  # a tmux that is gone


@pytest.mark.parametrize("length", [0, 1, 500, 3000, LONGEST])
def test_what_goes_through_screen_is_the_same_sequence(length: int) -> None:
    text = "层" * (length // 3)
    pieces = re.findall(r"\x1bP(.*?)\x1b\\", through_screen(text), re.DOTALL)
    assert all(len(piece) <= 768 for piece in pieces)  # what versions of screen pass on at once
    whole = re.fullmatch(r"\x1b]52;c;([A-Za-z0-9+/=]*)\x07", "".join(pieces))
    assert whole is not None
    assert base64.b64decode(whole[1]).decode() == text


@pytest.mark.pty
@pytest.mark.skipif(shutil.which("screen") is None, reason="GNU screen is not installed")
def test_within_screen_the_terminal_outside_gets_it(tmp_path: Path) -> None:
    text = "features.0/conv " * 200
    sent: list[str] = []
    assert "through screen" in copy_out(text, sent.append, tmp_path, {"STY": "1.a"}, sent.append)
    (tmp_path / "sequence").write_text(sent[0], "utf-8")
    (tmp_path / "sockets").mkdir(0o700)
    program = "import sys; print(open(sys.argv[1]).read(), flush=True)"
    command = ["screen", "-c", "/dev/null", sys.executable, "-c", program, str(tmp_path / "sequence")]
    wanted = f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07".encode()
    pid, terminal = os.forkpty()
    if pid == 0:
        keep = {name: value for name, value in os.environ.items() if name not in ("TMUX", "STY")}
        os.execvpe("screen", command, {**keep, "TERM": "xterm", "SCREENDIR": str(tmp_path / "sockets")})
    seen = b""
    try:
        while wanted not in seen and select.select([terminal], [], [], 60.0)[0]:
            try:
                seen += os.read(terminal, 65536)
            except OSError:  # it has ended
                break
    finally:
        os.close(terminal)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert wanted in seen
