"""Signals, sizes and locales on a real pseudo-terminal (style 2.7; cases 48 and 50)."""

import os
import signal
from pathlib import Path

import pytest
from pty_terminal import Terminal
from quantdeck.sessions.jobs import list_jobs
from quantdeck.sessions.store import open_session
from real_session import digits
from sample_session import make_session

pytestmark = pytest.mark.pty


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT])
def test_a_signal_restores_the_terminal(stored: Path, number: signal.Signals) -> None:
    with Terminal(stored) as terminal:
        terminal.read_until("1 of 64")
        terminal.signal(number)
        assert terminal.wait() == 0
        assert terminal.left_alternate_screen
        assert b"Traceback" not in terminal.output


def ended(pid: int) -> int:
    """The exit status of a process whose terminal is gone."""
    for _ in range(2400):
        done, raw = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(raw)
        signal.sigtimedwait((), 0.05)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    pytest.fail("it went on without a terminal")


@pytest.mark.parametrize("before", ["", "q", "?", "\x1a"])
def test_a_terminal_that_vanishes_ends_it(stored: Path, before: str) -> None:
    """At work, while it quits, in Help, and while it is stopped."""
    terminal = Terminal(stored)
    terminal.read_until("1 of 64")
    if before == "\x1a":
        terminal.signal(signal.SIGTSTP)
        terminal.read(quiet=0.4)
    elif before:
        terminal.send(before)
    os.close(terminal.fd)
    assert ended(terminal.pid) in (0, -signal.SIGHUP)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_was_typed_before_the_end_is_done(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, number: signal.Signals
) -> None:
    """A job is started, though the terminal or the page is closed in the same moment."""
    session = digits(tmp_path_factory.getbasetemp(), tmp_path)
    with open_session(session, readonly=True) as opened:
        before = len(list_jobs(opened))
    with Terminal(session) as terminal:
        terminal.read_until("1 of ")
        terminal.send("e")
        terminal.signal(number)
        assert terminal.wait() == 0
    with open_session(session, readonly=True) as opened:
        assert len(list_jobs(opened)) == before + 1


@pytest.mark.parametrize("keys", ["", "q"])
def test_what_goes_on_twice_reads_its_terminal_once(stored: Path, keys: str) -> None:
    """The kernel sends SIGCONT beside SIGHUP, and debuggers do, whether anything was stopped or not."""
    with Terminal(stored) as terminal:
        terminal.read_until("1 of 64")
        terminal.send(keys)
        for _ in range(20):
            terminal.signal(signal.SIGCONT)
            terminal.read(quiet=0.02, limit=0.1)
        if not keys:
            terminal.read(quiet=0.4)  # what is typed while the terminal changes its modes is lost
            terminal.send("q")
        assert terminal.wait() == 0
        assert b"Traceback" not in terminal.output


@pytest.mark.parametrize("number", [signal.SIGTSTP, signal.SIGSTOP])
def test_stop_and_continue_paint_the_screen_again(stored: Path, number: signal.Signals) -> None:
    with Terminal(stored) as terminal:
        terminal.read_until("1 of 64")
        terminal.signal(number)
        terminal.read(quiet=0.4)
        assert terminal.left_alternate_screen is (number == signal.SIGTSTP)
        terminal.screen.reset()
        terminal.signal(signal.SIGCONT)
        terminal.read_until("1 of 64")
        assert "features.0/expand" in terminal.text
        terminal.send("q")
        assert terminal.wait() == 0


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((0, 0), "1 of 64"),
        ((1, 1), "8"),
        ((5, 400), "80x24"),
        ((20, 5), "needs 80x24"),
        ((30, 8), "quantdeck needs 80x24, this is"),
        ((400, 5), "q quits"),
    ],
)
def test_any_size_is_survived_and_q_quits(stored: Path, size: tuple[int, int], shown: str) -> None:
    with Terminal(stored, size, environment={"COLUMNS": None, "LINES": None}) as terminal:
        terminal.read_first()
        assert shown in terminal.text
        assert terminal.read(quiet=0.5, limit=0.6) == b""  # no endless painting
        terminal.send("q")
        assert terminal.wait() == 0
        assert terminal.left_alternate_screen
        assert b"Traceback" not in terminal.output


def test_a_size_that_comes_late_is_drawn_without_a_key(stored: Path) -> None:
    with Terminal(stored, (0, 0)) as terminal:
        terminal.read_first()
        terminal.resize(80, 24)
        terminal.screen.reset()
        terminal.signal(signal.SIGWINCH)
        terminal.read_until("1 of 64")
        assert "features.0/expand" in terminal.text
        terminal.resize(160, 48)
        terminal.read_until("in the plan")
        terminal.send("q")
        assert terminal.wait() == 0


@pytest.mark.slow
def test_many_resizes_leave_a_whole_screen(stored: Path) -> None:
    with Terminal(stored) as terminal:
        terminal.read_until("1 of 64")
        for step in range(120):  # in four seconds
            terminal.resize((1, 30, 80, 120, 160, 200)[step % 6], (1, 8, 24, 36, 48)[step % 5])
            terminal.read(quiet=0.02, limit=4 / 120)
        terminal.resize(100, 30)
        terminal.read_until("1 of 64")
        terminal.read(quiet=0.4)
        assert terminal.text.splitlines()[0].startswith(" quantdeck  mobilenet")
        assert terminal.text.splitlines()[-1].endswith("q Quit")
        assert terminal.read(quiet=0.5, limit=0.6) == b""
        terminal.send("q")
        assert terminal.wait() == 0


