"""Casts before they are measured: estimated from what the layers before them add.

A layer in int8 rounds its output; a cast of the same tensor, where the layer is float and a reader is not, rounds the
same values to the same levels. So a cast loses about what the layer adds, or less: the layer has its weights besides.
A layer whose own arithmetic is exact on integers (it moves values, or adds tensors of one scale) adds nothing although
its cast loses what the cast before it did. Which of both it is cannot be told from outside: what lies between is taken.

An estimate that is too high would never be found out, for searches avoid what looks loud; one that is too low is
measured as soon as a plan has it. So estimates stay on the low side.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .ledger_sources import SourceMap
from .trial import Source

Array = NDArray[np.float64]


def is_base(found: SourceMap, source: Source) -> bool:
    """Whether a source is always measured: a layer, or the cast of a tensor that no int8 layer can make."""
    return source.kind == "layer" or (source.kind == "cast" and source.name not in found.maker)


CAST, PASS = 0.5, 0.05
"""What casts and passes lose of what the layer before them adds: medians of the zoo's networks are 0.2 to 0.4, and 0 to
0.1."""
EXACT = 1e-3
"""The least that a layer counts beside the loudest tensor that it reads."""


@dataclass(frozen=True)
class Estimates:
    """Estimates of casts and passes from the layers before them.

    ``layers``: what each layer adds, [outputs, samples], by name. ``inputs``: the same of casts of graph inputs.
    """

    map: SourceMap
    layers: Mapping[str, Array]
    inputs: Mapping[str, Array]

    def of(self, source: Source) -> Array:
        """The estimate of a cast or a pass; one of several readers of a tensor has its part."""
        if source.kind == "pass":
            return PASS * self.tensors[self.map.by_name[source.name].makes[0]]
        whole = CAST * self.tensors[source.name]
        readers = len(self.map.readers[source.name])
        return whole / readers if source.reader and readers > 1 else whole

    @cached_property
    def tensors(self) -> Mapping[str, Array]:
        """What each tensor's maker adds; where that may be exact, the geometric mean of it and what came before."""
        found = dict(self.inputs)
        for member in self.map.members:
            own = self.layers[member.name]
            if member.single or len(member.reads) > 1:
                before = np.maximum.reduce([found[name] for name in member.reads])
                own = np.sqrt(np.maximum(own, EXACT * before) * np.maximum(own, before))
            found.update(dict.fromkeys(member.makes, own))
        return found
