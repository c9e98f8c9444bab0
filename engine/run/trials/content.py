"""What a value of a program is made of, as a digest: equal digests mean equal values for the same sample."""

import hashlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ...hw.program import Key, Program, Step

Array = NDArray[Any]
Digest = bytes

SIZE = 16


def step_content(step: Step) -> Digest:
    """Digest of what a step does, without what it reads.

    A float step's weights are those of the graph, so its layer's name stands for them.
    """
    found = hashlib.blake2b(digest_size=SIZE)
    found.update(_text(step.kernel))
    if step.kernel == "float":
        found.update(_text(step.layer))
    for name in sorted(step.parameters):
        found.update(_text(name))
        for part in _bytes(step.parameters[name]):
            found.update(part)
    return found.digest()


def value_digests(program: Program, exact: frozenset[str], contents: list[Digest]) -> Mapping[Key, Digest]:
    """Digest of every value: of the step that makes it and, through its inputs, of all that leads there.

    exact: tensors that have the float pass's value. contents: :func:`step_content` of each step.
    """
    digests: dict[Key, Digest] = {name: named("input", name) for name in program.inputs}
    digests.update({name: named("float", name) for name in exact})
    for key, value in program.constants.items():
        found = hashlib.blake2b(digest_size=SIZE)
        for part in _bytes(value):
            found.update(part)
        digests[key] = found.digest()
    for step, content in zip(program.steps, contents, strict=True):
        made = hashlib.blake2b(content, digest_size=SIZE)
        for key in step.inputs:
            made.update(digests[key])
        base = made.digest()
        for index, key in enumerate(step.outputs):
            if key not in digests:
                digests[key] = base if index == 0 else named(str(index), base.hex())
    return digests


def named(kind: str, name: str) -> Digest:
    """Digest of a value that is known by name only."""
    return hashlib.blake2b(_text(kind) + _text(name), digest_size=SIZE).digest()


def size_of(step: Step) -> int:
    """Bytes of the arrays among a step's parameters."""
    return sum(value.nbytes for value in step.parameters.values() if isinstance(value, np.ndarray))


def _text(text: str) -> bytes:
    coded = text.encode("utf-8", "surrogatepass")
    return struct.pack("<q", len(coded)) + coded


def _bytes(value: Any) -> Iterator[bytes | memoryview]:
    """The value in a form in which different values differ."""
    if isinstance(value, np.ndarray):
        array = cast(Array, value)
        yield _text(f"array {array.dtype.str} {array.shape}")
        yield np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    elif isinstance(value, float):
        yield _text("float") + struct.pack("<d", value)
    elif is_dataclass(value):
        for field in fields(value):
            yield _text(field.name)
            yield from _bytes(getattr(value, field.name))
    elif isinstance(value, tuple | list):
        yield _text(f"sequence {len(value)}")  # pyright: ignore[reportUnknownArgumentType]
        for item in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _bytes(item)
    else:
        yield _text(f"{type(value).__name__} {value!r}")
