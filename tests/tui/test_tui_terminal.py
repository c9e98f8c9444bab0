"""Before the first frame: which terminals are refused, colours, glyphs, what is imported."""

import subprocess
import sys
from pathlib import Path

import pytest
from quantdeck.engine.errors import QuantdeckError
from quantdeck.tui.terminal import choose_colors, choose_glyphs, speaks_utf8

START = "import sys; from quantdeck.tui.app import run; sys.exit(run({path!r}))"
HEAVY = ("numpy", "onnx", "onnxruntime", "cv2", "sqlite_utils", "sklearn")


@pytest.mark.parametrize(
    ("environment", "utf8"),
    [
        ({"LANG": "en_US.UTF-8"}, True),
        ({"LC_ALL": "C.utf8"}, True),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "C"}, False),
        ({"LC_ALL": "POSIX"}, False),
        ({"LC_ALL": "en_US.ISO-8859-1"}, False),
        ({"LC_ALL": "", "LANG": ""}, False),
        ({}, False),
        ({"LC_CTYPE": "C.UTF-8"}, False),  # set by Python itself (PEP 538)
        ({"LC_CTYPE": "C.UTF-8", "LANG": "en_US.UTF-8"}, True),
        ({"LC_CTYPE": "UTF-8"}, True),  # macOS
    ],
)
def test_the_locale_decides_about_utf8(environment: dict[str, str], utf8: bool) -> None:
    assert speaks_utf8(environment) is utf8


def test_glyphs_follow_the_locale_unless_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "__stderr__", None)
    assert choose_glyphs("auto", {"LANG": "C"}) == "ascii"
    assert choose_glyphs("auto", {"LANG": "C.UTF-8"}) == "braille"
    assert choose_glyphs("block", {"LANG": "C"}) == "block"
    with pytest.raises(QuantdeckError, match="--glyphs"):
        choose_glyphs("emoji\x1b")


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({"TERM": "xterm-256color"}, "auto"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "auto"),
        ({"TERM": "xterm"}, "16"),
        ({"TERM": "linux"}, "16"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "none"),
    ],
)
def test_colours_follow_the_terminal(environment: dict[str, str], found: str) -> None:
    assert choose_colors("auto", environment) == found
    assert choose_colors("256", environment) == "256"


def test_without_a_terminal_it_says_what_to_use_and_textual_stays_out() -> None:
    code = START.format(path=None).replace("sys.exit(", "status = (") + (
        "; assert not {'textual', 'rich'} & set(sys.modules); sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "standard input" in done.stderr
    assert "quantdeck layers" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_first_frame_imports_textual_and_sqlite_only(stored: Path) -> None:
    code = f"""
import asyncio, sys
from pathlib import Path
from quantdeck.tui.app import run
from quantdeck.tui.feed import Feed
from quantdeck.tui.reader import SessionReader
from quantdeck.tui.workbench import Workbench
async def main(feed):
    async with Workbench(feed, folder=Path({str(stored.parent)!r})).run_test(size=(80, 24)):
        pass
asyncio.run(main(Feed(SessionReader(Path({str(stored)!r})))))
asyncio.run(main(None))
print(sorted({{name.split(".")[0] for name in sys.modules}} & set({HEAVY!r})))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr
