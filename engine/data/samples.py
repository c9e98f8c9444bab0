"""The calibration samples of a graph: selected, checked, grouped into the model's batch (spec A.2)."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..errors import QuantdeckError
from ..graph.model import Graph, Tensor
from ..text import one_of, visible
from .files import (
    ArrayHeader,
    BadFileError,
    check_image,
    load_npy,
    load_npz,
    npy_header,
    npz_headers,
    read_bytes,
)
from .preprocess import Preprocess
from .selection import Selection, select_dataset, select_list, shuffle

Array = np.ndarray
Entry = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """Part of an entry: ``count`` rows from ``start`` on (pictures are one row)."""

    entry: Entry
    start: int = 0
    count: int = 1


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples in calibration order. One sample is one feed of the graph, batch included.

    entries: the files used, a tuple each. requested: the number asked for (0 = all). skipped: bad files left out with
    their reasons. groups: which rows make each sample. digest: over the bytes of the files, the preprocessing and the
    grouping. notes: sentences for the user.
    """

    inputs: tuple[Tensor, ...]
    kind: str
    entries: tuple[Entry, ...]
    requested: int
    groups: tuple[tuple[Rows, ...], ...]
    preprocess: Mapping[str, Preprocess]
    digest: str
    skipped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def formed(self) -> int:
        """Number of samples after batching."""
        return len(self.groups)

    @property
    def used(self) -> int:
        """Number of entries that take part."""
        return len({rows.entry for group in self.groups for rows in group})

    def batches(self) -> Iterator[dict[str, Array]]:
        """One feed a sample: arrays by graph input name, in the inputs' shapes and types."""
        for group in self.groups:
            yield self.feed(group)

    def feed(self, group: Sequence[Rows]) -> dict[str, Array]:
        """The arrays of one group."""
        parts = [self._load(rows) for rows in group]
        return {
            tensor.name: np.ascontiguousarray(
                np.concatenate([part[tensor.name] for part in parts])
                if tensor.shape
                else parts[0][tensor.name],
                dtype=np.dtype(tensor.dtype),
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
        used = dict.fromkeys(rows.entry for group in groups for rows in group)
        digest = hashlib.sha256(f"{self.digest}:{number}".encode()).hexdigest()
        return replace(self, groups=groups, entries=tuple(used), requested=number, digest=digest)

    def _load(self, rows: Rows) -> dict[str, Array]:
        if self.kind == "image":
            return {
                tensor.name: self.preprocess[tensor.name].apply(Path(name), tensor.shape)
                for tensor, name in zip(self.inputs, rows.entry, strict=True)
            }
        if self.kind == "npy":
            arrays = [load_npy(name) for name in rows.entry]
        else:
            stored = load_npz(rows.entry[0])
            arrays = [
                stored[tensor.name] if tensor.name in stored else next(iter(stored.values()))
                for tensor in self.inputs
            ]
        return {
            tensor.name: array[rows.start : rows.start + rows.count] if tensor.shape else array
            for tensor, array in zip(self.inputs, arrays, strict=True)
        }


def select_samples(
    graph: Graph,
    *,
    dataset: Path | str | None = None,
    data_list: Path | str | None = None,
    number: int = 0,
    preprocess: Preprocess | Mapping[str, Preprocess] | None = None,
    skip_bad: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Samples:
    """Select and check the samples of a graph.

    number: how many entries, 0 for all. preprocess: for every image input, or by input name. skip_bad: leave bad files
    out (listed in ``skipped``) instead of refusing; the order is that of a folder without them. ``data_list`` wins over ``dataset``.
    Errors: QuantdeckError in one sentence; every bad file is named with its reason.
    """
    if dataset is None and data_list is None:
        raise QuantdeckError("no samples: give a folder with --dataset or a list file with --data_list")
    if number < 0:
        raise QuantdeckError(f"--input_num must be 0 (all) or more, not {number}")
    selection = select_list(Path(data_list)) if data_list is not None else select_dataset(Path(dataset or ""))
    inputs = tuple(graph.tensors[name] for name in graph.inputs)
    options = _options(inputs, preprocess, selection.kind)
    if selection.shuffled and not skip_bad:
        selection = replace(selection, entries=tuple(shuffle(selection.entries)), shuffled=False)
    wanted = len(selection.entries) if skip_bad or not number else number
    checked, bad = _check(selection, inputs, wanted, progress)
    if bad and not skip_bad:
        raise QuantdeckError(_bad_files(bad))
    if selection.shuffled:  # the order of a folder without its bad files
        checked = shuffle(checked)
    good = checked[: number or len(checked)]
    return _form(selection, inputs, options, good, number, tuple(bad))


def _options(
    inputs: Sequence[Tensor], preprocess: Preprocess | Mapping[str, Preprocess] | None, kind: str
) -> dict[str, Preprocess]:
    if kind != "image":
        return {}
    found: dict[str, Preprocess] = {}
    for tensor in inputs:
        own = preprocess.get(tensor.name) if isinstance(preprocess, Mapping) else preprocess
        channels = _channels(tensor, own)
        option = own if own is not None else _default(channels)
        if len(tensor.shape) != 4 or option.channel_format == "none":
            raise QuantdeckError(
                f"input '{visible(tensor.name)}' of shape {tensor.shape} takes no picture; give npz or npy samples"
            )
        if channels != option.channels:
            raise QuantdeckError(
                f"--pixel_format {option.pixel_format} gives {option.channels} channels, but input "
                f"'{visible(tensor.name)}' of shape {tensor.shape} has {channels}; choose another format"
            )
        found[tensor.name] = option
    return found


def _channels(tensor: Tensor, option: Preprocess | None) -> int:
    last = option is not None and option.channel_format == "nhwc"
    return tensor.shape[-1 if last else 1] if len(tensor.shape) == 4 else 0


def _default(channels: int) -> Preprocess:
    return Preprocess(
        pixel_format={1: "gray", 4: "rgba"}.get(channels, "bgr"), mean=(0.0,) * 4, scale=(1.0,) * 4
    )


@dataclass(frozen=True, slots=True)
class _Checked:
    """An entry that can be used, with its number of rows and the digest of its bytes."""

    entry: Entry
    rows: int
    digest: bytes


def _check(
    selection: Selection,
    inputs: Sequence[Tensor],
    wanted: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[list[_Checked], list[tuple[str, str]]]:
    """Open every entry that may be used. The bad ones come back with their reasons, all of them."""
    entries = selection.entries[:wanted]
    good: list[_Checked] = []
    bad: list[tuple[str, str]] = []
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda entry: _check_entry(entry, selection.kind, inputs), entries)
        for index, (entry, result) in enumerate(zip(entries, results, strict=True)):
            if isinstance(result, _Checked):
                good.append(result)
            else:
                bad.append((",".join(entry) if not result[0] else result[0], result[1]))
            if progress is not None:
                progress(index + 1, len(entries))
    return good, bad


def _check_entry(entry: Entry, kind: str, inputs: Sequence[Tensor]) -> _Checked | tuple[str, str]:
    digest = hashlib.sha256()
    name = entry[0]
    try:
        if kind != "npz" and len(entry) != len(inputs):
            raise BadFileError(
                f"{len(entry)} files stand for {len(inputs)} inputs; join one file per input by commas"
            )
        if kind == "npz" and len(entry) != 1:
            raise BadFileError("npz files are not joined by commas; store all inputs in one file")
        counts = set[int]()
        for index, name in enumerate(entry):
            data = read_bytes(name)
            digest.update(hashlib.sha256(data).digest())
            if kind == "image":
                check_image(data)
                counts.add(1)
            elif kind == "npy":
                counts.add(_rows(npy_header(data), inputs[index], None))
            else:
                counts |= _npz_rows(npz_headers(data), inputs)
        if len(counts) > 1:
            raise BadFileError(
                f"the inputs have different numbers of rows ({', '.join(map(str, sorted(counts)))})"
            )
        return _Checked(entry, counts.pop(), digest.digest())
    except BadFileError as error:
        return name, str(error)


def _npz_rows(headers: Mapping[str, ArrayHeader], inputs: Sequence[Tensor]) -> set[int]:
    if len(inputs) == 1:
        if len(headers) != 1 and inputs[0].name not in headers:
            raise BadFileError(
                f"holds {len(headers)} arrays ({one_of(sorted(headers))}), but the model has one input; store one array"
            )
        if len(headers) != 1:
            raise BadFileError(
                f"holds {len(headers)} arrays ({one_of(sorted(headers))}), but the model has the one input "
                f"'{visible(inputs[0].name)}'; store that array alone"
            )
        key, header = next(iter(headers.items()))
        return {_rows(header, inputs[0], key)}
    missing = [tensor.name for tensor in inputs if tensor.name not in headers]
    if missing:
        raise BadFileError(f"lacks the inputs {one_of(missing)}; it holds {one_of(sorted(headers))}")
    return {_rows(headers[tensor.name], tensor, tensor.name) for tensor in inputs}


def _rows(header: ArrayHeader, tensor: Tensor, key: str | None) -> int:
    """Rows of an array that fits the input. Errors: BadFileError with found and wanted shape."""
    shape, wanted = header.shape, tensor.shape
    name = f"array '{visible(key)}'" if key else "the array"
    if len(shape) != len(wanted) or shape[1:] != wanted[1:]:
        raise BadFileError(f"{name} has shape {shape}, input '{visible(tensor.name)}' wants {wanted}")
    if not wanted:
        return 1
    if shape[0] == 0:
        raise BadFileError(f"{name} has no rows (shape {shape})")
    if np.dtype(tensor.dtype).kind in "iub" and header.dtype.kind == "f":
        raise BadFileError(
            f"{name} holds {header.dtype}, input '{visible(tensor.name)}' wants {tensor.dtype}"
        )
    if shape[0] > wanted[0] and shape[0] % wanted[0]:
        raise BadFileError(f"{name} has {shape[0]} rows, the model's batch is {wanted[0]}")
    return shape[0]


def _bad_files(bad: Sequence[tuple[str, str]]) -> str:
    listed = "; ".join(f"{visible(name)} {reason}" for name, reason in bad)
    files = "1 sample is" if len(bad) == 1 else f"{len(bad)} samples are"
    return f"{files} bad: {listed}; mend or remove them, or leave them out with --skip-bad"


def _form(
    selection: Selection,
    inputs: tuple[Tensor, ...],
    options: Mapping[str, Preprocess],
    good: Sequence[_Checked],
    number: int,
    skipped: tuple[tuple[str, str], ...],
) -> Samples:
    batch = inputs[0].shape[0] if inputs and inputs[0].shape else 1
    groups = _image_groups(good, batch) if selection.kind == "image" else _row_groups(good, batch)
    rows = sum(item.rows for item in good)
    if not groups:
        raise QuantdeckError(
            f"the samples have {rows} rows, the model's batch is {batch}; give at least {batch} rows"
        )
    notes = [*selection.notes, *_counts(selection, good, groups, number, batch)]
    if skipped:
        notes.append(f"{len(skipped)} bad samples are left out: {one_of([name for name, _ in skipped])}")
    digest = hashlib.sha256(b"".join(item.digest for item in good))
    digest.update(json.dumps([[t.name, t.shape, t.dtype] for t in inputs]).encode("utf-8", "surrogatepass"))
    for name in sorted(options):
        digest.update(f"{name}\0{options[name].to_json()}".encode("utf-8", "surrogatepass"))
    return Samples(
        inputs=inputs,
        kind=selection.kind,
        entries=tuple(item.entry for item in good),
        requested=number,
        groups=groups,
        preprocess=dict(options),
        digest=digest.hexdigest(),
        skipped=skipped,
        notes=tuple(notes),
    )


def _image_groups(good: Sequence[_Checked], batch: int) -> tuple[tuple[Rows, ...], ...]:
    """Pictures *batch* at a time; the last one is repeated to fill the last group."""
    rows = [Rows(item.entry) for item in good]
    rows += rows[-1:] * (-len(rows) % batch)
    return tuple(tuple(rows[start : start + batch]) for start in range(0, len(rows), batch))


def _row_groups(good: Sequence[_Checked], batch: int) -> tuple[tuple[Rows, ...], ...]:
    """Whole batches inside a file; files of fewer rows are joined in order; an incomplete last group is dropped."""
    groups: list[tuple[Rows, ...]] = []
    waiting: list[Rows] = []
    for item in good:
        if item.rows >= batch and item.rows % batch == 0:
            groups += [(Rows(item.entry, start, batch),) for start in range(0, item.rows, batch)]
            continue
        waiting.append(Rows(item.entry, 0, item.rows))
        count = sum(rows.count for rows in waiting)
        if count == batch:
            groups.append(tuple(waiting))
            waiting = []
        elif count > batch:
            raise QuantdeckError(
                f"{visible(item.entry[0])} has {item.rows} rows, which do not fill a batch of {batch} with the files "
                "before it; store files of one row or of whole batches"
            )
    return tuple(groups)


def _counts(
    selection: Selection, good: Sequence[_Checked], groups: Sequence[Sequence[Rows]], number: int, batch: int
) -> list[str]:
    used = len({rows.entry for group in groups for rows in group})
    requested = number or len(selection.entries)
    notes = []
    many = any(item.rows > batch for item in good)
    if used != requested or many or batch > 1:
        word = "sample" if len(groups) == 1 else "samples"
        notes.append(f"requested {requested}, used {used} ({len(groups)} {word})")
    if many:
        notes.append(f"files of several batches are split into samples of {batch}")
    left = len(good) - used
    if left:
        word = "file does" if left == 1 else "files do"
        notes.append(
            f"{left} {word} not fill a batch of {batch} and {'is' if left == 1 else 'are'} left over"
        )
    return notes
