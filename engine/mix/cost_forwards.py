"""What a trial costs to run: layers executed times samples, and a budget of that."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from ..errors import QuantdeckError
from ..graph.model import Graph
from .trial import StopReason, Trial


class Stop(Exception):
    """Thrown into a search by its driver: end now with the best plan so far."""

    def __init__(self, reason: StopReason = StopReason.USER) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of a search: layer-forwards and trials.

    ``over`` says whether the driver's own limit (minutes, a person) is reached, and which.
    """

    forwards: float = math.inf
    trials: float = math.inf
    over: Callable[[], StopReason | None] = lambda: None

    def __post_init__(self) -> None:
        if not (self.forwards > 0 and self.trials > 0):
            raise QuantdeckError(
                f"the budget is {self.forwards:g} layer-forwards and {self.trials:g} trials; both must be above 0"
            )


@dataclass(frozen=True)
class Forwards:
    """Counts layer-forwards of trials: a plan runs what depends on an int8 layer, a source what is behind it.

    int8: layers that can be int8. samples: how many a trial with 0 samples has. What lies before the first int8 layer
    has the float pass's values, which are held.
    """

    graph: Graph
    int8: frozenset[str]
    samples: int

    @cached_property
    def _behind(self) -> dict[str, frozenset[str]]:
        """Layers behind each layer, itself included."""
        return {layer.name: self.graph.cone(layer.outputs) | {layer.name} for layer in self.graph.layers}

    def __call__(self, trial: Trial) -> int:
        """Layers that the trial executes, times samples."""
        return self._layers(trial) * trial.count(self.samples)

    def _layers(self, trial: Trial) -> int:
        source = trial.source
        if source is None:
            return len(self._union(name for name in self.int8 if name not in trial.plan.modes))
        if source.kind == "layer":
            return len(self._behind[source.name])
        return len(self._behind[source.reader] if source.reader else self.graph.cone([source.name]))

    def _union(self, names: Iterable[str]) -> frozenset[str]:
        found: set[str] = set()
        for name in names:
            if name not in found:
                found |= self._behind[name]
        return frozenset(found)
