"""What a model must be fed with: which inputs carry data, and the fixed shape of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from ..errors import UnsupportedModelError
from ..text import one_of, visible

LARGEST_INPUT = 2**28
Shapes = Mapping[str, Sequence[int]] | Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Feed:
    """One input to feed."""

    name: str
    shape: tuple[int, ...]
    dtype: str


def fed_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """Inputs that are not weights (old exporters list these too) and do not have a default value."""
    weights = {tensor.name for tensor in model.graph.initializer}
    return [item for item in model.graph.input if item.name not in weights]


def fix_inputs(
    model: onnx.ModelProto, path: Path, shapes: Shapes | None, batch: int | None, used: frozenset[str]
) -> tuple[list[Feed], list[str]]:
    """Decide every input's shape and write it into the model.

    *shapes* by name, or in the order of the inputs; *batch* for a first dimension that is open (1 if none is
    given). Inputs outside *used*, which nobody reads, are not fed. Returns the inputs and what the user must
    be told.
    """
    notes: list[str] = []
    asked = _asked(model, path, shapes, used)
    feeds: list[Feed] = []
    for item in fed_inputs(model):
        if item.name not in used:
            notes.append(
                f"No layer reads the input {visible(item.name)}: it needs no data and is not exported."
            )
            continue
        shape = _shape(item, path, asked.get(item.name), batch, notes)
        _write(item, shape)
        feeds.append(Feed(item.name, shape, _dtype(item, path)))
    return feeds, notes + _defaults(model)


def _defaults(model: onnx.ModelProto) -> list[str]:
    """A note on inputs with a default value; before IR 4 every weight had to be listed, so there it says nothing."""
    weights = {tensor.name for tensor in model.graph.initializer}
    names = [item.name for item in model.graph.input if item.name in weights]
    if model.ir_version < 4 or not names:
        return []
    return [f"Inputs with a default value are not fed, the default is used: {one_of(names)}."]


def strip_inputs(model: onnx.ModelProto, feeds: Sequence[Feed]) -> None:
    """Leave only the fed inputs in the model's list, and state an IR version that allows it and is widely known."""
    model.ir_version = min(max(model.ir_version, 7), 10)
    kept = {feed.name for feed in feeds}
    items = [item for item in model.graph.input if item.name in kept]
    del model.graph.input[:]
    model.graph.input.extend(items)


def _asked(
    model: onnx.ModelProto, path: Path, shapes: Shapes | None, used: frozenset[str]
) -> dict[str, tuple[int, ...]]:
    if shapes is None:
        return {}
    names = [item.name for item in fed_inputs(model)]
    if isinstance(shapes, Mapping):
        unknown = [name for name in shapes if name not in names]
        if unknown:
            raise UnsupportedModelError(
                f"--input_shapes names {one_of(unknown)}, but the inputs of {visible(str(path))} are {one_of(names)}."
            )
        return {name: tuple(int(size) for size in shape) for name, shape in shapes.items()}
    if len(shapes) != len(names):
        names = [name for name in names if name in used]
    if len(shapes) != len(names):
        raise UnsupportedModelError(
            f"--input_shapes gives {len(shapes)} shapes, but {visible(str(path))} has {len(names)} inputs "
            f"({one_of(names)})."
        )
    return {name: tuple(int(size) for size in shape) for name, shape in zip(names, shapes, strict=True)}


def _shape(
    item: onnx.ValueInfoProto,
    path: Path,
    asked: tuple[int, ...] | None,
    batch: int | None,
    notes: list[str],
) -> tuple[int, ...]:
    where = f"{visible(str(path))}: input {visible(item.name)}"
    kind = item.type.tensor_type
    if not item.type.HasField("tensor_type"):
        raise UnsupportedModelError(f"{where} is not a tensor; only models fed with tensors can be read.")
    if not kind.HasField("shape") and asked is None:
        raise UnsupportedModelError(f"{where} has no shape; state it with --input_shapes.")
    declared = [
        int(d.dim_value) if d.HasField("dim_value") and d.dim_value > 0 else 0 for d in kind.shape.dim
    ]
    if asked is None:
        asked = _default(item.name, where, declared, batch, notes)
    elif kind.HasField("shape"):
        _compare(where, asked, declared)
    if any(size < 1 for size in asked) or int(np.prod([float(s) for s in asked])) > LARGEST_INPUT:
        raise UnsupportedModelError(
            f"{where} has the shape {'x'.join(map(str, asked))}, which cannot be fed; "
            f"1 to {LARGEST_INPUT} elements are possible."
        )
    return asked


def _default(
    name: str, where: str, declared: list[int], batch: int | None, notes: list[str]
) -> tuple[int, ...]:
    open_axes = [axis for axis, size in enumerate(declared) if size == 0]
    if open_axes[1:] or (open_axes and open_axes[0] != 0):
        shown = "x".join(str(size) if size else "?" for size in declared)
        raise UnsupportedModelError(f"{where} has the open shape {shown}; state it with --input_shapes.")
    if open_axes:
        notes.append(
            f"Input {visible(name)} has an open batch; it was fixed to {batch or 1}"
            + ("." if batch else ", as none was stated.")
        )
    return tuple(size or batch or 1 for size in declared)


def _compare(where: str, asked: tuple[int, ...], declared: list[int]) -> None:
    fits = len(asked) == len(declared) and all(d in (0, a) for a, d in zip(asked, declared, strict=True))
    if not fits:
        wanted = "x".join(str(size) if size else "?" for size in declared)
        raise UnsupportedModelError(
            f"{where} has the shape {wanted}, which --input_shapes {'x'.join(map(str, asked))} does not fit."
        )


def _write(item: onnx.ValueInfoProto, shape: tuple[int, ...]) -> None:
    kind = item.type.tensor_type
    kind.ClearField("shape")
    for size in shape:
        kind.shape.dim.add().dim_value = size
    if not shape:
        kind.shape.SetInParent()


def _dtype(item: onnx.ValueInfoProto, path: Path) -> str:
    try:
        kind = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(item.type.tensor_type.elem_type))
    except KeyError:
        kind = np.dtype(object)
    if kind.kind not in "fiub":
        raise UnsupportedModelError(
            f"{visible(str(path))}: input {visible(item.name)} does not hold numbers, which cannot be fed."
        )
    return kind.name
