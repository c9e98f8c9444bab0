"""Casts before they are measured: each is bounded by what the layer before it adds.

A layer in int8 rounds its output; a cast of the same tensor, where the layer is float and a reader is not, rounds the
same values to the same levels. So a cast loses about what the layer adds, or less: the layer has its weights besides.
A layer whose own arithmetic is exact on integers (it moves values, or adds tensors of one scale) adds nothing although
its cast does: there the layers that made its inputs count too.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .ledger_sources import SourceMap
from .trial import Source

Array = NDArray[np.float64]


def is_base(found: SourceMap, source: Source) -> bool:
    """Whether a source has no bound: a layer, or the cast of a tensor that no int8 layer can make."""
    return source.kind == "layer" or (source.kind == "cast" and source.name not in found.maker)


@dataclass(frozen=True)
class Bounds:
    """Estimates of casts and passes from the layers before them.

    ``layers``: what each layer adds, [outputs, samples], by name. ``inputs``: the same of casts of graph inputs.
    """

    map: SourceMap
    layers: Mapping[str, Array]
    inputs: Mapping[str, Array]

    def of(self, source: Source) -> Array:
        """The estimate of a cast or a pass; one of several readers of a tensor has its part."""
        if source.kind == "pass":
            return self.tensor(self.map.by_name[source.name].makes[0])
        whole = self.tensor(source.name)
        readers = len(self.map.readers[source.name])
        return whole / readers if source.reader and readers > 1 else whole

    def tensor(self, tensor: str) -> Array:
        """What rounding a tensor loses: what its maker adds and, where that may be exact, the makers before it."""
        member = self.map.maker.get(tensor)
        if member is None:
            return self.inputs[tensor]
        total = self.layers[member.name]
        if member.single or len(member.reads) > 1:
            total = total + sum(self.tensor(name) for name in member.reads)
        return total
