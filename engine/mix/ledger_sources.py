"""Which sources of noise a plan has (peers section 2): each counted once, where it acts.

A layer in int8 adds its own noise: weights, integer arithmetic, rounding of its output. A float tensor that
int8 layers read adds the noise of the cast, on the way through those readers only: its float readers see the
exact value. A float layer that only passes or maps single values, fed with integers, gives few distinct values, so
that the cast behind it loses something else than it would behind any other: this is a source of its own.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph
from ..hw.program import Program
from .trial import Source

ONE_TO_ONE = frozenset(
    {
        "Abs", "AddConst", "Clip", "Cos", "Depth2Space", "Elu", "Erf", "Exp", "Floor", "GELU", "HardSigmoid",
        "HardSwish", "LeakyRelu", "Log", "MaxConst", "MaxPool", "MinConst", "Mish", "MulConst", "PRelu", "Pad",
        "Permute", "Reciprocal", "Relu", "Reshape", "Scale", "SiLU", "Sigmoid", "Sin", "Slice", "Softplus", "Sqrt",
        "Squeeze", "SubConst", "Tanh", "Tile", "Unsqueeze", "Upsample",
    }
)  # fmt: skip
"""Ops of which every output value is a function of one input value."""


@dataclass(frozen=True, slots=True)
class Member:
    """A layer that the chip can run in int8: what it reads and makes; ``passes``: its op is in ``ONE_TO_ONE``."""

    name: str
    reads: tuple[str, ...]
    makes: tuple[str, ...]
    passes: bool

    @property
    def single(self) -> bool:
        """Whether each output value is made of one value of one tensor that is read."""
        return self.passes and len(self.reads) == 1


@dataclass(frozen=True)
class SourceMap:
    """All sources of a network on a chip, and which of them a plan has."""

    members: tuple[Member, ...]

    @classmethod
    def of(cls, graph: Graph, program: Program) -> "SourceMap":
        """The sources of a graph from its all-int8 program."""
        return cls(
            tuple(
                Member(
                    layer.name,
                    tuple(dict.fromkeys(graph.activations(layer))),
                    tuple(name for name in layer.outputs if name),
                    layer.op in ONE_TO_ONE,
                )
                for layer in graph.layers
                if program.modes.get(layer.name) == "INT8"
            )
        )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Layers that can be int8, in model order."""
        return tuple(member.name for member in self.members)

    @cached_property
    def by_name(self) -> Mapping[str, Member]:
        """Members by layer name."""
        return {member.name: member for member in self.members}

    @cached_property
    def readers(self) -> Mapping[str, tuple[str, ...]]:
        """Int8-capable readers of each tensor."""
        found: dict[str, list[str]] = {}
        for member in self.members:
            for tensor in member.reads:
                found.setdefault(tensor, []).append(member.name)
        return {tensor: tuple(names) for tensor, names in found.items()}

    @cached_property
    def maker(self) -> Mapping[str, Member]:
        """The member that makes a tensor; tensors of float-only layers and graph inputs are missing."""
        return {tensor: member for member in self.members for tensor in member.makes}

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """Every source: layers, layers that pass values, then casts reader by reader.

        There is a joint cast where several layers read a tensor.
        """
        found = [Source("layer", member.name) for member in self.members]
        found += [Source("pass", member.name) for member in self.members if member.single]
        for tensor, readers in self.readers.items():
            found += [Source("cast", tensor, reader) for reader in readers]
            if len(readers) > 1:
                found.append(Source("cast", tensor))
        return tuple(found)

    @cached_property
    def index(self) -> Mapping[Source, int]:
        """Position of each source."""
        return {source: position for position, source in enumerate(self.sources)}

    def weights(self, floats: Collection[str]) -> NDArray[np.float64]:
        """How often each source counts when the named layers are float, the others int8.

        Several int8 readers of one cast tensor share its rounding: what they do together beyond their sum is
        counted by the share of the pairs of readers that are int8.
        """
        weights = np.zeros(len(self.sources))
        for position, weight in self.active(floats).items():
            weights[position] = weight
        return weights

    def active(self, floats: Collection[str]) -> dict[int, float]:
        """As ``weights``, only the sources that count."""
        floats = floats if isinstance(floats, set | frozenset) else frozenset(floats)
        found: dict[int, float] = {}
        casts: dict[str, list[str]] = {}
        known: dict[str, tuple[str, ...] | None] = {}
        index = self.index
        for member in self.members:
            if member.name in floats:
                continue
            found[index[Source("layer", member.name)]] = 1.0
            for tensor in member.reads:
                passed = self._passed(tensor, floats, known)
                if passed is None:
                    casts.setdefault(tensor, []).append(member.name)
                    continue
                found.update({index[Source("pass", name)]: 1.0 for name in passed})
        for tensor, readers in casts.items():
            self._add_casts(found, tensor, readers)
        return found

    def _add_casts(self, found: dict[int, float], tensor: str, readers: Sequence[str]) -> None:
        for reader in readers:
            found[self.index[Source("cast", tensor, reader)]] = 1.0
        every = self.readers[tensor]
        if len(readers) < 2:
            return
        share = len(readers) * (len(readers) - 1) / (len(every) * (len(every) - 1))
        found[self.index[Source("cast", tensor)]] = share
        for reader in every:
            position = self.index[Source("cast", tensor, reader)]
            found[position] = found.get(position, 0.0) - share

    def _passed(
        self, tensor: str, floats: Collection[str], known: dict[str, tuple[str, ...] | None]
    ) -> tuple[str, ...] | None:
        """Float layers between an int8 layer and the tensor that pass its values; None: a plain cast is needed."""
        if tensor in known:
            return known[tensor]
        chain: list[str] = []
        current, result = tensor, None
        while True:
            member = self.maker.get(current)
            if member is None:
                break
            if member.name not in floats:
                result = tuple(chain)
                break
            if not member.single:
                break
            chain.append(member.name)
            current = member.reads[0]
        known[tensor] = result
        return result

    def alone(self, layer: str) -> NDArray[np.float64]:
        """The sources of a plan in which only this layer is int8."""
        return self.weights(frozenset(self.names) - {layer})

    def neighbours(self, layer: str) -> tuple[str, ...]:
        """Members that make what the layer reads or read what it makes."""
        member = self.by_name[layer]
        makers = (self.maker.get(tensor) for tensor in member.reads)
        users = (name for tensor in member.makes for name in self.readers.get(tensor, ()))
        return tuple(dict.fromkeys([*(item.name for item in makers if item is not None), *users]))

    def restricted(self, floats: Iterable[str]) -> frozenset[str]:
        """The float layers that could be int8."""
        return frozenset(floats) & frozenset(self.names)
