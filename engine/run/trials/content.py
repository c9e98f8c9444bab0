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
LARGE, MANY = 4096, 4096
"""Bytes from which an array's digest is remembered, and how many are."""


class ArrayDigests:
    """Digests of large arrays, each hashed once as long as the same object comes again."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Array, Digest]] = {}

    def get(self, array: Array) -> Digest:
        """Digest of type, shape and elements."""
        found = self._known.get(id(array))
        if found is None or found[0] is not array:
            digest = hashlib.blake2b(_text(f"array {array.dtype.str} {array.shape}"), digest_size=SIZE)
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
            found = (array, digest.digest())
            if array.nbytes >= LARGE:
                if len(self._known) >= MANY:
                    self._known.clear()
                self._known[id(array)] = found
        return found[1]


def step_content(step: Step, arrays: ArrayDigests) -> Digest:
    """Digest of what a step does, without what it reads.

    A float step's weights are those of the graph, so its layer's name stands for them.
    """
    found = hashlib.blake2b(digest_size=SIZE)
    found.update(_text(step.kernel))
    if step.kernel == "float":
        found.update(_text(step.layer))
    for name in sorted(step.parameters):
        found.update(_text(name))
        for part in _bytes(step.parameters[name], arrays):
            found.update(part)
    return found.digest()


def value_digests(
    program: Program, exact: frozenset[str], contents: list[Digest], arrays: ArrayDigests
) -> Mapping[Key, Digest]:
    """Digest of every value: of the step that makes it and, through its inputs, of all that leads there.

    exact: tensors that have the float pass's value. contents: :func:`step_content` of each step.
    """
    digests: dict[Key, Digest] = {name: named("input", name) for name in program.inputs}
    digests.update({name: named("float", name) for name in exact})
    for key, value in program.constants.items():
        digests[key] = arrays.get(value)
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


def _bytes(value: Any, arrays: ArrayDigests) -> Iterator[bytes]:
    """The value in a form in which different values differ."""
    if isinstance(value, np.ndarray):
        yield arrays.get(cast(Array, value))
    elif isinstance(value, float):
        yield _text("float") + struct.pack("<d", value)
    elif is_dataclass(value):
        for field in fields(value):
            yield _text(field.name)
            yield from _bytes(getattr(value, field.name), arrays)
    elif isinstance(value, tuple | list):
        yield _text(f"sequence {len(value)}")  # pyright: ignore[reportUnknownArgumentType]
        for item in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _bytes(item, arrays)
    else:
        yield _text(f"{type(value).__name__} {value!r}")
