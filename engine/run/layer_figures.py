"""Figures of layers by what they are made of, so that an edit's figures are computed only where it reaches.

A layer alone depends on its own steps and on how they store their inputs; a layer in the plan on all steps that lead
to it. Both are known by content (trials/content.py): equal digests mean equal values for the same sample.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from ..graph.model import Graph, Layer
from ..hw.memo import Memo
from ..hw.program import Key, Program
from .executor import Executor
from .score import LayerScore, Similarity
from .trials.content import ArrayDigests, Digest, named
from .trials.network import Network

KEPT = 8
"""Figures a layer that are remembered: undoing and trying again cost nothing."""


@dataclass(frozen=True, slots=True)
class Accumulated:
    """A layer in the plan. saturation: share of elements at an end of the integer range, mean of the samples."""

    similarity: Similarity
    saturation: float


@dataclass(frozen=True, slots=True)
class Made:
    """What a layer's figures are made of under a plan: digests of it alone and in the plan."""

    layer: Layer
    alone: Digest
    in_plan: Digest


class LayerFigures:
    """What is known of the layers of one graph on one set of samples."""

    def __init__(self, graph: Graph) -> None:
        self.memo = Memo()
        self._graph = graph
        self._arrays = ArrayDigests()
        self._alone: OrderedDict[Digest, Similarity | None] = OrderedDict()
        self._in_plan: OrderedDict[Digest, Accumulated | None] = OrderedDict()

    def made_of(self, program: Program, executor: Executor, layers: Sequence[Layer]) -> tuple[Made, ...]:
        """What the figures of *layers* depend on, the program's samples aside."""
        network = Network(self._graph, program, self._arrays)
        return tuple(
            Made(layer, self._digest_alone(network, executor, layer), _digest_in_plan(network, layer))
            for layer in layers
        )

    def lacks_alone(self, made: Made) -> bool:
        """Whether the layer alone has to be computed."""
        return made.alone not in self._alone

    def lacks_in_plan(self, made: Made) -> bool:
        """Whether the layer in the plan has to be computed."""
        return made.in_plan not in self._in_plan

    def keep_alone(self, made: Made, found: Similarity | None) -> None:
        """Remember the layer alone; None where the program does not make its output."""
        self._alone[made.alone] = found

    def keep_in_plan(self, made: Made, found: Accumulated | None) -> None:
        """Remember the layer in the plan; None where there is no sample."""
        self._in_plan[made.in_plan] = found

    def scores(self, program: Program, made: Sequence[Made]) -> tuple[LayerScore, ...]:
        """The figures of layers that lack none; then figures that were not asked for for long are forgotten."""
        found = tuple(self._score(program, one) for one in made)
        for known in (self._alone, self._in_plan):
            while len(known) > KEPT * len(made):
                known.popitem(last=False)
        return found

    def _score(self, program: Program, made: Made) -> LayerScore:
        self._alone.move_to_end(made.alone)
        self._in_plan.move_to_end(made.in_plan)
        name, alone, there = made.layer.name, self._alone[made.alone], self._in_plan[made.in_plan]
        mode = program.modes[name]
        if there is None:
            return LayerScore(name, mode, alone, None)
        return LayerScore(name, mode, alone, there.similarity, there.saturation)

    def _digest_alone(self, network: Network, executor: Executor, layer: Layer) -> Digest:
        """Of the steps that lead from the layer's float inputs to its output, and of how these are stored."""
        program = network.program
        found = hashlib.blake2b(named("layer", layer.name), digest_size=len(network.digests[layer.name]))
        for name in self._graph.activations(layer):
            found.update(named("given", f"{name} {program.types[name]}"))
        for index in executor.local_steps(layer):
            step = program.steps[index]
            found.update(network.contents[index])
            for key in (*step.inputs, *step.outputs):
                constant = program.constants.get(key)
                found.update(named("key", repr(key)) if constant is None else self._arrays.get(constant))
        found.update(named("type", str(program.types[layer.name])))
        return found.digest()


def _digest_in_plan(network: Network, layer: Layer) -> Digest:
    key: Key = layer.name
    stored = network.program.types[key]
    return named(f"layer {layer.name}", f"{stored} {network.digests[key].hex()}")
