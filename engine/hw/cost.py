"""What a plan costs on a chip: a roofline of arithmetic and bytes, with the casts between precisions.

The rates are estimates: peak figures as the makers publish them for the family, a share of them that networks
reach in practice, and one memory bandwidth. They order plans of one network on one chip; they are no promise of
milliseconds. A layer takes the longer of its arithmetic and its traffic, a cast reads one form and writes the other.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from ..errors import QuantdeckError
from ..graph.measure import macs, params
from ..graph.model import Graph, Layer
from ..text import visible
from .program import Program

BYTES: Mapping[str, int] = MappingProxyType({"INT8": 1, "F16": 2, "BF16": 2, "F32": 4})
REACHED = 0.5
"""Share of the peak that large convolutions reach; the same for all, so that it does not change an order."""
VECTOR = 16
"""Products per simple operation: layers without products run on units that are that much slower."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Peak rates of a chip: tera-operations a second by mode (a multiply-add is two), gigabytes a second."""

    tera: Mapping[str, float]
    gigabytes: float
    source: str

    def arithmetic(self, work: "_Work", mode: str) -> float:
        """Seconds of a layer's operations."""
        return work.operations / (self.tera[mode] * 1e12 * REACHED)

    def traffic(self, work: "_Work", mode: str) -> float:
        """Seconds in which a layer's values and weights are moved."""
        return self.moved((work.values + work.weights) * BYTES[mode])

    def moved(self, size: int) -> float:
        """Seconds in which so many bytes are moved."""
        return size / (self.gigabytes * 1e9)


_PEAK = "published peak rates"
_HALF = "published int8 peak; float rates assumed from relatives"
_LIKE = "no published rates known; those of cv181x assumed"
_RATES: Mapping[str, Rates] = MappingProxyType(
    {
        "bm1684x": Rates({"INT8": 32, "F16": 16, "BF16": 16, "F32": 2}, 64, _PEAK),
        "bm1688": Rates({"INT8": 16, "F16": 4, "BF16": 4, "F32": 0.5}, 34, _PEAK),
        "cv186x": Rates({"INT8": 7.2, "F16": 1.8, "BF16": 1.8, "F32": 0.25}, 25, _HALF),
        "bm1690": Rates({"INT8": 256, "F16": 128, "BF16": 128, "F32": 16}, 546, _HALF),
        "bm1684": Rates({"INT8": 17.6, "F32": 2.2}, 64, _PEAK),
        "cv183x": Rates({"INT8": 1.0, "BF16": 0.25}, 8, _HALF),
        "cv182x": Rates({"INT8": 0.5, "BF16": 0.125}, 4, _HALF),
        "cv181x": Rates({"INT8": 0.5, "BF16": 0.125}, 3, _HALF),
        "cv180x": Rates({"INT8": 0.5, "BF16": 0.125}, 2, _HALF),
        "mars3": Rates({"INT8": 0.5, "BF16": 0.125}, 3, _LIKE),
    }
)


def get_rates(chip: str) -> Rates:
    """The rates of a chip by name. Errors: QuantdeckError for a chip without."""
    found = _RATES.get(chip.strip().lower())
    if found is None:
        raise QuantdeckError(
            f"--chip {visible(chip)}: there are no rates for this chip; choose one of {', '.join(_RATES)}, "
            "or count float layers"
        )
    return found


@dataclass(frozen=True, slots=True)
class LayerCost:
    """Seconds of a layer: arithmetic and traffic (the longer one counts), and the casts of its inputs."""

    layer: str
    mode: str
    compute: float
    memory: float
    casts: float

    @property
    def seconds(self) -> float:
        """What the layer adds to the network's time."""
        return max(self.compute, self.memory) + self.casts


@dataclass(frozen=True, slots=True)
class PlanCost:
    """All layers of a plan, in model order."""

    layers: tuple[LayerCost, ...]

    @property
    def seconds(self) -> float:
        """Time of one sample."""
        return sum(layer.seconds for layer in self.layers)

    @property
    def casts(self) -> float:
        """Part of it that goes into casts."""
        return sum(layer.casts for layer in self.layers)

    def share(self, layer: str) -> float:
        """Part of the time that is one layer's."""
        total = self.seconds
        return sum(item.seconds for item in self.layers if item.layer == layer) / total if total else 0.0


@dataclass(frozen=True, slots=True)
class _Work:
    """What does not depend on the mode."""

    layer: str
    operations: int
    values: int
    weights: int
    reads: tuple[str, ...]


