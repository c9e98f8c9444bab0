"""int32 sums that a dump holds and our kernels keep to themselves: deconvolution, attention heads."""

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..hw.program import Key, Program, Step
from .backend import C_KERNELS

Array = NDArray[Any]

_HEAD = re.compile(r"(.*)_(?:head|attention_out_fuse)_(\d+)", re.DOTALL)


def accumulator(program: Program, name: str, values: Mapping[Key, Array], heads: int) -> Array | None:
    """The int32 tensor of a dump called *name*, made from *values*; None when it is no known accumulator.

    heads: number of heads of the fused attention that the name belongs to.
    """
    if name.endswith("_i32"):
        step = _step(program, name.removesuffix("_i32"), "deconv")
        return None if step is None else _without_requant(step, values)
    match = _HEAD.fullmatch(name)
    step = _step(program, match.group(1), "matmul") if match else None
    if match is None or step is None or "weight" not in step.parameters or not heads:
        return None
    last = int(match.group(2))
    first = last if "_head_" in name[len(match.group(1)) :] else 0
    parts = [_head(step, values[step.inputs[0]], index, heads) for index in range(first, last + 1)]
    return sum(parts[1:], parts[0]).astype(np.int32)


def _step(program: Program, output: str, kernel: str) -> Step | None:
    found = (step for step in program.steps if step.kernel == kernel and step.outputs == (output,))
    return next(found, None)


def _without_requant(step: Step, values: Mapping[Key, Array]) -> Array:
    parameters = MappingProxyType({**step.parameters, "requant": None})
    return C_KERNELS.prepare(replace(step, parameters=parameters))([values[step.inputs[0]]])


def _head(step: Step, x: Array, index: int, heads: int) -> Array:
    """One head's share of the output projection; the first head brings the bias."""
    weight, bias = step.parameters["weight"].astype(np.int64), step.parameters["bias"]
    width = weight.shape[0] // heads
    rows = slice(index * width, (index + 1) * width)
    total = x[..., rows].astype(np.int64) @ weight[rows]
    return total + bias if index == 0 and bias is not None else total
