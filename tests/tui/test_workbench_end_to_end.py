"""The installed command in tmux, from a new session to exported tables and back (issue: shown by)."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from quantdeck.engine.calib.qtable import read_qtable
from quantdeck.engine.calib.table import read_table

pytestmark = [
    pytest.mark.pty,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]
ROOT = Path(__file__).parents[2]
LIMIT = 120.0
GRAY = {8: "0", 9: "0.0039216", 10: "Right Right Right"}  # mean, scale, pixel format


class Tmux:
    """A tmux server of its own with one pane that runs the command."""

    def __init__(self, folder: Path, size: tuple[int, int]) -> None:
        self._folder = folder
        self._tmux: list[str] = []
        self._size = size
        self._environment = {
            **{name: value for name, value in os.environ.items() if name not in ("TMUX", "NO_COLOR")},
            "QUANTDECK_HOME": str(folder / "home"),
            "TERM": "xterm-256color",
            "LC_ALL": "C.UTF-8",
        }

    def start(self, *arguments: str) -> None:
        width, height = map(str, self._size)
        socket = self._folder / f"tmux{len(list(self._folder.glob('tmux*')))}"  # not one that is being left
        self._tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]
        command = [str(Path(sys.executable).with_name("quantdeck")), *arguments]
        subprocess.run(
            [*self._tmux, "new-session", "-d", "-x", width, "-y", height, *command],
            check=True, env=self._environment,
        )  # fmt: skip

    def keys(self, *keys: str) -> None:
        for key in keys:
            subprocess.run([*self._tmux, "send-keys", key], check=True)

    def type(self, text: str) -> None:
        subprocess.run([*self._tmux, "send-keys", "-l", text], check=True)

    @property
    def text(self) -> str:
        done = subprocess.run(
            [*self._tmux, "capture-pane", "-p"], capture_output=True, encoding="utf-8", check=False
        )
        return done.stdout

    def until(self, wanted: str | Callable[[str], bool]) -> str:
        """Wait until a text stands on the screen; its signal is the clock, not a sleep of the test's own."""
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            text = self.text
            if wanted in text if isinstance(wanted, str) else wanted(text):
                return text
            signal.sigtimedwait((), 0.05)
        raise AssertionError(f"{wanted!r} did not come; the screen shows:\n{self.text}")

    def kill(self) -> None:
        if not self._tmux:
            return
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    terminal = Tmux(tmp_path, (120, 36))
    yield terminal
    terminal.kill()


def sqnr(text: str) -> float:
    """The score in the header; NaN-free only when it is the plan's own."""
    line = text.splitlines()[1]
    return float(line.split("SQNR ")[1].split(" dB")[0])


def confirmed(text: str, label: str = "") -> bool:
    """Whether the header's score belongs to the plan, which is called *label*."""
    lines = text.splitlines()
    return len(lines) > 1 and "SQNR " in lines[1] and "~" not in lines[1] and label in lines[1]


def triage(tmux: Tmux, tmp_path: Path, model: Path, samples: Path, values: dict[int, str]) -> None:
    """New session, calibrate, rank, three layers to float, score rises, export, reopen."""
    tmux.start(str(model))
    tmux.until("samples")
    tmux.type(str(samples))
    for place in range(1, max(values) + 1):  # behind the samples' field
        tmux.keys("Tab")
        if place in values:
            if values[place].startswith("Right"):
                tmux.keys(*values[place].split())
            else:
                tmux.type(values[place])
    tmux.keys("F5")
    tmux.until("thresholds with")  # the calibration's sentence
    tmux.keys("Escape")
    first = sqnr(tmux.until(lambda text: confirmed(text) and "Float/int8" in text))
    tmux.keys("b")
    tmux.until("by predicted gain")
    tmux.keys("m", "m", "m", "Space")
    screen = tmux.until(lambda text: confirmed(text, "3 layers to F16"))
    better = sqnr(screen)
    tmux.keys("u")
    tmux.until(lambda text: "undone" in text and confirmed(text, "calibration"))
    tmux.keys("C-r")
    tmux.until(lambda text: "done again" in text and confirmed(text, "3 layers"))
    tmux.keys("6")
    tmux.until("quantdeck export")
    tmux.keys("Enter")
    tmux.until("written:")
    tmux.keys("Down", "Enter")
    folder = tmp_path / "home" / "sessions"
    tmux.until(lambda text: bool(list(folder.glob("*_qtable"))))
    tmux.keys("q")
    (session,) = (tmp_path / "home" / "sessions").glob("*.qdeck")
    modes = read_qtable(session.with_name(f"{session.stem}_qtable"))
    assert len(modes) == 3
    assert len(read_table(session.with_name(f"{session.stem}_cali_table")).rows) > 3
    assert better > first, screen
    tmux.kill()
    tmux.start(str(session))
    again = tmux.until(lambda text: confirmed(text, "3 layers to F16"))
    assert sqnr(again) == better
    tmux.keys("q")
    layers = subprocess.run(
        [sys.executable, "-m", "quantdeck", "layers", str(session), "--json"], capture_output=True, check=True
    )
    assert sum(row["mode"] == "F16" for row in json.loads(layers.stdout)) >= 3


def test_the_embedded_example(tmux: Tmux, tmp_path: Path) -> None:
    digits = ROOT / "examples" / "digits"
    triage(tmux, tmp_path, digits / "digits.onnx", digits / "calibration", GRAY)


@pytest.mark.slow
def test_mobilenet_v2(tmux: Tmux, tmp_path: Path, shared: Path) -> None:
    triage(
        tmux,
        tmp_path,
        shared / "zoo" / "models" / "mobilenet_v2.onnx",
        shared / "zoo" / "images" / "imagenet_calib",
        {6: "256,256", 8: "127.5,127.5,127.5", 9: "0.0078431,0.0078431,0.0078431", 10: "Right Right"},
    )
