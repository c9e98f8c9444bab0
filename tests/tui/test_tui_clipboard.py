"""Text goes out by OSC 52, the buffer of tmux or a file, and the way is named."""

import shutil
import subprocess
from pathlib import Path

import pytest
from quantdeck.tui.clipboard import LONGEST, copy_out


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
