"""What the workbench writes to the terminal: bytes are a feature (style 2.9). Bytes strictly, times not."""

from pathlib import Path

import pytest
from pty_terminal import Terminal
from sample_session import add_job, add_search, add_trial, layer_names, make_session, set_job, set_layer_score

pytestmark = pytest.mark.pty

SIZES = pytest.mark.parametrize(
    ("size", "open_budget", "page_budget"),
    [((80, 24), 25_000, 16_000), ((160, 48), 50_000, 40_000)],
    ids=["80x24", "160x48"],
)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_session(tmp_path_factory.mktemp("budgets") / "mobilenet.qdeck", layers=400)


@SIZES
def test_budgets(session: Path, size: tuple[int, int], open_budget: int, page_budget: int) -> None:
    names, value = layer_names(session), size[0] / 10 + 2.5
    job = add_job(
        session, heartbeat=4e9, done=0
    )  # while a job runs the session is looked at four times a second
    with Terminal(session, size) as terminal:
        opened = terminal.read_until("1 of 400") + terminal.read()
        assert len(opened) <= open_budget

        terminal.send("\x1b[B")
        assert terminal.count_until("2 of 400") <= 500  # the detail follows when the cursor rests
        assert len(terminal.read(quiet=0.3)) <= page_budget
        terminal.send("\x1b[6~")
        assert 1000 < len(terminal.read(quiet=0.3)) <= page_budget
        terminal.send("g")
        terminal.read(quiet=0.3)

        set_layer_score(session, names[5], sqnr=value)
        cell = terminal.read(quiet=0.3)
        assert 0 < len(cell) <= 200
        assert f"{value}".encode() in cell
        set_layer_score(session, names[300], sqnr=value)
        assert terminal.read(quiet=0.4) == b""  # nobody sees it; and nothing else moves

        for keys, text in (
            ("?", "EVERYWHERE"),
            ("\x1b", "1 of 400"),
            (":", "type to find"),
            ("\x1b", "1 of 400"),
        ):
            terminal.send(keys)
            assert len(terminal.read_until(text)) + len(terminal.read(quiet=0.15)) <= page_budget

        got = 0
        for step in range(1, 9):  # two seconds of work at four commits a second
            set_job(session, job, done=step * 2, eta=10.0 - step)
            set_layer_score(session, names[step], sqnr=20.0 + step)
            got += len(terminal.read(quiet=0.25, limit=0.25))
        assert 0 < got <= 4000  # 2 KB a second
        set_job(session, job, state="done", done=100)
        terminal.read(
            quiet=2.5, beside=True
        )  # what a process beside the screen says of the layer comes later
        assert terminal.read(quiet=1.2) == b""  # at rest nothing is written
        terminal.send("q")
        assert terminal.wait() == 0
        assert terminal.left_alternate_screen


def test_the_detail_never_stands_before_the_answer_to_a_key(session: Path) -> None:
    """150 ms on a line of 8 KB a second are 1,200 bytes, from the key to its answer and all that lies before it."""
    with Terminal(session, (160, 48), answers=True) as terminal:
        terminal.read_until("1 of 400")
        terminal.read(quiet=0.6)
        for place in range(2, 12):
            terminal.send("\x1b[B")  # also in the middle of the last layer's detail
            assert terminal.count_until(f" {place} of 400") <= 1200
            detail = terminal.read(quiet=0.02 * place, limit=0.05 * place)
        name = layer_names(session)[place - 1]
        detail += terminal.read(quiet=0.6)
        assert 600 < len(detail) <= 12_000
        assert name in terminal.text.splitlines()[1][100:] + terminal.text.splitlines()[2][100:]
        terminal.send("q")
        assert terminal.wait() == 0


def test_a_search_that_is_watched(tmp_path: Path) -> None:
    session = make_session(tmp_path / "mobilenet.qdeck")
    job = add_search(session)
    with Terminal(session, (160, 48)) as terminal:
        terminal.read_until("1 of 64")
        terminal.send("3")
        terminal.read_until("14 trials")
        terminal.read(quiet=0.6)
        got = 0
        for step in range(12):  # three seconds, a trial and a commit four times a second
            add_trial(session, job, 100 + step, step % 7, 0.98 + step / 1000)
            set_job(session, job, done=14 + step, eta=40.0 - step)
            got += len(terminal.read(quiet=0.25, limit=0.25))
        assert 0 < got <= 3 * 2048
        terminal.read_until("26 trials")
        terminal.send("q")
        assert terminal.wait() == 0


def test_two_thousand_hostile_names_scroll_within_the_budgets(hostile: Path) -> None:
    with Terminal(hostile, (80, 24)) as terminal:
        assert len(terminal.read_until("1 of 2000") + terminal.read(quiet=0.3)) <= 25_000
        for key in ("\x1b[6~", "G", "g"):
            terminal.send(key)
            assert len(terminal.read(quiet=0.3)) <= 16_000
        output = bytes(terminal.output).replace(b"\x1b]22;default\x07", b"")  # Textual's pointer shape
        for bad in (b"\x1b]52", b"\x07", b"\xc2\x9b", b"\xe2\x80\xae", b"\x1b]8;"):
            assert bad not in output
        terminal.send("q")
        assert terminal.wait() == 0
