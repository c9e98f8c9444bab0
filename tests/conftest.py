"""Fixtures that every area uses."""

import os
import signal
import threading
from pathlib import Path

import pytest

# A test run in the background of a script inherits an ignored Ctrl-C; the programs under test must not.
if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    and threading.current_thread() is threading.main_thread()
):
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference material; tests that need it are skipped where it is missing."""
    folder = Path(os.environ.get("QUANTDECK_SHARED", Path(__file__).parents[2] / "shared"))
    if not folder.is_dir():
        pytest.skip("the reference material is not here (set QUANTDECK_SHARED)")
    return folder
