import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from ops_arrays import levels
from quantdeck.engine.ops_c import kernels, reference

PRINT_LEVEL = "from quantdeck.engine.ops_c import kernels; print(kernels.level())"


def start(wanted):
    environment = {**os.environ, "QUANTDECK_KERNELS": wanted}
    return subprocess.run(
        [sys.executable, "-c", PRINT_LEVEL], env=environment, capture_output=True, text=True, check=False
    )


def test_self_test_holds_at_every_level():
    for _ in levels():
        results = dict(kernels.self_test())
        assert set(results) == set(reference.__all__)
        assert all(results.values())


def test_every_twin_has_a_kernel_in_c():
    for name in reference.__all__:
        assert getattr(kernels, name) is not getattr(reference, name)


def test_levels_rise_from_scalar():
    assert kernels.levels()[0] == "scalar"
    assert kernels.level() in kernels.levels()
    assert set(kernels.levels()) <= set(kernels.features())


def test_environment_forces_a_level():
    assert start("scalar").stdout == "scalar\n"


def test_environment_with_an_unknown_level_is_one_sentence():
    result = start("sse\x1b[31m")
    last = result.stderr.strip().splitlines()[-1]
    assert result.returncode != 0
    assert "QUANTDECK_KERNELS" in last
    assert "scalar" in last
    assert "\x1b" not in last


def test_unknown_level_is_refused():
    before = kernels.level()
    with pytest.raises(ValueError, match="scalar"):
        kernels.use_level("sse9")
    assert kernels.level() == before


def test_threads_share_nothing():
    random = np.random.default_rng(9)
    x = random.integers(-128, 128, (1, 33, 40, 40)).astype(np.int8)
    y = random.integers(0, 256, x.shape).astype(np.uint8)
    real = random.standard_normal(60_000).astype(np.float32)
    table = np.exp(-0.1 * np.arange(256)).astype(np.float32)

    def work(turn):
        rolled = np.roll(x, turn, axis=2)
        return (
            kernels.add([rolled, y], [77, 99], [7, 8]),
            kernels.softmax(rolled, table),
            kernels.avg_pool(rolled, (3, 3), (2, 2), (1, 1, 1, 1), 57, 9),
            kernels.histogram(np.roll(real, turn), 0.01, 500),
            kernels.moments(np.roll(real, turn)),
        )

    alone = [work(turn) for turn in range(16)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(work, range(16)))
    for one, other in zip(alone, together, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one[:4], other[:4], strict=True))
        assert one[4] == other[4]
