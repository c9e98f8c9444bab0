"""``quantdeck serve`` in a real headless browser."""

import io
import re
import signal
from pathlib import Path

import psutil
import pytest
from browser_page import Page, find_browser, until
from PIL import Image
from quantdeck.sessions.store import open_session
from real_session import digits
from sample_session import make_session
from serving import Serving

pytest.importorskip("textual_serve", reason="textual-serve is not installed (quantdeck[serve])")
pytestmark = [
    pytest.mark.pty,
    pytest.mark.skipif(find_browser() is None, reason="no Chromium was found (set QUANTDECK_BROWSER)"),
]


async def test_a_page_is_a_workbench_and_leaves_nothing_behind(tmp_path: Path) -> None:
    session = make_session(tmp_path / "it's $(touch oops); [a].qdeck")
    with Serving(tmp_path, session) as server:
        async with Page(tmp_path) as page:
            await page.ask("Page.navigate", url=server.address)
            await page.shows("1 of 64")
            workbench = server.workbenches()
            assert len(workbench) == 1
            await page.click(640, 300)
            while (row := cursor(await page.text())) == 1:  # the mouse works there
                pass
            await page.press("ArrowDown", "ArrowDown", 40)
            await page.shows(f"{row + 1} of 64")
            for letter in "/depth":
                await page.press(letter, "", 0, letter)
            await page.shows("filter: depth")
            colors = Image.open(io.BytesIO(await page.picture())).convert("RGB").getcolors(1 << 20)
            assert colors is not None
            assert len(colors) > 20  # glyphs are painted, not only kept
        await until(lambda: not psutil.pid_exists(workbench[0].pid), "the end of the workbench")
        assert not server.workbenches()
        assert server.alive
    assert not (tmp_path / "oops").exists()
    assert server.status == 0


async def test_quitting_in_the_page_ends_the_workbench_and_the_server_stays(tmp_path: Path) -> None:
    with Serving(tmp_path, make_session(tmp_path / "mobilenet.qdeck")) as server:
        async with Page(tmp_path) as page:
            await page.ask("Page.navigate", url=server.address)
            await page.shows("1 of 64")
            await page.click(640, 300)
            await page.press("q", "KeyQ", 81, "q")
            await until(lambda: not server.workbenches(), "the end of the workbench")
            closed = 'document.body.classList.contains("-closed")'
            while not await page.evaluate(closed):
                pass
            assert server.alive


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
async def test_the_end_of_the_server_ends_its_workbenches(tmp_path: Path, number: signal.Signals) -> None:
    with Serving(tmp_path, make_session(tmp_path / "mobilenet.qdeck")) as server:
        async with Page(tmp_path) as page:
            await page.ask("Page.navigate", url=server.address)
            await page.shows("1 of 64")
            workbench = server.workbenches()
            server.signal(number)
            await until(lambda: not server.alive, "the end of the server")
            await until(lambda: not any(map(gone_not, workbench)), "the end of the workbench")
    assert server.status == (-number if number == signal.SIGKILL else 0)


def cursor(text: str) -> int:
    """The row of the cursor, which the line of state names."""
    found = re.search(r"(\d+) of 64", text)
    return int(found[1]) if found else 1


def gone_not(process: psutil.Process) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_a_session_that_cannot_be_opened_any_more_is_told_in_the_page(tmp_path: Path) -> None:
    session = make_session(tmp_path / "[b]mobilenet.qdeck")
    with Serving(tmp_path, session) as server:
        session.write_bytes(b"no session")
        async with Page(tmp_path) as page:
            await page.ask("Page.navigate", url=server.address)
            text = await page.shows("[b]mobilenet.qdeck")
            assert "is no quantdeck session" in " ".join(text.split())
            assert "New session" in text  # the list, from which to go on


async def test_a_job_started_in_a_page_that_is_closed_at_once_is_done(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    session = digits(tmp_path_factory.getbasetemp(), tmp_path)
    before = len(jobs(session))
    with Serving(tmp_path, session) as server:
        async with Page(tmp_path) as page:
            await page.ask("Page.navigate", url=server.address)
            await page.shows("1 of ")
            await page.click(640, 300)
            await page.press("e", "KeyE", 69, "e")
            await page.ask("Page.close")
            await until(lambda: not server.workbenches(), "the end of the workbench")
            await until(lambda: jobs(session)[before:] == ["done"], "the end of the job")


def jobs(session: Path) -> list[str]:
    """The states of a session's jobs."""
    with open_session(session, readonly=True) as opened:
        return [row[0] for row in opened.rows("SELECT state FROM job ORDER BY id")]
