"""run_qtable: walk the network, float the layers whose accumulated result left the float one (spec B.16)."""

from dataclasses import dataclass

from ..graph.model import Graph, Layer
from ..plan import Mode, Plan
from .trial import Objective, Outcome, Point, Ranked, Search, Trial, finish, floated

# Copies and tables: never float for their own sake, but with a predecessor that is (spec B.16 step 3c).
SKIPPED = frozenset({"Input", "Reshape", "Softmax", "MaxPool", "Slice", "Tile", "Permute", "Upsample"})


@dataclass(frozen=True, slots=True)
class CumulativeSearch:
    """The fixed part. ``int8_layers``: the layers that the chip runs in int8 under ``start``.

    ``compared``: tensors that count (spec A.9); only their ancestors are examined, () for all.
    """

    graph: Graph
    start: Plan
    int8_layers: frozenset[str]
    mode: Mode
    objective: Objective
    min_layer_cos: float
    compared: tuple[str, ...] = ()


def run_qtable(search: CumulativeSearch) -> Search:
    """Score all int8; then layer by layer. The outcome's ranking is the loss table, lowest cos first.

    Stops at the target, or when more than a quarter of the layers would be float. The plan is the best one tried;
    a layer and its successors enter and leave the list together, each once (spec B.19 #34).
    """
    results = yield [Trial(search.start)]
    int8_cos = search.objective.value(results[0])
    points = [Point(0, int8_cos, search.start)]
    losses: list[Ranked] = []
    if search.objective.met(int8_cos):
        return _outcome(search, int8_cos, points, losses)
    limit = len(search.graph.layers) // 4
    relevant = _relevant(search)
    listed: dict[str, None] = {}
    layer_objective = Objective(search.min_layer_cos, {})
    for layer in search.graph.layers:
        if not _examined(search, layer, listed, relevant):
            continue
        plan = floated(search.start, tuple(listed), search.mode)
        results = yield [Trial(plan, at=(layer.name,), judges=(layer.name, ""))]
        cos = layer_objective.value(results[0])
        losses.append(Ranked(layer.name, layer.op, 1 - cos))
        if layer_objective.met(cos):
            continue
        added = _with_successors(search.graph, layer, listed)
        listed |= dict.fromkeys(added)
        mixed = floated(search.start, tuple(listed), search.mode)
        results = yield [Trial(mixed)]
        point = Point(len(listed), search.objective.value(results[0]), mixed)
        points.append(point)
        if search.objective.met(point.cos) or len(listed) > limit:
            break
        if point.cos < int8_cos:
            for name in added:
                del listed[name]
    return _outcome(search, int8_cos, points, losses)


def _relevant(search: CumulativeSearch) -> frozenset[str]:
    return search.graph.ancestors(search.compared or search.graph.output_tensors)


def _examined(
    search: CumulativeSearch, layer: Layer, listed: dict[str, None], relevant: frozenset[str]
) -> bool:
    """Whether the layer is compared; a skipped type behind a float layer joins the list here."""
    if layer.op in SKIPPED:
        makers = (search.graph.producer(tensor) for tensor in search.graph.activations(layer))
        if any(maker is not None and maker.name in listed for maker in makers):
            listed[layer.name] = None
        return False
    if layer.name in listed or layer.name not in search.int8_layers or layer.name not in relevant:
        return False
    users = search.graph.consumers(layer.name)
    return not users or any(user.name not in listed for user in users)


def _with_successors(graph: Graph, layer: Layer, listed: dict[str, None]) -> list[str]:
    users = [user.name for output in layer.outputs for user in graph.consumers(output)]
    return [name for name in dict.fromkeys([layer.name, *users]) if name not in listed]


def _outcome(search: CumulativeSearch, int8_cos: float, points: list[Point], losses: list[Ranked]) -> Outcome:
    return finish(search.objective, int8_cos, sorted(losses, key=lambda row: -row.loss), points)
