"""Bias correction: shifts a convolution's bias by the mean error of its channels (spec B.13).

Against the original: the result is a new graph and the model's file is never touched (spec B.19 #40); the channel
axis is the second one whatever the rank (#42); a corrected layer is compared with itself as it was, not with the
best of all layers (#42); a score that is good enough ends the correction, not the command (#43).
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..graph.model import Graph, Layer
from ..graph.rewrite import with_weights
from ..hw.chip import get_chip
from ..plan import Plan
from ..run.executor import Executor
from ..run.float_runner import FloatRunner
from ..run.score import Score
from ..run.similarity import compare
from ..run.trial import Failure, Result, Trial
from ..run.trials.comparison import Comparison, PostProcess
from ..text import visible

Array = NDArray[Any]
CHANNELS = 1  # axis of a convolution's output, of any rank


@dataclass(frozen=True, slots=True)
class Pass:
    """One run of the int8 network over all samples.

    cos: the chapter's cos of the outputs. layers: the chapter's cos of each convolution's output. shifts: mean
    over samples of (float - int8) channel means, by convolution.
    """

    cos: float
    layers: Mapping[str, float]
    shifts: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Corrected:
    """What was done to one layer; ``kept``: whether it stays."""

    layer: str
    old_cos: float
    new_cos: float
    output_cos: float
    kept: bool


@dataclass(frozen=True, slots=True)
class BiasOutcome:
    """The corrected graph, and what was tried. ``biases``: the new biases by layer."""

    graph: Graph
    int8_cos: float
    cos: float
    rows: tuple[Corrected, ...]
    biases: Mapping[str, Array]


BiasSearch = Generator[Graph, Pass, BiasOutcome]
"""Yields graphs to be run under one plan and is sent what the run found."""


class Feeds(Protocol):
    """What a run needs of samples."""

    def batches(self) -> Iterable[Mapping[str, Array]]:
        """One feed a sample."""
        ...


def correctable(graph: Graph) -> tuple[Layer, ...]:
    """Convolutions with a constant bias that somebody reads, in model order."""
    return tuple(
        layer
        for layer in graph.layers
        if layer.op == "Conv"
        and len(layer.inputs) > 2
        and layer.inputs[2] in graph.weights
        and graph.consumers(layer.name)
    )


def correct_bias(
    graph: Graph, *, expected_cos: float, min_layer_cos: float, int8_layers: frozenset[str]
) -> BiasSearch:
    """Correct the convolutions below *min_layer_cos* in order, until the outputs reach *expected_cos*.

    A correction is undone where it makes the outputs or its own layer worse.
    """
    found = yield graph
    first = found.cos
    best, current = found, graph
    rows: list[Corrected] = []
    biases: dict[str, Array] = {}
    for layer in correctable(graph):
        if best.cos > expected_cos:
            break
        old = best.layers.get(layer.name)
        if layer.name not in int8_layers or old is None or not old < min_layer_cos:
            continue
        bias = _corrected(current, layer, best.shifts[layer.name])
        changed = with_weights(current, {(layer.name, 2): bias})
        found = yield changed
        new = found.layers[layer.name]
        kept = found.cos >= best.cos and new >= old
        rows.append(Corrected(layer.name, old, new, found.cos, kept))
        if kept:
            best, current = found, changed
            biases[layer.name] = bias
    return BiasOutcome(current, first, best.cos, tuple(rows), biases)


def _corrected(graph: Graph, layer: Layer, shift: tuple[float, ...]) -> Array:
    name = graph.by_name[layer.name].inputs[2]
    old = graph.weights[name]
    return (old + np.asarray(shift, np.float32).reshape(old.shape)).astype(np.float32)


class BiasRunner:
    """Runs graphs under one plan against the float values of the uncorrected graph."""

    def __init__(self, graph: Graph, plan: Plan, samples: Feeds, weights: Mapping[str, float]) -> None:
        self._plan = plan
        self._samples = samples
        self._weights = weights
        self._layers = tuple(layer.name for layer in correctable(graph))
        self._outputs = graph.output_tensors
        self._wanted = tuple(dict.fromkeys((*self._layers, *(weights or self._outputs))))
        self._float = FloatRunner(graph, self._wanted)

    def __call__(self, graph: Graph) -> Pass:
        """Run *graph* over all samples."""
        executor = Executor(graph, get_chip(self._plan.chip).lower(graph, self._plan))
        cosines: dict[str, list[float]] = {name: [] for name in self._wanted}
        sums: dict[str, list[Array]] = {name: [] for name in self._layers}
        for feeds in self._samples.batches():
            exact = self._float.run(feeds)
            got = executor.run(feeds, self._wanted)
            for name in self._wanted:
                cosines[name].append(0.5 + 0.5 * compare(exact[name], got[name]).cosine)
            for name in self._layers:
                sums[name].append(_means(exact[name]) - _means(got[name]))
        layers = {name: sum(cosines[name]) / len(cosines[name]) for name in self._wanted}
        return Pass(
            cos=self._output(layers),
            layers={name: layers[name] for name in self._layers},
            shifts={
                name: tuple(float(value) for value in np.mean(rows, axis=0)) for name, rows in sums.items()
            },
        )

    def _output(self, layers: Mapping[str, float]) -> float:
        weights = self._weights or dict.fromkeys(self._outputs, 1.0)
        return sum(weight * layers[name] for name, weight in weights.items()) / sum(weights.values())


def _means(value: Array) -> Array:
    """Mean of each channel over everything else, in float64."""
    axes = tuple(axis for axis in range(value.ndim) if axis != CHANNELS)
    return np.asarray(value.mean(axis=axes, dtype=np.float64))


class AgainstOriginal:
    """Scores plans of a corrected graph against the float outputs of the original one.

    The original tool's reference is the corrected network itself (spec B.19 #40), which cannot show whether the
    correction helped.
    """

    def __init__(
        self, original: Graph, corrected: Graph, samples: Feeds, post_process: PostProcess | None = None
    ) -> None:
        self._graph = corrected
        self._samples = samples
        self._post_process = post_process
        self._original = original
        self._runners: dict[tuple[str, ...], FloatRunner] = {}

    def __call__(self, trials: Sequence[Trial]) -> list[Result]:
        """The result of each trial; one that raises becomes a Failure."""
        return [self._score(trial) for trial in trials]

    def _score(self, trial: Trial) -> Result:
        try:
            return self._run(trial)
        except Exception as error:  # whatever a plan makes go wrong concerns this trial alone
            return Failure(f"{type(error).__name__}: {visible(str(error))}")

    def _run(self, trial: Trial) -> Score:
        names = trial.at or self._original.output_tensors
        runner = self._runners.get(names)
        if runner is None:
            runner = self._runners[names] = FloatRunner(self._original, names)
        executor = Executor(self._graph, get_chip(trial.plan.chip).lower(self._graph, trial.plan))
        labels = (
            {name: name for name in names}
            if trial.at
            else {output.name: output.tensor for output in self._original.outputs}
        )
        comparison = Comparison(labels, self._post_process)
        count = 0
        for feeds in self._samples.batches():
            comparison.add(runner.run(feeds), executor.run(feeds, names))
            count += 1
        return comparison.result(count)
