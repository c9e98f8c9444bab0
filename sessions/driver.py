"""Runs a search over the journal: what was paid for is looked up, the rest is scored and committed."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ..engine.errors import QuantdeckError
from ..engine.mix.trial import Failure, Objective, Outcome, Result, Search, Trial
from ..engine.plan import Plan
from ..engine.run.score import Excess, broken_references
from .journal import Journal, Scope, trial_key
from .no_figure import reason, told_as
from .report import Report

Evaluate = Callable[[Sequence[Trial]], Sequence[Result]]


@dataclass(frozen=True, slots=True)
class Best:
    """The plan that would be taken if the search stopped now."""

    plan: Plan
    cos: float
    float_layers: int


@dataclass(slots=True)
class Driver:
    """One run of a search.

    total: estimate of its trials. layers: of the network; a plan with more than a quarter of them in float is
    a step of the search and no candidate. at: tensors that are compared in place of the outputs. better: told
    about every new best plan. check: raises what the user's samples hit (one that is gone is no failed trial).
    expect: told which trials will be evaluated, one by one in this order. cost: of a plan,
    all int8 = 1. history: the figures of every set. excesses:
    what went beyond an arithmetic, by the plan's digest. failures: why trials failed, in their order.
    reasons: why trials have no figure. broken: samples with which the float network itself has none.
    """

    journal: Journal
    scope: Scope
    evaluate: Evaluate
    objective: Objective
    layers: int
    total: int
    better: Callable[[Best], None]
    check: Callable[[], None]
    at: tuple[str, ...] = ()
    figure: Callable[[Result], float] | None = None
    expect: Callable[[Sequence[Trial]], None] = lambda trials: None
    cost: Callable[[Plan], float | None] = lambda plan: None
    best: Best | None = None
    paid: int = 0
    history: list[list[float]] = field(default_factory=list[list[float]])
    excesses: dict[str, tuple[Excess, ...]] = field(default_factory=dict[str, tuple[Excess, ...]])
    failures: list[str] = field(default_factory=list[str])
    reasons: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    broken: set[int] = field(default_factory=set[int])

    def run(self, search: Search, report: Report, stage: str) -> Outcome:
        """Drive the search to its end."""
        done = 0
        advance = None
        sent: Sequence[Result] | None = None
        keys: list[str] = []
        try:
            while True:
                trials = self._next(search, sent, keys)
                trials = [self._placed(trial) for trial in trials]
                keys = [trial_key(self.scope, trial) for trial in trials]
                known = self.journal.find(keys)
                self.expect([trial for key, trial in zip(keys, trials, strict=True) if key not in known])
                for key, trial in zip(keys, trials, strict=True):
                    if key not in known:
                        if advance is None:
                            advance = report.stage(stage)
                            advance(done, max(self.total, done))
                        known[key] = self._pay(key, trial)
                    done += 1
                    self._watch(trial, known[key])
                    if advance is not None:
                        advance(done, max(self.total, done))
                sent = [known[key] for key in keys]
                self.history.append([self._figure(result) for result in sent])
        except StopIteration as stop:
            if advance is not None:
                advance(done, done)
            outcome: Outcome = stop.value
            return outcome

    def _next(self, search: Search, sent: Sequence[Result] | None, keys: Sequence[str]) -> Sequence[Trial]:
        """The next set. Failed trials that end the search are forgotten, so that a resumed job tries them again."""
        if sent is None:
            return next(search)
        try:
            return search.send(sent)
        except QuantdeckError:
            failed = [key for key, result in zip(keys, sent, strict=True) if isinstance(result, Failure)]
            self.journal.forget(failed)
            raise

    def _placed(self, trial: Trial) -> Trial:
        return trial if trial.at else replace(trial, at=self.at)

    def _figure(self, result: Result) -> float:
        return self.figure(result) if self.figure else self.objective.value(result)

    def _pay(self, key: str, trial: Trial) -> Result:
        (result,) = self.evaluate([trial])
        self.check()
        cost = None if trial.at or trial.source is not None else self.cost(trial.plan)
        self.journal.put(key, trial, result, self._figure(result), cost)
        self.paid += 1
        return result

    def _watch(self, trial: Trial, result: Result) -> None:
        if isinstance(result, Failure):
            self.failures.append(result.message)
        elif result.excesses:
            self.excesses[trial.plan.digest] = result.excesses
        if self.objective.value(result) == -math.inf:
            self.reasons |= dict.fromkeys(told_as(trial), reason(result, self.objective.weights))
            if not isinstance(result, Failure):
                self.broken.update(broken_references(item.similarity for item in result.outputs))
        if trial.at != self.at or trial.source is not None or trial.samples or trial.only:
            return
        count = len(trial.plan.modes)
        found = Best(trial.plan, self._figure(result), count)
        if found.cos == -math.inf or count > max(1, self.layers // 4):
            return
        if self.best is None or self._beats(found, self.best):
            self.best = found
            self.better(found)

    def _beats(self, new: Best, old: Best) -> bool:
        met, before = self.objective.met(new.cos), self.objective.met(old.cos)
        if met != before:
            return met
        if met:
            return (new.float_layers, -new.cos) < (old.float_layers, -old.cos)
        return new.cos > old.cos
