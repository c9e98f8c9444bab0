"""Ranges of tensors before lowering: import of the table and the passes that share thresholds (spec C.2).

A pass is a function on ``Ranges``; the table ``PASSES`` says which families of chips run it, in which order.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import isfinite

from ..graph.model import Graph, Layer
from ..graph.vocabulary import (
    Abs,
    Add,
    AvgPool,
    Compare,
    Concat,
    Depth2Space,
    Fusable,
    LeakyRelu,
    Max,
    MaxConst,
    MaxPool,
    Min,
    MinConst,
    Mul,
    MulConst,
    Pad,
    Permute,
    PRelu,
    Reduce,
    Relu,
    Reshape,
    Sigmoid,
    Slice,
    Softmax,
    Squeeze,
    Sub,
    SubConst,
    Tile,
    Unsqueeze,
    Upsample,
    Where,
)
from ..plan import Threshold

Range = tuple[float, float]
"""(min, max) of a tensor: a min of 0 or more makes it unsigned, the larger magnitude gives the scale."""

ROUNDS = 64
"""Bound on the repetitions of a pass; real networks settle in two or three."""


class Ranges:
    """The range of every calibrated tensor while the passes run."""

    def __init__(self, graph: Graph, family: str, thresholds: Mapping[str, Threshold]) -> None:
        self.graph = graph
        self.family = family
        self.changed = False
        self.values: dict[str, Range] = {}
        self._uses: dict[str, list[Layer | None]] = {}
        for layer in graph.layers:
            for name in graph.activations(layer):
                self._uses.setdefault(name, []).append(layer)
        for output in graph.outputs:
            self._uses.setdefault(output.tensor, []).append(None)
        for name, row in thresholds.items():
            tensor = graph.tensors.get(name)
            found = imported(graph, name, row) if tensor is not None and tensor.is_float else None
            if found is not None:
                self.values[name] = (-found[1], found[1]) if family == "V" else found

    def get(self, name: str) -> Range | None:
        """The range of a tensor; None when it is uncalibrated or a weight."""
        return self.values.get(name)

    def set(self, name: str, value: Range, *, follow: bool = True) -> None:
        """Give a tensor a new range; Reshape and Permute behind it follow."""
        if self.values.get(name) == value or max(-value[0], value[1]) <= 0:
            return
        self.values[name] = value
        self.changed = True
        if follow:
            for layer in self._uses.get(name, ()):
                if layer is not None and isinstance(layer.attributes, Reshape | Permute):
                    self.set(layer.outputs[0], value)

    def single_use(self, name: str) -> bool:
        """Whether exactly one operand reads the tensor and it is no output of the network."""
        return len(self._uses.get(name, ())) == 1

    def uses(self, name: str) -> list[Layer | None]:
        """The layer of each operand that reads the tensor; None for an output of the network."""
        return self._uses.get(name, [])

    def inputs(self, layer: Layer) -> list[Range | None]:
        """Ranges of the operands."""
        return [self.get(name) for name in layer.inputs if name]

    def pull(self, name: str, value: Range) -> None:
        """Give a layer's input the range of its output, also through a producing mover."""
        self.set(name, value, follow=False)
        producer = self.graph.producer(name)
        if producer is not None and isinstance(producer.attributes, Reshape | Permute | Depth2Space):
            source = producer.inputs[0]
            if source in self.values:
                self.set(source, value, follow=False)


def imported(graph: Graph, name: str, row: Threshold) -> Range | None:
    """Range of one table row before any sharing; None when it calibrates nothing."""
    value = float(row.value)
    if not isfinite(value) or value <= 0:
        return None
    low = -value if row.min < 0 else 0.0
    layer = graph.producer(name)
    if layer is None:
        return low, value
    match layer.attributes:
        case Abs():
            found = (-value, value)
        case Sigmoid(log=False) | Softmax(log=False):
            found = (0.0, 1.0)
        case Mul() if _never_negative(graph, layer):
            found = (0.0, value)
        case Sub():
            return (-value if row.min < 0 else -1e-5), value
        case _:
            found = (low, value)
    fused = isinstance(layer.attributes, Fusable) and layer.attributes.do_relu
    return (0.0, found[1]) if fused else found


