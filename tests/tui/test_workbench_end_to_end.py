"""The installed command in tmux, from a new session to exported tables and back."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from quantdeck.engine.calib.qtable import read_qtable
from quantdeck.engine.calib.table import read_table
from tmux_terminal import Tmux, needs_tmux

pytestmark = [pytest.mark.pty, needs_tmux]
ROOT = Path(__file__).parents[2]
GRAY = {"mean": "0", "scale": "0.0039216", "pixel format": "gray"}


def sqnr(text: str) -> float:
    """The score in the header; NaN-free only when it is the plan's own."""
    line = text.splitlines()[1]
    return float(line.split("SQNR ")[1].split(" dB")[0])


def confirmed(text: str, label: str = "") -> bool:
    """Whether the header's score belongs to the plan, which is called *label*."""
    lines = text.splitlines()
    return len(lines) > 1 and "SQNR " in lines[1] and "~" not in lines[1] and label in lines[1]


def fill(tmux: Tmux, values: dict[str, str]) -> None:
    """Fill fields of the form in the order in which they stand; the cursor is in the one of the samples."""
    screen = tmux.until("F5 Create").splitlines()
    labels = [line[:20].strip() for line in screen[screen.index(model_line(screen)) :]]
    place = labels.index("samples")
    for label, value in values.items():
        while labels[place] != label:
            place += 1
            tmux.keys("Tab")
        if "\u25c2" not in next(line for line in screen if line[:20].strip() == label):
            tmux.type(value)
            continue
        while f"\u25c2 {value} \u25b8" not in tmux.text:  # each key shows another choice
            before = line_of(tmux.text, label)
            tmux.keys("Right")
            tmux.until(lambda text, label=label, before=before: line_of(text, label) != before)


def line_of(text: str, label: str) -> str:
    """A field's line: others change by themselves, as the preview does."""
    return next((line for line in text.splitlines() if line[:20].strip() == label), "")


def model_line(screen: list[str]) -> str:
    """The line of the form's first field."""
    return next(line for line in screen if line[:20].strip() == "model")


def triage(tmux: Tmux, tmp_path: Path, model: Path, samples: Path, values: dict[str, str]) -> None:
    """New session, calibrate, rank, three layers to float, score rises, export, reopen."""
    tmux.start(str(model))
    fill(tmux, {"samples": str(samples), **values})
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
        {
            "resize to": "256,256",
            "mean": "127.5,127.5,127.5",
            "scale": "0.0078431,0.0078431,0.0078431",
            "pixel format": "rgb",
        },
    )
