"""The bodies of jobs, calibrate and evaluate: worker, command line and demo call the same ones."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..engine.errors import QuantdeckError
from ..engine.plan import Plan
from ..engine.text import counted, visible
from . import records
from .locations import SUFFIX, path_text
from .report import Report, Silent
from .session import Session
from .store import create_session

if TYPE_CHECKING:
    from ..engine.calib.calibrate import Calibration
    from ..engine.data.preprocess import Preprocess
    from ..engine.data.samples import Samples
    from ..engine.graph.model import Graph
    from ..engine.run.score import LayerScore, Score

InputShapes = Mapping[str, Sequence[int]] | Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Source:
    """Where samples come from (spec A.2, A.10).

    *preprocess* None: as the network's channels suggest. *option*: the one that named the list, for sentences.
    *entries*: these files in this order, whatever folder or list hold now.
    """

    dataset: Path | None = None
    data_list: Path | None = None
    number: int = 0
    preprocess: "Preprocess | Mapping[str, Preprocess] | None" = None
    skip_bad: bool = False
    option: str = "--data_list"
    entries: tuple[tuple[str, ...], ...] | None = None

    @property
    def path(self) -> Path:
        """The folder or list file that is used."""
        found = self.data_list if self.data_list is not None else self.dataset
        return found if found is not None else Path()


@dataclass(frozen=True, slots=True)
class Settings:
    """How to calibrate. *methods*: computed beside *method*. *tune*: samples to tune on; None: the same."""

    method: str = "kl"
    methods: tuple[str, ...] = ()
    bins: int = 2048
    tune_num: int = 5
    tune: Source | None = None
    exact: bool = False
    chip: str = "bm1684x"
    fp_type: str = "auto"
    input_shapes: InputShapes | None = field(default=None)
    find_lower_th: bool = False
    tune_steps: int = 21
    min_tuned_diff: float = 0.01

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a session's settings."""
        return {
            "method": self.method,
            "methods": list(self.methods),
            "bins": self.bins,
            "tune_num": self.tune_num,
            "tune_list": path_text(self.tune.path) if self.tune else None,
            "exact": self.exact,
            "input_shapes": self.input_shapes,
            "find_lower_th": self.find_lower_th,
            "tune_steps": self.tune_steps,
            "min_tuned_diff": self.min_tuned_diff,
        }


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A finished calibration: the plan holds its thresholds."""

    calibration: "Calibration"
    plan: Plan


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A finished evaluation."""

    score: "Score"
    layers: "tuple[LayerScore, ...]"


