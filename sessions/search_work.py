"""The body of the job "search": from the spec to the outcome in the session and the files of the chapter."""

import json
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import chdir, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.calib.used import used_note
from ..engine.errors import QuantdeckError
from ..engine.mix.trial import Objective, Outcome, Point, StopReason
from ..engine.text import counted, visible
from . import records
from .driver import Best, Driver
from .journal import Journal, Scope
from .outcomes import best_so_far, outcome_body
from .packing import pack
from .post_process import PostProcessor
from .report import Cancelled, Paused, Report
from .search_corrections import corrected, equalized
from .search_excess import search_notes
from .search_files import Files
from .search_inputs import Inputs, Watched
from .search_kinds import Built, build
from .search_spec import SearchSpec
from .search_text import LOGS, end_line, log_text, loss_table, screen_lines
from .session import Session
from .typed import target_words
from .work import own_graph

if TYPE_CHECKING:
    from ..engine.graph.model import Graph
    from ..engine.plan import Mode, Plan


def search(session: Session, values: Mapping[str, Any], report: Report) -> str:
    """Do a search, or go on with it; the sentence of its result.

    What was paid for stands in the journal, so the search begins again and is soon where it was. Errors:
    QuantdeckError; the worker lets the job rest then, so that it can go on once the reason is mended.
    """
    spec = SearchSpec.from_dict(values)
    row = session.row("SELECT id FROM job WHERE state = 'running'")
    if row is None:
        raise QuantdeckError("no job of the session is running; start the search as a job")
    with _folder(spec.folder):
        return Search(session, int(row[0]), spec, report).run()


@contextmanager
def _folder(text: str) -> Generator[None]:
    """Relative names in list files mean what they meant where the command was given."""
    if not Path(text).is_dir():
        raise QuantdeckError(
            f"the folder {visible(text)} that the search was started in is gone; make it again"
        )
    with chdir(text):
        yield


