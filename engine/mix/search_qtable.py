"""search_qtable: the best threshold method of each layer, then the fewest float layers (spec B.15)."""

from collections.abc import Generator, Sequence

from .qtable_search import LayerSearch, rank_layers, take, with_best_thresholds
from .trial import Point, Result, Search, Trial, finish, floated

# With --transformer these types stay out of the search (spec B.15 step 4).
TRANSFORMER_SKIPS = frozenset({"Reshape", "LayerNorm", "Unsqueeze", "Gather", "Slice", "MulConst", "Concat"})


def search_qtable(search: LayerSearch, *, max_float_layers: int, transformer: bool = False) -> Search:
    """Score all int8; rank every layer; float the worst until the target is met.

    ``max_float_layers`` is the first number tried; where it misses the target and an eighth of the searched layers
    is more, that eighth is tried and bisected. Ends with the smallest set that passed, else with the best tried.
    """
    results = yield [Trial(search.start)]
    int8_cos = search.objective.value(results[0])
    points = [Point(0, int8_cos, search.start)]
    if search.objective.met(int8_cos):
        return finish(search.objective, int8_cos, (), points)
    eighth = len(search.layers) // 8
    if transformer:
        search = _without_movers(search)
    ranking = yield from rank_layers(search)
    plan = with_best_thresholds(search, ranking)

    def probe(count: int) -> Generator[Sequence[Trial], Sequence[Result], Point]:
        layers = take(search, ranking, count)
        tried = floated(plan, layers, search.mode)
        scored = yield [Trial(tried)]
        points.append(Point(len(layers), search.objective.value(scored[0]), tried))
        return points[-1]

    if ranking:
        first = yield from probe(max_float_layers)
        if not search.objective.met(first.cos) and eighth > max_float_layers:
            wide = yield from probe(eighth)
            low, high = max_float_layers, eighth
            while search.objective.met(wide.cos) and low <= high:
                middle = (low + high) // 2
                point = yield from probe(middle)
                low, high = (low, middle - 1) if search.objective.met(point.cos) else (middle + 1, high)
    return finish(search.objective, int8_cos, ranking, points)


def _without_movers(search: LayerSearch) -> LayerSearch:
    layers = tuple(name for name in search.layers if search.graph.by_name[name].op not in TRANSFORMER_SKIPS)
    return LayerSearch(search.graph, search.start, layers, search.thresholds, search.mode, search.objective)
