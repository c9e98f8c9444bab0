"""Labels of a classifier's test pictures."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import QuantdeckError
from ..text import visible


def read_labels(file: Path | str, entries: Sequence[Sequence[str]]) -> tuple[int, ...]:
    """Class indices of the entries, in order.

    file: CSV with a header that has the columns ``file`` and ``label``; a file is matched by its path, else by its
    name. Errors: QuantdeckError for a file that cannot be read, a column that is missing, a label that is no number,
    a picture without a label.
    """
    shown = visible(str(file))
    try:
        with open(file, newline="", encoding="utf-8-sig", errors="surrogateescape") as stream:
            reader = csv.DictReader(stream)
            columns = reader.fieldnames or []
            if "file" not in columns or "label" not in columns:
                raise QuantdeckError(f"--labels {shown} needs the columns file and label in its first line")
            rows = [(str(row["file"]), str(row["label"])) for row in reader]
    except (OSError, csv.Error) as error:
        raise QuantdeckError(f"--labels {shown} cannot be read ({error}); give a CSV file") from None
    labels = {name: _number(label, name, shown) for name, label in rows}
    return tuple(_find(labels, entry[0], shown) for entry in entries)


def _number(text: str, name: str, shown: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if value < 0:
        raise QuantdeckError(
            f"--labels {shown}: the label of {visible(name)} is '{visible(text)}', it must be a class index"
        )
    return value


def _find(labels: dict[str, int], path: str, shown: str) -> int:
    for name in (path, os.path.basename(path)):
        if name in labels:
            return labels[name]
    ends = [label for name, label in labels.items() if path.endswith(os.sep + name)]
    if len(ends) == 1:
        return ends[0]
    raise QuantdeckError(f"--labels {shown} has no row for {visible(path)}; add it or leave the picture out")
