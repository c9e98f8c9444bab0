"""Scores plans over samples: the quantized network against the float pass, and layer by layer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np

from ..data.samples import Samples
from ..errors import QuantdeckError
from ..graph.model import Graph
from ..hw.chip import get_chip
from ..hw.program import Program
from ..plan import Plan
from ..text import visible
from .excess import ExcessCounter
from .executor import Executor
from .float_runner import FloatRunner
from .layer_figures import Accumulated, LayerFigures, Made
from .score import Accuracy, LayerScore, Score, Similarity
from .similarity import Comparison, OutputTracker, compare, gather

Array = np.ndarray
Feed = Mapping[str, Array]
Progress = Callable[[int, int], None]


class Evaluator:
    """Holds a graph and its samples; gives the score of any plan.

    The reference is the float32 pass of the graph, or of *original*: the graph before its weights were corrected.
    Float outputs are computed once and kept; everything else goes sample by sample, so memory does not grow with the
    number of samples. memory: bytes for the float values of all layers, which are kept between plans when all of them
    fit.
    """

    def __init__(
        self,
        graph: Graph,
        samples: Samples,
        *,
        threads: int = 1,
        original: Graph | None = None,
        memory: int = 0,
    ) -> None:
        self.graph = graph
        self._original = original or graph
        self.samples = samples
        self._threads = threads
        self._outputs: list[dict[str, Array]] | None = None
        self._memory = memory
        self._floats: list[dict[str, Array]] = []  # of all layers, by sample; empty where they do not fit

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
        gives top-1 and top-5 of float and quantized network on the first output that has one row a picture.
        Errors: QuantdeckError when the labels do not fit.
        """
        program = self.lower(plan)
        excess = ExcessCounter(program, self.graph)
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

        Local: the layer alone quantized, from float inputs, at its own output. Accumulated: the whole plan. What a
        plan before has made of the same parts is not computed again.
        """
        figures = self._figures
        program = get_chip(plan.chip).lower(self.graph, plan, figures.memo)
        executor = Executor(self.graph, program)
        layers = [layer for layer in self.graph.layers if self.graph.tensors[layer.name].is_float]
        made = figures.made_of(program, executor, layers)
        missing = [one for one in made if figures.lacks_alone(one) or figures.lacks_in_plan(one)]
        if missing:
            self._measure(executor, missing, progress)
        return figures.scores(program, made)

    def _measure(self, executor: Executor, missing: Sequence[Made], progress: Progress | None) -> None:
        """Compute and keep what is not known yet of these layers."""
        figures = self._figures
        alone = {one.layer.name: _AloneTrack() for one in missing if figures.lacks_alone(one)}
        in_plan = {one.layer.name: _PlanTrack() for one in missing if figures.lacks_in_plan(one)}
        for index, (feed, floats) in enumerate(self._all_floats()):
            raw = executor.run_raw(feed, tuple(in_plan)) if in_plan else {}
            for name, there in in_plan.items():
                there.add(executor, name, floats[name], raw[name])
            for name, track in alone.items():
                inputs = {key: floats[key] for key in self.graph.activations(self.graph.by_name[name])}
                track.add(floats[name], executor.local(name, inputs).get(name))
            if progress is not None:
                progress(index + 1, len(self.samples))
        for one in missing:
            name = one.layer.name
            if name in alone:
                figures.keep_alone(one, alone[name].result())
            if name in in_plan:
                figures.keep_in_plan(one, in_plan[name].result())

    def _all_floats(self) -> Iterator[tuple[Feed, Feed]]:
        """Each sample's feed, and its float values with the feed among them."""
        if self._floats:
            yield from ((floats, floats) for floats in self._floats)
            return
        kept: list[dict[str, Array]] = []
        room = self._memory
        for feed in self.samples.batches():
            floats = {**feed, **self._everything.run(feed)}
            room -= sum(value.nbytes for value in floats.values())
            if room >= 0:
                kept.append(floats)
            else:
                kept.clear()
            yield feed, floats
        self._floats = kept

    @cached_property
    def _figures(self) -> LayerFigures:
        return LayerFigures(self.graph)

    @cached_property
    def _everything(self) -> FloatRunner:
        """Gives every float tensor."""
        names = [name for layer in self.graph.layers for name in layer.outputs if name]
        return FloatRunner(self._original, names, threads=self._threads)


class _AloneTrack:
    """A layer alone over the samples."""

    def __init__(self) -> None:
        self._found: list[Comparison] = []

    def add(self, reference: Array, got: Array | None) -> None:
        if got is not None:
            self._found.append(compare(reference, got))

    def result(self) -> Similarity | None:
        return gather(self._found) if self._found else None


class _PlanTrack:
    """A layer in the plan over the samples."""

    def __init__(self) -> None:
        self._found: list[Comparison] = []
        self._saturated = 0.0

    def add(self, executor: Executor, name: str, reference: Array, raw: Array) -> None:
        self._found.append(compare(reference, executor.to_float(name, raw)))
        self._saturated += executor.saturation(name, raw)

    def result(self) -> Accumulated | None:
        found = self._found
        return Accumulated(gather(found), self._saturated / len(found)) if found else None


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
