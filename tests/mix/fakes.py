"""A chain network and an evaluator whose figures a test decides."""

from collections.abc import Callable, Sequence

from quantdeck.engine.graph.model import Graph, Layer, Output, Tensor
from quantdeck.engine.graph.vocabulary import Attributes, Conv, Relu, Scale
from quantdeck.engine.mix.qtable_search import LayerSearch
from quantdeck.engine.mix.trial import Failure, Objective, Result, Trial
from quantdeck.engine.plan import Mode, Plan, Threshold
from quantdeck.engine.run.score import OutputScore, Score, Similarity

KINDS: dict[str, Attributes] = {"Conv": Conv(), "Relu": Relu(), "Scale": Scale()}


def chain(kinds: Sequence[str]) -> Graph:
    """in -> l0 -> l1 -> ..., one layer an entry of *kinds*."""
    names = [f"l{index}" for index in range(len(kinds))]
    layers = tuple(
        Layer(name, KINDS[kind], (source,), (name,))
        for name, kind, source in zip(names, kinds, ["in", *names], strict=False)
    )
    tensors = {name: Tensor(name, (1, 4)) for name in ("in", *names)}
    return Graph("chain", ("in",), (Output("out", names[-1]),), layers, tensors, {}, "digest")


def layer_search(graph: Graph, target: float, methods: Sequence[str] = ("KL", "MAX")) -> LayerSearch:
    thresholds = {
        method: {layer.name: Threshold(index + 1.0, -1, 1, method) for layer in graph.layers}
        for index, method in enumerate(methods)
    }
    start = Plan("bm1684x", "F16", thresholds[methods[0]])
    names = tuple(layer.name for layer in graph.layers)
    return LayerSearch(graph, start, names, thresholds, Mode.F16, Objective(target, {}))


def score_of(chapter_cos: float) -> Score:
    similarity = Similarity((2 * chapter_cos - 1,), (1.0,), (1.0,), (0.0,))
    return Score((OutputScore("out", similarity),), 1)


class FakeEvaluator:
    """Scores trials by a function of the plan; remembers every trial."""

    def __init__(self, cos: Callable[[Plan], float | None]) -> None:
        self._cos = cos
        self.trials: list[Trial] = []

    def __call__(self, trials: Sequence[Trial]) -> Sequence[Result]:
        self.trials += trials
        return [self._result(trial) for trial in trials]

    def _result(self, trial: Trial) -> Result:
        value = self._cos(trial.plan)
        return Failure("it broke") if value is None else score_of(value)
