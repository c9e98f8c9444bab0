"""What each layer alone makes of the noise at the worst output, by a noise ledger, and its part of a plan's noise."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from .expectation import Expected, difference

if TYPE_CHECKING:
    from ..engine.mix.ledger import Ledger
    from ..engine.plan import Plan
    from ..engine.run.score import Score

Gains = Mapping[str, tuple[float, float | None]]
"""Decibels by layer, and how wrong they may be; None where they were measured."""


def output_noise(ledger: "Ledger") -> dict[str, float]:
    """SQNR in dB of the worst output if the layer alone ran in int8, by layer."""
    import numpy as np

    from ..engine.mix.trial import Source

    signal = np.maximum(ledger.signal.sum(axis=1), 1e-300)
    found: dict[str, float] = {}
    for name in ledger.map.names:
        index = ledger.map.index.get(Source("layer", name))
        if index is not None:
            loss = float((ledger.noise[index].sum(axis=1) / signal).max())
            found[name] = -10 * math.log10(loss) if loss > 0 else math.inf
    return found


def layer_gains(
    ledger: "Ledger",
    plan: "Plan",
    runs: "Sequence[tuple[Plan, Score]]" = (),
    stop: Callable[[], bool] = lambda: False,
) -> Gains | None:
    """What the worst output would gain if a layer alone changed between int8 and float, by layer, in dB.

    Predicted from *runs* as any plan is (expectation.py), with half the width of the 90 % interval; without one where
    both plans were run: it is the difference of their scores then. Nothing of layers whose float type was not measured.
    None as soon as *stop* says so.
    """
    floats, strange = ledger.map.restricted(plan.modes), plan.strange
    expected = Expected(ledger, runs)
    now, run = expected.of_floats(floats), not strange and expected.measured(floats)
    gains: dict[str, tuple[float, float | None]] = {}
    for name in ledger.map.names:
        if name in strange:
            continue
        if stop():
            return None
        then = expected.of_floats(floats ^ {name})
        known = run and expected.measured(floats ^ {name})
        gains[name] = difference(now.sqnr, then.sqnr), None if known else then.reach
    return gains


def noise_parts(
    outputs: Mapping[str, float], names: Sequence[str], modes: Sequence[str | None]
) -> dict[str, tuple[float, float]]:
    """Each layer's SQNR at the output, alone, and its part of the noise of the layers that are in int8."""
    energy = {
        name: 10 ** (-outputs[name] / 10) if mode in (None, "INT8") else 0.0
        for name, mode in zip(names, modes, strict=True)
        if name in outputs
    }
    total = sum(energy.values()) or 1.0
    return {name: (outputs[name], energy[name] / total) for name in energy}


def ranks(parts: Mapping[str, tuple[float, float]]) -> dict[str, int]:
    """The layers that make noise, the loudest first, from 1 on."""
    loud = sorted((name for name, (_, part) in parts.items() if part > 0), key=lambda name: -parts[name][1])
    return {name: place for place, name in enumerate(loud, 1)}
