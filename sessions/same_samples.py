"""The samples of a session as they were recorded, and whether their files still are what was read."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.errors import QuantdeckError
from ..engine.text import visible
from .report import Report, Silent
from .session import Session
from .work import Source, load_own_samples, load_samples, session_source

if TYPE_CHECKING:
    from ..engine.data.samples import Samples
    from ..engine.graph.model import Graph

_WHEN = {"calibration": "calibrated", "evaluation": "evaluated"}
_AGAIN = {"calibration": "calibrate", "evaluation": "evaluate"}


def session_samples(session: Session, graph: "Graph", report: Report, role: str = "calibration") -> "Samples":
    """The samples of a role, the very ones that the session's figures are of.

    One file more or fewer in a folder makes another choice of all; so the recorded files are taken where a new choice
    has others. Errors: QuantdeckError where one of them is gone or has changed, and where the session has none.
    """
    source = session_source(session, role)
    row = session.row("SELECT digest, entries FROM samples WHERE role = ?", role)
    digest: str = row["digest"] if row else ""
    recorded: list[str] = json.loads(row["entries"]) if row else []
    refused: QuantdeckError | None = None
    try:
        found = load_own_samples(graph, source, report)
        if found.digest == digest:
            return found
    except QuantdeckError as error:
        refused = error
    entries = [_located(text, source.path) for text in recorded]
    gone = [text for text, entry in zip(recorded, entries, strict=True) if entry is None]
    kept = tuple(entry for entry in entries if entry is not None)
    found = None if gone else _loaded(graph, replace(source, entries=kept))
    if found is not None and found.digest == digest:
        return found
    if refused is not None:
        raise refused
    more = f" and {len(gone) - 1} more" if len(gone) > 1 else ""
    change = f"{visible(gone[0])} is missing{more}" if gone else "a file has changed"
    raise QuantdeckError(
        f"the samples of {visible(str(source.path))} are not those that the session was {_WHEN.get(role, 'made')} "
        f"with ({change}); put them back, or {_AGAIN.get(role, 'calibrate')} again"
    )


def _loaded(graph: "Graph", source: Source) -> "Samples | None":
    try:
        return load_samples(graph, source, Silent())
    except QuantdeckError:  # one of them is no sample any more
        return None


def _located(text: str, place: Path) -> tuple[str, ...] | None:
    """The files of a recorded entry; None where one is not there. A name may hold a comma itself."""
    whole = _file(text, place)
    if whole is not None:
        return (whole,)
    parts = [_file(part, place) for part in text.split(",")]
    found = tuple(part for part in parts if part is not None)
    return found if len(found) == len(parts) else None


def _file(name: str, place: Path) -> str | None:
    """Where a file lies whose path was perhaps written from another working folder: by its end, the longest first."""
    if os.path.isabs(name):
        return name if os.path.isfile(name) else None
    folder = place if place.is_dir() else place.parent
    parts = Path(name).parts
    tails = (folder.joinpath(*parts[start:]) for start in range(len(parts)))
    return next((str(path) for path in tails if path.is_file()), None)


class Watch:
    """The files of samples as they are now, and whether they still are later."""

    def __init__(self, samples: "Samples") -> None:
        self._files = [name for entry in samples.entries for name in entry]
        self._traces = self._look()

    @property
    def changed(self) -> bool:
        """Whether a file has been written, replaced or deleted since."""
        return self._look() != self._traces

    def _look(self) -> list[tuple[int, int, int] | None]:
        return [_trace(name) for name in self._files]


def _trace(name: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(name)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
