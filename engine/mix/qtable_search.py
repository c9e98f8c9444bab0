"""What search_qtable and run_sensitive_layer share: single-layer trials, ranking, mixed plans (spec B.15, B.17).

Mended against the original, as spec B.19 recommends: a layer is listed once (35), the plan that is written is the
best one tried (28), a target that int8 meets at once still gives a plan (29), an empty search list ends in a plan
(39), a NaN never passes.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

from ..graph.model import Graph
from ..plan import Mode, Plan, Threshold
from .trial import Objective, Ranked, Result, Trial, floated

Steps = Generator[Sequence[Trial], Sequence[Result], list[Ranked]]


@dataclass(frozen=True, slots=True)
class LayerSearch:
    """The fixed part of a search.

    layers: names of the searched layers in model order. thresholds: by method, then by tensor; methods are
    tried in this order. start: the plan of the all-int8 score. mode: the float type of the others.
    """

    graph: Graph
    start: Plan
    layers: tuple[str, ...]
    thresholds: Mapping[str, Mapping[str, Threshold]]
    mode: Mode
    objective: Objective


def rank_layers(search: LayerSearch, int8_layers: Sequence[str] | None = None) -> Steps:
    """Try every layer alone in int8 with every method's threshold; return the layers, highest loss first.

    The best method's threshold of a layer stays for the layers behind it. Losses tie in model order.
    """
    plan, ranked = search.start, []
    for layer in search.layers:
        others = [name for name in (int8_layers or search.layers) if name != layer]
        methods = [name for name in search.thresholds if layer in search.thresholds[name]]
        rows = [search.thresholds[name][layer] for name in methods]
        if not rows:
            continue
        plans = [floated(plan.with_thresholds({layer: row}), others, search.mode) for row in rows]
        results = yield [
            Trial(item, judges=(layer, method)) for item, method in zip(plans, methods, strict=True)
        ]
        losses = [1 - search.objective.value(result) for result in results]
        winner = min(range(len(losses)), key=losses.__getitem__)
        plan = plan.with_thresholds({layer: rows[winner]})
        op = search.graph.by_name[layer].op
        ranked.append(Ranked(layer, op, losses[winner], methods[winner], rows[winner].value))
    ranked.sort(key=lambda row: -row.loss)
    return ranked


def with_best_thresholds(search: LayerSearch, ranking: Sequence[Ranked]) -> Plan:
    """The start plan with the thresholds that the ranking chose."""
    return search.start.with_thresholds(
        {row.layer: search.thresholds[row.method][row.layer] for row in ranking}
    )


def take(search: LayerSearch, ranking: Sequence[Ranked], count: int) -> tuple[str, ...]:
    """The first layers of the ranking until *count* are taken, with their partners.

    A Conv takes the Scales that follow it directly, a Scale the Conv before it; partners count, so that the
    last pair may exceed the count by one.
    """
    taken: dict[str, None] = {}
    for row in ranking:
        if len(taken) >= count:
            break
        if row.layer not in taken:
            taken[row.layer] = None
            taken.update(dict.fromkeys(_partners(search.graph, row.layer)))
    return tuple(taken)


def _partners(graph: Graph, name: str) -> list[str]:
    layer = graph.by_name[name]
    if layer.op == "Conv":
        return [user.name for user in graph.consumers(name) if user.op == "Scale"]
    if layer.op == "Scale":
        producers = (graph.producer(tensor) for tensor in graph.activations(layer))
        return [maker.name for maker in producers if maker is not None and maker.op == "Conv"]
    return []
