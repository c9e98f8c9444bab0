"""The samples of a graph: selected, checked, grouped into the model's batch (spec A.2)."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..errors import QuantdeckError
from ..graph.model import Graph, Tensor
from ..text import visible
from .arrays import load_arrays
from .check import Checked, Entry, Progress, batch_of, check_entries, is_batched
from .groups import Group, Rows, picture_groups, row_groups, tell
from .inputs import options_of
from .parts import first_digest, picked_digest
from .preprocess import Preprocess
from .selection import Bad, Selection, select_dataset, select_entries, select_list, shuffle

__all__ = ["Rows", "Samples", "select_samples"]

Array = np.ndarray
NAMED = 100  # bad files that a sentence names
PRINT = 12  # digits of a digest that tell samples apart
LOOKED_THROUGH = 2000  # files beyond those asked for that are judged once a bad one is found


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples in calibration order. One sample is one feed of the graph, batch included.

    entries: the files that were taken, a tuple each. requested: the number asked for (0 = all). skipped: bad
    files left out, with their reasons. groups: which rows make each sample. digest: over the bytes of the files
    and the preprocessing. notes: sentences for the user. prints: of each entry, the beginning of its bytes' digest.
    """

    inputs: tuple[Tensor, ...]
    kind: str
    entries: tuple[Entry, ...]
    requested: int
    groups: tuple[Group, ...]
    preprocess: Mapping[str, Preprocess]
    digest: str
    skipped: tuple[Bad, ...] = ()
    notes: tuple[str, ...] = field(default=())
    prints: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def formed(self) -> int:
        """Number of samples after batching."""
        return len(self.groups)

    @property
    def used(self) -> int:
        """Number of entries that take part."""
        return len({rows.index for group in self.groups for rows in group})

    def batches(self) -> Iterator[dict[str, Array]]:
        """One feed a sample: arrays by graph input name, in the inputs' shapes and types."""
        for group in self.groups:
            yield self.feed(group)

    def feed(self, group: Sequence[Rows]) -> dict[str, Array]:
        """The arrays of one group. Errors: QuantdeckError for a file that has changed since it was checked."""
        parts = [self._load(rows) for rows in group]
        batch = batch_of(self.inputs)
        return {
            tensor.name: np.asarray(
                np.concatenate([part[tensor.name] for part in parts])
                if is_batched(tensor, batch)
                else parts[0][tensor.name],
                dtype=np.dtype(tensor.dtype),
                order="C",
            )
            for tensor in self.inputs
        }

    def label(self, index: int) -> str:
        """The files of a sample, for messages."""
        return ", ".join(dict.fromkeys(visible(name) for rows in self.groups[index] for name in rows.entry))

    def take(self, number: int) -> "Samples":
        """The first *number* samples (0 = all); a prefix, with a digest of its own."""
        if number <= 0 or number >= len(self.groups):
            return self
        groups = self.groups[:number]
        last = max(rows.index for group in groups for rows in group)
        return replace(
            self,
            groups=groups,
            entries=self.entries[: last + 1],
            requested=number,
            digest=first_digest(self.digest, number),
            notes=(),
            prints=self.prints[: last + 1],
        )

    def pick(self, places: Sequence[int]) -> "Samples":
        """The samples at these positions, in this order, with a digest of their own."""
        groups = tuple(self.groups[place] for place in places)
        digest = picked_digest(self.digest, places)
        return replace(self, groups=groups, requested=len(groups), digest=digest, notes=())

    def _load(self, rows: Rows) -> dict[str, Array]:
        if self.kind == "image":
            return {
                tensor.name: self.preprocess[tensor.name].apply(Path(name), tensor.shape)
                for tensor, name in zip(self.inputs, rows.entry, strict=True)
            }
        batch = batch_of(self.inputs)
        return {
            tensor.name: array[rows.start : rows.start + rows.count] if is_batched(tensor, batch) else array
            for tensor, array in zip(self.inputs, self._arrays(rows.entry), strict=True)
        }

    def _arrays(self, entry: Entry) -> list[Array]:
        stored = [load_arrays(name, self.kind) for name in entry]
        if self.kind == "npy":
            return [found[""] for found in stored]
        if len(self.inputs) == 1:
            return [next(iter(stored[0].values()))]
        return [stored[0][tensor.name] for tensor in self.inputs]


