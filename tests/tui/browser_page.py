"""A headless Chromium with one page, driven over its own protocol; what the page's terminal shows is read from it."""

import asyncio
import base64
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import aiohttp

LIMIT = 120.0  # seconds after which a test fails
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader", "--no-first-run", "--disable-quic",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-port=0",
)  # fmt: skip
# The page keeps its terminal to itself; the addons that it loads name it once.
CATCH = """
Object.defineProperty(Object.prototype, "_terminal", {configurable: true, set(value) {
    Object.defineProperty(this, "_terminal", {value, writable: true, configurable: true, enumerable: true});
    if (value && value.buffer) window.caught = value;
}});
"""
READ = """
(() => {
    const lines = [], terminal = window.caught, screen = terminal && terminal.buffer.active;
    for (let y = 0; screen && y < terminal.rows; y++) lines.push(screen.getLine(y).translateToString(true));
    return lines.join("\\n");
})()
"""


def find_browser() -> str | None:
    """The program, None where there is none; QUANTDECK_BROWSER names one."""
    named = os.environ.get("QUANTDECK_BROWSER")
    return named or next((found for found in map(shutil.which, NAMES) if found), None)


class Page:
    """One page of a browser of its own."""

    def __init__(self, folder: Path, size: tuple[int, int] = (1300, 800)) -> None:
        """*folder*: for the browser's profile. *size*: in pixels."""
        program = find_browser()
        assert program is not None
        self._profile = folder / "profile"
        command = [program, *FLAGS, f"--user-data-dir={self._profile}", "--window-size={},{}".format(*size)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._count = 0

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        try:
            port = await until(
                lambda: _first_line(self._profile / "DevToolsActivePort"), "the browser's port"
            )
            async with self._session.put(f"http://127.0.0.1:{port}/json/new?about:blank") as answer:
                address = (await answer.json())["webSocketDebuggerUrl"]
            self._socket = await self._session.ws_connect(address, max_msg_size=0)
            await self.ask("Page.enable")
            await self.ask("Page.addScriptToEvaluateOnNewDocument", source=CATCH)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # the browser's helpers hold its connections
        self._process.wait()

    async def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        """Give an order and return its result."""
        self._count += 1
        await self._socket.send_json({"id": self._count, "method": method, "params": parameters})
        while True:
            answer: dict[str, Any] = await self._socket.receive_json(timeout=LIMIT)
            if answer.get("id") == self._count:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        answer = await self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    async def text(self) -> str:
        """What the page's terminal shows."""
        return str(await self.evaluate(READ))

    async def shows(self, wanted: str, *, limit: float = LIMIT) -> str:
        """Wait until a text stands in the page's terminal."""
        end, text = time.monotonic() + limit, ""
        while time.monotonic() < end:
            text = await self.text()
            if wanted in text:
                return text
        raise AssertionError(f"{wanted!r} did not come; the page shows:\n{text}")

    async def press(self, key: str, code: str, number: int, text: str = "") -> None:
        """Press a key as a keyboard does; *number*: its Windows virtual key code."""
        common = {"key": key, "code": code, "windowsVirtualKeyCode": number}
        await self.ask("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        await self.ask("Input.dispatchKeyEvent", type="keyUp", **common)

    async def click(self, x: int, y: int) -> None:
        """Click, in pixels."""
        for kind in ("mousePressed", "mouseReleased"):
            await self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def picture(self) -> bytes:
        """The page as a PNG."""
        return base64.b64decode((await self.ask("Page.captureScreenshot"))["data"])


async def until(found: Callable[[], Any], what: str, *, limit: float = LIMIT) -> Any:
    """Wait until *found* gives something."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        value = found()
        if value:
            return value
        await asyncio.sleep(0.02)
    raise AssertionError(f"{what} did not come")


def _first_line(path: Path) -> str:
    try:
        return path.read_text().split("\n")[0]
    except OSError:
        return ""
