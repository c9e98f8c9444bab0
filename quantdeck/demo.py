"""The embedded example as a session: calibrated with every method, scored on labelled pictures."""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .engine.errors import QuantdeckError
from .engine.text import visible
from .sessions.locations import SUFFIX, VARIABLE, default_folder, prepare_folder

if TYPE_CHECKING:
    from .engine.graph.model import Graph
    from .engine.plan import Plan
    from .engine.run.score import Score
    from .sessions.report import Report
    from .sessions.work import Source

NAME = "digits-demo"
SCALE = 0.0039216  # 1/255, as the example's README gives it to the command line


@dataclass(frozen=True, slots=True)
class Demo:
    """A finished demo: the session file, its graph and plan, and the score on the labelled test pictures."""

    session: Path
    graph: "Graph"
    plan: "Plan"
    score: "Score"


def example_folder() -> Path:
    """Where the example's files lie: inside the installed package, or beside it in the repository.

    Errors: QuantdeckError when the installation lacks them.
    """
    here = Path(__file__).resolve().parent
    for folder in (here / "examples" / "digits", here.parent / "examples" / "digits"):
        if (folder / "digits.onnx").is_file():
            return folder
    raise QuantdeckError("the example's files are missing from this installation; install quantdeck again")


def session_folder(report: "Report") -> Path:
    """The default folder of sessions, or a temporary one where that cannot be written, which is said."""
    try:
        folder = default_folder()
        prepare_folder(folder)
    except QuantdeckError:
        folder = Path(tempfile.mkdtemp(prefix="quantdeck-"))
        report.say(
            f"the default folder of sessions cannot be written, so the demo's session goes to "
            f"{visible(str(folder))}, where it may not last; {VARIABLE} names another place"
        )
    return folder


def run_demo(folder: Path, report: "Report") -> Demo:
    """Calibrate the example in the session of its name in *folder* (made, or used again) and score it.

    Errors: QuantdeckError when the folder cannot hold a session or a job of the session is running.
    """
    from .engine.data.preprocess import Preprocess
    from .sessions import work
    from .sessions.here import calibrate_here

    files = example_folder()
    model = files / "digits.onnx"
    preprocess = Preprocess(pixel_format="gray", mean=(0.0,), scale=(SCALE,))
    graph = work.load_model(model)
    source = work.Source(dataset=files / "calibration", preprocess=preprocess)
    found = work.load_samples(graph, source, report)
    path = _session_file(folder, model)
    done = calibrate_here(path, model, graph, found, source, work.Settings(), report)
    score = _score(path, files, graph, done.plan, replace(source, dataset=files / "test"), report)
    return Demo(path, graph, done.plan, score)


def _score(
    path: Path, files: Path, graph: "Graph", plan: "Plan", source: "Source", report: "Report"
) -> "Score":
    """Score the plan on the labelled pictures; the session keeps the figures beside those of calibration."""
    from .sessions import records, work
    from .sessions.store import open_session

    pictures = work.load_samples(graph, source, report)
    labels = work.sample_labels(files / "labels.csv", pictures)
    scored = work.evaluate_plan(graph, pictures, plan, report, labels=labels, layers=None)
    with open_session(path) as session:
        current = records.get_plan(session)
        records.put_samples(session, "evaluation", pictures, source.path)
        if current is not None:
            work.record_evaluation(session, current[0], pictures, scored)
    return scored.score


def _session_file(folder: Path, model: Path) -> Path:
    """The demo's file; another name where that one holds something else or cannot be used."""
    from .engine.graph.onnx_reader import model_digest
    from .sessions import records, work
    from .sessions.store import open_session

    path = folder / f"{NAME}{SUFFIX}"
    if not path.exists():
        return path
    try:
        with open_session(path) as session:
            known = records.model_path(session)
    except QuantdeckError:
        return work.free_name(folder, NAME)
    same = known is not None and known[0].is_file() and known[1] == model_digest(model)
    return path if same else work.free_name(folder, NAME)
