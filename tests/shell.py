"""Command lines done in the process of the tests, for every area; jobs are processes all the same."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from quantdeck.cli import diagnostics
from quantdeck.cli.main import group


class Shell:
    """Runs command lines in a folder of its own, with a home of its own for sessions.

    folder: where they run. words: what stands for several words of ours, as DATA for a dataset and its preprocessing.
    """

    def __init__(
        self, folder: Path, capture: pytest.CaptureFixture[bytes], words: Mapping[str, Sequence[str]]
    ) -> None:
        self.folder = folder
        self._capture = capture
        self._words = words

    def __call__(self, *lines: str) -> tuple[int, str, str]:
        """Status, standard output, standard error of one command line, given in one or several pieces."""
        words = [part for word in " ".join(lines).split() for part in self._words.get(word, [word])]
        status = diagnostics.run(group, words)
        out, err = self._capture.readouterr()
        return status, out.decode(), err.decode()


def open_shell(
    folder: Path,
    capture: pytest.CaptureFixture[bytes],
    patch: pytest.MonkeyPatch,
    words: Mapping[str, Sequence[str]],
    start: Path,
) -> Shell:
    """A shell in *folder*, where ``start`` is the calibration table to begin with."""
    patch.chdir(folder)
    patch.setenv("QUANTDECK_HOME", str(folder / "home"))
    (folder / "start").symlink_to(start)
    return Shell(folder, capture, words)
