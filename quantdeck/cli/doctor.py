"""``quantdeck doctor``: what is installed, and whether it works."""

import locale
import os
import platform
import sqlite3
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version

import click

from .. import __version__
from ..engine.errors import QuantdeckError
from ..engine.text import visible
from .console import console
from .diagnostics import DONE, MISSED

PACKAGES = (
    "numpy", "onnx", "onnxruntime", "onnxslim", "opencv-python-headless", "cffi", "sqlite-utils", "click",
    "platformdirs", "psutil", "textual", "rich",
)  # fmt: skip


@click.command("doctor")
def doctor() -> int:
    """Say what is installed, which kernels this CPU gets, and whether a self-test of them holds.

    Exit status 3 means here that something does not work.
    """
    with console() as out:
        good = True
        for name, check in _checks():
            try:
                text, fine = check()
            except QuantdeckError as error:
                text, fine = str(error), False
            except Exception as error:
                text, fine = f"does not work ({type(error).__name__}: {error})", False
            good = good and fine
            out.result(f"{name:<24}{'' if fine else 'FAILED '}{visible(text)}")
        return DONE if good else MISSED


Answer = tuple[str, bool]


def _checks() -> Iterator[tuple[str, Callable[[], Answer]]]:
    yield "quantdeck", lambda: (__version__, True)
    yield "python", lambda: (f"{platform.python_version()} on {platform.system()} {platform.machine()}", True)
    yield "sqlite", lambda: (sqlite3.sqlite_version, sqlite3.sqlite_version_info >= (3, 35))
    for package in PACKAGES:
        yield package, lambda package=package: _package(package)
    yield "kernels", _kernels
    yield "self-test", _self_test
    yield "sessions", _sessions
    yield "locale", _locale
    yield "terminal", _terminal


def _package(name: str) -> Answer:
    try:
        return version(name), True
    except PackageNotFoundError:
        return "is not installed; run pip install quantdeck again", False


def _kernels() -> Answer:
    from ..engine.ops_c import kernels

    return f"{kernels.level()} (this CPU has {', '.join(kernels.features())})", True


def _self_test() -> Answer:
    from ..engine.ops_c import kernels

    results = kernels.self_test()
    bad = [name for name, fine in results if not fine]
    if bad:
        return f"{len(bad)} of {len(results)} kernels differ from their numpy twins: {', '.join(bad)}", False
    return f"{len(results)} kernels equal their numpy twins", True


def _sessions() -> Answer:
    from ..sessions.filesystem import network_type
    from ..sessions.locations import default_folder

    folder = default_folder()
    place = next(part for part in (folder, *folder.parents) if part.exists())
    if not os.access(place, os.W_OK):
        return f"{folder} cannot be written; set QUANTDECK_HOME or give --session", False
    kind = network_type(place)
    if kind:
        return f"{folder} lies on a network file system ({kind}); set QUANTDECK_HOME", False
    return str(folder), True


def _locale() -> Answer:
    return f"{locale.setlocale(locale.LC_CTYPE)}, standard output in {sys.stdout.encoding}", True


def _terminal() -> Answer:
    streams = {"input": sys.stdin, "output": sys.stdout, "error": sys.stderr}
    found = ", ".join(
        f"{name} {'yes' if s is not None and s.isatty() else 'no'}" for name, s in streams.items()
    )
    return f"TERM={os.environ.get('TERM', '')}; is a terminal: {found}", True