def threads() -> int:
    """Threads for the engine's libraries: one core is left to the screen when there is more than one."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, count - 1)


def load_model(path: Path, input_shapes: InputShapes | None = None) -> "Graph":
    """Read an ONNX model. QuantdeckError names what is wrong with it."""
    from ..engine.graph.onnx_reader import read_onnx

    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise QuantdeckError(f"the model {visible(str(path))} {what}; give an ONNX file")
    return read_onnx(path, input_shapes=input_shapes)


def load_samples(graph: "Graph", source: Source, report: Report) -> "Samples":
    """Select and check samples; what the user must know of them is said."""
    from ..engine.data.samples import select_samples

    samples = select_samples(
        graph,
        dataset=source.dataset,
        data_list=source.data_list,
        number=source.number,
        preprocess=source.preprocess,
        skip_bad=source.skip_bad,
        progress=report.stage("checking samples"),
        list_option=source.option,
        entries=source.entries,
    )
    for note in samples.notes:
        report.say(note)
    return samples


def calibrate_graph(
    graph: "Graph", samples: "Samples", settings: Settings, report: Report | None = None
) -> Calibrated:
    """Thresholds of a graph on samples, and the plan that has them.

    Errors: QuantdeckError for settings that do not fit, or values that are not finite.
    """
    from ..engine.calib.calibrate import calibrate as run
    from ..engine.calib.tune import TuneRule
    from ..engine.hw.chip import get_chip, resolve_fp_type

    report = report or Silent()
    fp_type = resolve_fp_type(settings.chip, settings.fp_type)
    tune = load_samples(graph, settings.tune, report) if settings.tune else None
    calibration = run(
        graph,
        samples,
        method=settings.method,
        methods=settings.methods,
        bins=settings.bins,
        tune_num=settings.tune_num,
        tune_samples=tune,
        exact=settings.exact,
        tuning=TuneRule(settings.find_lower_th, settings.tune_steps, settings.min_tuned_diff),
        progress=report.stage(f"calibrating with {settings.method}"),
    )
    for sentence in calibration.warnings:
        report.say(sentence)
    chip = get_chip(settings.chip).name
    return Calibrated(calibration, Plan(chip=chip, fp_type=fp_type, thresholds=calibration.thresholds))


def evaluate_plan(
    graph: "Graph",
    samples: "Samples",
    plan: Plan,
    report: Report | None = None,
    *,
    labels: Sequence[int] | None = None,
    layers: "Samples | None" = None,
    original: "Graph | None" = None,
) -> Evaluated:
    """Score a plan at the outputs over *samples*, and its layers over *layers*; None scores none.

    original: the graph before its weights were corrected, whose float pass is the reference.
    """
    from ..engine.run.evaluator import Evaluator
    from ..engine.run.excess import excess_notes

    report = report or Silent()
    evaluator = Evaluator(graph, samples, threads=threads(), original=original)
    score = evaluator.score(plan, labels=labels, progress=report.stage("scoring outputs"))
    for note in excess_notes(score.excesses):
        report.say(note)
    if layers is None:
        return Evaluated(score, ())
    few = evaluator if layers is samples else Evaluator(graph, layers, threads=threads(), original=original)
    return Evaluated(score, few.layer_scores(plan, report.stage("scoring layers")))


def new_session(
    path: Path, model: Path, source: Source, settings: Settings, title: str = "", report: Report | None = None
) -> Path:
    """Make a session of a model and its calibration samples, checked, not calibrated yet; the file's path.

    *path*: the file, or a folder in which a free name is chosen. Errors: QuantdeckError naming what is wrong
    with model, samples, settings or folder; then no file is left behind.
    """
    report = report or Silent()
    graph = load_model(model, settings.input_shapes)
    samples = load_samples(graph, source, report)
    file = free_name(path, title or graph.name) if path.is_dir() or not path.suffix else path
    with make_session(file, graph, model, settings, title) as session:
        remember_samples(session, samples, source, settings)
    return file


def make_session(path: Path, graph: "Graph", model: Path, settings: Settings, title: str = "") -> Session:
    """A session file that holds the model's rows, open for writing; it appears with them or not at all."""
    from ..engine.graph.onnx_reader import model_digest
    from ..engine.hw.chip import get_chip, resolve_fp_type

    fp_type = resolve_fp_type(settings.chip, settings.fp_type)
    digest = model_digest(model)
    return create_session(
        path,
        title=title or graph.name,
        chip=get_chip(settings.chip).name,
        fp_type=fp_type,
        created_by=version(),
        fill=lambda session: records.put_model(session, graph, model, digest),
    )


def remember_samples(session: Session, samples: "Samples", source: Source, settings: Settings) -> None:
    """The calibration samples and everything needed to calibrate again."""
    from ..engine.calib.used import used_text
    from .judged import KEPT

    chosen = {name: value for name, value in records.get_settings(session).items() if name == KEPT}
    records.put_samples(session, "calibration", samples, source.path)
    records.put_settings(
        session,
        {
            **settings.to_dict(),
            "input_num": source.number,
            "listed": source.data_list is not None,
            "skip_bad": source.skip_bad,
            "prints": used_text(samples.prints),  # what an exported table says
            **chosen,  # until the new plan has been run
        },
    )


def free_name(folder: Path, title: str) -> Path:
    """A path for a new session in *folder*; the title without what file names cannot hold."""
    plain = "".join(sign if sign.isalnum() or sign in "-_." else "_" for sign in visible(title))
    stem = plain.strip("._")[:80] or "session"
    for number in range(1, 10_000):
        path = folder / (f"{stem}{SUFFIX}" if number == 1 else f"{stem}-{number}{SUFFIX}")
        if not path.exists():
            return path
    raise QuantdeckError(f"{visible(str(folder))} is full of sessions called {stem}; give another title")


def session_graph(session: Session) -> "Graph":
    """The graph of a session's model, unchanged since.

    Errors: QuantdeckError when the file is gone or another one stands in its place.
    """
    shapes = cast("object", records.get_settings(session).get("input_shapes"))
    listed = list(cast("dict[str, object]", shapes).values()) if isinstance(shapes, dict) else shapes or []
    if not isinstance(listed, list) or not all(map(_is_shape, cast("list[object]", listed))):
        raise _damaged(session, "its input shapes")
    return own_graph(session, cast("InputShapes | None", shapes))


def _is_shape(found: object) -> bool:
    return isinstance(found, list) and all(type(size) is int for size in cast("list[object]", found))


def _damaged(session: Session, what: str) -> QuantdeckError:
    return QuantdeckError(
        f"the session {visible(str(session.path))} is damaged ({what}); take a backup of it, or calibrate again "
        "with quantdeck run_calibration MODEL --dataset FOLDER --session SESSION"
    )


