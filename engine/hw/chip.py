"""The chips: their float types and their lowering (spec B.18, C)."""

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import QuantdeckError
from ..graph.model import Graph
from ..plan import Plan
from ..text import visible
from . import bm1684x
from .memo import Memo
from .program import Program

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Chip:
    """A chip's profile.

    ``float_types``: what the searches accept as --fp_type; ``auto_float``: what "auto" stands for;
    ``modes``: the modes that a quantize table may give a layer.
    """

    name: str
    float_types: tuple[str, ...]
    auto_float: str
    modes: tuple[str, ...]
    lowering: Callable[[Graph, Plan, Memo], Program] | None = None

    def lower(self, graph: Graph, plan: Plan, memo: Memo | None = None) -> Program:
        """The program that the chip makes of *graph* and *plan*.

        memo: shared by lowerings of the same graph, so that what a plan does not change is not made again.

        Errors: QuantdeckError when the plan holds a mode that the chip lacks, or when the chip's integer
        arithmetic is not simulated.
        """
        for layer, mode in plan.modes.items():
            if str(mode) not in self.modes:
                wanted = ", ".join(self.modes)
                raise QuantdeckError(
                    f"layer {visible(layer)}: {self.name} has no {mode}; change its mode to one of {wanted}"
                )
        if self.lowering is None:
            able = ", ".join(chip.name for chip in _PROFILES if chip.lowering is not None)
            raise QuantdeckError(
                f"--chip {self.name}: this chip is known by its float types only; "
                f"the integer simulation exists for {able}"
            )
        return self.lowering(graph, plan, Memo() if memo is None else memo)


_X_MODES = ("INT8", "F32", "F16", "BF16")
_PROFILES: tuple[Chip, ...] = (
    Chip("bm1684x", ("F16", "F32"), "F16", _X_MODES, bm1684x.lower),
    Chip("bm1688", ("F16", "F32"), "F16", _X_MODES, bm1684x.lower),
    Chip("cv186x", ("F16", "F32"), "F16", _X_MODES, bm1684x.lower),
    Chip("bm1690", ("F16", "F32"), "F16", _X_MODES, bm1684x.lower),
    Chip("bm1684", ("F32",), "F32", ("INT8", "F32")),
    Chip("cv183x", ("BF16",), "BF16", ("INT8", "BF16")),
    Chip("cv182x", ("BF16",), "BF16", ("INT8", "BF16")),
    Chip("cv181x", ("BF16",), "BF16", ("INT8", "BF16")),
    Chip("cv180x", ("BF16",), "BF16", ("INT8", "BF16")),
    Chip("mars3", ("BF16",), "BF16", ("INT8", "BF16")),
)

CHIPS: tuple[str, ...] = tuple(chip.name for chip in _PROFILES)
"""Names of all chips."""


def get_chip(name: str) -> Chip:
    """The chip of that name (case does not matter).

    Errors: QuantdeckError for an unknown name.
    """
    for chip in _PROFILES:
        if chip.name == name.strip().lower():
            return chip
    raise QuantdeckError(f"--chip {visible(name)}: no such chip; choose one of {', '.join(CHIPS)}")


def resolve_fp_type(chip_name: str, text: str) -> str:
    """The float type that --fp_type *text* means on a chip: "auto" becomes the chip's own (spec B.18).

    bm1690, for which the original has no list, takes what its relatives take.
    Errors: QuantdeckError for a type that the chip lacks.
    """
    chip = get_chip(chip_name)
    wanted = text.strip().upper()
    if wanted == AUTO.upper():
        return chip.auto_float
    if wanted in chip.float_types:
        return wanted
    choices = " or ".join((AUTO, *chip.float_types))
    raise QuantdeckError(f"--fp_type {visible(text)}: not supported by {chip.name}; give {choices}")