def select_samples(
    graph: Graph,
    *,
    dataset: Path | str | None = None,
    data_list: Path | str | None = None,
    number: int = 0,
    preprocess: Preprocess | Mapping[str, Preprocess] | None = None,
    skip_bad: bool = False,
    progress: Progress | None = None,
    list_option: str = "--data_list",
    entries: Sequence[Entry] | None = None,
) -> Samples:
    """Select and check the samples of a graph.

    number: how many entries, 0 for all. preprocess: for every image input, or by input name; None as the inputs'
    channels suggest. skip_bad: leave bad files out (listed in ``skipped``) instead of refusing; the order is that
    of a folder without them. ``data_list`` wins over ``dataset``. list_option: what sentences call it. entries: these
    files in this order; wins over both.
    Errors: QuantdeckError in one sentence; every bad file is named with its reason.
    """
    if dataset is None and data_list is None and entries is None:
        raise QuantdeckError("no samples: give a folder with --dataset or a list file with --data_list")
    if number < 0:
        raise QuantdeckError(f"--input_num must be 0 (all) or more, not {number}")
    inputs = tuple(graph.tensors[name] for name in graph.inputs)
    if not inputs:
        raise QuantdeckError(f"the model {visible(graph.name)} has no input to feed samples to")
    if entries is not None:
        selection = select_entries(entries)
    elif data_list is not None:
        selection = select_list(Path(data_list), list_option)
    else:
        selection = select_dataset(Path(dataset or ""))
    options = options_of(inputs, preprocess, selection)
    check = _skipping if skip_bad else _refusing
    good, bad = check(selection, inputs, number, progress)
    ignored = bool(preprocess) and selection.kind != "image"
    return _form(selection, inputs, options, good, number, bad, ignored)


def _refusing(
    selection: Selection, inputs: Sequence[Tensor], number: int, progress: Progress | None
) -> tuple[list[Checked], list[Bad]]:
    """Only the entries asked for are opened; once one of them is bad, the others too, to name all at once."""
    entries = shuffle(selection.entries) if selection.shuffled else list(selection.entries)
    wanted = number or len(entries)
    good, bad = check_entries(entries[:wanted], selection.kind, inputs, progress)
    if bad or selection.bad:
        rest = entries[wanted : wanted + LOOKED_THROUGH]
        bad += selection.bad + tuple(check_entries(rest, selection.kind, inputs)[1])
        raise QuantdeckError(_bad_files(bad, selection))
    return good, bad


def _skipping(
    selection: Selection, inputs: Sequence[Tensor], number: int, progress: Progress | None
) -> tuple[list[Checked], list[Bad]]:
    """Every entry is opened, since the order of the good ones depends on all of them."""
    good, bad = check_entries(selection.entries, selection.kind, inputs, progress)
    bad += selection.bad
    if not good:
        raise QuantdeckError(f"none of the {len(bad)} samples can be used: {_listed(bad)}")
    order = shuffle(good) if selection.shuffled else good
    return order[: number or len(order)], bad


def _bad_files(bad: Sequence[Bad], selection: Selection) -> str:
    files = "1 sample is" if len(bad) == 1 else f"{len(bad)} samples are"
    listed = "" if selection.shuffled else f"{selection.source}: "
    return f"{listed}{files} bad: {_listed(bad)}; mend or remove them, or leave them out with --skip-bad"


def _listed(bad: Sequence[Bad]) -> str:
    shown = "; ".join(f"{visible(name)} {reason}" for name, reason in sorted(bad)[:NAMED])
    return shown if len(bad) <= NAMED else f"{shown}; and {len(bad) - NAMED} more"


def _form(
    selection: Selection,
    inputs: tuple[Tensor, ...],
    options: Mapping[str, Preprocess],
    good: Sequence[Checked],
    number: int,
    bad: Sequence[Bad],
    ignored: bool,
) -> Samples:
    batch = batch_of(inputs)
    groups = (picture_groups if selection.kind == "image" else row_groups)(good, batch)
    if not groups:
        raise QuantdeckError(
            f"{selection.source}: the samples have {len(good)} {'row' if len(good) == 1 else 'rows'}, "
            f"the model's batch is {batch}; give at least {batch} rows"
        )
    asked = number or len(selection.entries) + len(selection.bad)
    unused = ["arrays are used as they are, without preprocessing"] if ignored else []
    notes = [*selection.notes, *unused, *tell(good, groups, asked, batch)]
    if bad:
        files = "1 bad sample is" if len(bad) == 1 else f"{len(bad)} bad samples are"
        notes.append(f"{files} left out: {_listed(bad)}")
    return Samples(
        inputs=inputs,
        kind=selection.kind,
        entries=tuple(item.entry for item in good),
        requested=number,
        groups=groups,
        preprocess=dict(options),
        digest=_digest(good, inputs, options),
        skipped=tuple(sorted(bad)),
        notes=tuple(notes),
        prints=tuple(item.digest.hex()[:PRINT] for item in good),
    )


def _digest(good: Sequence[Checked], inputs: Sequence[Tensor], options: Mapping[str, Preprocess]) -> str:
    digest = hashlib.sha256(b"".join(item.digest for item in good))
    digest.update(json.dumps([[tensor.name, tensor.shape, tensor.dtype] for tensor in inputs]).encode())
    for name in sorted(options):
        digest.update(f"{json.dumps(name)}{options[name].to_json()}".encode())
    return digest.hexdigest()
