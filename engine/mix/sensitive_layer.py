"""run_sensitive_layer: the layers whose int8 form costs most, a fixed number of them float (spec B.17)."""

from .qtable_search import LayerSearch, rank_layers, take, with_best_thresholds
from .trial import Point, Search, Trial, finish, floated


def sensitive_layer(search: LayerSearch, *, max_float_layers: int) -> Search:
    """Score the start table in int8; rank every layer over the methods; float the worst ones.

    No bisection: the number of float layers is ``max_float_layers`` (one more where a pair ends it). Reshapes are
    searched as the original does; graph inputs are no layers here, so the input is never listed (original_measured 7).
    """
    results = yield [Trial(search.start)]
    int8_cos = search.objective.value(results[0])
    points = [Point(0, int8_cos, search.start)]
    if search.objective.met(int8_cos):
        return finish(search.objective, int8_cos, (), points)
    ranking = yield from rank_layers(search)
    if ranking:
        layers = take(search, ranking, max_float_layers)
        plan = floated(with_best_thresholds(search, ranking), layers, search.mode)
        scored = yield [Trial(plan)]
        points.append(Point(len(layers), search.objective.value(scored[0]), plan))
    return finish(search.objective, int8_cos, ranking, points)
