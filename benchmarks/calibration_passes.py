"""How fast the calibration passes run: elements per second of each, beside numpy's way to the same figures.

Usage: python benchmarks/calibration_passes.py [elements]

One thread, best of 15 interleaved rounds; every level of this CPU for the kernels. No thresholds: look at the
ratios, the machine is shared.
"""

import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
from quantdeck.engine.ops_c import kernels

BINS = 2048
ROUNDS = 15

Pass = tuple[str, Callable[[], object], Callable[[], object]]


def counted(x: np.ndarray, width: float) -> np.ndarray:
    a = np.abs(x)
    a = a[a != 0]
    index = np.floor(a / np.float32(width) + np.float32(0.5))
    return np.histogram(index, bins=BINS, range=(0, BINS - 1))[0]


def numpy_moments(x: np.ndarray) -> tuple[float, ...]:
    wide = x.astype(np.float64)
    return x.min(), x.max(), wide.sum(), np.abs(wide).sum(), (wide * wide).sum(), (x == 0).sum()


def numpy_octav(x: np.ndarray, s: float) -> tuple[float, int]:
    a = np.abs(x)
    above = a > np.float32(s)
    return a[above].sum(), above.sum()


def numpy_similarity(a: np.ndarray, b: np.ndarray) -> tuple[float, ...]:
    a, b = a.astype(np.float64), b.astype(np.float64)
    return a @ b, a @ a, b @ b, ((a - b) ** 2).sum(), ((a + b) ** 2).sum()


def passes(count: int) -> list[Pass]:
    random = np.random.default_rng(1684)
    bell = random.standard_normal(count).astype(np.float32)
    relu = np.maximum(bell, 0)
    near = bell + np.float32(0.01)
    width = float(np.abs(bell).max()) / (BINS - 1)
    return [
        ("moments", lambda: kernels.moments(bell), lambda: numpy_moments(bell)),
        ("histogram, bell", lambda: kernels.histogram(bell, width, BINS), lambda: counted(bell, width)),
        ("histogram, half zero", lambda: kernels.histogram(relu, width, BINS), lambda: counted(relu, width)),
        (
            "signed histogram",
            lambda: kernels.signed_histogram(bell, -5, 5, 256),
            lambda: np.histogram(bell, bins=256, range=(-5, 5)),
        ),
        ("OCTAV step", lambda: kernels.octav_step(bell, 1.0), lambda: numpy_octav(bell, 1.0)),
        ("values above", lambda: kernels.above(bell, 3.7), lambda: bell[bell > np.float32(3.7)]),
        ("similarity", lambda: kernels.similarity(bell, near), lambda: numpy_similarity(bell, near)),
        (
            "quantize",
            lambda: kernels.quantize(bell, 20.0),
            lambda: np.clip(np.rint(bell * np.float32(20)), -128, 127).astype(np.int8),
        ),
    ]


def seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def measure(one: Pass, levels: Sequence[str]) -> dict[str, float]:
    """Best time of each contender; every round runs all of them in turn."""
    _, kernel, plain = one
    best = dict.fromkeys((*levels, "numpy"), float("inf"))
    for _ in range(ROUNDS):
        for level in levels:
            kernels.use_level(level)
            best[level] = min(best[level], seconds(kernel))
        best["numpy"] = min(best["numpy"], seconds(plain))
    return best


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1 << 18
    levels = [level for level in kernels.levels() if level != "avxvnni"]  # the same loops as avx2
    print(f"{count} float32 elements; G elements/s, last column: {levels[-1]} against numpy")
    print(f"{'pass':22s}" + "".join(f"{name:>12s}" for name in (*levels, "numpy", "ratio")))
    for one in passes(count):
        best = measure(one, levels)
        rates = "".join(f"{count / best[name] / 1e9:12.2f}" for name in (*levels, "numpy"))
        print(f"{one[0]:22s}{rates}{best['numpy'] / best[levels[-1]]:11.1f}x")


if __name__ == "__main__":
    main()
