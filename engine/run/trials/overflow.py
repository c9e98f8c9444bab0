"""Why a trial's values are no numbers: the layers where a float type overflowed."""

from collections.abc import Mapping

import numpy as np

from ...hw.program import Key
from ...text import visible
from .network import Network
from .states import States, Values


def is_finite(values: Values) -> bool:
    """Whether all elements of all float arrays are numbers."""
    return all(value.dtype.kind != "f" or bool(np.isfinite(value).all()) for value in values.values())


def overflow_notes(states: States, network: Network, sample: int) -> list[str]:
    """One sentence for each layer whose outputs are not finite while its inputs are.

    The sample is run once more, to see every layer's values.
    """
    steps = [step for step in network.program.steps if step.kernel == "float"]
    keys = list(dict.fromkeys(key for step in steps for key in (*step.inputs, *step.outputs)))
    stacks = states.compute(network, [sample], keys)
    wrong: Mapping[Key, int] = {key: _not_finite(stacks[key].parts()[0]) for key in keys}
    notes: list[str] = []
    for step in steps:
        count = sum(wrong[key] for key in step.outputs)
        if count and not any(wrong[key] for key in step.inputs):
            mode = step.parameters["mode"]
            remedy = "run it in F32" if mode != "F32" else "look at its inputs"
            notes.append(
                f"layer {visible(step.layer)}: {count} values beyond {mode} on sample {sample + 1}; {remedy}"
            )
    return notes


def _not_finite(value: np.ndarray) -> int:
    return int(np.count_nonzero(~np.isfinite(value))) if value.dtype.kind == "f" else 0
