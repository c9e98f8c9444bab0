"""Serves the workbench to browsers: textual-serve starts one process of it for each page that is open."""

import asyncio
import errno
import ipaddress
import logging
import os
import shlex
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web
from textual_serve.server import Server

from ..engine.errors import QuantdeckError
from ..engine.text import visible

_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:; font-src 'self' data:; connect-src 'self' {0}; frame-ancestors 'none'"
)
_NOT_OURS = (
    "TMUX",
    "TMUX_PANE",
    "STY",
)  # what is copied goes to the browser, not into a multiplexer's buffer


def serve_workbench(path: Path | None, host: str, port: int, sessions_folder: Path | None) -> None:
    """Serve until Ctrl-C or SIGTERM. Errors: QuantdeckError when *host* and *port* cannot be listened on."""
    check_address(host, port)
    if not is_loopback(host):
        _say(
            f"warning: {visible(host)} can be reached from other machines and nothing asks for a password;"
            f" whoever opens port {port} can read and write files as you"
        )
    for name in _NOT_OURS:
        os.environ.pop(name, None)
    os.environ["PYTHONUTF8"] = "1"  # pages are UTF-8 whatever the locale is
    DeckServer(workbench_command(path, sessions_folder), host, port).serve()


def workbench_command(path: Path | None, sessions_folder: Path | None = None) -> str:
    """The shell command that a page runs; names are quoted, so that none of their signs means anything to a shell.

    ``exec`` leaves no shell between the server and the workbench; ``-P`` keeps Python from importing what
    lies in the working folder.
    """
    words = [sys.executable, "-P", "-m", "quantdeck"]
    if sessions_folder is not None:
        words += ["--sessions_folder", str(sessions_folder.absolute())]
    words.append("--")
    if path is not None:
        words.append(str(path.expanduser().absolute()))
    return f"exec {shlex.join(words)}"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches *host*."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_address(host: str, port: int) -> None:
    """Raise QuantdeckError, in a sentence with the way out, when nothing can listen on *host* and *port*."""
    shown = visible(host)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except (socket.gaierror, UnicodeError) as error:
        raise QuantdeckError(
            f"--host {shown} is not known as an address; give one of this machine"
        ) from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            sentence = f"port {port} of {shown} is in use; choose another one with --port"
        elif error.errno == errno.EACCES:
            sentence = f"port {port} is kept for the system; choose one from 1024 up with --port"
        else:
            sentence = f"--host {shown}: {error.strerror}; give an address of this machine"
        raise QuantdeckError(sentence) from error


def trusted(host: str, origin: str | None, bound: str) -> bool:
    """Whether a request comes from a page of this server.

    *host*, *origin*: the request's headers; *bound*: what the server listens on. A page of another site that is
    open in the same browser can connect to 127.0.0.1 too, under its own origin, or under this address with a
    name of its own that it points here; neither may drive the workbench.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
        same = origin is None or urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False
    return same and (not is_loopback(bound) or is_loopback(name))


class DeckServer(Server):
    """textual-serve's server: quiet, closed to other sites, gone at once when it is told to end."""

    def __init__(self, command: str, host: str, port: int) -> None:
        """Serve *command* on *host* and *port*."""
        super().__init__(command, host=host, port=port, title="quantdeck")
        self._pages: set[asyncio.Task[object]] = set()

    def initialize_logging(self) -> None:
        """Only what went wrong, on standard error."""
        logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="quantdeck: %(message)s")

    async def on_startup(self, app: web.Application) -> None:
        """Say where it is."""
        where = f"[{self.host}]" if ":" in self.host else self.host
        _say(f"the workbench is at http://{visible(where)}:{self.port}; Ctrl-C ends it")

    async def on_shutdown(self, app: web.Application) -> None:
        """Close the pages that are open, and wait for their workbenches."""
        pages = set(self._pages)
        for page in pages:
            page.cancel()
        await asyncio.gather(*pages, return_exceptions=True)

    async def handle_index(self, request: web.Request) -> web.StreamResponse:  # type: ignore[override]
        """The page; it asks no other site for anything."""
        self._check(request)
        self.public_url = f"{request.scheme}://{request.host}"  # as the browser calls this server
        response = await super().handle_index(request)
        response.headers["Content-Security-Policy"] = _POLICY.format(
            f"ws://{request.host} wss://{request.host}"
        )
        return response

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """The workbench behind a page."""
        self._check(request)
        page = asyncio.current_task()
        assert page is not None
        self._pages.add(page)
        try:
            return await super().handle_websocket(request)
        finally:
            self._pages.discard(page)

    async def handle_download(self, request: web.Request) -> web.StreamResponse:
        """Files are not handed out this way."""
        raise web.HTTPNotFound

    def _check(self, request: web.Request) -> None:
        if not trusted(request.host, request.headers.get("Origin"), self.host):
            raise web.HTTPForbidden(text="This address is not the one that quantdeck serves.")


def _say(sentence: str) -> None:
    print(f"quantdeck: {sentence}", file=sys.stderr, flush=True)
