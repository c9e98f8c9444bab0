"""The generator of every kind of search, made from its inputs."""

import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..engine.hw.chip import get_chip
from ..engine.hw.cost import CostModel
from ..engine.mix.cost_forwards import Budget
from ..engine.mix.front import Cost, count_layers
from ..engine.mix.pareto import Setting, pareto
from ..engine.mix.patterns import transformer_proposal
from ..engine.mix.qtable_search import LayerSearch
from ..engine.mix.run_qtable import CumulativeSearch, run_qtable
from ..engine.mix.search_qtable import TRANSFORMER_SKIPS, search_qtable
from ..engine.mix.sensitive_layer import sensitive_layer
from ..engine.mix.start_rules import proposals, start_layers, starting_from
from ..engine.mix.threshold_search import METHODS as THRESHOLD_METHODS
from ..engine.mix.threshold_search import Benchmark, threshold_search
from ..engine.mix.trial import Objective, Point, Result, Search, StopReason
from ..engine.plan import Mode, Plan, Threshold
from ..engine.text import one_of
from .search_inputs import Inputs
from .search_spec import SearchSpec

if TYPE_CHECKING:
    from ..engine.graph.model import Graph

SENSITIVE_METHODS = ("max", "percentile9999_abs", "kl")
"""What run_sensitive_layer tries, in this order (spec B.17)."""

MIXED = ("search_qtable", "run_sensitive_layer", "run_qtable")
"""Kinds that look for float layers."""

Tried = Sequence[tuple[str, str, Sequence[tuple[str, float]]]]


@dataclass(frozen=True, slots=True)
class Built:
    """A search, an estimate of its trials, what it tries layer by layer, and its figure where not the cos."""

    search: Search
    total: int
    tried: Tried = ()
    figure: Callable[[Result], float] | None = None


def build(
    inputs: Inputs, graph: "Graph", objective: Objective, watch: Callable[[Point], None] | None = None
) -> Built:
    """The search that the spec asks for. *watch* hears of every plan that is pareto's best so far."""
    if inputs.spec.strategy == "pareto" and inputs.spec.kind in MIXED:
        _tell_rules(inputs, graph, start_layers(proposals(graph), dict.fromkeys(graph.by_name, "INT8")))
        return _pareto(inputs, graph, objective, watch)
    builders = {
        "search_qtable": _search_qtable,
        "run_sensitive_layer": _sensitive,
        "run_qtable": _run_qtable,
        "search_threshold": _threshold,
        "calibrate": _calibrate,
    }
    return builders[inputs.spec.kind](inputs, graph, objective)


def _int8_layers(graph: "Graph", plan: Plan) -> tuple[str, ...]:
    """Layers whose output the chip stores in eight bits under *plan*."""
    program = get_chip(plan.chip).lower(graph, plan)
    kinds = {name: program.types.get(name) for name in graph.by_name}
    return tuple(
        name for name, kind in kinds.items() if kind is not None and kind.storage in ("int8", "uint8")
    )


def _ruled(inputs: Inputs, graph: "Graph", start: Plan) -> tuple[str, ...]:
    """The layers that stay float by a rule in all that is tried: none unless the rules are wanted."""
    if inputs.spec.start_rules == "none":
        return ()
    layers = start_layers(proposals(graph), get_chip(start.chip).lower(graph, start).modes)
    _tell_rules(inputs, graph, layers)
    return layers if inputs.spec.start_rules == "auto" else ()


def _tell_rules(inputs: Inputs, graph: "Graph", layers: Sequence[str]) -> None:
    """Say what the rules propose, why, and what becomes of it."""
    spec = inputs.spec
    if not layers or spec.start_rules == "none":
        return
    reasons = ", ".join(found.reason for found in proposals(graph))
    if spec.strategy == "pareto":
        end = "pareto measures them as all others and keeps in float what pays"
    elif spec.start_rules == "auto":
        end = "they start in float and stay so; --start_rules none refuses them"
    else:
        end = "--start_rules auto starts with them in float"
    inputs.report.say(f"{reasons}: best left in float are {one_of(list(layers), 20)}; {end}")


def _search_qtable(inputs: Inputs, graph: "Graph", objective: Objective) -> Built:
    spec = inputs.spec
    thresholds = inputs.thresholds(graph, spec.methods, tuned=spec.methods)
    start = inputs.start_plan(thresholds["mse" if "mse" in thresholds else spec.methods[0]])
    ruled = _ruled(inputs, graph, start)
    layers = _kept(inputs, graph, _int8_layers(graph, start), ruled)
    search = _layer_search(graph, start, layers, thresholds, objective)
    transformer = spec.transformer == "True"
    if spec.transformer == "auto":
        found = transformer_proposal(graph)
        transformer = found is not None
        inputs.report.say(f"--transformer auto: {found.reason if found else 'no transformer block found'}")
    skips = TRANSFORMER_SKIPS if transformer else frozenset[str]()
    tried = _tried(search, skips)
    built = search_qtable(search, max_float_layers=spec.max_float_layers, transformer=transformer)
    return Built(
        starting_from(built, ruled, search.mode),
        _estimate(tried, len(search.layers)),
        tried,
    )