def own_graph(session: Session, input_shapes: InputShapes | None) -> "Graph":
    """The graph of the session's model with these input shapes; its own where they are None.

    Errors: QuantdeckError when the file is gone or another one stands in its place.
    """
    from ..engine.graph.onnx_reader import model_digest

    found = records.model_path(session)
    if found is None:
        raise QuantdeckError(f"the session {visible(str(session.path))} has no model; make a new one")
    path, digest = found
    way = "put that one back or make a new session"
    if not path.is_file():
        what = "a folder now" if path.is_dir() else "gone"
        raise QuantdeckError(
            f"the model {visible(str(path))} that the session was made of is {what}; put it back or make a new session"
        )
    try:
        same = model_digest(path) == digest
    except QuantdeckError as error:
        why = str(error).rstrip(".")
        raise QuantdeckError(f"{why}, so it is not the model that the session was made of; {way}") from error
    if not same:
        raise QuantdeckError(
            f"the model {visible(str(path))} is not the one that the session was made of; {way}"
        )
    return load_model(path, input_shapes)


def session_source(session: Session, role: str = "calibration") -> Source:
    """Where a session's samples of a role come from."""
    from ..engine.data.preprocess import Preprocess

    row = session.row("SELECT path, requested, preprocess, skipped FROM samples WHERE role = ?", role)
    if row is None:
        raise QuantdeckError(f"the session {visible(str(session.path))} has no samples for {role}")
    path = records.path_of(row["path"])
    if role == "calibration":
        known = records.get_settings(session)
        listed, skip_bad = bool(known.get("listed")), bool(known.get("skip_bad"))
    else:  # the settings are those of the calibration; a list is a file, a dataset a folder
        listed, skip_bad = path.is_file(), bool(json.loads(row["skipped"]))
    try:
        options = {
            name: Preprocess.from_json(json.dumps(one)) for name, one in json.loads(row["preprocess"]).items()
        }
    except QuantdeckError as error:
        raise _damaged(session, "how its samples become arrays cannot be read") from error
    return Source(
        dataset=None if listed else path,
        data_list=path if listed else None,
        number=row["requested"],
        preprocess=options or None,
        skip_bad=skip_bad,
    )


def load_own_samples(graph: "Graph", source: Source, report: Report) -> "Samples":
    """``load_samples`` of a session's own source, which no option names. Errors: also where it is gone."""
    if not source.path.exists():
        raise QuantdeckError(
            f"the samples that the session was made with are not at {visible(str(source.path))} any more; put them "
            "back, or calibrate on others with quantdeck run_calibration MODEL --dataset FOLDER --session SESSION"
        )
    return load_samples(graph, source, report)


def calibrate(session: Session, spec: Mapping[str, Any], report: Report) -> str:
    """The job "calibrate": thresholds, plan, scores; returns the sentence of its result.

    spec overrides the session's settings: method, methods (all of them unless given), input_num, tune_num,
    bins, exact, chip, fp_type; score_num: the first samples, on which the plan is scored (0 all, -1 none; those on
    which edits are judged unless given).
    """
    settings = _settings(session, spec)
    graph = session_graph(session)
    source = session_source(session)
    source = replace(source, number=int(spec.get("input_num", source.number)))
    samples = load_own_samples(graph, source, report)
    remember_samples(session, samples, source, settings)
    done = calibrate_graph(graph, samples, settings, report)
    plan = records.put_calibration(session, done.calibration, done.plan, f"{settings.method} calibration")
    session.checkpoint()
    message = (
        f"{counted(len(done.plan.thresholds), 'threshold')} with {settings.method} "
        f"from {counted(len(samples), 'sample')}"
    )
    wanted = spec.get("score_num")
    if wanted is None:
        return f"{message}; {score_calibration(session, graph, samples, plan, report)}"
    if int(wanted) < 0:
        return message
    return f"{message}; {score_plan(session, graph, samples.take(int(wanted)), plan, report)}"


def _settings(session: Session, spec: Mapping[str, Any]) -> Settings:
    """The session's settings, changed by a job's. Errors: QuantdeckError where they are not what they should be."""
    try:
        return _read_settings(session, spec)
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        why = visible(f"{type(error).__name__}: {error}")
        raise _damaged(session, f"the settings of its calibration: {why}") from error


def _read_settings(session: Session, spec: Mapping[str, Any]) -> Settings:
    from ..engine.calib.methods import METHODS, resolve_method

    state = session.row("SELECT chip, fp_type FROM state WHERE id = 1")
    known = {**records.get_settings(session), **spec}
    tune = known.get("tune_list")
    return Settings(
        method=resolve_method(str(known.get("method", "kl"))),
        methods=tuple(known.get("methods") or METHODS),
        bins=int(known.get("bins", 2048)),
        tune_num=int(known.get("tune_num", 5)),
        tune=replace(
            session_source(session), dataset=None, data_list=records.path_of(tune), option="--tune_list"
        )
        if tune
        else None,
        exact=bool(known.get("exact")),
        chip=str(spec.get("chip") or (state["chip"] if state else "bm1684x")),
        fp_type=str(spec.get("fp_type") or (state["fp_type"] if state else "auto")),
        input_shapes=known.get("input_shapes"),
        find_lower_th=bool(known.get("find_lower_th")),
        tune_steps=int(known.get("tune_steps", 21)),
        min_tuned_diff=float(known.get("min_tuned_diff", 0.01)),
    )


