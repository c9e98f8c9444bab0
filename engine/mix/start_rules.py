"""A starting quantize table from rules (spec B.14): what they propose, and a search that starts from it."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace

from ..graph.model import Graph
from ..plan import Mode, Plan
from .detector_head import detector_proposal
from .patterns import Proposal, shape_arithmetic, transformer_proposal
from .trial import Outcome, Result, Search, Trial


def proposals(graph: Graph) -> tuple[Proposal, ...]:
    """What each rule would leave in float, rules that find nothing left out: transformer, detector, shapes."""
    found = (transformer_proposal(graph), detector_proposal(graph), shape_arithmetic(graph))
    return tuple(item for item in found if item is not None and item.layers)


def joined(found: Sequence[Proposal]) -> Proposal | None:
    """Several proposals as one; None of none."""
    if not found:
        return None
    layers = dict.fromkeys(name for item in found for name in item.layers)
    return Proposal(tuple(layers), ", ".join(item.reason for item in found))


def start_layers(found: Sequence[Proposal], modes: Mapping[str, str]) -> tuple[str, ...]:
    """The proposed layers that would be int8 else, each once, in the order of *modes*: of a lowered int8 plan."""
    proposed = {name for item in found for name in item.layers}
    return tuple(name for name, mode in modes.items() if name in proposed and mode == "INT8")


def starting_from(search: Search, layers: Sequence[str], mode: Mode) -> Search:
    """The search with some layers in *mode* in all that it tries and finds, whatever it makes of the others."""
    fixed = dict.fromkeys(layers, mode)
    return _started(search, fixed) if fixed else search


def _started(
    search: Search, fixed: Mapping[str, Mode]
) -> Generator[Sequence[Trial], Sequence[Result], Outcome]:
    sent: Sequence[Result] | None = None
    try:
        while True:
            trials = next(search) if sent is None else search.send(sent)
            sent = yield [replace(trial, plan=_fixed(trial.plan, fixed)) for trial in trials]
    except StopIteration as stop:
        outcome: Outcome = stop.value
    curve = tuple(
        replace(point, plan=_fixed(point.plan, fixed), float_layers=point.float_layers + len(fixed))
        for point in outcome.curve
    )
    return replace(outcome, plan=_fixed(outcome.plan, fixed), curve=curve)


def _fixed(plan: Plan, fixed: Mapping[str, Mode]) -> Plan:
    return plan.with_modes(fixed)
