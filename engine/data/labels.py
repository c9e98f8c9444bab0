"""Labels of a classifier's test pictures."""

import csv
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import QuantdeckError
from ..regular import read_regular
from ..text import one_of, visible
from .selection import LARGEST_LIST


def read_labels(file: Path | str, entries: Sequence[Sequence[str]]) -> tuple[int, ...]:
    """Class indices of the entries, in order.

    file: CSV with a header that has the columns ``file`` and ``label``. A row belongs to the sample whose path
    ends with it, whole names only; the longest such row counts. Errors: QuantdeckError for a file that cannot be
    read, a missing column, a label that is no class index, two labels for one file, pictures without a label,
    and a row that fits pictures of several folders.
    """
    shown = f"--labels {visible(str(file))}"
    labels: dict[str, int] = {}
    for name, text in _rows(Path(file), shown):
        value = _number(text, name, shown)
        if labels.setdefault(os.path.normpath(name), value) != value:
            raise QuantdeckError(f"{shown} gives {visible(name)} two labels; keep one")
    paths = [os.path.normpath(entry[0]) for entry in entries]
    rows = [_find(labels, path) for path in paths]
    lacking = [path for path, row in zip(paths, rows, strict=True) if row is None]
    if lacking:
        raise QuantdeckError(f"{shown} has no row for {one_of(lacking)}; add it or leave the picture out")
    owners: dict[str, str] = {}
    for path, row in zip(paths, rows, strict=True):
        if row is not None and owners.setdefault(row, path) != path:
            raise QuantdeckError(
                f"{shown}: the row {visible(row)} fits {visible(owners[row])} and {visible(path)}; "
                "write the folders too"
            )
    return tuple(labels[row] for row in rows if row is not None)


def _rows(file: Path, shown: str) -> Iterator[tuple[str, str]]:
    try:
        text = read_regular(file, LARGEST_LIST).decode("utf-8-sig", "surrogateescape")
        with io.StringIO(text, newline="") as stream:
            reader = csv.reader(stream)
            columns = [name.strip().lower() for name in next(reader, [])]
            if "file" not in columns or "label" not in columns:
                raise QuantdeckError(f"{shown} needs the columns file and label in its first line")
            place, value = columns.index("file"), columns.index("label")
            for row in reader:
                if not row:
                    continue
                if len(row) <= max(place, value):
                    raise QuantdeckError(f"{shown}, line {reader.line_num}: file or label is missing")
                yield row[place], row[value]
    except (OSError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise QuantdeckError(f"{shown} cannot be read ({reason}); give a CSV file") from None


def _number(text: str, name: str, shown: str) -> int:
    if not (text.strip().isascii() and text.strip().isdigit() and len(text) < 20):
        raise QuantdeckError(
            f"{shown}: the label of {visible(name)} is '{visible(text[:40])}', it must be a class index from 0 on"
        )
    return int(text)


def _find(labels: dict[str, int], path: str) -> str | None:
    """The longest row that the path ends with."""
    if path in labels:
        return path
    parts = path.split(os.sep)
    ends = (os.sep.join(parts[start:]) for start in range(1, len(parts)))
    return next((end for end in ends if end in labels), None)
