"""The workbench in tmux: suspended and back, copying into its buffer, another size, what it does without a shell."""

import os
import shlex
import signal
from pathlib import Path

import psutil
import pytest
from tmux_terminal import COMMAND, Tmux, needs_tmux

pytestmark = [pytest.mark.pty, needs_tmux]


def test_the_shell_suspends_it_and_brings_it_back(tmux: Tmux, stored: Path) -> None:
    tmux.start_as("sh", "-i")
    tmux.until("READY>")
    tmux.type(f"{shlex.quote(COMMAND)} {shlex.quote(str(stored))}\n")
    tmux.until("1 of 64")
    tmux.keys("C-z")
    assert "1 of 64" not in tmux.until("READY>")
    tmux.type("fg\n")
    tmux.until("1 of 64")
    tmux.keys("Down")
    tmux.until("2 of 64")
    (job,) = [child for child in tmux.process.children() if "quantdeck" in " ".join(child.cmdline())]
    os.kill(job.pid, signal.SIGTSTP)
    tmux.until("READY>")
    assert job.status() == psutil.STATUS_STOPPED
    tmux.type("fg\n")
    tmux.until("2 of 64")
    tmux.keys("q")
    tmux.until(lambda text: "READY>" in text and " of 64" not in text)
    tmux.type("stty -a\n")
    assert " icanon" in tmux.until("icanon")  # the terminal is as it was


def test_without_a_shell_it_does_not_stop(tmux: Tmux, stored: Path) -> None:
    tmux.start(str(stored))
    tmux.until("1 of 64")
    tmux.keys("C-z")
    tmux.until("no shell waits")
    tmux.keys("Down")
    tmux.until("2 of 64")


def test_copying_goes_to_the_buffer_and_says_so_and_another_size_is_drawn(tmux: Tmux, stored: Path) -> None:
    tmux.start(str(stored))
    tmux.until("1 of 64")
    tmux.keys("y")
    tmux.until("tmux buffer")
    assert "features.0/expand/Clip_output_0_Clip" in tmux.ask("show-buffer")
    tmux.ask("resize-window", "-x", "160", "-y", "48")
    tmux.until("in the plan")
    tmux.ask("resize-window", "-x", "40", "-y", "10")
    tmux.until("needs 80x24")
    tmux.keys("q")
    tmux.until(lambda text: not text)
