"""One random sample through an ONNX model: shapes and types of every tensor, values of the constant ones."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import onnx

from .interface import Feed
from .runtime import run, session

Array = np.ndarray

LIMIT = 600.0  # seconds: a loop in a file may be endless


@dataclass(frozen=True, slots=True)
class Probe:
    """What a run gave: values by tensor name, and names of results that are no tensors."""

    values: Mapping[str, Array]
    others: frozenset[str]


def random_feeds(feeds: Sequence[Feed], spread: float = 1.0) -> dict[str, Array]:
    """Normal floats, small integers, coin flips; the same for the same names and shapes on every machine."""
    return {feed.name: _random(feed, spread) for feed in feeds}


def _random(feed: Feed, spread: float) -> Array:
    rng = np.random.default_rng(zlib.crc32(feed.name.encode("utf-8", "surrogatepass")))
    dtype = np.dtype(feed.dtype)
    if dtype.kind == "f":
        return np.asarray(rng.standard_normal(feed.shape) * spread).astype(dtype)
    if dtype == np.uint8:
        return rng.integers(0, 256, feed.shape).astype(dtype)
    return rng.integers(0, 2, feed.shape).astype(dtype)


def run_outputs(model: onnx.ModelProto, feeds: Mapping[str, Array]) -> dict[str, object]:
    """The outputs of a model, without any rewrite of it."""
    names = dict.fromkeys(output.name for output in model.graph.output)
    return run(session(model), list(names), feeds, LIMIT)


def probe(model: onnx.ModelProto, feeds: Mapping[str, Array]) -> Probe:
    """Run *model* with every tensor of its main graph fetched."""
    open_model = onnx.ModelProto()
    open_model.CopyFrom(model)
    names = dict.fromkeys(output.name for output in model.graph.output)
    for node in model.graph.node:
        names.update(dict.fromkeys(name for name in node.output if name))
    del open_model.graph.output[:]
    open_model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    runner = session(open_model)
    found = run(runner, list(names), feeds, LIMIT)
    values = {name: cast(Array, value) for name, value in found.items() if isinstance(value, np.ndarray)}
    return Probe(values, frozenset(names) - frozenset(values))


def same(left: Mapping[str, object], right: Mapping[str, object], tolerance: float = 1e-3) -> bool:
    """Whether two runs agree: types and shapes equal, floats within *tolerance* of the largest magnitude."""
    return left.keys() == right.keys() and all(_close(left[name], right[name], tolerance) for name in left)


def _close(left: object, right: object, tolerance: float) -> bool:
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        return _arrays_close(cast(Array, left), cast(Array, right), tolerance)
    return not isinstance(left, np.ndarray) and not isinstance(right, np.ndarray)


def _arrays_close(left: Array, right: Array, tolerance: float) -> bool:
    if left.shape != right.shape or left.dtype != right.dtype:
        return False
    if left.dtype.kind != "f":
        return bool(np.array_equal(left, right))
    if left.size and left.dtype == np.float32:
        with np.errstate(invalid="ignore", over="ignore"):
            off, size = _largest(left - right), _largest(left)
        if np.isfinite(off) and np.isfinite(size):  # then every element is finite
            return off <= tolerance * size + 1e-12
    finite = np.isfinite(left)
    if not np.array_equal(finite, np.isfinite(right)):
        return False
    if not np.array_equal(left[~finite], right[~finite], equal_nan=True):
        return False
    a, b = left[finite].astype(np.float64), right[finite].astype(np.float64)
    return bool(np.abs(a - b).max(initial=0.0) <= tolerance * np.abs(a).max(initial=0.0) + 1e-12)


def _largest(array: Array) -> float:
    """The largest magnitude; NaN or infinite where an element is."""
    return float(np.maximum(array.max(), -array.min()))
