"""What nobody foresaw ends the workbench as it ends any command: one sentence, and nothing of a file raw."""

from pathlib import Path

import pytest
from pty_terminal import Terminal
from quantdeck.sessions.locations import log_folder

pytestmark = pytest.mark.pty

NAME = "\x1b]0;taken\x07[/b]"
COMMAND = "from quantdeck.__main__ import main; main()"
FAULTY = f"""
from quantdeck.tui.screens.samples import SamplesScreen
def broken(*_): raise ValueError({NAME!r})
SamplesScreen.on_mount = broken
{COMMAND}
"""


def ended(path: Path, keys: str, home: Path, start: str = COMMAND) -> tuple[int, str]:
    """Exit status of a workbench in which *keys* were typed, and everything that it wrote after them."""
    at_home = {"QUANTDECK_HOME": str(home)}
    with Terminal(path, start=start, arguments=[str(path)], environment=at_home) as one:
        one.read_until("of 64")
        before = len(one.output)
        one.send(keys)
        status = one.wait()
        return status, one.output[before:].decode()


def test_a_fault_is_one_sentence_and_a_log(
    session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, said = ended(session, "5", tmp_path / "home", FAULTY)
    monkeypatch.setenv("QUANTDECK_HOME", str(tmp_path / "home"))
    (log,) = log_folder().iterdir()
    assert status == 1
    assert "\x1b[?1049l" in said
    assert "a fault of the program (ValueError); the traceback is in " in said
    assert "Traceback" not in said
    assert NAME not in said
    assert "Traceback" in log.read_text("utf-8")
