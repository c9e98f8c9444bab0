"""Every entry is opened and judged before anything long starts."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ..graph.model import Tensor
from ..text import one_of, visible
from .arrays import ArrayHeader, check_npz_values, npy_header, npz_headers
from .files import BadFileError, read_bytes
from .pictures import check_image
from .selection import Bad

Entry = tuple[str, ...]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Checked:
    """An entry that can be used, with its number of rows and the digest of its bytes."""

    entry: Entry
    rows: int
    digest: bytes


def check_entries(
    entries: Sequence[Entry], kind: str, inputs: Sequence[Tensor], progress: Progress | None = None
) -> tuple[list[Checked], list[Bad]]:
    """Open every entry. The good ones come back in order, the bad ones with their reasons, all of them."""
    good: list[Checked] = []
    bad: list[Bad] = []

    def judge(entry: Entry) -> Checked | Bad:
        return check_entry(entry, kind, inputs)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        try:
            for index, result in enumerate(pool.map(judge, entries)):
                if isinstance(result, Checked):
                    good.append(result)
                else:
                    bad.append(result)
                if progress is not None:
                    progress(index + 1, len(entries))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return good, bad


def check_entry(entry: Entry, kind: str, inputs: Sequence[Tensor]) -> Checked | Bad:
    """Judge one entry: the files' bytes, and for arrays shape and type."""
    digest = hashlib.sha256()
    name = ",".join(entry)
    try:
        _check_count(entry, kind, len(inputs))
        headers: dict[str, ArrayHeader] = {}
        data = b""
        for index, name in enumerate(entry):
            data = read_bytes(name)
            digest.update(hashlib.sha256(data).digest())
            if kind == "image":
                check_image(data)
            elif kind == "npy":
                headers[inputs[index].name] = npy_header(data)
            else:
                headers = _npz_headers(data, inputs)
        name = ",".join(entry)
        rows = 1 if kind == "image" else count_rows(headers, inputs, joined=kind == "npz")
        if kind == "npz":
            check_npz_values(data)
        return Checked(entry, rows, digest.digest())
    except BadFileError as error:
        return name, str(error)


def _check_count(entry: Entry, kind: str, inputs: int) -> None:
    if kind == "npz" and len(entry) != 1:
        raise BadFileError("is joined to others by commas; one npz file holds the arrays of all inputs")
    if kind != "npz" and len(entry) != inputs:
        files = "file stands" if len(entry) == 1 else "files stand"
        raise BadFileError(
            f"is wrong: {len(entry)} {files} for {inputs} inputs; join one file per input by commas"
        )


def _npz_headers(data: bytes, inputs: Sequence[Tensor]) -> dict[str, ArrayHeader]:
    """Headers by input name: by key, or the only array of a file for the only input (spec A.2)."""
    headers = npz_headers(data)
    if len(inputs) == 1:
        if len(headers) != 1:
            raise BadFileError(
                f"holds {len(headers)} arrays ({one_of(sorted(headers))}), but the model has the one input "
                f"'{visible(inputs[0].name)}'; store that array alone"
            )
        return {inputs[0].name: next(iter(headers.values()))}
    missing = [tensor.name for tensor in inputs if tensor.name not in headers]
    if missing:
        raise BadFileError(f"lacks the inputs {one_of(missing)}; it holds {one_of(sorted(headers))}")
    return {tensor.name: headers[tensor.name] for tensor in inputs}


def count_rows(headers: Mapping[str, ArrayHeader], inputs: Sequence[Tensor], *, joined: bool) -> int:
    """Rows of the arrays that have the model's batch B as their first dimension; the others fit as they are.

    A file of one row may be joined with others (where *joined*), one of B rows is a sample, one of a multiple
    of B is split. Errors: BadFileError with found and wanted shape.
    """
    batch = batch_of(inputs)
    rows: dict[str, int] = {}
    for tensor in inputs:
        found = headers[tensor.name]
        batched = is_batched(tensor, batch)
        _check_shape(found.shape, tensor, batched=batched)
        _check_type(found.dtype, tensor)
        if batched:
            rows[tensor.name] = found.shape[0]
    counts = sorted(set(rows.values())) or [batch]
    if len(counts) > 1:
        raise BadFileError(f"has different numbers of rows for the inputs ({', '.join(map(str, counts))})")
    count = counts[0]
    if count % batch and not (joined and count == 1):
        word = "row" if count == 1 else "rows"
        raise BadFileError(
            f"has {count} {word}, the model's batch is {batch}; its input is {_shapes(inputs)}"
        )
    return count


def batch_of(inputs: Sequence[Tensor]) -> int:
    """The model's batch: the first dimension of the first input (spec A.2)."""
    return inputs[0].shape[0] if inputs[0].shape else 1


def is_batched(tensor: Tensor, batch: int) -> bool:
    """Whether the input's first dimension is the batch, so that rows may be joined and split."""
    return len(tensor.shape) > 0 and tensor.shape[0] == batch


def _shapes(inputs: Sequence[Tensor]) -> str:
    return one_of([f"{tensor.name} {tensor.shape}" for tensor in inputs])


def _check_shape(shape: tuple[int, ...], tensor: Tensor, *, batched: bool) -> None:
    wanted = tensor.shape
    fits = len(shape) == len(wanted) and shape[1:] == wanted[1:] if batched else shape == wanted
    if not fits:
        raise BadFileError(f"has an array of shape {shape}, input '{visible(tensor.name)}' wants {wanted}")
    if batched and shape[0] == 0:
        raise BadFileError(f"has an array without rows (shape {shape}), the model wants {wanted}")


def _check_type(dtype: np.dtype, tensor: Tensor) -> None:
    if np.dtype(tensor.dtype).kind in "iub" and dtype.kind == "f":
        raise BadFileError(
            f"has an array of type {dtype}, input '{visible(tensor.name)}' wants {tensor.dtype}"
        )
