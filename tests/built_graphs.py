"""Small graphs made by hand, and plans whose thresholds are the tensors' own maxima."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from quantdeck.engine.graph.model import Graph, Layer, Output, Tensor
from quantdeck.engine.graph.vocabulary import Attributes
from quantdeck.engine.plan import Plan, Threshold
from quantdeck.engine.run.float_runner import FloatRunner

Array = np.ndarray
Shape = tuple[int, ...]


class Build:
    """Collects layers; ``graph()`` gives the Graph, ``plan()`` a plan calibrated on one random sample."""

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.tensors: dict[str, Tensor] = {}
        self.weights: dict[str, Array] = {}
        self.layers: list[Layer] = []
        self.inputs: list[str] = []

    def input(self, name: str, shape: Shape, dtype: str = "float32") -> str:
        self.tensors[name] = Tensor(name, shape, dtype)
        self.inputs.append(name)
        return name

    def weight(self, value: Array | Sequence[int], scale: float = 1.0) -> str:
        """An array as it is, or random normal values of a shape."""
        name = f"w{len(self.weights)}"
        given = value if isinstance(value, np.ndarray) else self.random.normal(0, scale, tuple(value))
        self.weights[name] = np.asarray(given, np.float32)
        return name

    def layer(
        self,
        attributes: Attributes,
        inputs: Sequence[str],
        shape: Shape,
        dtype: str = "float32",
        name: str = "",
    ) -> str:
        name = name or f"t{len(self.layers)}_{attributes.op}"
        self.tensors[name] = Tensor(name, shape, dtype)
        self.layers.append(Layer(name, attributes, tuple(inputs), (name,)))
        return name

    def graph(self, outputs: Sequence[str] | None = None) -> Graph:
        names = list(outputs) if outputs is not None else [self.layers[-1].name]
        return Graph(
            name="built",
            inputs=tuple(self.inputs),
            outputs=tuple(Output(name, name) for name in names),
            layers=tuple(self.layers),
            tensors=self.tensors,
            weights=self.weights,
            digest="built",
        )

    def feeds(self, spread: float = 1.0) -> dict[str, Array]:
        return {
            name: self.random.normal(0, spread, self.tensors[name].shape).astype(np.float32)
            for name in self.inputs
        }


def float_values(graph: Graph, feeds: Mapping[str, Array]) -> dict[str, Array]:
    return {**feeds, **FloatRunner(graph, [n for n in graph.tensors if n not in graph.inputs]).run(feeds)}


def plan_of(graph: Graph, values: Mapping[str, Array], chip: str = "bm1684x", **kwargs: Any) -> Plan:
    rows: dict[str, Threshold] = {}
    for name in graph.calibrated:
        value = values[name]
        low, high = (float(value.min()), float(value.max())) if value.size else (0.0, 0.0)
        rows[name] = Threshold(max(abs(low), abs(high)), low, high)
    return Plan(chip=chip, fp_type="F16", thresholds=rows, **kwargs)
