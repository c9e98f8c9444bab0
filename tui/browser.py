"""What the workbench does otherwise when a page of ``quantdeck serve`` is its terminal."""

import asyncio
import os
from collections.abc import Mapping
from typing import Any

from textual.app import App
from textual.drivers.web_driver import WebDriver
from textual.events import Resize
from textual.geometry import Size

from .messages import Leave

LARGEST = 500  # columns and rows; a page that says more does not make the workbench paint them


class BrowserDriver(WebDriver):
    """Textual's driver for pages; the workbench ends when the server does, however that ended."""

    def __init__(
        self,
        app: App[Any],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        """As Textual makes it, in the application's loop."""
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._loop = asyncio.get_running_loop()
        self._begun = False
        self._wanted: tuple[int, int] = self._size or (80, 24)

    def start_application_mode(self) -> None:
        """Start; the first size is on its way to the application then, and no other may overtake it."""
        super().start_application_mode()
        asyncio.run_coroutine_threadsafe(self._queue_behind_the_first_size(), self._loop)

    async def _queue_behind_the_first_size(self) -> None:
        self._app.call_later(self._begin)

    def _begin(self) -> None:
        self._begun = True
        self._resize(self._wanted)

    def run_input_thread(self) -> None:
        """Read what the server sends; its end is the end."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            self._app.post_message(Leave())

    def on_meta(self, packet_type: str, payload: dict[str, object]) -> None:
        """Take a message of the server."""
        if packet_type == "resize":
            size = clamped(payload.get("width")), clamped(payload.get("height"))
            self._loop.call_soon_threadsafe(self._resize, size)
        elif packet_type == "quit":  # the page was closed
            self._app.post_message(Leave())
        else:
            super().on_meta(packet_type, payload)

    def _resize(self, size: tuple[int, int]) -> None:
        self._wanted = size
        if self._begun and size != self._size:
            self._size = size
            self._app.post_message(Resize(Size(*size), Size(*size)))


def clamped(value: object) -> int:
    """A number of columns or rows within reason."""
    try:
        return min(max(int(str(value)), 1), LARGEST)
    except ValueError:
        return 24


def prepare_browser(environment: Mapping[str, str] = os.environ) -> None:
    """Make what Textual and the standard library read of the size agree; the server names the rows ROWS."""
    columns, rows = clamped(environment.get("COLUMNS", "80")), clamped(environment.get("ROWS", "24"))
    os.environ.update(COLUMNS=str(columns), ROWS=str(rows), LINES=str(rows))
