"""Arrays for the kernel tests: every memory order, odd sizes, full-range and extreme values; all levels."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from quantdeck.engine.ops_c import kernels

SIDES = (1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33)
LIMIT = 20_000
quick = settings(deadline=None, max_examples=60)

multipliers = st.one_of(
    st.sampled_from([0, 1, -1, 2, 127, 2**14, 2**14 + 1, 2**22, 2**31 - 1, -(2**31)]),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(0, 127),
)
shifts = st.one_of(
    st.sampled_from([-32, -1, 0, 1, 2, 30, 31, 32, 33, 62]), st.integers(-32, 62), st.integers(0, 14)
)
byte_types = st.sampled_from([np.int8, np.uint8])
forms = st.sampled_from(["multiplier_shift", "qdm", "half_away"])


def levels() -> Iterator[str]:
    """Use each level of this machine in turn; the level found is put back."""
    before = kernels.level()
    try:
        for name in kernels.levels():
            kernels.use_level(name)
            yield name
    finally:
        kernels.use_level(before)


def values(random: np.random.Generator, shape: tuple[int, ...], dtype: Any, kind: str) -> np.ndarray:
    """Random over the whole range of an integer type, or only its ends and neighbours of zero."""
    info = np.iinfo(dtype)
    if kind == "full":
        return random.integers(info.min, info.max + 1, shape).astype(dtype)
    ends = np.array([info.min, info.max, info.min + 1, info.max - 1, 0, 1], np.int64)
    return random.choice(ends[: 2 if kind == "ends" else 6], shape).astype(dtype)


def reorder(random: np.random.Generator, x: np.ndarray, layout: str) -> np.ndarray:
    """The same values in another memory order."""
    if layout == "permuted":
        order = random.permutation(x.ndim)
        return np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
    if layout == "channels_last" and x.ndim > 2:
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    if layout == "gaps":
        wide = np.zeros([n * 2 + 1 for n in x.shape], x.dtype)
        view = wide[tuple(slice(1, 1 + 2 * n, 2) for n in x.shape)]
        view[...] = x
        return view
    if layout == "reversed":
        return np.ascontiguousarray(x[(slice(None, None, -1),) * x.ndim])[(slice(None, None, -1),) * x.ndim]
    return x


LAYOUTS = ("plain", "permuted", "channels_last", "gaps", "reversed")


@st.composite
def shapes(draw: st.DrawFn, ranks: tuple[int, int] = (1, 5), empty: bool = True) -> tuple[int, ...]:
    rank = draw(st.integers(*ranks))
    shape: list[int] = []
    room = LIMIT
    for _ in range(rank):
        side = draw(st.sampled_from(SIDES))
        side = side if side <= room else 1
        shape.append(side)
        room //= side
    if empty and draw(st.integers(0, 19)) == 0:
        shape[draw(st.integers(0, rank - 1))] = 0
    return tuple(shape)


@st.composite
def integer_arrays(
    draw: st.DrawFn, dtype: Any = None, ranks: tuple[int, int] = (1, 5), shape: Any = None, empty: bool = True
) -> np.ndarray:
    """int8 or uint8 (or the given type), any layout."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["full", "full", "ends", "near"]))
    chosen = draw(byte_types) if dtype is None else dtype
    size = draw(shapes(ranks, empty)) if shape is None else shape
    return reorder(random, values(random, size, chosen, kind), draw(st.sampled_from(LAYOUTS)))


@st.composite
def float_arrays(draw: st.DrawFn, ranks: tuple[int, int] = (1, 4), special: bool = True) -> np.ndarray:
    """float32: bell-shaped, half zero, all bit patterns, ties; any layout, also longer than a block."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = draw(shapes(ranks))
    kind = draw(st.sampled_from(["normal", "relu", "ties", "wide"] + (["bits"] if special else [])))
    if kind == "bits":
        x = random.integers(0, 2**32, shape, dtype=np.uint32).view(np.float32).reshape(shape)
    elif kind == "ties":
        x = (random.integers(-600, 600, shape) / 2).astype(np.float32)
    elif kind == "wide":
        x = (random.standard_normal(shape) * 10.0 ** random.integers(-12, 12, shape)).astype(np.float32)
    else:
        x = random.standard_normal(shape).astype(np.float32)
        x = np.maximum(x, 0) if kind == "relu" else x
    return reorder(random, x, draw(st.sampled_from(LAYOUTS)))


def same(got: Any, wanted: Any) -> bool:
    """Equal type, shape and every bit (NaN equals NaN)."""
    if isinstance(wanted, np.ndarray):
        if got.dtype != wanted.dtype or got.shape != wanted.shape:
            return False
        unsigned = np.dtype(f"u{wanted.itemsize}")
        return bool(
            np.array_equal(
                np.ascontiguousarray(got).view(unsigned), np.ascontiguousarray(wanted).view(unsigned)
            )
        )
    return repr(got) == repr(wanted)


def check(kernel: Callable[..., Any], twin: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    """The kernel gives its twin's result at every level and leaves its inputs alone."""
    before = [np.array(a) for a in arguments if isinstance(a, np.ndarray)]
    wanted = twin(*arguments, **options)
    for name in levels():
        assert same(kernel(*arguments, **options), wanted), f"{kernel.__name__} at level {name}"
    after = [a for a in arguments if isinstance(a, np.ndarray)]
    assert all(same(a, b) for a, b in zip(after, before, strict=True))
