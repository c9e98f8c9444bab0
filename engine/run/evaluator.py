"""Scores plans over samples: the quantized network against the float pass, and layer by layer."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..data.samples import Samples
from ..errors import QuantdeckError
from ..graph.model import Graph, Layer
from ..hw.chip import get_chip
from ..hw.program import Program
from ..plan import Plan
from ..text import visible
from .excess import ExcessCounter
from .executor import Executor
from .float_runner import FloatRunner
from .score import Accuracy, LayerScore, Score
from .similarity import Comparison, OutputTracker, compare, gather

Array = np.ndarray
Feed = Mapping[str, Array]
Progress = Callable[[int, int], None]


class Evaluator:
    """Holds a graph and its samples; gives the score of any plan.

    The reference is the float32 pass of the graph, or of *original*: the graph before its weights were corrected.
    Float outputs are computed once and kept; everything else goes sample by sample, so memory does not grow with the
    number of samples.
    """

    def __init__(
        self, graph: Graph, samples: Samples, *, threads: int = 1, original: Graph | None = None
    ) -> None:
        self.graph = graph
        self._original = original or graph
        self.samples = samples
        self._threads = threads
        self._outputs: list[dict[str, Array]] | None = None

    def lower(self, plan: Plan) -> Program:
        """The program that the plan's chip makes of the graph."""
        return get_chip(plan.chip).lower(self.graph, plan)

    def float_outputs(self) -> Sequence[Mapping[str, Array]]:
        """Float outputs of every sample, by tensor name; computed at the first call."""
        if self._outputs is None:
            runner = FloatRunner(self._original, self.graph.output_tensors, threads=self._threads)
            self._outputs = [runner.run(feed) for feed in self.samples.batches()]
        return self._outputs

    def score(
        self, plan: Plan, *, labels: Sequence[int] | None = None, progress: Progress | None = None
    ) -> Score:
        """Score *plan* at the graph's outputs.

        labels: class index of every sample's rows in order (samples x batch entries), -1 for a row that does not count;
        gives top-1 and top-5
        of float and quantized network on the first output that has one row a picture.
        Errors: QuantdeckError when the labels do not fit.
        """
        program = self.lower(plan)
        excess = ExcessCounter(program)
        executor = Executor(self.graph, program, excess=excess)
        trackers = [
            OutputTracker(output.name, () if tensor.varies else tensor.shape)
            for output in self.graph.outputs
            for tensor in (self.graph.tensors[output.tensor],)
        ]
        hits = Hits(self.graph, labels) if labels is not None else None
        references = self.float_outputs()
        for index, (feed, reference) in enumerate(zip(self.samples.batches(), references, strict=True)):
            got = executor.run(feed, self.graph.output_tensors)
            for output, tracker in zip(self.graph.outputs, trackers, strict=True):
                tracker.add(reference[output.tensor], got[output.tensor])
            if hits is not None:
                hits.add(reference, got)
            if progress is not None:
                progress(index + 1, len(references))
        return Score(
            outputs=tuple(tracker.result() for tracker in trackers),
            samples=len(references),
            float_accuracy=hits.float_accuracy() if hits else None,
            accuracy=hits.accuracy() if hits else None,
            excesses=excess.result(),
        )

    def layer_scores(self, plan: Plan, progress: Progress | None = None) -> tuple[LayerScore, ...]:
        """Local and accumulated similarity of every layer with a float output.

        Local: the layer alone quantized, from float inputs, at its own output. Accumulated: the whole plan.
        """
        program = self.lower(plan)
        executor = Executor(self.graph, program)
        layers = [layer for layer in self.graph.layers if self.graph.tensors[layer.name].is_float]
        wanted = tuple(layer.name for layer in layers)
        tracks = {layer.name: _LayerTrack() for layer in layers}
        everything = [name for layer in self.graph.layers for name in layer.outputs if name]
        runner = FloatRunner(self._original, everything, threads=self._threads)
        for index, feed in enumerate(self.samples.batches()):
            floats = {**feed, **runner.run(feed)}
            raw = executor.run_raw(feed, wanted)
            for layer in layers:
                self._track(layer, tracks[layer.name], executor, floats, raw)
            if progress is not None:
                progress(index + 1, len(self.samples))
        return tuple(tracks[layer.name].result(layer.name, program.modes[layer.name]) for layer in layers)

    def _track(self, layer: Layer, track: "_LayerTrack", executor: Executor, floats: Feed, raw: Feed) -> None:
        reference = floats[layer.name]
        value = raw.get(layer.name)
        if value is not None:
            track.accumulated.append(compare(reference, executor.to_float(layer.name, value)))
            track.saturated += executor.saturation(layer.name, value)
        inputs = {name: floats[name] for name in self.graph.activations(layer)}
        local = executor.local(layer.name, inputs)
        if layer.name in local:
            track.local.append(compare(reference, local[layer.name]))


