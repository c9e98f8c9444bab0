"""Fixtures that every area uses."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference material; tests that need it are skipped where it is missing."""
    folder = Path(os.environ.get("QUANTDECK_SHARED", Path(__file__).parents[2] / "shared"))
    if not folder.is_dir():
        pytest.skip("the reference material is not here (set QUANTDECK_SHARED)")
    return folder