class CostModel:
    """Costs of the plans of one network on one chip.

    program: its all-int8 program there, which says what cannot be int8. mode: the float type of the layers that a
    plan sets float. Errors: QuantdeckError for a chip without rates or without that type.
    """

    def __init__(self, graph: Graph, program: Program, mode: str) -> None:
        self._rates = get_rates(program.chip)
        if mode not in self._rates.tera:
            raise QuantdeckError(
                f"{program.chip} has no {visible(mode)}; its layers run in {', '.join(self._rates.tera)}"
            )
        self._graph = graph
        self._base = {layer.name: self._known(program.modes[layer.name], mode) for layer in graph.layers}
        self._mode = mode

    def _known(self, found: str, mode: str) -> str:
        return found if found in self._rates.tera else mode

    @cached_property
    def _work(self) -> tuple[_Work, ...]:
        return tuple(self._measure(layer) for layer in self._graph.layers)

    def _measure(self, layer: Layer) -> _Work:
        graph = self._graph
        made = sum(graph.tensors[name].size for name in layer.outputs if name in graph.tensors)
        reads = tuple(dict.fromkeys(graph.activations(layer)))
        read = sum(graph.tensors[name].size for name in reads)
        products = 2 * macs(graph, layer)
        return _Work(layer.name, products or 2 * VECTOR * made, read + made, params(graph, layer), reads)

    def plan(self, floats: Collection[str]) -> PlanCost:
        """The cost when these layers are float."""
        modes = {name: self._mode if name in floats else mode for name, mode in self._base.items()}
        return PlanCost(self._costs(modes))

    def seconds(self, floats: Collection[str]) -> float:
        """Time of one sample when these layers are float."""
        return self.plan(floats).seconds

    def _costs(self, modes: Mapping[str, str]) -> tuple[LayerCost, ...]:
        rates = self._rates
        found: list[LayerCost] = []
        done: set[tuple[str, int]] = set()
        for work in self._work:
            mode = modes[work.layer]
            width = BYTES[mode]
            casts = 0
            for name in work.reads:
                maker = self._graph.producer(name)
                other = BYTES[modes[maker.name]] if maker is not None else BYTES["F32"]
                if other != width and (name, width) not in done:
                    done.add((name, width))
                    casts += self._graph.tensors[name].size * (other + width)
            arithmetic, traffic = rates.arithmetic(work, mode), rates.traffic(work, mode)
            found.append(LayerCost(work.layer, mode, arithmetic, traffic, rates.moved(casts)))
        return tuple(found)

    def relative(self) -> "RelativeCost":
        """The same cost as a multiple of all int8's, for asking about many plans."""
        return RelativeCost(self._graph, self._base, self._mode, self._rates, self._work)


class RelativeCost:
    """Time of plans of one network, all int8 = 1, each found from what differs from the plan asked for before.

    Parts are summed as whole femtoseconds, so that the figure of a plan does not depend on what was asked before it:
    a search that is run again goes the same way. Made by ``CostModel.relative``.
    """

    def __init__(
        self, graph: Graph, base: Mapping[str, str], mode: str, rates: Rates, work: Sequence[_Work]
    ) -> None:
        self._graph, self._base, self._mode, self._rates = graph, base, mode, rates
        self._own = {
            item.layer: (self._layer(item, base[item.layer]), self._layer(item, mode)) for item in work
        }
        self._readers: dict[str, list[str]] = {}
        for item in work:
            for name in item.reads:
                self._readers.setdefault(name, []).append(item.layer)
        self._around = {
            layer.name: [
                name for name in (*graph.activations(layer), *layer.outputs) if name in self._readers
            ]
            for layer in graph.layers
        }
        self._floats: frozenset[str] = frozenset()
        self._total = sum(own for own, _ in self._own.values()) + sum(map(self._casts, self._readers))
        self._int8 = self._total or 1

    def __call__(self, floats: Collection[str]) -> float:
        """The time when these layers are float, over that of all int8."""
        wanted = frozenset(floats) & self._own.keys()
        turned = wanted ^ self._floats
        touched = {name for layer in turned for name in self._around[layer]}
        self._total -= sum(map(self._casts, touched))
        for layer in turned:
            own, other = self._own[layer]
            self._total += other - own if layer in wanted else own - other
        self._floats = wanted
        self._total += sum(map(self._casts, touched))
        return self._total / self._int8

    def _layer(self, work: _Work, mode: str) -> int:
        return _femto(max(self._rates.arithmetic(work, mode), self._rates.traffic(work, mode)))

    def _casts(self, name: str) -> int:
        """What the forms cost in which a tensor is read besides the one that it was made in."""
        maker = self._graph.producer(name)
        made = self._width(maker.name) if maker is not None else BYTES["F32"]
        widths = {self._width(reader) for reader in self._readers[name]} - {made}
        size = self._graph.tensors[name].size
        return sum(_femto(self._rates.moved(size * (made + width))) for width in sorted(widths))

    def _width(self, layer: str) -> int:
        return BYTES[self._mode if layer in self._floats else self._base[layer]]


def _femto(seconds: float) -> int:
    return round(seconds * 1e15)
