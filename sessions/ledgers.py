"""A noise ledger from the trials that a session's journal holds: the workbench and pareto searches paid for them."""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..engine.errors import QuantdeckError
from ..engine.mix.ledger_measure import Measuring, measure
from ..engine.mix.trial import Result, Trial
from ..engine.plan import Mode, Plan
from .corrections import plan_corrections
from .journal import Journal, Scope, trial_key
from .packing import well_formed
from .records import score_from
from .search_spec import SearchSpec
from .session import Session

if TYPE_CHECKING:
    from ..engine.graph.model import Graph
    from ..engine.mix.ledger import Ledger
    from ..engine.run.score import Score

FIRST, THEN = 4, 16
"""Samples of both rounds where there are enough (peers section 3); every smaller number is looked for, too."""

RUNS = 20
"""Plans that were run, the newest, by which predictions are set right."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a ledger may have been measured: scope of its trials, compared tensors, samples."""

    scope: Scope
    at: tuple[str, ...]
    measuring: Measuring


def session_ledger(session: Session, graph: "Graph", plan: Plan) -> "Ledger | None":
    """The ledger of *plan*'s thresholds on *graph*, measured on as many samples as there are; None where none was.

    Nothing is run. Errors: QuantdeckError when the chip is not simulated.
    """
    found = _measured(session, graph, plan, lambda place: (-place.measuring.most,))
    return found[0] if found else None


def shown_ledger(session: Session, graph: "Graph", plan: Plan) -> "tuple[Ledger, str] | None":
    """As ``session_ledger``, the one that the workbench shows before others; with the digest of its samples."""
    screens = {scope for scope, _ in _screen_scopes(session, graph)}
    found = _measured(session, graph, plan, lambda place: (place.scope not in screens, -place.measuring.most))
    return (found[0], found[1].scope.samples) if found else None


def _measured(
    session: Session, graph: "Graph", plan: Plan, rank: Callable[[Place], tuple[int, ...]]
) -> "tuple[Ledger, Place] | None":
    """The first ledger that is whole, in the order of *rank*."""
    journal = Journal(session, 0)
    for place in sorted(_measured_places(session, journal, graph, plan), key=rank):
        found = _answered(journal, graph, plan, place)
        if found is not None:
            return found, place
    return None


def _measured_places(session: Session, journal: Journal, graph: "Graph", plan: Plan) -> Iterable[Place]:
    """Places whose all-float trial is known."""
    if session.row("SELECT 1 FROM trial LIMIT 1") is None:
        return
    floats, *_ = next(measure(graph, plan, mode=Mode(plan.fp_type)))
    keys = {
        trial_key(place.scope, replace(floats, at=place.at, samples=place.measuring.most)): place
        for place in _places(session, graph)
    }
    known = journal.find(list(keys))
    yield from (place for key, place in keys.items() if key in known)


def _places(session: Session, graph: "Graph") -> Iterable[Place]:
    for scope, at in dict.fromkeys([*_screen_scopes(session, graph), *search_scopes(session, graph.digest)]):
        for most in range(1, THEN + 1):
            two = most > FIRST
            yield Place(scope, at, Measuring(FIRST if two else most, most if two else 0))


def _screen_scopes(session: Session, graph: "Graph") -> Iterable[tuple[Scope, tuple[str, ...]]]:
    """What the workbench measures: against float32, on the samples that it scores."""
    for row in session.rows("SELECT DISTINCT samples_digest FROM score"):
        yield Scope(graph.digest, row[0], reference="float32"), ()


def search_scopes(session: Session, graph_digest: str) -> Sequence[tuple[Scope, tuple[str, ...]]]:
    """What pareto searches measured at the network's own outputs, or at tensors compared in their place.

    One whose settings are damaged measured nothing.
    """
    rows = session.rows(
        "SELECT j.spec, s.samples FROM search s JOIN job j ON j.id = s.job ORDER BY s.job DESC LIMIT 50"
    )
    found: list[tuple[Scope, tuple[str, ...]]] = []
    for row in rows:
        with suppress(QuantdeckError), well_formed():
            spec = SearchSpec.from_dict(json.loads(row["spec"]))
            if spec.strategy != "pareto" or spec.post_process:
                continue
            digest = str(json.loads(row["samples"])["scored"]["digest"])
            at = tuple(str(name) for name, _ in spec.compared)
            found.append((Scope(graph_digest, digest, spec.post_process_digest, spec.reference), at))
    return found


def _answered(journal: Journal, graph: "Graph", plan: Plan, place: Place) -> "Ledger | None":
    """The ledger as the journal's trials make it; None where one is missing."""
    steps = measure(graph, plan, mode=Mode(plan.fp_type), measuring=place.measuring)
    try:
        trials: Sequence[Trial] = next(steps)
        while True:
            keys = [trial_key(place.scope, replace(trial, at=place.at)) for trial in trials]
            known = journal.find(keys)
            if len(known) < len(set(keys)):
                return None
            answers: list[Result] = [known[key] for key in keys]
            trials = steps.send(answers)
    except StopIteration as stop:
        found: Ledger = stop.value
        return found


def scored_plans(
    session: Session, number: int, samples: str, besides: Collection[int] = ()
) -> "list[tuple[int, Plan, Score]]":
    """The newest plans with a score on these samples (their digest), the oldest of them first.

    Those on the same weights as plan *number*; *besides*: numbers of plans that are not asked for.
    """
    wanted = plan_corrections(session, number)
    rows = session.rows(
        "SELECT p.id, p.body, s.body AS score FROM score s JOIN plan p ON p.id = s.plan WHERE s.samples_digest = ?"
        " ORDER BY s.created DESC, s.id DESC LIMIT ?",
        samples, RUNS,
    )  # fmt: skip
    found: list[tuple[int, Plan, Score]] = []
    for row in reversed(rows):
        if row["id"] not in besides and plan_corrections(session, int(row["id"])) == wanted:
            with suppress(QuantdeckError, ValueError):  # a damaged one teaches nothing
                plan, score = Plan.from_json(row["body"]), score_from(json.loads(row["score"]))
                found.append((int(row["id"]), plan, score))
    return found
