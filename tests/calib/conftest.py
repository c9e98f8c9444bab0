"""Fixtures of the calibration tests."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def oracle(shared: Path) -> ModuleType:
    """The slow, readable reference of every threshold method."""
    spec = importlib.util.spec_from_file_location("oracle", shared / "spec" / "thresholds_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