def _never_negative(graph: Graph, layer: Layer) -> bool:
    if len(set(layer.inputs)) == 1:
        return True
    producers = [graph.producer(name) for name in layer.inputs]
    return all(p is not None and isinstance(p.attributes, Sigmoid | Relu) for p in producers)


# ---------------------------------------------------------------- passes


def follow_movers(ranges: Ranges) -> None:
    """Outputs of Reshape and Permute take the range of their input."""
    _forward(ranges, (Reshape, Permute))


def keep_signs(ranges: Ranges) -> None:
    """AvgPool, MaxPool and Abs keep the sign of their input; a SubConst of unsigned data can be negative."""
    for layer in ranges.graph.layers:
        given, got = ranges.get(layer.inputs[0]) if layer.inputs else None, ranges.get(layer.name)
        if given is None or got is None:
            continue
        if isinstance(layer.attributes, AvgPool | MaxPool | Abs):
            if given[0] < 0 <= got[0]:
                ranges.set(layer.name, (-got[1] * 0.1, got[1]))
            elif got[0] < 0 <= given[0]:
                ranges.set(layer.name, (0.0, got[1]))
        elif isinstance(layer.attributes, SubConst) and given[0] >= 0 and got[0] >= 0:
            ranges.set(layer.name, (-0.1 * got[1], got[1]))


def signed_differences(ranges: Ranges) -> None:
    """Unsigned outputs of Sub, and of Mul with two signed inputs, become signed."""
    for layer in ranges.graph.layers:
        got = ranges.get(layer.name)
        if got is None or got[0] < 0:
            continue
        given = ranges.inputs(layer)
        signed = len(given) == 2 and all(item is not None and item[0] < 0 for item in given)
        if isinstance(layer.attributes, Sub) or (isinstance(layer.attributes, Mul) and signed):
            ranges.set(layer.name, (-got[1] * 0.1, got[1]))


def join_inputs(ranges: Ranges) -> None:
    """Concat, Min and Max: the inputs take the output's range where nobody else reads them."""

    def once() -> None:
        for layer in ranges.graph.layers:
            if isinstance(layer.attributes, Concat | Min | Max):
                _join(ranges, layer)

    _settle(ranges, once)


def _join(ranges: Ranges, layer: Layer) -> None:
    got = ranges.get(layer.name)
    given = [item for item in ranges.inputs(layer) if item is not None]
    if got is None or len(given) != len(layer.inputs):
        return
    for name in layer.inputs:
        for user in ranges.uses(name):
            if user is not layer and not (user is not None and isinstance(user.attributes, MaxPool)):
                return
    if isinstance(layer.attributes, Concat) and len({item[0] >= 0 for item in given}) > 1:
        return
    if len(set(given)) == 1:
        ranges.set(layer.name, given[0], follow=False)
        return
    for name in layer.inputs:
        if ranges.get(name) != got:
            ranges.pull(name, got)


def push_back(ranges: Ranges) -> None:
    """Inputs of Relu, MaxPool, Depth2Space and Abs take the output's range where nobody else reads them.

    LeakyRelu: on V always; elsewhere only when its own range is the wider one.
    """

    def once() -> None:
        for layer in ranges.graph.layers:
            got = ranges.get(layer.name)
            given = ranges.get(layer.inputs[0]) if layer.inputs else None
            if got is None or given is None or not ranges.single_use(layer.inputs[0]):
                continue
            leaky = isinstance(layer.attributes, LeakyRelu) and (ranges.family == "V" or got[1] > given[1])
            if leaky or isinstance(layer.attributes, Relu | MaxPool | Depth2Space | Abs):
                ranges.pull(layer.inputs[0], got)

    _settle(ranges, once)


def join_products(ranges: Ranges) -> None:
    """Two Mul that only an Add reads take the Add's range."""
    for layer in ranges.graph.layers:
        got = ranges.get(layer.name)
        if got is None or not isinstance(layer.attributes, Add) or len(layer.inputs) != 2:
            continue
        producers = [ranges.graph.producer(name) for name in layer.inputs]
        multiplied = all(p is not None and isinstance(p.attributes, Mul) for p in producers)
        if multiplied and all(ranges.single_use(name) and ranges.get(name) for name in layer.inputs):
            for name in layer.inputs:
                ranges.set(name, got, follow=False)


