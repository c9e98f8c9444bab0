"""Answers of a process beside the screen: what outputs say of a sample, what plans cost, what preprocessing makes.

``python -m quantdeck.tui.answering`` reads questions from standard input, one JSON object a line, and prints one
line for each; a question that has been followed by another of its kind before it was begun is left out.
"""

import json
import os
import queue
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.errors import QuantdeckError
from ..sessions.whole_name import whole_name

if TYPE_CHECKING:
    from ..engine.data.samples import Samples
    from ..engine.graph.model import Graph
    from ..engine.plan import Plan
    from ..engine.run.executor import Executor
    from ..sessions.session import Session

NICE = 10
KEPT = 4  # networks and plans
Question = Mapping[str, Any]


class Network:
    """A session's network with the samples of a role."""

    def __init__(self, path: Path, role: str) -> None:
        from ..engine.run.float_runner import FloatRunner
        from ..sessions.report import Silent
        from ..sessions.same_samples import Watch, session_samples
        from ..sessions.store import open_session
        from ..sessions.work import threads

        self.graph: Graph = known_graph(str(path))
        with open_session(path, readonly=True) as session:
            self.samples: Samples = session_samples(session, self.graph, Silent(), role)
            row = session.row("SELECT entries, path FROM samples WHERE role = ?", role)
        recorded: list[str] = json.loads(row["entries"]) if row is not None else []
        self._names = [whole_name(name, row["path"]) for name in recorded] if row is not None else []
        self._watch = Watch(self.samples)
        self._runner: FloatRunner = FloatRunner(self.graph, self.graph.output_tensors, threads=threads())
        self._path = path

    @property
    def outdated(self) -> bool:
        """Whether a sample's file is not any more what was read."""
        return self._watch.changed

    def place(self, entry: str) -> int:
        """The sample that holds an entry, by its whole name: its files may be named otherwise when read again.

        Errors: QuantdeckError when there is none.
        """
        known = self._names.index(entry) if entry in self._names else None
        for index, group in enumerate(self.samples.groups):
            if any(rows.index == known for rows in group):
                return index
        raise QuantdeckError(f"{self._path.name} has no sample {entry}")

    def feed(self, index: int) -> Mapping[str, Any]:
        """The arrays of a sample."""
        return self.samples.feed(self.samples.groups[index])

    def exact(self, index: int) -> list[Any]:
        """The float network's outputs."""
        found = self._runner.run(self.feed(index))
        return [found[name] for name in self.graph.output_tensors]

    def run(self, plan: int, index: int) -> list[Any]:
        """The outputs of a plan."""
        found = executor(str(self._path), plan).run(self.feed(index), self.graph.output_tensors)
        return [found[name] for name in self.graph.output_tensors]

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width of the input, if it is a picture."""
        shape = self.graph.tensors[self.graph.inputs[0]].shape
        return (int(shape[2]), int(shape[3])) if len(shape) == 4 else None


@lru_cache(maxsize=KEPT)
def network(path: str, role: str) -> Network:
    """A session's network, kept."""
    return Network(Path(path), role)


def holder(path: str, entry: str, role: str) -> tuple[Network, int]:
    """The samples of a session that hold an entry, those of *role* before the others, and its place there.

    Errors: QuantdeckError when none of them has it.
    """
    reasons: list[QuantdeckError] = []
    for one in (role, "calibration" if role == "evaluation" else "evaluation"):
        try:
            known = network(path, one)
            if known.outdated:
                network.cache_clear()
                known = network(path, one)
            return known, known.place(entry)
        except QuantdeckError as error:
            reasons.append(error)
    raise reasons[0]


@lru_cache(maxsize=KEPT)
def known_graph(path: str) -> "Graph":
    """A session's network with its own weights, kept."""
    from ..sessions.store import open_session
    from ..sessions.work import session_graph

    with open_session(Path(path), readonly=True) as session:
        return session_graph(session)


@lru_cache(maxsize=KEPT)
def executor(path: str, number: int) -> "Executor":
    """A plan of a session, on the weights of which it was found, ready to run, kept."""
    from ..engine.hw.chip import get_chip
    from ..engine.run.executor import Executor
    from ..sessions.corrections import corrected_graph, plan_corrections
    from ..sessions.store import open_session

    graph = known_graph(path)
    with open_session(Path(path), readonly=True) as session:
        plan = _plan(session, number)
        equalized, bias = plan_corrections(session, number)
        graph = corrected_graph(graph, session, equalized=equalized, bias=bias, floats=plan.modes)
    return Executor(graph, get_chip(plan.chip).lower(graph, plan))


def _plan(session: "Session", number: int) -> "Plan":
    """A plan by its number. Errors: QuantdeckError when the session has none of it."""
    from ..sessions.records import get_plan

    found = get_plan(session, number)
    if found is None:
        raise QuantdeckError(f"{session.path.name} has no plan {number}")
    return found[1]


