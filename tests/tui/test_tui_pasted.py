"""Text that is pasted without the marks of bracketed paste is no keys: into a table it does nothing, and says so."""

import os
import sqlite3
from pathlib import Path

import pytest
from pty_terminal import Terminal
from quantdeck.tui.pasted import END, LONGEST, LOST, REST, SOON, START, STREAM, Pages, Unmarked

PROSE = "the quick brown fox jumps over the lazy dog; "


def between(text: str) -> str:
    return f"{START}{text}{END}"


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("q", "q"),
        ("/depth\rjjjm", "/depth\rjjjm"),
        ("j" * 3000, "j" * 3000),  # held down while the line stood still
        (" \x1b[B" * 900, " \x1b[B" * 900),
        (f"/{PROSE}", f"/{between(PROSE)}"),
        (f"{PROSE}\t12\r", f"{between(PROSE)}\t12\r"),  # a field that a script has filled in
        (PROSE + "\nx = 1\ny = 2\nz\n", between(PROSE + "\nx = 1\ny = 2\nz\n")),
        (between(PROSE * 90), between(PROSE * 90)),
        (PROSE + "\x1b[<0;1;1M", PROSE + "\x1b[<0;1;1M"),
        ("\u5c42\u540d" + PROSE, between("\u5c42\u540d" + PROSE)),
    ],
)
def test_what_nobody_can_have_typed_is_marked_as_pasted(typed: str, read: str) -> None:
    assert Unmarked().mark(typed) == read


@pytest.mark.parametrize("size", [1, 3, 7, 64, 4096])
def test_what_the_terminal_marks_stays_as_it_is_however_it_is_cut(size: int) -> None:
    text, marks = between(PROSE * 200) + "q" + between(PROSE), Unmarked()
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert "".join(map(marks.mark, pieces)) == text
    assert marks.mark(PROSE * 30) == between(PROSE * 30)


class Clock:
    """Seconds that are moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_last_piece_of_a_page_belongs_to_it_and_what_is_typed_later_does_not() -> None:
    clock = Clock()
    marks = Unmarked(clock)
    marks.mark(PROSE * 90)
    clock.now += SOON / 2
    assert marks.mark("end\n") == between("end\n")
    clock.now += SOON
    assert marks.mark("j\r") == "j\r"


def test_what_a_slow_line_brings_in_small_pieces_is_no_typing() -> None:
    clock = Clock()
    marks, text, read = Unmarked(clock), PROSE * 60, ""
    for at in range(0, len(text), 20):  # 8 KB a second
        clock.now += 20 / 8000
        read += marks.mark(text[at : at + 20])
    assert read.index(START) <= STREAM
    assert read[read.index(START) :].replace(START, "").replace(END, "") == text[read.index(START) :]


def test_a_fast_writer_is_no_paste() -> None:
    clock = Clock()
    marks = Unmarked(clock)
    for key in "/depthwise layers of mobilenet, every one of them\r" * 9:
        clock.now += 0.02
        assert marks.mark(key) == key


def feed(terminal: Terminal, text: str) -> None:
    """Send more than a terminal takes at once."""
    data = text.encode()
    while data:
        data = data[os.write(terminal.fd, data[:1024]) :]
        terminal.read(quiet=0.0, limit=0.001)


@pytest.mark.pty
@pytest.mark.parametrize("text", [PROSE * 500, "def turn(x):\n  return x  # ee dd zz\n" * 500])
def test_pages_into_the_layers_do_nothing_and_it_is_said(session: Path, text: str) -> None:
    with Terminal(session) as terminal:
        terminal.read_until("1 of 64")
        feed(terminal, text)
        terminal.read_until("goes into fields only")
        terminal.send("j")
        terminal.read_until("2 of 64")
        connection = sqlite3.connect(session)
        assert connection.execute("SELECT (SELECT count(*) FROM plan), count(*) FROM job").fetchone() == (
            1,
            0,
        )
        connection.close()
        terminal.send("q")
        assert terminal.wait() == 0


@pytest.mark.pty
@pytest.mark.parametrize("keys", ["/", "/dep"])
def test_what_is_pasted_behind_the_key_that_opens_a_line_goes_into_it(session: Path, keys: str) -> None:
    with Terminal(session, (120, 40)) as terminal:
        terminal.read_until("1 of 64")
        terminal.send(keys + PROSE)
        terminal.read_until(f"filter: {keys[1:]}{PROSE.strip()}")
        terminal.send("\x1b")
        terminal.read_until("1 of 64")
        terminal.send("q")
        assert terminal.wait() == 0


@pytest.mark.pty
def test_a_field_takes_no_more_than_any_path_has(session: Path) -> None:
    with Terminal(session, (120, 40)) as terminal:
        terminal.read_until("1 of 64")
        terminal.send("/")
        terminal.read_until("filter:")
        terminal.send("conv")
        terminal.read_until("filter: conv")
        feed(terminal, PROSE * (3 * LONGEST // len(PROSE)))
        terminal.read_until("is too long for a field")
        terminal.read_until("filter: conv\n")
        terminal.send("\x1b")
        terminal.read_until("1 of 64")
        terminal.send("q")
        assert terminal.wait() == 0


@pytest.mark.parametrize("size", [1, 7, 1000, LONGEST - 1, LONGEST + 1])
def test_a_page_that_is_too_long_is_left_out_whole_in_however_small_pieces_it_comes(size: int) -> None:
    pages, field, value, now = Pages(), object(), "conv", 5.0
    for _ in range(0, LONGEST + 3 * size, size):
        now += REST / 2
        before = pages.before(field, value, size, now)
        value = value + "x" * size if before is None else before
        assert len(value) <= LONGEST
    assert value == "conv"
    assert pages.before(field, value, 1, now + REST / 2) == "conv"  # its end, for which there would be room
    assert pages.before(field, value, 1, now + 2 * REST) is None
    assert pages.before(object(), "", LONGEST, now + 2 * REST) is None


@pytest.mark.parametrize("key", ["\x03", "\x11"])
def test_the_keys_that_leave_do_so_in_what_is_pasted_and_never_ends(key: str) -> None:
    marks = Unmarked()
    assert marks.mark(f"{START}{PROSE}") == f"{START}{PROSE}"
    assert marks.mark(f"{key}{PROSE}") == f"{key}{PROSE}"  # a part of it
    assert marks.mark(key) == END + key
    assert marks.mark("j") == "j"
    assert marks.mark(PROSE * 90) == between(PROSE * 90)
    assert marks.mark(key) == key


def test_what_is_pasted_and_breaks_off_ends() -> None:
    clock = Clock()
    marks = Unmarked(clock)
    marks.mark(f"{START}{PROSE}")
    clock.now += LOST / 2
    assert marks.mark(PROSE) == PROSE
    clock.now += LOST
    assert marks.mark("j") == END + "j"
    assert marks.mark("k") == "k"


def test_a_page_with_colours_is_pasted_and_keys_with_arrows_are_not() -> None:
    page = "\x1b[1;31mwarning\x1b[0m: " + PROSE + "\r\n"
    assert Unmarked().mark(page * 3) == between(("warning: " + PROSE + "\r\n") * 3)
    keys = "/conv\r\x1b[B\x1b[B \x1b[Bt1\r\x1bOQ"
    assert Unmarked().mark(keys) == keys