def join_comparisons(ranges: Ranges) -> None:
    """Both sides of a Compare take the union; the values of a Where follow its output."""
    for layer in ranges.graph.layers:
        if isinstance(layer.attributes, Compare):
            sides = [item for item in ranges.inputs(layer) if item is not None]
            if len(sides) == 2 and len(layer.inputs) == 2:
                union = (min(item[0] for item in sides), max(item[1] for item in sides))
                for name in layer.inputs:
                    ranges.set(name, union)
        elif isinstance(layer.attributes, Where):
            _join_where(ranges, layer)


def _join_where(ranges: Ranges, layer: Layer) -> None:
    got = ranges.get(layer.name)
    if got is None:
        return
    for name in layer.inputs[1:]:
        constant = ranges.graph.weights.get(name)
        if constant is not None and constant.dtype.kind == "f" and constant.size:
            low, high = float(constant.min()), float(constant.max())
            if isfinite(low) and isfinite(high):
                reach = max(got[1], abs(low), abs(high))
                got = (-reach if got[0] < 0 or low < 0 else 0.0, reach)
    ranges.set(layer.name, got)
    for name in layer.inputs[1:]:
        if ranges.get(name) is not None and ranges.single_use(name):
            ranges.set(name, got, follow=False)


def push_forward(ranges: Ranges) -> None:
    """Outputs of ops that keep the grid of their input take its range; MulConst scales it."""
    kinds = _KEEPERS + {"X": (PRelu,), "B": (PRelu, AvgPool), "V": (Reduce,)}[ranges.family]
    _forward(ranges, kinds)


_KEEPERS: tuple[type, ...] = (
    Relu, MaxPool, MinConst, MaxConst, Reshape, Unsqueeze, Squeeze, Slice, Tile, Pad, Permute, Upsample,
    LeakyRelu, Abs, MulConst,
)  # fmt: skip


def _forward(ranges: Ranges, kinds: tuple[type, ...]) -> None:
    def once() -> None:
        for layer in ranges.graph.layers:
            given = ranges.get(layer.inputs[0]) if layer.inputs else None
            if given is None or not isinstance(layer.attributes, kinds):
                continue
            match layer.attributes:
                case MulConst(const_val=factor):
                    ranges.set(layer.name, _scaled(given, factor))
                case Reduce(mode=mode) if mode not in ("ReduceMax", "ReduceMin"):
                    continue
                case _:
                    ranges.set(layer.name, given)

    _settle(ranges, once)


def _scaled(given: Range, factor: float) -> Range:
    low, high = given
    if factor == 0 or not isfinite(factor):
        return given
    ends = (low * factor, high * factor)
    return ends if factor > 0 else (ends[1], ends[0])


def _settle(ranges: Ranges, once: Callable[[], None]) -> None:
    for _ in range(ROUNDS):
        ranges.changed = False
        once()
        if not ranges.changed:
            return


@dataclass(frozen=True, slots=True)
class Pass:
    """One sharing pass and the families of chips that run it."""

    families: str
    run: Callable[[Ranges], None]


PASSES: tuple[Pass, ...] = (
    Pass("XBV", follow_movers),
    Pass("XBV", keep_signs),
    Pass("XB", signed_differences),
    Pass("XBV", join_inputs),
    Pass("XBV", push_back),
    Pass("X", join_products),
    Pass("XBV", join_comparisons),
    Pass("XBV", push_forward),
    Pass("XBV", keep_signs),
)


def shared_ranges(
    graph: Graph, thresholds: Mapping[str, Threshold], family: str, passes: Iterable[Pass] = PASSES
) -> Mapping[str, Range]:
    """The range of every calibrated tensor after all passes of a family ("X", "B", "V")."""
    ranges = Ranges(graph, family, thresholds)
    for item in passes:
        if family in item.families:
            item.run(ranges)
    return ranges.values
