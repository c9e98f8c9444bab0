"""The process beside the screen that scores and predicts plans: ``python -m quantdeck.tui.assessor SESSION``.

It holds the network, its samples and the noise ledger, so that an edit is predicted at once and confirmed in the
time of a run, and a layer that is looked at is explained. It reads questions (asked.py) from standard input, one a
line, and answers with JSON lines; the newest plan and the newest layer are the only ones that count. Scores go into
the session. It ends with its standard input.
"""

import json
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.errors import QuantdeckError
from ..sessions.expectation import Expectation, Expected
from .asked import Asked, Question

if TYPE_CHECKING:
    from ..engine.graph.model import Graph
    from ..engine.hw.cost import CostModel
    from ..engine.mix.ledger import Ledger
    from ..engine.mix.threshold_moves import Moves
    from ..engine.mix.trial import Result, Trial
    from ..engine.plan import Plan
    from ..engine.run.score import LayerScore, Score
    from ..sessions.judged import Chosen
    from ..sessions.reasons import Reasons

NICE = 10
GRACE = 10.0  # seconds for the end
CHUNK = 4  # trials of the ledger between two looks at what is asked


class Superseded(Exception):
    """Something newer was asked."""


class Assessor:
    """One session's network."""

    def __init__(self, path: Path, asked: Asked) -> None:
        from ..sessions.journal import Journal
        from ..sessions.judged import judged_samples
        from ..sessions.report import Silent
        from ..sessions.same_samples import Watch, session_samples
        from ..sessions.store import open_session
        from ..sessions.work import session_graph

        self._asked = asked
        self._session = open_session(path)
        self._original = session_graph(self._session)
        self._samples = judged_samples(
            self._session, session_samples(self._session, self._original, Silent())
        )
        self._watch = Watch(self._samples)
        self._chosen = self._recorded()
        self._journal = Journal(self._session, 0)
        self._current: tuple[int, Plan] | None = None
        self._looked: str | None = None  # the layer that is looked at
        self._priced: int | None = None  # the plan whose cost was told
        self._biased = False  # whether the plan is one of corrected biases: it is run, but not predicted
        self._work_on(self._original)

    def _work_on(self, graph: "Graph") -> None:
        """Judge plans of this graph; what is known of another one's is forgotten."""
        import psutil

        from ..engine.run.evaluator import Evaluator
        from ..engine.run.trials.evaluator import TrialEvaluator
        from ..sessions.journal import Scope
        from ..sessions.work import threads

        self._graph = graph
        memory = psutil.virtual_memory().available // 8
        self._layers = Evaluator(
            graph, self._samples, threads=threads(), original=self._original, memory=memory
        )
        self._trials = TrialEvaluator(graph, self._samples, reference="float32", threads=threads())
        self._scope = Scope(graph.digest, self._samples.digest, reference="float32")
        self._ledger: Ledger | None = None
        self._former: Ledger | None = None  # of other thresholds: predicts until this plan's is measured
        self._measured: Plan | None = None  # with the thresholds of the newer of both
        self._measuring: Any = None
        self._waiting: list[Trial] = []
        self._found: list[Result] = []
        self._tried = ""  # thresholds whose ledger is being measured, or cannot be
        self._anchors: list[tuple[Plan, Score]] = []
        self._known: set[int] = set()  # plans of the session that are among them
        self._figures: Mapping[str, LayerScore] = {}  # of the current plan
        self._reasons: Reasons | None = None
        self._found_out = False  # whether more is known than the reasons were made of

    @property
    def outdated(self) -> bool:
        """Whether a sample's file is not any more what was read, or the session has other samples now."""
        return self._watch.changed or self._recorded() != self._chosen

    def _recorded(self) -> "tuple[str, Chosen | None]":
        from ..sessions.judged import Chosen
        from ..sessions.records import get_settings

        row = self._session.row("SELECT digest FROM samples WHERE role = 'calibration'")
        return str(row[0]) if row is not None else "", Chosen.of(get_settings(self._session))

    def answer(self, question: Question) -> None:
        """Answer a question."""
        if question.about == "ready":
            plan = self._turn_to(question.plan)
            if plan is not None:
                self._predict(question.plan, plan)
                self._gains(question.plan, plan)
        elif question.about == "proposals":
            self.propose(question.plan)
        elif question.layer is not None:
            self.look(question.plan, question.layer)
        else:
            self.assess(question.plan)

    def assess(self, number: int) -> None:
        """Predict, score at the outputs, then at every layer; each is told or stored as soon as it is known."""
        from ..sessions.records import put_score

        plan = self._turn_to(number)
        if plan is None:
            return
        self._predict(number, plan)
        tell(number, "checking")
        score = self._score(plan)
        # Once is enough: put again it would be newer than one on more samples.
        known = "SELECT 1 FROM score WHERE plan = ? AND samples_digest = ?"
        if self._session.row(known, number, self._samples.digest) is None:
            put_score(self._session, number, self._samples.digest, score)
        self._learn(plan, score)
        tell(number, "scored")
        if self._session.row("SELECT 1 FROM layer_score WHERE plan = ? LIMIT 1", number) is None:
            self._score_layers(number, plan)
        tell(number, "checked")

    def _score(self, plan: "Plan") -> "Score":
        """Run a plan, and compare its outputs with the float pass of the model's own weights."""
        from ..engine.mix.trial import Failure, Trial

        if self._biased:  # trials are compared with the float pass of the graph that they run
            return self._layers.score(plan, progress=self._progress)
        (score,) = self._trials([Trial(plan)])
        if isinstance(score, Failure):
            raise QuantdeckError(score.message)
        return score

    def look(self, number: int, layer: str) -> None:
        """Tell what is known of a layer under a plan, and again with its samples once they are."""
        plan = self._turn_to(number)
        if plan is None or layer not in self._graph.by_name:
            return
        self._looked = layer
        self._show(number, plan)
        if self._priced != number:
            self._predict(number, plan)
            self._gains(number, plan)
        if not self._figures:
            self._score_layers(number, plan)
            self._show(number, plan)

    def propose(self, number: int) -> None:
        """Layers that rules would set float without measuring, those left out that the chip runs in float anyway."""
        from ..engine.mix.start_rules import proposals, start_layers

        plan = self._turn_to(number)
        if plan is None:
            return
        modes = self._layers.lower(replace(plan, modes={})).modes
        found = [(one.reason, start_layers([one], modes)) for one in proposals(self._graph)]
        tell(number, "proposals", proposals=[one for one in found if one[1]])

    def _turn_to(self, number: int) -> "Plan | None":
        """Make a plan of the session the one that everything is about."""
        from ..sessions.records import get_plan

        if self._current is None or self._current[0] != number:
            found = get_plan(self._session, number)
            if found is None:
                return None
            self._correct(*found)
            self._current, self._figures = found, {}
            self._recall(number)
        return self._current[1]

    def _recall(self, number: int) -> None:
        """Learn from the plans that were scored meanwhile, by a job or under another workbench."""
        from ..sessions.ledgers import scored_plans

        found = scored_plans(self._session, number, self._samples.digest, self._known)
        self._known |= {one for one, _, _ in found}
        for _, plan, score in found:
            self._anchors = [*[pair for pair in self._anchors if pair[0] != plan][-20:], (plan, score)]
        if found and self._ledger is not None:
            self._teach()

    def _correct(self, number: int, plan: "Plan") -> None:
        """Use the weights of which a plan was found; of corrected biases those of the layers that it has in int8."""
        from ..sessions.corrections import corrected_graph, plan_corrections

        equalized, self._biased = plan_corrections(self._session, number)
        wanted = corrected_graph(
            self._original, self._session, equalized=equalized, bias=self._biased, floats=plan.modes
        )
        if wanted.digest != self._graph.digest:  # where no pair can be equalized the two are one
            self._trials.close()
            self._work_on(wanted)

    def _score_layers(self, number: int, plan: "Plan") -> None:
        from ..sessions.records import put_layer_scores

        scores = self._layers.layer_scores(plan, self._progress)
        self._figures, self._found_out = {one.layer: one for one in scores}, True
        if self._session.row("SELECT 1 FROM layer_score WHERE plan = ? LIMIT 1", number) is None:
            put_layer_scores(self._session, number, scores)

    def _show(self, number: int, plan: "Plan") -> None:
        from .closeup import closeup, worst_samples

        layer = self._graph.by_name[self._looked or ""]
        figures = self._figures.get(layer.name)
        names = [self._samples.label(index) for index in range(len(self._samples))]
        local = figures.local if figures is not None else None
        worst = worst_samples(names, figures.accumulated) if figures is not None else None
        ledger = self._ledger_of(plan)
        expected = Expected(ledger, self._anchors) if ledger is not None else None
        found = closeup(number, layer, self._why(plan), worst, local, expected, corrected=self._biased)
        tell(number, "layer", insight=found.to_dict())

    def _why(self, plan: "Plan") -> "Reasons":
        """The evidence about a plan, gathered once for it and for what the ledger knows by then."""
        from ..sessions.reasons import Reasons

        if self._reasons is None or self._reasons.evidence.plan != plan or self._found_out:
            self._reasons = Reasons.of(self._session, plan, graph=self._graph, ledger=self._ledger_of(plan))
            self._found_out = False
        return self._reasons

    @cached_property
    def _costs(self) -> "CostModel | None":
        """What plans cost on the session's chip; None for a chip without rates."""
        from ..engine.hw.cost import CostModel

        assert self._current is not None
        plan = self._current[1]
        try:
            return CostModel(self._graph, self._layers.lower(replace(plan, modes={})), plan.fp_type)
        except QuantdeckError:
            return None

    def close(self) -> None:
        """Put everything into the session's main file and let it go."""
        self._trials.close()
        self._session.close()

    def _progress(self, _done: int, _total: int) -> None:
        if self._asked.newer:
            raise Superseded

    # the ledger, measured while nothing is asked

    def idle(self) -> bool:
        """Measure a part of the ledger of the last plan's thresholds; False when nothing is left to do."""
        from ..engine.mix.ledger_measure import Measuring, measure
        from ..engine.plan import Mode

        if self._current is None:
            return False
        number, plan = self._current
        if self._biased:  # each set of float layers has biases of its own: no ledger holds for two plans
            return self._prepare(plan)
        wanted = plan.thresholds_digest
        if self._ledger is not None and self._ledger.thresholds == wanted:
            return self._prepare(plan)
        if self._tried != wanted:
            if self._ledger is not None:
                self._former = self._ledger
            self._tried, self._ledger = wanted, None
            setting = Measuring(min(4, len(self._samples)), 0)
            self._measuring = measure(self._graph, plan, mode=Mode(plan.fp_type), measuring=setting)
            self._waiting, self._found = list(next(self._measuring)), []
        if self._measuring is None:
            return self._prepare(plan)
        part = self._waiting[len(self._found) : len(self._found) + CHUNK]
        self._found += self._results(part)
        if len(self._found) == len(self._waiting):
            try:
                self._waiting, self._found = list(self._measuring.send(self._found)), []
            except StopIteration as stop:
                self._measuring, self._ledger, self._measured = None, stop.value, plan
                self._anchor(plan)
                self._teach()
                self._gains(number, plan)
                self._predict(number, plan)
                if self._looked is not None:
                    self._show(number, plan)
        return True

    def _prepare(self, plan: "Plan") -> bool:
        """Know the layers of the plan that stands, so that of the next one only what differs is measured."""
        if self._figures:
            return False

        def progress(_done: int, _total: int) -> None:
            if self._asked.waiting:
                raise Superseded

        self._figures = {one.layer: one for one in self._layers.layer_scores(plan, progress)}
        return True

    def _results(self, trials: "Sequence[Trial]") -> "list[Result]":
        """Results from the journal, or paid for now."""
        from ..sessions.journal import trial_key

        keys = [trial_key(self._scope, trial) for trial in trials]
        known = self._journal.find(keys)
        missing = [(key, trial) for key, trial in zip(keys, trials, strict=True) if key not in known]
        for (key, trial), result in zip(missing, self._trials([t for _, t in missing]), strict=True):
            known[key] = result
            self._journal.put(key, trial, result, float("nan"))
        return [known[key] for key in keys]

    def _learn(self, plan: "Plan", score: "Score") -> None:
        self._anchors = [*[pair for pair in self._anchors if pair[0] != plan][-20:], (plan, score)]
        if self._ledger is not None and self._current is not None:
            self._teach()
            self._gains(*self._current)

    def _anchor(self, plan: "Plan") -> None:
        """Measure the plan that stands: the first edit is predicted from there, not from the ledger's few samples."""
        from ..engine.mix.trial import Failure, Trial

        if any(known == plan for known, _ in self._anchors):
            return
        (score,) = self._results([Trial(plan)])
        if not isinstance(score, Failure):
            self._anchors.append((plan, score))

    def _teach(self) -> None:
        assert self._ledger is not None
        self._found_out = True
        for plan, score in self._anchors:
            if plan.thresholds_digest == self._ledger.thresholds:
                self._ledger = self._ledger.with_anchor(plan, score)

    def _ledger_of(self, plan: "Plan") -> "Ledger | None":
        """The ledger if it is that of the plan's thresholds."""
        known = self._ledger is not None and self._ledger.thresholds == plan.thresholds_digest
        return self._ledger if known else None

    def _predict(self, number: int, plan: "Plan") -> None:
        """The plan's cost, and its figures where they can be told."""
        self._priced = number
        costs = self._costs
        if costs is not None:
            base, found = costs.seconds(()), costs.plan(tuple(plan.modes))
            total = found.seconds or 1.0
            shares = {one.layer: one.seconds / total for one in found.layers}
            tell(number, "cost", seconds=found.seconds, ratio=found.seconds / (base or 1.0), shares=shares)
        told = self._expected(plan)
        if told is not None:
            tell(number, "predicted", **asdict(told))

    def _expected(self, plan: "Plan") -> "Expectation | None":
        """The plan's figures; until its own thresholds' ledger is measured by another's and what the new ones do."""
        ledger = self._ledger_of(plan)
        if ledger is not None:
            return Expected(ledger, self._anchors).of(plan)
        ledger = self._ledger or self._former
        moves = self._moves(plan)
        return Expected(ledger, self._anchors).moved(plan, moves) if ledger is not None and moves else None

    def _moves(self, plan: "Plan") -> "Moves | None":
        """What a plan's thresholds do beside those that were measured; None where that cannot be told."""
        from ..engine.mix.repairs import Evidence
        from ..engine.mix.threshold_moves import threshold_moves
        from ..sessions.reasons import session_statistics

        if self._measured is None:
            return None
        known = replace(plan, thresholds=self._measured.thresholds)
        if known.thresholds_digest != self._measured.thresholds_digest:
            return None  # another chip or type
        try:
            return threshold_moves(Evidence.of(self._graph, known, session_statistics(self._session)), plan)
        except QuantdeckError:
            return None  # said where the plan itself is run

    def _gains(self, number: int, plan: "Plan") -> None:
        """What each layer alone makes of the worst output, and would gain in the other mode: dB with its error."""
        from ..sessions.output_noise import layer_gains, output_noise

        ledger = self._ledger_of(plan)
        gains = (
            layer_gains(ledger, plan, self._anchors, lambda: self._asked.newer)
            if ledger is not None
            else None
        )
        if ledger is not None and gains is not None:
            tell(number, "gains", gains=gains, outputs=output_noise(ledger))


