"""``quantdeck serve``: where it listens, whom it answers, what it runs; the browser has a file of its own."""

import http.client
import importlib.util
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from sample_session import HOSTILE, make_session
from serving import Serving

from quantdeck.__main__ import main

needs_serve = pytest.mark.skipif(
    importlib.util.find_spec("textual_serve") is None,
    reason="textual-serve is not installed (quantdeck[serve])",
)


def serve(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "quantdeck", "serve", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence with which it ended."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_without_the_extra_it_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "textual_serve", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["quantdeck", "serve"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "pip install 'quantdeck[serve]'" in capsys.readouterr().err


@needs_serve
def test_what_it_cannot_listen_on_or_open_ends_with_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert f"port {port} of 127.0.0.1 is in use; choose another one with --port" in sentence(
            serve("--port", port)
        )
    assert "--host 192.0.2.7" in sentence(serve("--host", "192.0.2.7"))
    assert "--host a..b is not known" in sentence(serve("--host", "a..b"))
    assert "nowhere.qdeck" in sentence(serve(str(tmp_path / "nowhere.qdeck")))
    assert "--port" in sentence(serve("--port", "70000"))


@needs_serve
@pytest.mark.parametrize("name", [*HOSTILE[:15], "$(touch x)`touch x`;touch x&|<>*?~!\"'\\", "-rf", "\udcff"])
def test_a_name_is_one_word_of_the_command(tmp_path: Path, name: str) -> None:
    from quantdeck.tui.served import workbench_command

    command = workbench_command(tmp_path / name)
    words = shlex.split(command)
    assert words[0] == "exec"
    assert words[-2:] == ["--", str(tmp_path / name)]
    shown = subprocess.run(
        ["sh", "-c", f"printf %s {command.split(' -- ')[1]}"], capture_output=True, check=True
    )
    assert shown.stdout == str(tmp_path / name).encode("utf-8", "surrogateescape")


@needs_serve
@pytest.mark.parametrize(
    ("host", "origin", "bound", "good"),
    [
        ("127.0.0.1:8000", None, "127.0.0.1", True),
        ("localhost:8000", "http://localhost:8000", "127.0.0.1", True),
        ("[::1]:8000", "http://[::1]:8000", "::1", True),
        ("127.0.0.1:8000", "https://evil.example", "127.0.0.1", False),
        ("127.0.0.1:8000", "null", "127.0.0.1", False),
        (
            "evil.example:8000",
            "http://evil.example:8000",
            "127.0.0.1",
            False,
        ),  # a name pointed at this machine
        ("box.example:8000", "http://box.example:8000", "0.0.0.0", True),
        ("box.example:8000", "http://evil.example", "0.0.0.0", False),
        ("[::1", None, "127.0.0.1", False),
    ],
)
def test_pages_of_other_sites_are_refused(host: str, origin: str | None, bound: str, good: bool) -> None:
    from quantdeck.tui.served import trusted

    assert trusted(host, origin, bound) is good


@needs_serve
def test_it_listens_on_this_machine_and_asks_no_other_for_anything(tmp_path: Path) -> None:
    with Serving(tmp_path, make_session(tmp_path / "mobilenet.qdeck")) as server:
        assert "warning" not in server.said
        assert server.address.rstrip("/") in server.said
        assert server.said.count("\n") == 1
        status, policy = get(server, "/", {})
        assert status == 200
        assert "default-src 'self'" in policy
        assert get(server, "/", {"Host": "evil.example"})[0] == 403
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": "http://evil.example"}
        assert get(server, "/ws", upgrade)[0] == 403
        assert get(server, "/download/x", {})[0] == 404
        assert not server.workbenches()
    assert server.status == 0


@needs_serve
def test_an_address_that_others_reach_is_warned_about(tmp_path: Path) -> None:
    with Serving(tmp_path, None, "--host", "0.0.0.0") as server:
        warning, place = server.said.splitlines()
        assert "warning: 0.0.0.0 can be reached from other machines" in warning
        assert "the workbench is at" in place


def get(server: Serving, path: str, headers: dict[str, str]) -> tuple[int, str]:
    """Status and content policy of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    connection.close()
    return answer.status, answer.getheader("Content-Security-Policy") or ""