class Search:
    """One run of a search job."""

    def __init__(self, session: Session, job: int, spec: SearchSpec, report: Report) -> None:
        self._session = session
        self._job = job
        self._spec = spec
        self._report = report
        self._journal = Journal(session, job)
        self._objective = Objective(spec.expected_cos or 0.0, self._weights())
        self._lines: list[str] = []

    def _weights(self) -> dict[str, float]:
        """Weights by name; a post_process gives its own names, which count alike."""
        if self._spec.post_process:
            return {}
        return {str(name): float(weight) for name, weight in self._spec.compared}

    def run(self) -> str:
        """The whole way."""
        spec = self._spec
        if spec.expected_cos is not None:
            self._report.say(f"target: {target_words(spec.expected_cos)}")
        inputs = Inputs(self._session, self._job, spec, self._report)
        if spec.kind == "calibrate" and not spec.bias:
            return self._calibrated_only(inputs)
        graph = equalized(self._session, self._job, inputs, self._lines) if spec.equalize else inputs.graph
        with self._processor(inputs) as post:
            try:
                outcome, driver, built = self._searched(inputs, graph, post)
            except Paused:
                raise
            except Cancelled:
                self._take_best(inputs)
                raise
        return self._finish(inputs, outcome, driver, built)

    @contextmanager
    def _processor(self, inputs: Inputs) -> Generator[PostProcessor | None]:
        """The user's function, tried on one sample before anything long starts."""
        if self._spec.post_process is None:
            yield None
            return
        from .search_post import tried

        post = tried(self._spec, inputs, self._report)
        try:
            yield post
        finally:
            post.close()

    def _searched(
        self, inputs: Inputs, graph: "Graph", post: PostProcessor | None
    ) -> tuple[Outcome, Driver, Built]:
        spec = self._spec
        if spec.bias:
            return self._with_bias(inputs, graph, post)
        built = build(inputs, graph, self._objective, self._watched)
        return self._drive(inputs, graph, built, post)

    def _drive(
        self, inputs: Inputs, graph: "Graph", built: Built, post: PostProcessor | None
    ) -> tuple[Outcome, Driver, Built]:
        spec = self._spec
        feeds = Watched(inputs.scored)
        scope = Scope(graph.digest, inputs.scored.digest, spec.post_process_digest, spec.reference)
        if spec.scheduler:
            from .cluster import cluster_evaluator

            with cluster_evaluator(spec, inputs, graph, self._report) as cluster:
                driver = self._driver(graph, built, scope, cluster, feeds)
                driver.expect = cluster.expect
                return driver.run(built.search, self._report, spec.kind), driver, built
        from ..engine.run.trials import TrialEvaluator

        with TrialEvaluator(
            graph,
            feeds,
            reference="float32" if spec.reference == "float32" else "chip",
            memory=spec.memory,
            spill_folder=self._session.path.parent,
            threads=spec.jobs,
            post_process=post,
        ) as evaluate:
            driver = self._driver(graph, built, scope, evaluate, feeds)
            return driver.run(built.search, self._report, spec.kind), driver, built

    def _driver(self, graph: "Graph", built: Built, scope: Scope, evaluate: Any, feeds: Watched) -> Driver:
        return Driver(
            journal=self._journal,
            scope=scope,
            evaluate=evaluate,
            objective=self._objective,
            layers=len(graph.layers),
            total=built.total,
            better=self._better,
            check=feeds.check,
            at=tuple(name for name, _ in self._spec.compared),
            figure=built.figure,
            cost=plan_cost(graph),
        )

    def _with_bias(
        self, inputs: Inputs, graph: "Graph", post: PostProcessor | None
    ) -> tuple[Outcome, Driver, Built]:
        """Threshold search (or calibration), bias correction, and the same once more on the new graph."""
        from ..engine.calib.bias import AgainstOriginal

        spec = self._spec
        built = build(inputs, graph, self._objective)
        first, _, _ = self._drive(inputs, graph, built, post)
        changed = corrected(
            self._session, self._job, self._journal, inputs, graph, first.plan, self._report, self._lines
        )
        again = build(inputs, changed, self._objective)
        feeds = Watched(inputs.scored)
        evaluate = AgainstOriginal(graph, changed, feeds, post)
        scope = Scope(
            f"{graph.digest} {changed.digest}", inputs.scored.digest, spec.post_process_digest, "original"
        )
        driver = self._driver(changed, again, scope, evaluate, feeds)
        return driver.run(again.search, self._report, f"{spec.kind} once more"), driver, again

    def _watched(self, point: Point) -> None:
        self._better(Best(point.plan, point.cos, point.float_layers))

    def _better(self, best: Best) -> None:
        body = {"plan": best.plan.to_json(), "cos": best.cos, "layers": list(best.plan.modes)}
        with self._session.write() as writer:
            writer.update(
                "search",
                self._job,
                {"best": pack(body), "cos": best.cos, "float_layers": best.float_layers},
                column="job",
            )

    # ---------------------------------------------------------------- results

    def _calibrated_only(self, inputs: Inputs) -> str:
        """--we alone: equalize, calibrate, done."""
        spec = self._spec
        graph = equalized(self._session, self._job, inputs, self._lines)
        rows = inputs.thresholds(graph, [spec.method], tuned=[spec.method])[spec.method]
        files = self._files()
        self._say(
            files.table(
                "calibration_table",
                rows,
                len(inputs.calibration),
                [f"method: {spec.method}", *used_note(inputs.calibration.prints)],
            )
        )
        self._store(None, files, self._lines, "", reached=True)
        records.put_plan(self._session, inputs.start_plan(rows), f"{spec.method} calibration, equalized")
        return (
            f"{counted(len(rows), 'threshold')} with {spec.method} "
            f"from {counted(len(inputs.calibration), 'sample')}"
        )

    def _finish(self, inputs: Inputs, outcome: Outcome, driver: Driver, built: Built) -> str:
        spec = self._spec
        lines = [*self._lines, *self._outcome_lines(outcome, driver)]
        broken = [inputs.scored.label(index) for index in sorted(driver.broken)]
        notes = search_notes(driver.excesses, outcome.plan, driver.failures, broken)
        lines[-1:-1] = notes  # the last line stays last
        log = log_text(spec, outcome, driver, built.tried) if spec.kind != "calibrate" else ""
        files = self._write(inputs, outcome, log, driver.reasons)
        self._store(outcome, files, lines, log, reached=_reached(spec, outcome), reasons=driver.reasons)
        records.put_plan(
            self._session, outcome.plan, f"{spec.kind}: {counted(len(outcome.plan.modes), 'float layer')}"
        )
        return end_line(outcome)

    def _outcome_lines(self, outcome: Outcome, driver: Driver) -> list[str]:
        if self._spec.kind == "calibrate":
            return [] if outcome.reached else [end_line(outcome)]
        return screen_lines(self._spec, outcome, driver.reasons)

    def _files(self) -> Files:
        from .work import version

        return Files(self._spec, version())

    def _write(
        self, inputs: Inputs, outcome: Outcome, log: str, reasons: Mapping[tuple[str, str], str]
    ) -> Files:
        spec, files = self._spec, self._files()
        notes = [f"method: {spec.method}" if spec.kind == "calibrate" else f"search: {spec.kind}"]
        notes += [f"chip: {spec.chip}", *used_note(inputs.calibration.prints, inputs.scored.prints)]
        rows, count = outcome.plan.thresholds, len(inputs.calibration) if spec.kind != "run_qtable" else 0
        ordered = {name: rows[name] for name in inputs.graph.calibrated if name in rows}
        self._say(files.table("calibration_table", ordered, count, notes))
        files.table("new_table", ordered, count, notes)
        files.qtable(self._rows_of(inputs, outcome.plan), len(inputs.scored))
        if spec.kind == "run_qtable":
            text = loss_table(spec, len(inputs.scored), outcome.ranking, reasons)
            files.text("loss_table", text, "loss table")
        files.text("log", log, f"log {LOGS[spec.kind]}")
        return files

    def _rows_of(self, inputs: Inputs, plan: "Plan") -> "dict[str, Mode]":
        """The rows of the quantize table: a search that ranks leaves them in its order, pareto chooses a set."""
        if self._spec.strategy != "pareto":
            return dict(plan.modes)
        return {
            layer.name: plan.modes[layer.name] for layer in inputs.graph.layers if layer.name in plan.modes
        }

    def _take_best(self, inputs: Inputs) -> None:
        """A search that the user ends leaves the best plan so far."""
        best = best_so_far(self._session, self._job)
        if best is None:
            return
        plan, cos = best
        outcome = Outcome(plan, cos, cos, self._objective.target, StopReason.USER)
        line = end_line(outcome)
        files = self._write(inputs, outcome, "", {})
        self._store(outcome, files, [line], "", reached=outcome.reached)
        raise Cancelled(f"stopped as asked; the best plan so far is written; {line}")

    def _say(self, sentence: str) -> None:
        if sentence:
            self._report.say(sentence)

    def _store(
        self,
        outcome: Outcome | None,
        files: Files,
        lines: Sequence[str],
        log: str,
        *,
        reached: bool,
        reasons: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        found: dict[str, Any] = {
            "lines": "\n".join(lines),
            "log": log,
            "files": json.dumps(files.written),
            "reached": int(reached),
            "best": None,
        }
        if outcome is not None:
            found |= {
                "outcome": pack({**outcome_body(outcome, reasons), "costs": self._costs(outcome)}),
                "cos": _finite(outcome.cos),
                "int8_cos": _finite(outcome.int8_cos),
                "target": outcome.target,
                "float_layers": len(outcome.plan.modes),
                "reason": str(outcome.reason),
            }
        with self._session.write() as writer:
            writer.update("search", self._job, found, column="job")

    def _costs(self, outcome: Outcome) -> list[float | None]:
        """The cost of every point of the curve."""
        graph = own_graph(self._session, self._spec.input_shapes)
        cost = plan_cost(graph)
        return [cost(point.plan) for point in outcome.curve]


def plan_cost(graph: "Graph") -> "Callable[[Plan], float | None]":
    """A plan's time on its chip, all int8 = 1; None where the chip's rates are not known.

    The first plan that is asked for says which layers its chip cannot run in int8.
    """
    from ..engine.hw.chip import get_chip
    from ..engine.hw.cost import CostModel

    known: list[tuple[CostModel, float]] = []

    def cost(plan: "Plan") -> float | None:
        if not known:
            program = get_chip(plan.chip).lower(graph, replace(plan, modes={}))
            model = CostModel(graph, program, plan.fp_type)
            known.append((model, model.seconds(())))
        model, base = known[0]
        return model.seconds(plan.modes) / base if base else None

    def or_nothing(plan: "Plan") -> float | None:
        try:
            return cost(plan)
        except QuantdeckError:
            return None

    return or_nothing


def _reached(spec: SearchSpec, outcome: Outcome) -> bool:
    """Whether all is well: the target, where there is one; a plan without a figure reaches nothing."""
    return outcome.reached or (spec.expected_cos is None and outcome.cos != -math.inf)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