class _LayerTrack:
    """Figures of one layer over the samples."""

    def __init__(self) -> None:
        self.local: list[Comparison] = []
        self.accumulated: list[Comparison] = []
        self.saturated = 0.0

    def result(self, layer: str, mode: str) -> LayerScore:
        return LayerScore(
            layer=layer,
            mode=mode,
            local=gather(self.local) if self.local else None,
            accumulated=gather(self.accumulated) if self.accumulated else None,
            saturation=self.saturated / len(self.accumulated) if self.accumulated else None,
        )


class Hits:
    """Counts top-1 and top-5 hits of the float and the quantized network."""

    def __init__(self, graph: Graph, labels: Sequence[int]) -> None:
        self._labels = labels
        self._tensor, self._classes = _classifier_output(graph)
        self._position = 0
        self._total = 0
        self._counts = np.zeros(4, np.int64)

    def add(self, reference: Mapping[str, Array], got: Mapping[str, Array]) -> None:
        """Add the rows of one sample."""
        rows = reference[self._tensor].reshape(-1, self._classes)
        labels = self._labels[self._position : self._position + len(rows)]
        if len(labels) < len(rows):
            raise QuantdeckError(
                f"the labels end after {len(self._labels)} rows but the samples go on; "
                "give one label for each picture"
            )
        self._position += len(rows)
        quantized = got[self._tensor].reshape(-1, self._classes)
        for label, a, b in zip(labels, rows, quantized, strict=True):
            if label >= self._classes:
                raise QuantdeckError(
                    f"a label is {label}, but the network has the classes 0 to {self._classes - 1}; "
                    "give the labels that belong to this network"
                )
            if label >= 0:
                self._total += 1
                self._counts += (*_ranks(a, label), *_ranks(b, label))

    def float_accuracy(self) -> Accuracy:
        """Hits of the float network."""
        return Accuracy(int(self._counts[0]), int(self._counts[1]), self._total)

    def accuracy(self) -> Accuracy:
        """Hits of the quantized network."""
        return Accuracy(int(self._counts[2]), int(self._counts[3]), self._total)


def _ranks(scores: Array, label: int) -> tuple[int, int]:
    """Whether *label* is the first and among the first five; of equal scores the smaller class counts first."""
    if not np.isfinite(scores[label]):
        return 0, 0
    better = int(np.count_nonzero(scores > scores[label])) + int(
        np.count_nonzero(scores[:label] == scores[label])
    )
    return int(better < 1), int(better < 5)


def _classifier_output(graph: Graph) -> tuple[str, int]:
    for output in graph.outputs:
        shape = graph.tensors[output.tensor].shape
        if len(shape) >= 2 and shape[1] > 1 and all(size == 1 for size in shape[2:]):
            return output.tensor, shape[1]
    names = ", ".join(visible(output.name) for output in graph.outputs)
    raise QuantdeckError(
        f"labels need an output with one row of class scores a picture, but the outputs are {names}; "
        "leave --labels out"
    )
