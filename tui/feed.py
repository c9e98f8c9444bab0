"""Keeps up with a session file: what changed since the last look (style 2.6)."""

import os
import sqlite3
from dataclasses import replace
from pathlib import Path

from ..sessions.faults import explained
from .life import is_lost, is_silent
from .reader import SessionReader
from .snapshots import SessionView

BUSY = 0.25  # seconds between looks while a job runs
QUIET = 1.0


class Feed:
    """A reader and the head that was read last."""

    def __init__(self, reader: SessionReader) -> None:
        """Read the head at once; QuantdeckError when that fails."""
        self.reader = reader
        self._file = _identity(reader.path)
        with explained(reader.path):
            reader.changed()
            self.view = _judged(reader.head())

    @property
    def fate(self) -> str:
        """What became of the file: "" it lies where it lay, "gone", or "other": another has its name."""
        now = _identity(self.reader.path)
        return "" if now == self._file else "other" if now else "gone"

    @property
    def delay(self) -> float | None:
        """Seconds until the next look; None for a file that nobody can write."""
        if self.reader.frozen:
            return None
        job = self.view.job
        return BUSY if job is not None and job.active and not job.lost else QUIET

    def look(self) -> SessionView | None:
        """The new head when another process has committed something or a job fell silent, else None.

        A file that is locked or gone for the moment is looked at again next time.
        """
        try:
            view = _judged(self.reader.head() if self.reader.changed() else self.view)
        except sqlite3.Error:
            view = self.view
        view = replace(view, gone=self.fate == "gone")
        if view == self.view:
            return None
        self.view = view
        return view

    def close(self) -> None:
        """Let the file go."""
        self.reader.close()


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file lies at *path*; None when there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _judged(view: SessionView) -> SessionView:
    """The head, with a running job marked lost when nobody works on it, or silent; then it has no time left."""
    job = view.job
    if job is None or not job.active:
        return view
    if is_lost(job):
        return replace(view, job=replace(job, lost=True))
    silent = is_silent(job)
    return replace(
        view,
        job=replace(
            job,
            lost=False,
            silent=silent,
            eta=None if silent else job.eta,
            rate=None if silent else job.rate,
        ),
    )
