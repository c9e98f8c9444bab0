"""Sessions for the tests of the workbench, and an app that can be driven by keys."""

import os
from collections.abc import Iterator
from pathlib import Path

os.environ["TEXTUAL_ANIMATIONS"] = "none"  # before Textual is imported

import pytest
import resting
from decks import MakeDeck
from quantdeck.tui.feed import Feed
from quantdeck.tui.reader import SessionReader
from quantdeck.tui.workbench import Workbench
from sample_session import make_session
from tmux_terminal import Tmux

resting.install()


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calibrated session of 64 layers that no test writes to."""
    return make_session(tmp_path_factory.mktemp("stored") / "mobilenet.qdeck")


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session of 2,000 layers with names as found in real graphs, and worse."""
    path = tmp_path_factory.mktemp("hostile") / "hostile.qdeck"
    return make_session(path, layers=2000, hostile=True, title="[/0/conv]\x1b[31m")


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """A calibrated session that the test may change."""
    return make_session(tmp_path / "mobilenet.qdeck")


@pytest.fixture
def deck(tmp_path: Path) -> MakeDeck:
    """Makes a workbench on a session, or on the list of sessions of a folder."""

    def make(path: Path | None = None, **options: object) -> Workbench:
        feed = Feed(SessionReader(path)) if path else None
        options.setdefault("folder", tmp_path)
        options.setdefault("assess", False)
        return Workbench(feed, **options)  # type: ignore[arg-type]

    return make


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Tmux]:
    """A tmux server of 120x36 that ends with the test."""
    terminal = Tmux(tmp_path, (120, 36))
    yield terminal
    terminal.kill()
