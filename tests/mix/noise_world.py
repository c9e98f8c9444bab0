"""A network whose noise a test decides: sources add, times a factor of the plan."""

from collections.abc import Callable, Sequence

from quantdeck.engine.graph.model import Graph, Layer, Output, Tensor
from quantdeck.engine.graph.vocabulary import Add, Attributes, AvgPool, LeakyRelu
from quantdeck.engine.hw.chip import get_chip
from quantdeck.engine.mix.ledger_sources import SourceMap
from quantdeck.engine.mix.trial import Failure, Result, Source, Trial
from quantdeck.engine.plan import Plan, Threshold
from quantdeck.engine.run.score import OutputScore, Score, Similarity, Slice

SHAPE = (1, 4, 8, 8)
POOL = AvgPool(kernel_shape=(1, 1), strides=(1, 1), pads=(0, 0, 0, 0))
KINDS: dict[str, Attributes] = {"pool": POOL, "leaky": LeakyRelu(alpha=0.1), "add": Add()}


def network(kinds: Sequence[str]) -> Graph:
    """x -> l0 -> l1 ...; an "add" also reads the tensor two layers before it (or the one before)."""
    tensors, layers = ["x"], []
    for index, kind in enumerate(kinds):
        inputs = (tensors[-1],) if kind != "add" else (tensors[-1], tensors[max(len(tensors) - 3, 0)])
        name = f"l{index}"
        layers.append(Layer(name, KINDS[kind], inputs, (name,)))
        tensors.append(name)
    shapes = {name: Tensor(name, SHAPE) for name in tensors}
    return Graph("net", ("x",), (Output("out", tensors[-1]),), tuple(layers), shapes, {}, "digest")


def plan_of(graph: Graph, value: float = 2.0) -> Plan:
    return Plan("bm1684x", "F32", {name: Threshold(value, -1.0, 1.0, "max") for name in graph.tensors})


def map_of(graph: Graph) -> SourceMap:
    return SourceMap.of(graph, get_chip("bm1684x").lower(graph, plan_of(graph)))


def score(noise: Sequence[float], dead: bool = False) -> Score:
    """Signal 1 in every sample; the cosine that a noise across the signal has."""
    cosine = tuple((1 / (1 + value)) ** 0.5 for value in noise)
    found = Similarity(cosine, cosine, (1.0,) * len(noise), tuple(noise))
    slices = (Slice(1, 0, 1, found, True),) if dead else ()
    return Score((OutputScore("out", found, slices),), len(noise))


class World:
    """Evaluates trials: source i has energies[i] in a sample, times the sample's loudness."""

    def __init__(
        self,
        graph: Graph,
        energies: Sequence[float],
        loudness: Sequence[float] = (1.0, 1.0),
        factor: Callable[[frozenset[str]], float] = lambda floats: 1.0,
        dead: Callable[[frozenset[str]], bool] = lambda floats: False,
        broken: Callable[[Trial], bool] = lambda trial: False,
    ) -> None:
        self.map = map_of(graph)
        self.energies = dict(zip(self.map.sources, energies, strict=True))
        self.loudness, self.factor, self.dead, self.broken = loudness, factor, dead, broken
        self.trials: list[Trial] = []

    def __call__(self, trials: Sequence[Trial]) -> list[Result]:
        self.trials += trials
        return [Failure("it broke") if self.broken(trial) else self._score(trial) for trial in trials]

    def _score(self, trial: Trial) -> Score:
        loudness = self.loudness[: trial.samples or len(self.loudness)]
        if trial.only:
            loudness = tuple(self.loudness[position] for position in trial.only)
        if trial.source is not None:
            return score([self.energies[trial.source] * value for value in loudness])
        floats = frozenset(trial.plan.modes)
        energy = self.total(floats) * self.factor(floats)
        return score([energy * value for value in loudness], self.dead(floats))

    def total(self, floats: frozenset[str]) -> float:
        return sum(
            self.energies[self.map.sources[index]] * weight
            for index, weight in self.map.active(floats).items()
        )


def cast(tensor: str, reader: str = "") -> Source:
    return Source("cast", tensor, reader)


def own(layer: str) -> Source:
    return Source("layer", layer)