def _sensitive(inputs: Inputs, graph: "Graph", objective: Objective) -> Built:
    thresholds = inputs.thresholds(graph, SENSITIVE_METHODS, tuned=SENSITIVE_METHODS)
    start = inputs.given_plan()
    ruled = _ruled(inputs, graph, start)
    names = _kept(inputs, graph, graph.by_name, ruled)
    search = _layer_search(graph, start, names, thresholds, objective)
    tried = _tried(search)
    found = sensitive_layer(search, max_float_layers=inputs.spec.max_float_layers)
    return Built(starting_from(found, ruled, search.mode), _estimate(tried, 0), tried)


def _kept(
    inputs: Inputs, graph: "Graph", names: Iterable[str], ruled: Collection[str] = ()
) -> tuple[str, ...]:
    """The layers that are tried: not those of types left out, nor those that a rule keeps in float."""
    left_out = frozenset(inputs.spec.without_ops)
    return tuple(name for name in names if graph.by_name[name].op not in left_out and name not in ruled)


def _layer_search(
    graph: "Graph",
    start: Plan,
    layers: tuple[str, ...],
    thresholds: Mapping[str, Mapping[str, Threshold]],
    objective: Objective,
) -> LayerSearch:
    return LayerSearch(graph, start, layers, thresholds, Mode(start.fp_type), objective)


def _tried(search: LayerSearch, skips: frozenset[str] = frozenset()) -> Tried:
    return [
        (name, search.graph.by_name[name].op, rows)
        for name in search.layers
        if search.graph.by_name[name].op not in skips
        and (rows := [(method, row[name].value) for method, row in search.thresholds.items() if name in row])
    ]


def _estimate(tried: Tried, searched: int) -> int:
    probes = 1 + (1 + (searched // 8).bit_length() if searched >= 8 else 0)
    return 1 + sum(len(rows) for _, _, rows in tried) + probes


def _run_qtable(inputs: Inputs, graph: "Graph", objective: Objective) -> Built:
    spec, start = inputs.spec, inputs.given_plan()
    ruled = _ruled(inputs, graph, start)
    modes = get_chip(start.chip).lower(graph, start).modes
    search = CumulativeSearch(
        graph=graph,
        start=start,
        int8_layers=frozenset(name for name, mode in modes.items() if mode == "INT8" and name not in ruled),
        mode=Mode(start.fp_type),
        objective=objective,
        min_layer_cos=spec.min_layer_cos,
        compared=tuple(name for name, _ in spec.compared),
    )
    return Built(starting_from(run_qtable(search), ruled, search.mode), 1 + len(graph.layers))


def _threshold(inputs: Inputs, graph: "Graph", objective: Objective) -> Built:
    rows = inputs.thresholds(graph, THRESHOLD_METHODS, tuned=["kl"])
    benchmark = Benchmark(inputs.spec.benchmark, objective.weights)
    plans = {name: inputs.start_plan(found) for name, found in rows.items()}
    return Built(threshold_search(plans, benchmark, objective), len(plans))


def _calibrate(inputs: Inputs, graph: "Graph", objective: Objective) -> Built:
    """No search: the one method's plan is scored."""
    method = inputs.spec.method
    rows = inputs.thresholds(graph, [method], tuned=[method])
    plans = {method: inputs.start_plan(rows[method])}
    return Built(threshold_search(plans, Benchmark("cos", objective.weights), objective), 1)


def _pareto(
    inputs: Inputs, graph: "Graph", objective: Objective, watch: Callable[[Point], None] | None
) -> Built:
    """The ledger's search in place of the chapter's, over the same thresholds and samples."""
    spec = inputs.spec
    methods = {"search_qtable": tuple(spec.methods), "run_sensitive_layer": SENSITIVE_METHODS}.get(
        spec.kind, ()
    )
    thresholds = inputs.thresholds(graph, methods, tuned=methods) if methods else {}
    if spec.kind == "search_qtable":
        start = inputs.start_plan(thresholds["mse" if "mse" in thresholds else spec.methods[0]])
    else:
        start = inputs.given_plan()
    searched, total = inputs.searched(), len(inputs.scored)
    setting = Setting(
        graph=graph,
        start=start,
        mode=Mode(start.fp_type),
        objective=objective,
        samples=searched,
        total=total,
        methods=thresholds,
        join=spec.kind != "run_qtable",  # which writes no calibration table, so the given one has to hold
        cost=_cost(graph, start) if spec.cost == "chip" else count_layers,
        budget=_budget(spec),
        watch=watch,
    )
    return Built(pareto(setting), 2 * len(graph.calibrated) + len(graph.layers))


def _budget(spec: SearchSpec) -> Budget:
    limit = spec.budget_minutes * 60
    started = time.monotonic()

    def over() -> StopReason | None:
        return StopReason.BUDGET if limit and time.monotonic() - started > limit else None

    return Budget(spec.budget_forwards or math.inf, spec.budget_trials or math.inf, over)


def _cost(graph: "Graph", start: Plan) -> Cost:
    """The time of a plan on its chip, all int8 = 1."""
    program = get_chip(start.chip).lower(graph, replace(start, modes={}))
    return CostModel(graph, program, start.fp_type).relative()
