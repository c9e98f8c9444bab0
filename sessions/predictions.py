"""What is predicted of a session's plan, as the workbench shows it: from what the session holds, nothing is run."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..engine.errors import QuantdeckError
from ..engine.plan import Plan
from .corrections import corrected_graph, plan_corrections
from .expectation import Expectation, expectation
from .ledgers import scored_plans, shown_ledger
from .output_noise import Gains, layer_gains, output_noise
from .session import Session
from .work import session_graph

if TYPE_CHECKING:
    from ..engine.graph.model import Graph


@dataclass(frozen=True, slots=True)
class Predictions:
    """Seconds of one sample on the chip, over those of all int8 (ratio), and each layer's part of them (shares).

    expected: the plan's figures by the noise ledger. outputs: by layer, SQNR in dB at the worst output with nothing
    but this layer in int8. gains: by layer, dB and their error (None: measured). notes: why something is not
    known.
    """

    seconds: float | None = None
    ratio: float | None = None
    shares: Mapping[str, float] = field(default_factory=dict[str, float])
    expected: Expectation | None = None
    outputs: Mapping[str, float] = field(default_factory=dict[str, float])
    gains: Gains = field(default_factory=dict[str, tuple[float, float | None]])
    notes: tuple[str, ...] = ()


def predictions(session: Session, number: int, plan: Plan) -> Predictions:
    """What is predicted of a plan of the session; nothing of it raises, what is missing is said in the notes."""
    try:
        equalized, bias = plan_corrections(session, number)
        if bias:
            raise QuantdeckError("plans with corrected biases are not predicted")
        graph = corrected_graph(session_graph(session), session, equalized=equalized, bias=False)
    except QuantdeckError as error:
        return Predictions(notes=(f"nothing is predicted: {error}",))
    notes: list[str] = []
    found = Predictions()
    try:
        found = _priced(found, graph, plan)
    except QuantdeckError as error:
        notes.append(f"no cost is predicted: {error}")
    try:
        found = _measured(found, session, graph, number, plan)
    except QuantdeckError as error:
        notes.append(f"no noise at the outputs is known: {error}")
    return replace(found, notes=tuple(notes))


def _priced(found: Predictions, graph: "Graph", plan: Plan) -> Predictions:
    from ..engine.hw.chip import get_chip
    from ..engine.hw.cost import CostModel

    model = CostModel(graph, get_chip(plan.chip).lower(graph, replace(plan, modes={})), plan.fp_type)
    base, cost = model.seconds(()), model.plan(tuple(plan.modes))
    total = cost.seconds or 1.0
    shares = {one.layer: one.seconds / total for one in cost.layers}
    return replace(found, seconds=cost.seconds, ratio=cost.seconds / (base or 1.0), shares=shares)


def _measured(found: Predictions, session: Session, graph: "Graph", number: int, plan: Plan) -> Predictions:
    known = shown_ledger(session, graph, plan)
    if known is None:
        raise QuantdeckError(
            "the layers were not measured with these thresholds; the workbench does it while it is open, a pareto "
            "search that needs float layers at its start"
        )
    ledger, samples = known
    runs = [(one, score) for _, one, score in scored_plans(session, number, samples)]
    for one, score in runs:
        if one.thresholds_digest == ledger.thresholds:
            ledger = ledger.with_anchor(one, score)
    gains = layer_gains(ledger, plan, runs) or {}
    return replace(found, expected=expectation(ledger, plan, runs), outputs=output_noise(ledger), gains=gains)
