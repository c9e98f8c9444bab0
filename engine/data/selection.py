"""Which files are the samples, and in which order (spec A.2)."""

import codecs
import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..errors import QuantdeckError
from ..regular import read_regular
from ..text import counted, one_of, visible
from .files import KINDS, kind_of

SEED = 1684
LARGEST_LIST = 1 << 28  # bytes

OTHER_PICTURES = (".webp", ".gif", ".tif", ".tiff", ".heic", ".avif", ".jp2", ".ppm", ".tga")

Item = TypeVar("Item")
Bad = tuple[str, str]  # a file and the reason why it cannot be a sample


@dataclass(frozen=True, slots=True)
class Selection:
    """Entries (a tuple of files each, one per input where several are joined), before any is opened.

    shuffled: whether ``shuffle`` makes the order. bad: what is no file though it is called like a sample.
    source: the option and its value, for sentences.
    """

    entries: tuple[tuple[str, ...], ...]
    kind: str
    source: str
    notes: tuple[str, ...] = ()
    shuffled: bool = False
    bad: tuple[Bad, ...] = ()


def shuffle(entries: Sequence[Item]) -> list[Item]:
    """The original's order of a sorted folder: Python's Mersenne Twister with its seed.

    The first entries of the whole list are taken, so a smaller number of samples is always a prefix of a larger.
    """
    order = list(entries)
    random.Random(SEED).shuffle(order)
    return order


def select_dataset(folder: Path) -> Selection:
    """All files of a known kind below *folder*, sorted by path text; ``shuffle`` makes the original's order.

    Files that macOS leaves beside others (``._name``) are no samples. Links to folders are followed when they
    lead out of the folder, each place once. Errors: QuantdeckError for a missing, unreadable or empty folder and
    for mixed kinds.
    """
    source = f"--dataset {visible(str(folder))}"
    if not folder.is_dir():
        what = "is no folder" if folder.exists() else "does not exist"
        raise QuantdeckError(f"{source} {what}; give the folder that holds the samples")
    everything = sorted(_walk(str(folder)))
    known = [path for path in everything if kind_of(path)]
    found = [path for path in known if not os.path.basename(path).startswith("._")]
    bad = tuple((path, "is a folder") for path in found if os.path.isdir(path))
    paths = [path for path in found if not os.path.isdir(path)] if bad else found
    if not paths:
        raise QuantdeckError(f"{source} holds no sample; known kinds are {KINDS}")
    counts = {"named ._*": len(known) - len(found), "of other picture formats": _others(everything)}
    return Selection(
        entries=tuple((path,) for path in paths),
        kind=_single_kind(paths, source),
        source=source,
        notes=tuple(
            f"{counted(count, 'file')} {what} {'is' if count == 1 else 'are'} left out"
            for what, count in counts.items()
            if count
        ),
        shuffled=True,
        bad=bad,
    )


def _others(paths: Sequence[str]) -> int:
    """How many files look like pictures that cannot be samples; known kinds are the original's (spec A.2)."""
    return sum(path.lower().endswith(OTHER_PICTURES) for path in paths)


def select_entries(entries: Sequence[tuple[str, ...]]) -> Selection:
    """Files that were chosen before, in their order. Errors: QuantdeckError for mixed kinds."""
    source = "the samples"
    kind = _single_kind([name for entry in entries for name in entry], source)
    return Selection(tuple(entries), kind, source)


def _walk(folder: str) -> Iterator[str]:
    """Everything below a folder; what a link leads to inside the folder is found there, not by the link."""
    root = os.path.realpath(folder)
    seen = {root}
    for base, folders, files in os.walk(folder, onerror=_unreadable, followlinks=True):
        kept: list[str] = []
        for name in sorted(folders):
            path = os.path.join(base, name)
            real = os.path.realpath(path)
            if real in seen or (os.path.islink(path) and _related(real, root)):
                continue
            seen.add(real)
            kept.append(name)
        folders[:] = kept
        yield from (os.path.join(base, name) for name in (*files, *kept))


def _related(path: str, root: str) -> bool:
    """Whether one of two real paths lies in the other."""
    return os.path.commonpath((path, root)) in (path, root)


def _unreadable(error: OSError) -> None:
    raise QuantdeckError(
        f"the folder {visible(str(error.filename))} of the samples cannot be read ({error.strerror}); "
        "make it readable or take it out"
    )


def select_list(file: Path, option: str = "--data_list") -> Selection:
    """The lines of a list file in order; a line joins several files with commas, one per model input.

    A line, or a part of it, that names an existing file is that file, commas or not. Paths count from the
    working folder, else from the list's own folder. option: the one that named the list, for sentences.
    Errors: QuantdeckError that names every bad line.
    """
    source = f"{option} {visible(str(file))}"
    try:
        data = read_regular(file, LARGEST_LIST)
    except OSError as error:
        reason = error.strerror or "no text file"
        raise QuantdeckError(
            f"{source} cannot be read ({reason}); give a text file of sample paths"
        ) from None
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        raise QuantdeckError(f"{source} is UTF-16 text; save it as UTF-8")
    text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    lines = [line.strip() for line in text.removesuffix("\n").split("\n")]
    if lines == [""]:
        raise QuantdeckError(f"{source} is empty; write one sample a line")
    _refuse_lines(
        source, "blank", [number for number, line in enumerate(lines, 1) if not line], "remove them"
    )
    entries = tuple(_split_line(line, file.parent) for line in lines)
    unknown = [number for number, entry in enumerate(entries, 1) if not all(map(kind_of, entry))]
    _refuse_lines(source, "of no known kind of sample", unknown, f"known are {KINDS}")
    kind = _single_kind([name for entry in entries for name in entry], source)
    return Selection(entries, kind, source)


def _refuse_lines(source: str, what: str, numbers: Sequence[int], way_out: str) -> None:
    if numbers:
        lines = "line" if len(numbers) == 1 else "lines"
        verb = "is" if len(numbers) == 1 else "are"
        raise QuantdeckError(
            f"{source}: {lines} {one_of(list(map(str, numbers)), 20)} {verb} {what}; {way_out}"
        )


def _split_line(line: str, folder: Path) -> tuple[str, ...]:
    """The files of a line: of each rest, as many parts as name an existing file, at least one."""
    parts = line.split(",")
    files: list[str] = []
    while parts:
        counts = range(len(parts), 0, -1) if not files else range(1, len(parts) + 1)
        names = ((count, _locate(",".join(parts[:count]).strip(), folder)) for count in counts)
        count, name = next(
            ((count, name) for count, name in names if os.path.exists(name)),
            (1, _locate(parts[0].strip(), folder)),
        )
        files.append(name)
        del parts[:count]
    return tuple(files)


def _locate(name: str, folder: Path) -> str:
    beside = folder / name
    return str(beside) if name and not os.path.exists(name) and os.path.exists(beside) else name


def _single_kind(paths: Sequence[str], source: str) -> str:
    kinds: dict[str, str] = {}
    for path in paths:
        kinds.setdefault(kind_of(path) or "", path)
    if len(kinds) > 1:
        found = ", ".join(
            f"{kind} ({visible(os.path.basename(path))})" for kind, path in sorted(kinds.items())
        )
        raise QuantdeckError(f"{source} mixes kinds of samples: {found}; keep one kind")
    return next(iter(kinds))