def cost(question: Question) -> dict[str, Any]:
    """Predicted seconds of a sample under plans, each on its chip. question: plans [[session, plan], ...]."""
    return {"costs": [[path, number, seconds(path, number)] for path, number in question["plans"]]}


def seconds(path: str, number: int) -> float | None:
    """Predicted seconds of one sample under a plan; None for a chip without rates."""
    from ..engine.hw.chip import get_chip
    from ..engine.hw.cost import CostModel
    from ..sessions.store import open_session

    with open_session(Path(path), readonly=True) as session:
        plan = _plan(session, number)
    graph = known_graph(path)
    program = get_chip(plan.chip).lower(graph, replace(plan, modes={}))
    try:
        return CostModel(graph, program, plan.fp_type).seconds(tuple(plan.modes))
    except QuantdeckError:
        return None


def outputs(question: Question) -> dict[str, Any]:
    """What the outputs say of a sample. question: entry (its whole name), role, plans {"A": [session, plan], ...}."""
    from ..engine.run.answers import answer, head_of
    from ..engine.run.similarity import compare

    plans: Mapping[str, tuple[str, int]] = question["plans"]
    found: dict[str, Any] = {}
    figures: dict[str, list[list[float]]] = {}
    missing: dict[str, str] = {}
    for sign, (path, plan) in plans.items():
        try:
            known, index = holder(path, question["entry"], question["role"])
        except QuantdeckError as error:
            missing[sign] = str(error)
            continue
        exact, got = known.exact(index), known.run(plan, index)
        found[sign] = answer(head_of(exact, known.size), exact, {sign: got})
        both = [compare(a, b) for a, b in zip(exact, got, strict=True)]
        figures[sign] = [[one.cosine, one.signal, one.noise] for one in both]
        found["names"] = [output.name for output in known.graph.outputs]
    if len(missing) == len(plans):
        raise QuantdeckError("; ".join(dict.fromkeys(missing.values())))
    return {
        "missing": [f"{sign}: {said}" for sign, said in missing.items()],
        "answers": {sign: found[sign] for sign in figures},
        "names": found.get("names", []),
        "figures": figures,
    }


def preview(question: Question) -> dict[str, Any]:
    """What the first sample becomes. question: model, dataset, preprocess as in a new session's request."""
    from ..engine.data.preprocess import Preprocess
    from ..engine.data.samples import select_samples

    graph = _graph(question["model"], os.stat(question["model"]).st_mtime_ns)
    options: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        for name, value in question["preprocess"].items()
    }
    samples = select_samples(
        graph,
        dataset=Path(question["dataset"]),
        number=1,
        preprocess=Preprocess(**options) if options else None,
    )
    feed = samples.feed(samples.groups[0])
    return {
        "sample": samples.entries[0][0],
        "inputs": [
            [
                name,
                list(array.shape),
                str(array.dtype),
                float(array.min()),
                float(array.max()),
                float(array.mean()),
            ]
            for name, array in feed.items()
        ],
        "notes": list(samples.notes),
    }


@lru_cache(maxsize=1)
def _graph(path: str, _changed: int) -> "Graph":
    from ..sessions.work import load_model

    return load_model(Path(path))


DOES: Mapping[str, Callable[[Question], dict[str, Any]]] = {
    "outputs": outputs,
    "preview": preview,
    "cost": cost,
}


def answered(question: Question) -> dict[str, Any]:
    """The answer; what went wrong is said in it."""
    try:
        with redirect_stdout(sys.stderr):
            found = DOES[question["what"]](question)
    except QuantdeckError as error:
        found = {"said": str(error)}
    except OSError as error:
        found = {"said": f"{error.filename} cannot be read ({error.strerror})"}
    except Exception as error:
        found = {"said": f"a fault of the program ({type(error).__name__}: {error})"}
    return {"id": question.get("id"), **found}


def main() -> int:
    """Answer until standard input ends; a request that is late is not answered any more."""
    if hasattr(os, "nice"):
        os.nice(NICE)
    asked: queue.Queue[Question | None] = queue.Queue()
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    waiting: dict[str, Question] = {}  # the newest of each kind
    over = False
    while not over:
        while not over and (not waiting or not asked.empty()):
            newer = asked.get()
            if newer is None:
                over = True
            else:
                waiting.pop(newer["what"], None)
                waiting[newer["what"]] = newer
        if waiting:
            print(json.dumps(answered(waiting.pop(next(iter(waiting))))), flush=True)
    return 0


def _listen(asked: "queue.Queue[Question | None]") -> None:
    for line in sys.stdin:
        asked.put(json.loads(line))
    asked.put(None)


if __name__ == "__main__":
    sys.exit(main())
