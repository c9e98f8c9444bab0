"""The process beside the screen that scores and predicts plans: ``python -m quantdeck.tui.assessor SESSION``.

It holds the network, its samples and the noise ledger, so that an edit is predicted at once and confirmed in the
time of a run. It reads numbers of plans from standard input, one a line, and answers with JSON lines; the newest
plan is the only one that counts. Scores go into the session. It ends with its standard input.
"""

import json
import os
import queue
import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.errors import QuantdeckError

if TYPE_CHECKING:
    from ..engine.mix.ledger import Ledger
    from ..engine.mix.trial import Result, Trial
    from ..engine.plan import Plan
    from ..engine.run.score import Score

NICE = 10
END = -1  # in place of a plan's number
GRACE = 10.0  # seconds for the end
CHUNK = 4  # trials of the ledger between two looks at what is asked


class Superseded(Exception):
    """Something newer was asked."""


class Assessor:
    """One session's network."""

    def __init__(self, path: Path, asked: "queue.Queue[int]") -> None:
        from ..engine.run.evaluator import Evaluator
        from ..engine.run.trials.evaluator import TrialEvaluator
        from ..sessions.journal import Journal, Scope
        from ..sessions.report import Silent
        from ..sessions.store import open_session
        from ..sessions.work import SCORED, load_samples, session_graph, session_source, threads

        self._asked = asked
        self._session = open_session(path)
        self._graph = session_graph(self._session)
        self._samples = load_samples(self._graph, session_source(self._session), Silent()).take(SCORED)
        self._layers = Evaluator(self._graph, self._samples, threads=threads())
        self._trials = TrialEvaluator(self._graph, self._samples, reference="float32", threads=threads())
        self._journal = Journal(self._session, 0)
        self._scope = Scope(self._graph.digest, self._samples.digest, reference="float32")
        self._ledger: Ledger | None = None
        self._measuring: Any = None
        self._waiting: list[Trial] = []
        self._found: list[Result] = []
        self._tried = ""  # thresholds whose ledger is being measured, or cannot be
        self._anchors: list[tuple[Plan, Score]] = []

    def assess(self, number: int) -> None:
        """Predict, score at the outputs, then at every layer; each is told or stored as soon as it is known."""
        from ..engine.mix.trial import Failure, Trial
        from ..sessions.records import get_plan, put_layer_scores, put_score

        found = get_plan(self._session, number)
        if found is None:
            return
        plan = found[1]
        self._current = (number, plan)
        self._predict(number, plan)
        tell(number, "checking")
        (score,) = self._trials([Trial(plan)])
        if isinstance(score, Failure):
            raise QuantdeckError(score.message)
        put_score(self._session, number, self._samples.digest, score)
        self._learn(plan, score)
        tell(number, "scored")
        if self._session.row("SELECT 1 FROM layer_score WHERE plan = ? LIMIT 1", number) is None:
            put_layer_scores(self._session, number, self._layers.layer_scores(plan, self._progress))
        tell(number, "checked")

    def close(self) -> None:
        """Put everything into the session's main file and let it go."""
        self._trials.close()
        self._session.close()

    def _progress(self, _done: int, _total: int) -> None:
        if not self._asked.empty():
            raise Superseded

    # the ledger, measured while nothing is asked

    def idle(self) -> bool:
        """Measure a part of the ledger of the last plan's thresholds; False when nothing is left to do."""
        from ..engine.mix.ledger_measure import Measuring, measure, thresholds_digest
        from ..engine.plan import Mode

        number, plan = self._current
        wanted = thresholds_digest(plan)
        if self._ledger is not None and self._ledger.thresholds == wanted:
            return False
        if self._tried != wanted:
            self._tried, self._ledger = wanted, None
            setting = Measuring(min(4, len(self._samples)), 0)
            self._measuring = measure(self._graph, plan, mode=Mode(plan.fp_type), measuring=setting)
            self._waiting, self._found = list(next(self._measuring)), []
        if self._measuring is None:
            return False
        part = self._waiting[len(self._found) : len(self._found) + CHUNK]
        self._found += self._results(part)
        if len(self._found) == len(self._waiting):
            try:
                self._waiting, self._found = list(self._measuring.send(self._found)), []
            except StopIteration as stop:
                self._measuring, self._ledger = None, stop.value
                self._teach()
                self._gains(number, plan)
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
        if self._ledger is not None:
            self._teach()
            self._gains(*self._current)

    def _teach(self) -> None:
        assert self._ledger is not None
        for plan, score in self._anchors:
            if replace(plan, modes={}).digest == self._ledger.thresholds:
                self._ledger = self._ledger.with_anchor(plan, score)

    def _predict(self, number: int, plan: "Plan") -> None:
        if self._ledger is not None and self._ledger.thresholds == replace(plan, modes={}).digest:
            found = self._ledger.predict(plan)
            tell(
                number, "predicted", sqnr=found.sqnr, low=found.low, high=found.high, cos=found.cosine,
                cos_low=found.worst.cosine_low, cos_high=found.worst.cosine_high,
            )  # fmt: skip

    def _gains(self, number: int, plan: "Plan") -> None:
        """What each layer would gain, alone, in the other mode: dB at the worst output, with its error."""
        assert self._ledger is not None
        floats = self._ledger.map.restricted(plan.modes)
        now = self._ledger.predict_floats(floats).sqnr
        gains: dict[str, list[float]] = {}
        for name in self._ledger.map.names:
            if not self._asked.empty():
                return
            then = self._ledger.predict_floats(floats ^ {name})
            gains[name] = [then.sqnr - now, (then.high - then.low) / 2]
        tell(number, "gains", gains=gains)


def tell(number: int, state: str, **values: Any) -> None:
    """One answer."""
    print(json.dumps({"plan": number, "state": state, **values}), file=_ANSWERS, flush=True)


_ANSWERS = sys.stdout


def main(arguments: list[str]) -> int:
    """Serve until standard input ends."""
    if hasattr(os, "nice"):
        os.nice(NICE)
    asked: queue.Queue[int] = queue.Queue()
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    assessor: Assessor | None = None
    number = asked.get()
    while True:
        while not asked.empty() and number != END:
            number = asked.get()
        if number == END:
            if assessor is not None:
                assessor.close()
            return 0
        try:
            assessor = assessor or Assessor(Path(arguments[0]), asked)
            assessor.assess(number)
            while asked.empty() and assessor.idle():
                pass
        except Superseded:
            pass
        except QuantdeckError as error:
            tell(number, "failed", said=str(error))
        except Exception as error:
            tell(number, "failed", said=f"a fault of the program ({type(error).__name__}: {error})")
        number = asked.get()


def _listen(asked: "queue.Queue[int]") -> None:
    for line in sys.stdin:
        asked.put(int(line))
    asked.put(END)
    threading.Timer(GRACE, os._exit, (0,)).start()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
