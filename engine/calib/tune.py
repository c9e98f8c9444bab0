"""Tuning: raise a threshold towards max|x| where the op behind it gives a better result (spec B.10).

Every candidate is judged by the op alone in float, all its activations quantized and dequantized with the
candidate; weights stay as they are, as in the original.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph, Layer

Array = NDArray[Any]
_FINE_STEPS = 10
_LEVELS = 127.0


@dataclass(frozen=True, slots=True)
class TuneRule:
    """How candidates are made (spec A.1.3).

    find_lower: start at a third of the threshold and refine around the best (a lower threshold is still not
    taken). steps: candidates beyond the start. least: a threshold nearer to its limit than this stays.
    """

    find_lower: bool = False
    steps: int = 21
    least: float = 0.01


USUAL = TuneRule()


class LayerRunner(Protocol):
    """The part of FloatRunner that tuning needs."""

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Values by tensor name."""
        ...


def tune(
    graph: Graph,
    feeds: Iterable[Mapping[str, Array]],
    thresholds: Mapping[str, float],
    limits: Mapping[str, float],
    make_runner: Callable[[Graph, Layer], LayerRunner],
    *,
    rule: TuneRule = USUAL,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, float]:
    """Tuned thresholds of the tensors that moved.

    feeds: the tuning samples. thresholds, limits: start and upper end by tensor. make_runner: a float
    runner of one layer. progress: layers done, layers to do.
    """
    visits = _visits(graph, thresholds, limits, rule.least)
    needed = graph.ancestors(output for layer in visits for output in graph.by_name[layer].outputs)
    order = [layer for layer in graph.layers if layer.name in needed]
    live = _Live(graph, order, list(feeds))
    tuned: dict[str, float] = {}
    for done, layer in enumerate(order):
        runner = make_runner(graph, layer)
        live.compute(layer, runner)
        for tensor in visits.get(layer.name, ()):
            trial = _Trial(layer, runner, live.inputs(layer), live.values(layer.outputs[0]))
            best = trial.best(thresholds[tensor], limits[tensor], rule)
            if best is not None and best > tuned.get(tensor, thresholds[tensor]):
                tuned[tensor] = best
        live.release(layer)
        if progress is not None:
            progress(done + 1, len(order))
    return tuned


def _visits(
    graph: Graph, thresholds: Mapping[str, float], limits: Mapping[str, float], least: float
) -> dict[str, list[str]]:
    """Which tensors are tried at which layer: those not tried before, else the layer's first input again."""
    tried: set[str] = set()
    found: dict[str, list[str]] = {}
    for layer in graph.layers:
        inputs = list(dict.fromkeys(graph.activations(layer)))
        fresh = [name for name in inputs if name not in tried]
        tried.update(fresh)
        able = [
            name
            for name in fresh or inputs[:1]
            if name in thresholds and limits[name] - thresholds[name] > least
        ]
        if able and all(graph.tensors[name].is_float for name in layer.outputs[:1]):
            found[layer.name] = able
    return found


class _Live:
    """Float values of the tuning samples, dropped when their last reader is done."""

    def __init__(self, graph: Graph, order: Sequence[Layer], feeds: Sequence[Mapping[str, Array]]) -> None:
        self._graph = graph
        self._uses = Counter(name for layer in order for name in dict.fromkeys(graph.activations(layer)))
        self._values: dict[str, list[Array]] = {
            name: [feed[name] for feed in feeds] for name in graph.inputs if self._uses[name]
        }
        self._samples = len(feeds)

    def inputs(self, layer: Layer) -> list[dict[str, Array]]:
        """The layer's activations, a dict per sample."""
        names = dict.fromkeys(self._graph.activations(layer))
        return [{name: self._values[name][index] for name in names} for index in range(self._samples)]

    def values(self, tensor: str) -> list[Array]:
        """One tensor of all samples."""
        return self._values[tensor]

    def compute(self, layer: Layer, runner: LayerRunner) -> None:
        """Run the layer on every sample."""
        found = [runner.run(feed) for feed in self.inputs(layer)]
        for name in layer.outputs:
            self._values[name] = [values[name] for values in found]

    def release(self, layer: Layer) -> None:
        """Count the layer's uses off."""
        for name in dict.fromkeys(self._graph.activations(layer)):
            self._uses[name] -= 1
        for name in (*self._graph.activations(layer), *layer.outputs):
            if self._uses[name] == 0:
                self._values.pop(name, None)


class _Trial:
    """One layer with its float inputs and reference outputs."""

    def __init__(
        self,
        layer: Layer,
        runner: LayerRunner,
        inputs: Sequence[Mapping[str, Array]],
        reference: Sequence[Array],
    ) -> None:
        self._output, self._runner, self._inputs = layer.outputs[0], runner, inputs
        self._reference = [np.asarray(value, np.float32).reshape(-1) for value in reference]
        self._norms = [float(np.linalg.norm(value, 1)) for value in self._reference]

    def best(self, start: float, limit: float, rule: TuneRule) -> float | None:
        """The candidate with the smallest distance, the first one where several are equal."""
        low = start / 3 if rule.find_lower else start
        step = (limit - low) / rule.steps
        coarse = self._first_best(low + step * index for index in range(rule.steps + 1))
        if not rule.find_lower:
            return coarse
        if coarse is None:
            return None
        low, high = max(coarse - step, low), min(coarse + step, limit)
        inner = [low + (high - low) / _FINE_STEPS * index for index in range(1, _FINE_STEPS)]
        return self._first_best([coarse, *inner])

    def _first_best(self, candidates: Iterable[float]) -> float | None:
        best, least = None, np.inf
        for candidate in candidates:
            distance = self._distance(candidate)
            if distance < least:
                best, least = candidate, distance
        return best

    def _distance(self, threshold: float) -> float:
        """Mean over samples of the Euclidean distance, in units of the reference's sum of magnitudes."""
        total = 0.0
        for inputs, reference, norm in zip(self._inputs, self._reference, self._norms, strict=True):
            quantized = {name: _fake_quantized(value, threshold) for name, value in inputs.items()}
            got = np.asarray(self._runner.run(quantized)[self._output], np.float32).reshape(-1)
            total += float(np.linalg.norm(reference - got)) / norm if norm else float(np.any(got))
        return total / max(len(self._reference), 1)


def _fake_quantized(value: Array, threshold: float) -> Array:
    """int8 and back: round half to even, clip to [-128, 127]; integer tensors stay as they are."""
    if value.dtype.kind != "f":
        return value
    scale = np.float32(_LEVELS / threshold)
    levels = np.empty(value.shape, np.float32)
    np.multiply(value.astype(np.float32), scale, out=levels)
    np.rint(levels, out=levels)
    np.clip(levels, -128, 127, out=levels)
    levels /= scale
    return levels
