"""Which files are the samples, and in which order (spec A.2)."""

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..errors import QuantdeckError
from ..text import one_of, visible
from .files import kind_of

SEED = 1684

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Selection:
    """Entries in order (a tuple of files each, one per input where several are joined), before any is opened."""

    entries: tuple[tuple[str, ...], ...]
    kind: str
    notes: tuple[str, ...] = ()
    shuffled: bool = False


def shuffle(entries: Sequence[Item]) -> list[Item]:
    """The original's order of a sorted folder. A smaller number of samples is always a prefix of a larger one."""
    order = list(entries)
    random.Random(SEED).shuffle(order)
    return order


def select_dataset(folder: Path) -> Selection:
    """All files of a known kind below *folder*, sorted by path text; :func:`shuffle` makes the original's order of them.

     Twins that macOS leaves (``._name``) are no samples.
    Errors: QuantdeckError for a missing or empty folder and for mixed kinds.
    """
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise QuantdeckError(
            f"--dataset {visible(str(folder))} {what}; give the folder that holds the samples"
        )
    found = sorted(path for path in _walk(str(folder)) if kind_of(path))
    twins = [path for path in found if os.path.basename(path).startswith("._")]
    paths = [path for path in found if not os.path.basename(path).startswith("._")]
    if not paths:
        raise QuantdeckError(
            f"--dataset {visible(str(folder))} holds no sample; known kinds are npz, npy, jpg, jpeg, jfif, png, bmp"
        )
    notes = (f"{len(twins)} files named ._* are left out, they are no pictures",) if twins else ()
    return Selection(
        tuple((path,) for path in paths), _single_kind(paths, f"--dataset {folder}"), notes, True
    )


def _walk(folder: str) -> Iterator[str]:
    """Files below a folder; linked folders are followed once each, so that a loop ends."""
    seen = {os.path.realpath(folder)}
    for base, folders, files in os.walk(folder, followlinks=True):
        kept = []
        for name in sorted(folders):
            real = os.path.realpath(os.path.join(base, name))
            if real not in seen:
                seen.add(real)
                kept.append(name)
        folders[:] = kept
        yield from (os.path.join(base, name) for name in files)
        yield from (os.path.join(base, name) for name in sorted(kept) if kind_of(name))


def select_list(file: Path) -> Selection:
    """The lines of a list file in order; a line joins several files with commas, one per model input.

    A line that names an existing file as a whole is one file, commas or not. Paths count from the working folder,
    else from the list's own folder. Errors: QuantdeckError that names every bad line.
    """
    try:
        lines = file.read_text("utf-8", "surrogateescape").splitlines()
    except OSError as error:
        raise QuantdeckError(
            f"--data_list {visible(str(file))} cannot be read ({error.strerror}); give a text file of sample paths"
        ) from None
    blank = [str(number) for number, line in enumerate(lines, 1) if not line.strip()]
    if blank:
        raise QuantdeckError(
            f"--data_list {visible(str(file))} has blank lines: {one_of(blank)}; remove them"
        )
    entries = tuple(_split_line(line.strip(), file.parent) for line in lines)
    if not entries:
        raise QuantdeckError(f"--data_list {visible(str(file))} is empty; write one sample a line")
    unknown = [name for entry in entries for name in entry if kind_of(name) is None]
    if unknown:
        raise QuantdeckError(
            f"--data_list {visible(str(file))} names files of no known kind: {one_of(unknown)}; "
            "known are npz, npy, jpg, jpeg, jfif, png, bmp"
        )
    kind = _single_kind([name for entry in entries for name in entry], f"--data_list {file}")
    return Selection(entries, kind)


def _split_line(line: str, folder: Path) -> tuple[str, ...]:
    whole = _locate(line, folder)
    if os.path.exists(whole) or "," not in line:
        return (whole,)
    return tuple(_locate(part.strip(), folder) for part in line.split(","))


def _locate(name: str, folder: Path) -> str:
    beside = folder / name
    return str(beside) if not os.path.exists(name) and beside.exists() else name


def _single_kind(paths: list[str], source: str) -> str:
    kinds = {kind_of(path): path for path in paths}
    if len(kinds) > 1:
        found = ", ".join(
            f"{kind} ({visible(os.path.basename(path))})" for kind, path in sorted(kinds.items(), key=str)
        )
        raise QuantdeckError(f"{visible(source)} mixes kinds of samples: {found}; keep one kind")
    return next(iter(kinds)) or ""
