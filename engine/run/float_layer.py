"""One layer that runs float inside a Program, rounded to its type."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph, Layer, Output
from ..graph.vocabulary import Conv, Deconv, MatMul
from ..ops_c.kernels import round_float
from ..ops_c.params import Via
from .float_product import Product, product_of
from .float_rules import rule_of

Array = NDArray[Any]


class FloatLayer:
    """Callable: activations in the layer's order to its outputs.

    mode: "F32", "F16" or "BF16". Weights are rounded to the type (the bias of a product is not); the outputs
    are rounded once where *rounded* (spec C.7). Every layer is cut alone, so that its result depends on
    nothing but its inputs (design section 5).
    """

    def __init__(self, graph: Graph, layer: Layer, mode: str, rounded: bool) -> None:
        self._layer = layer
        self._mode = mode
        self._rounded = rounded and mode != "F32"
        self._floats = [graph.tensors[name].is_float for name in layer.outputs]
        self._activations = graph.activations(layer)
        self._graph = _alone(graph, layer, mode)
        shape = graph.tensors[layer.name].shape
        known = self._fits_rule(graph)
        self._product = self._product_of(graph) if known else None
        self._rule = rule_of(layer.attributes, mode, shape) if known and self._product is None else None
        self._runner: Any = None

    def _fits_rule(self, graph: Graph) -> bool:
        """Whether operands stand where the rules expect them: an activation first, float data, known rank."""
        names = [name for name in self._layer.inputs if name]
        rank = len(graph.tensors[names[0]].shape) if names and names[0] in graph.tensors else 0
        floats = all(name not in graph.tensors or graph.tensors[name].is_float for name in names)
        return bool(names) and rank > 0 and floats and len(self._floats) == 1

    @property
    def fixed_shape(self) -> bool:
        """Whether the layer takes the graph's shapes only, and no other batch."""
        return self._product is None and self._rule is None

    def _product_of(self, graph: Graph) -> Product | None:
        names = self._layer.inputs
        weights = self._graph.weights
        shapes = [
            () if not name else weights[name].shape if name in weights else graph.tensors[name].shape
            for name in names
        ]
        via = self._grid if self._rounded else "F32"
        return product_of(self._layer.attributes, [weights.get(name) for name in names], shapes, via)

    @property
    def _grid(self) -> Via:
        return "BF16" if self._mode == "BF16" else "F16"

    def __call__(self, activations: Sequence[Array]) -> list[Array]:
        """Run the layer."""
        if self._product is not None:
            return [self._product(self._inputs(activations))]
        results = self._by_rule(activations) if self._rule is not None else self._by_runner(activations)
        return [
            self._store(result) if is_float else result
            for result, is_float in zip(results, self._floats, strict=True)
        ]

    def _store(self, result: Array) -> Array:
        if self._rounded:
            return round_float(np.asarray(result, np.float32), self._grid)
        return np.asarray(result, np.float32)

    def _by_rule(self, activations: Sequence[Array]) -> list[Array]:
        assert self._rule is not None
        with np.errstate(all="ignore"):
            return [self._rule(self._inputs(activations))]

    def _inputs(self, activations: Sequence[Array]) -> list[Array | None]:
        """All inputs in the layer's order."""
        if len(activations) == len(self._layer.inputs):
            return list(activations)
        values = dict(zip(self._activations, activations, strict=True))
        return [self._graph.weights.get(name, values.get(name)) for name in self._layer.inputs]

    def _by_runner(self, activations: Sequence[Array]) -> list[Array]:
        if self._runner is None:
            self._runner = make_runner(self._graph, self._layer.outputs)
        found = self._runner.run(dict(zip(self._activations, activations, strict=True)))
        return [found[name] for name in self._layer.outputs]


def make_runner(graph: Graph, wanted: Sequence[str]) -> Any:
    """A float runner; onnxruntime is imported only when a program needs it."""
    from .float_runner import FloatRunner

    return FloatRunner(graph, wanted)


def _alone(graph: Graph, layer: Layer, mode: str) -> Graph:
    """A graph of this one layer, its weights rounded to the type."""
    names = graph.activations(layer)
    inputs = tuple(dict.fromkeys(names))
    kept_in_float = 2 if isinstance(layer.attributes, Conv | Deconv | MatMul) else None
    weights: dict[str, Array] = {}
    for position, name in enumerate(layer.inputs):
        if name in graph.weights:
            array = graph.weights[name]
            smaller = mode != "F32" and array.dtype == np.float32 and position != kept_in_float
            via = "BF16" if mode == "BF16" else "F16"
            weights[name] = round_float(np.ascontiguousarray(array), via) if smaller else array
    return replace(
        graph,
        inputs=inputs,
        outputs=tuple(Output(name, name) for name in layer.outputs),
        layers=(layer,),
        tensors={name: graph.tensors[name] for name in (*inputs, *layer.outputs)},
        weights=weights,
        digest=f"{graph.digest} {layer.name} {mode}",
        notes=(),
    )
