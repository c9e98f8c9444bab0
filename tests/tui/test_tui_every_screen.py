"""What goes out to the terminal on every screen: only ASCII, only the colours that are allowed, no mouse."""

import re
from pathlib import Path

import pytest
from pty_terminal import Terminal
from sample_session import add_search, make_session

pytestmark = pytest.mark.pty

ESC = "\x1b"
WALK = (  # keys, and what then stands there
    ("\r", "kl_tune"),  # the detail in place of the table
    (ESC, "of 64"),
    ("t", "method:"),  # a line of choices
    (ESC, "of 64"),
    ("/dep", "filter: dep"),
    (ESC, "of 64"),
    ("c", "calibration"),
    (ESC, "of 64"),
    ("2", "calibrate"),
    ("3", "14 trials"),
    ("v", "best method"),
    ("n", "strategy"),
    (ESC, "14 trials"),
    ("4", "compare"),
    ("5", "samples"),
    ("6", "quantdeck export"),
    ("7", "settings"),
    ("\r", "2 light"),
    (ESC, "kept in"),
    (ESC, "of 64"),
    ("?", "EVERYWHERE"),
    (ESC, "of 64"),
    (":", "type to find"),
    (ESC, "of 64"),
    (ESC, "sessions"),
    ("n", "new session"),
    ("\x1bOQ", "Hidden files"),  # F2: the picker
)
COLOR = re.compile(rb"\x1b\[(?:[0-9;]*;)?(3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")
RICH = re.compile(rb"\x1b\[(?:[0-9;]*;)?[34]8;[25];")
MOUSE = re.compile(rb"\x1b\[\?(?:9|100[0-356]|101[56])[hl]")


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session with hostile names and a search, in a folder of its own."""
    path = make_session(tmp_path_factory.mktemp("walk") / "層[b]\N{SNOWMAN}.qdeck", hostile=True)
    add_search(path, state="done")
    return path


def walked(path: Path, options: str, size: tuple[int, int], **environment: str | None) -> bytes:
    """Everything that is written on a walk through every screen."""
    options = f"{options}, sessions_folder=__import__('pathlib').Path({str(path.parent)!r})"
    with Terminal(path, size, options=options, environment=environment) as terminal:
        terminal.read_until("of 64")
        for keys, shown in WALK[2 if size[0] > 120 else 0 :]:  # wide, the detail stands there already
            terminal.send(keys)
            if keys == ESC:  # a letter behind it at once would be Alt and the letter
                terminal.read(quiet=0.3)
            terminal.read_until(shown)
        terminal.send(ESC)
        terminal.read()
        terminal.send("\x11")
        assert terminal.wait() == 0
        assert b"Traceback" not in terminal.output
        return bytes(terminal.output)


@pytest.mark.parametrize(
    "size", [(80, 24), pytest.param((160, 48), marks=pytest.mark.slow)], ids=["80x24", "160x48"]
)
def test_ascii_glyphs_and_no_colours_hold_on_every_screen(searched: Path, size: tuple[int, int]) -> None:
    output = walked(searched, "glyphs='ascii', colors='none'", size)
    assert output.isascii()
    assert b"\x0e" not in output  # nor line drawing of another character set
    assert not re.search(rb"\x1b[()*+]", output)
    assert not COLOR.search(output), "without colours: black on black, if one code of them remains"
    assert not MOUSE.search(output)


@pytest.mark.parametrize(
    ("options", "environment", "rich"),
    [
        pytest.param("colors='auto'", {"TERM": "xterm", "COLORTERM": None}, False, marks=pytest.mark.slow),
        pytest.param("colors='auto'", {"TERM": "linux", "COLORTERM": None}, False, marks=pytest.mark.slow),
        ("colors='16', glyphs='block'", {}, False),
        pytest.param("colors='256'", {}, True, marks=pytest.mark.slow),
    ],
    ids=["xterm", "linux", "16", "256"],
)
def test_no_more_colours_than_the_terminal_has(
    searched: Path, options: str, environment: dict[str, str | None], rich: bool
) -> None:
    output = walked(searched, options, (80, 24), **environment)
    assert COLOR.search(output)
    assert not re.search(rb"[34]8;2;", output)
    assert bool(RICH.search(output)) is rich
    if "block" in options:
        assert "\u2588".encode() in output
        assert not re.search("[\u2801-\u28ff]", output.decode())


def test_no_color_in_the_environment_is_as_good(searched: Path) -> None:
    for value in ("1", ""):
        with Terminal(searched, environment={"NO_COLOR": value}) as terminal:
            terminal.read_until("of 64")
            assert not COLOR.search(terminal.output)
            assert b"\x1b[0;7m" in terminal.output  # the cursor's row stands out without colour
            terminal.send("q")
            assert terminal.wait() == 0