def score_calibration(
    session: Session, graph: "Graph", samples: "Samples", number: int, report: Report
) -> str:
    """Score a new calibration's plan on all samples, and then where its edits will be judged (judged.py)."""
    from ..engine.run.evaluator import Evaluator
    from .judged import FIRST, choose_judged, judged_samples

    found = records.get_plan(session, number)
    few = judged_samples(session, samples)
    if found is not None and len(samples) > FIRST:
        with suppress(QuantdeckError):  # said below
            whole = Evaluator(graph, samples, threads=threads())
            score = whole.score(found[1], progress=report.stage("comparing samples"))
            records.put_score(session, number, samples.digest, score)
            few = choose_judged(session, samples, score)
    return score_plan(session, graph, few, number, report)


def score_plan(session: Session, graph: "Graph", samples: "Samples", number: int, report: Report) -> str:
    """Score a plan at outputs and layers and store the figures; a sentence of the result."""
    found = records.get_plan(session, number)
    if found is None:
        return "not scored"
    try:
        done = evaluate_plan(graph, samples, found[1], report, layers=samples)
    except QuantdeckError as error:  # a chip without simulation: the thresholds are good all the same
        report.say(str(error))
        return f"not scored: {error}"
    record_evaluation(session, number, samples, done)
    return score_sentence(done.score)


def record_evaluation(session: Session, plan: int, samples: "Samples", done: Evaluated) -> None:
    """Store the figures of a plan."""
    records.put_score(session, plan, samples.digest, done.score)
    if done.layers:
        records.put_layer_scores(session, plan, done.layers)


def score_sentence(score: "Score") -> str:
    """A score in few words."""
    dead = f", {score.dead_slices} dead slices" if score.dead_slices else ""
    return f"cosine {score.cosine:.6f}, SQNR {score.sqnr:.2f} dB{dead}"


def evaluate(session: Session, spec: Mapping[str, Any], report: Report) -> str:
    """The job "evaluate": scores a plan of the session; returns the sentence of its result.

    spec: plan (number; the current one unless given), dataset or data_list with input_num (the calibration
    samples unless given), labels (path of a CSV), layers (the first samples, for the layer scores; 0 all, -1 none;
    those on which edits are judged unless given), we and bc (true: with equalized weights, with the biases that the
    session's newest run with bc corrected; as the plan was found unless given).
    """
    from .corrections import corrected_graph, plan_corrections
    from .judged import judged_samples
    from .same_samples import session_samples

    found = records.get_plan(session, spec.get("plan"))
    if found is None:
        raise QuantdeckError(
            f"the session {visible(str(session.path))} has no such plan yet; calibrate it first"
        )
    number, plan = found
    graph = session_graph(session)
    others = bool(spec.get("dataset") or spec.get("data_list"))
    source = session_source(session)
    if others:
        source = replace(
            source,
            dataset=Path(spec["dataset"]) if spec.get("dataset") else None,
            data_list=Path(spec["data_list"]) if spec.get("data_list") else None,
            number=int(spec.get("input_num", 0)),
        )
    samples = load_samples(graph, source, report) if others else session_samples(session, graph, report)
    labels = sample_labels(Path(spec["labels"]), samples) if spec.get("labels") else None
    count = spec.get("layers")
    if count is None:
        few = judged_samples(session, samples)
    else:
        few = samples.take(int(count)) if int(count) >= 0 else None
    we, bc = plan_corrections(session, number)
    we, bc = bool(spec.get("we", we)), bool(spec.get("bc", bc))
    corrected = corrected_graph(graph, session, equalized=we, bias=bc, floats=plan.modes)
    done = evaluate_plan(corrected, samples, plan, report, labels=labels, layers=few, original=graph)
    if others:
        records.put_samples(session, "evaluation", samples, source.path)
    record_evaluation(session, number, samples, done)
    return score_sentence(done.score)


def sample_labels(file: Path, samples: "Samples") -> tuple[int, ...]:
    """The class of every row that the samples feed, in order; -1 for a row that only fills the last batch."""
    from ..engine.data.labels import read_labels

    rows = [rows for group in samples.groups for rows in group]
    labels = read_labels(file, [item.entry for item in rows])
    return tuple(
        -1 if item.filler else label
        for item, label in zip(rows, labels, strict=True)
        for _ in range(item.count)
    )


def version() -> str:
    """The installed version; "" where nothing is installed."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("quantdeck")
    except PackageNotFoundError:
        return ""