def tell(number: int, state: str, **values: Any) -> None:
    """One answer."""
    print(json.dumps({"plan": number, "state": state, **values}), file=_ANSWERS, flush=True)


def failed(question: Question, said: str) -> None:
    """Why a question has no answer; a layer that cannot be looked at says nothing about its plan."""
    tell(question.plan, {"": "failed", "layer": "unseen"}.get(question.about, "unproposed"), said=said)


_ANSWERS = sys.stdout


def main(arguments: list[str]) -> int:
    """Serve until standard input ends."""
    if hasattr(os, "nice"):
        os.nice(NICE)
    asked = Asked()
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    assessor: Assessor | None = None
    while (question := asked.take()) is not None:
        try:
            if assessor is not None and assessor.outdated:
                assessor.close()
                assessor = None
            assessor = assessor or Assessor(Path(arguments[0]), asked)
            assessor.answer(question)
            while not asked.waiting and assessor.idle():
                pass
        except Superseded:
            pass
        except QuantdeckError as error:
            failed(question, str(error))
        except Exception as error:
            failed(question, f"a fault of the program ({type(error).__name__}: {error})")
    if assessor is not None:
        assessor.close()
    return 0


def _listen(asked: Asked) -> None:
    for line in sys.stdin:
        asked.put(Question.from_line(line))
    asked.close()
    threading.Timer(GRACE, os._exit, (0,)).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