@pytest.mark.slow
def test_nothing_is_written_in_ten_seconds_at_rest(stored: Path) -> None:
    with Terminal(stored) as terminal:
        terminal.read_until("1 of 64")
        terminal.read(quiet=0.5)
        assert terminal.read(quiet=10.0, limit=10.0) == b""
        for place in "234567":
            terminal.send(place)
            terminal.read(quiet=0.5)
            assert terminal.read(quiet=1.5, limit=1.5) == b"", place
        terminal.send("q")
        assert terminal.wait() == 0


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "en_US.ISO-8859-1"},
        pytest.param({"LC_ALL": "", "LANG": ""}, marks=pytest.mark.slow),
        pytest.param({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, marks=pytest.mark.slow),
        {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "TERM": "vt100", "NO_COLOR": "1", "COLORTERM": None},
    ],
    ids=["latin1", "empty", "utf8 off", "ascii io", "vt100"],
)
def test_without_utf8_everything_is_ascii(hostile: Path, environment: dict[str, str | None]) -> None:
    with Terminal(hostile, environment=environment) as terminal:
        terminal.read_until("1 of 2000")
        terminal.send("\x1b[6~\r")
        terminal.read_until("kl_tune")
        terminal.send("?")
        terminal.read_until("EVERYWHERE")
        terminal.send("q")
        assert terminal.wait() == 0
        assert bytes(terminal.output).isascii()
        assert b"Traceback" not in terminal.output
        if "NO_COLOR" in environment:
            assert b"38;" not in terminal.output
            assert b"\x1b[31m" not in terminal.output


def test_colours_and_glyphs_can_be_chosen(stored: Path) -> None:
    with Terminal(stored, options="colors='16', glyphs='block'") as terminal:
        terminal.read_until("1 of 64")
        terminal.send("\r")
        terminal.read_until("kl_tune")
        output = bytes(terminal.output)
        assert b"38;2;" not in output
        assert b"38;5;" not in output
        assert "\u2588".encode() in output
        assert not any(f"\\u28{low:02x}".encode() in output for low in range(256))
        terminal.send("q")
        assert terminal.wait() == 0


def test_bytes_that_are_not_utf8_do_no_harm(stored: Path) -> None:
    with Terminal(stored) as terminal:
        terminal.read_until("1 of 64")
        os.write(terminal.fd, b"\xe9\xff")
        terminal.send("/")
        terminal.read_until("filter:")
        terminal.send("\u5c42")
        terminal.read_until("filter: \u5c42")
        os.write(terminal.fd, b"\xe9 \x1b")
        terminal.read(quiet=0.3)
        terminal.send("q")
        assert terminal.wait() == 0
        assert b"Traceback" not in terminal.output


def test_keys_that_come_together_go_where_one_after_the_other_would(stored: Path) -> None:
    with Terminal(stored) as terminal:
        terminal.read_until("1 of 64")
        terminal.send("/depth\r")  # of a slow line, or pasted
        terminal.read_until("filter: depth")
        terminal.send("\x1b")
        terminal.read_until("2 of 64")  # the cursor stays on its layer
        terminal.send("jjk?")
        terminal.read_until("EVERYWHERE")
        terminal.send("q")
        assert terminal.wait() == 0


@pytest.mark.parametrize(
    "sequence",
    ["\x1b[999999999999;9H", f"\x1b[{'9' * 5000}u", f"\x1b[<0;{'9' * 5000};1M"],
    ids=["home", "key", "mouse"],
)
def test_numbers_beyond_reason_do_no_harm(session: Path, sequence: str) -> None:
    with Terminal(session) as terminal:
        terminal.read_until("1 of 64")
        terminal.send(sequence)
        terminal.read(quiet=0.3)
        terminal.send("G")
        terminal.read_until(
            "▌ output_Gemm"
        )  # whatever of it counted as keys, such as an undo, has been dealt with
        terminal.send("q")
        assert terminal.wait() == 0
        assert b"Traceback" not in terminal.output


@pytest.mark.slow
def test_the_mouse_is_off_unless_asked_for(stored: Path) -> None:
    for options, codes in (("", False), ("mouse=True", True)):
        with Terminal(stored, options=options) as terminal:
            terminal.read_until("1 of 64")
            assert (b"\x1b[?1003h" in terminal.output) is codes
            terminal.send("q")
            assert terminal.wait() == 0


@pytest.mark.parametrize("term", ["dumb", None])
def test_a_dumb_terminal_is_refused_in_a_sentence(stored: Path, term: str | None) -> None:
    with Terminal(stored, environment={"TERM": term}) as terminal:
        assert terminal.wait() == 2
        assert b"\x1b" not in terminal.output
        assert b"quantdeck layers" in terminal.output


def test_a_file_that_is_no_session_ends_with_a_sentence(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    for path in (text, tmp_path / "nowhere.qdeck", tmp_path):
        with Terminal(path) as terminal:
            assert terminal.wait() == 2
            assert b"\x1b[?1049h" not in terminal.output
            assert bytes(terminal.output).count(b"\n") == 1


def test_a_session_that_nobody_may_write_is_shown(tmp_path: Path) -> None:
    session = (
        make_session(tmp_path / "sealed" / "mobilenet.qdeck")
        if (tmp_path / "sealed").mkdir() is None
        else None
    )
    assert session is not None
    session.chmod(0o400)
    session.parent.chmod(0o500)
    try:
        with Terminal(session) as terminal:
            terminal.read_until("1 of 64")
            terminal.send("q")
            assert terminal.wait() == 0
        assert sorted(path.name for path in session.parent.iterdir()) == ["mobilenet.qdeck"]
    finally:
        session.parent.chmod(0o700)
