"""How entries make samples of the model's batch (spec A.2)."""

from collections.abc import Sequence
from dataclasses import dataclass

from .check import Checked, Entry


@dataclass(frozen=True, slots=True)
class Rows:
    """Part of an entry: ``count`` rows from ``start`` on (pictures are one row).

    index: the entry's place among those used. filler: a repeated picture that only fills the last sample.
    """

    entry: Entry
    index: int
    start: int = 0
    count: int = 1
    filler: bool = False


Group = tuple[Rows, ...]


def picture_groups(good: Sequence[Checked], batch: int) -> tuple[Group, ...]:
    """Pictures *batch* at a time; the last one is repeated to fill the last group."""
    rows = [Rows(item.entry, index) for index, item in enumerate(good)]
    if rows:
        last = rows[-1]
        rows += [Rows(last.entry, last.index, filler=True)] * (-len(rows) % batch)
    return tuple(tuple(rows[start : start + batch]) for start in range(0, len(rows), batch))


def row_groups(good: Sequence[Checked], batch: int) -> tuple[Group, ...]:
    """Files of one row are joined in order; files of whole batches are split; an incomplete group is dropped."""
    groups: list[Group] = []
    waiting: list[Rows] = []
    for index, item in enumerate(good):
        if item.rows % batch == 0:
            groups += [(Rows(item.entry, index, start, batch),) for start in range(0, item.rows, batch)]
            continue
        waiting.append(Rows(item.entry, index, 0, item.rows))
        if len(waiting) == batch:
            groups.append(tuple(waiting))
            waiting = []
    return tuple(groups)


def tell(good: Sequence[Checked], groups: Sequence[Group], asked: int, batch: int) -> list[str]:
    """What the user must know of the counts; nothing where every entry is one sample."""
    used = len({rows.index for group in groups for rows in group})
    split = any(item.rows > batch for item in good)
    notes: list[str] = []
    if used != asked or split or batch > 1:
        word = "sample" if len(groups) == 1 else "samples"
        notes.append(f"requested {asked}, used {used} ({len(groups)} {word})")
    if split:
        notes.append(f"files of more rows than the model's batch are split into samples of {batch}")
    fillers = sum(rows.filler for group in groups for rows in group)
    if fillers:
        times = "once more" if fillers == 1 else f"{fillers} times more"
        notes.append(f"the last picture stands {times} to fill the batch of {batch}")
    left = len(good) - used
    if left:
        files, verb = ("file does", "is") if left == 1 else ("files do", "are")
        notes.append(f"{left} {files} not fill a batch of {batch} and {verb} left over")
    return notes
