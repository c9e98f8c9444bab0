"""Lowerings that share their parts are those of lowerings that do not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quantdeck.engine.hw.chip import get_chip
from quantdeck.engine.hw.memo import Memo
from quantdeck.engine.hw.program import Program
from quantdeck.engine.run.conformance import read_case


def same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if hasattr(one, "multiplier"):
        return all(same(getattr(one, name), getattr(other, name)) for name in one.__slots__)
    return bool(one == other)


def equal(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
    return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)


def check(one: Program, other: Program) -> None:
    assert one.modes == other.modes
    assert equal(one.types, other.types)
    assert equal(one.constants, other.constants)
    for a, b in zip(one.steps, other.steps, strict=True):
        assert (a.layer, a.kernel, a.inputs, a.outputs) == (b.layer, b.kernel, b.inputs, b.outputs)
        assert equal(a.parameters, b.parameters), a.layer


@pytest.mark.parametrize("case", ["mini_conv", "mini_mm", "mini_act", "mini_misc"])
def test_a_memo_changes_nothing(shared: Path, case: str) -> None:
    found = read_case(shared / "reference" / case / "bm1684x_int8")
    chip, memo = get_chip("bm1684x"), Memo()
    random = np.random.default_rng(7)
    plan = found.plan
    for _ in range(6):
        check(chip.lower(found.graph, plan, memo), chip.lower(found.graph, plan))
        for name in random.choice(sorted(plan.thresholds), 4):
            plan = plan.with_threshold(str(name), plan.thresholds[str(name)].value * random.uniform(0.3, 1.1))
