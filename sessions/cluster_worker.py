"""A Dask worker's part of a search: it makes graph and samples anew from their paths and scores trials.

A worker that does not see what the session sees refuses in a sentence: a result must be the session's own to the
last bit, whichever machine it comes from.
"""

import hashlib
import json
import platform
from collections import OrderedDict
from collections.abc import Generator
from contextlib import chdir, contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from ..engine.errors import QuantdeckError
from ..engine.plan import Plan
from ..engine.run.arithmetic import ARITHMETIC_VERSION
from ..engine.run.trial import Result, Source, Trial
from ..engine.text import visible
from . import work
from .locations import path_of
from .report import Cancelled, Silent
from .search_inputs import Watched, scored_source
from .search_spec import SearchSpec

if TYPE_CHECKING:
    from distributed import Worker

    from ..engine.data.samples import Samples
    from ..engine.graph.model import Graph
    from .post_process import PostProcessor

KEPT = 2  # evaluators that a worker keeps, the last used ones
_BENCH = "quantdeck_bench"  # attribute of the Worker object, so that the evaluators end with it
_OPTIONS = (
    "kind", "chip", "fp_type", "folder", "dataset", "data_list", "scored_list", "preprocess", "skip_bad",
    "input_shapes", "equalize", "reference", "post_process", "post_process_digest", "memory",
)  # fmt: skip
_PACKAGES = ("quantdeck", "numpy", "onnxruntime", "opencv-python-headless")


@dataclass(frozen=True, slots=True)
class Digests:
    """What a worker must find: of the model's bytes, the graph, the samples, and a float pass of the first one."""

    model: str
    graph: str
    samples: str
    floats: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """What makes an evaluator; equal recipes make evaluators of equal results.

    spec: the options that matter (``plain``). model: the absolute path
    (``path_text``). number: of samples, 0 for all. versions: of what computes, by name.
    """

    spec: str
    model: str
    number: int
    digests: Digests
    versions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A trial's result; or None, and why the worker at *worker* refuses."""

    result: Result | None
    refusal: str = ""
    worker: str = ""


def versions() -> tuple[tuple[str, str], ...]:
    """What must be the same on all machines."""
    found = [("arithmetic", str(ARITHMETIC_VERSION)), ("Python for", platform.machine())]
    for name in _PACKAGES:
        try:
            found.append((name, installed(name)))
        except PackageNotFoundError:
            found.append((name, "none"))
    return tuple(found)


def floats_digest(graph: "Graph", samples: "Samples") -> str:
    """sha256 over a float pass of the first sample: processors of other kinds may give other last digits."""
    from ..engine.run.float_runner import FloatRunner

    found = hashlib.sha256()
    for name, value in FloatRunner(graph).run(samples.feed(samples.groups[0])).items():
        found.update(name.encode("utf-8", "surrogatepass"))
        found.update(value.tobytes())
    return found.hexdigest()


def trial_text(trial: Trial) -> str:
    """A trial as JSON."""
    source = asdict(trial.source) if trial.source is not None else None
    return json.dumps([trial.plan.to_json(), list(trial.at), trial.samples, source, trial.only])


def trial_from(text: str) -> Trial:
    """What ``trial_text`` wrote."""
    plan, at, samples, source, only = json.loads(text)
    origin = Source(**source) if source else None
    return Trial(Plan.from_json(plan), tuple(at), samples, origin, tuple(only))


def score(recipe: Recipe, trial: str) -> Answer:
    """Score a trial (``trial_text``) on the Dask worker that this runs on; the task's function."""
    from distributed import get_worker

    worker = get_worker()
    bench: Bench = vars(worker).setdefault(_BENCH, Bench())
    with bench.lock:  # the evaluator uses the worker's threads itself
        try:
            return Answer(bench.scorer(recipe, worker)(trial_from(trial)))
        except QuantdeckError as error:
            return Answer(None, str(error), worker.address)


class Bench:
    """The evaluators of one worker, one a recipe."""

    def __init__(self) -> None:
        self.lock = Lock()
        self._scorers: OrderedDict[Recipe, Scorer] = OrderedDict()

    def scorer(self, recipe: Recipe, worker: "Worker") -> "Scorer":
        """The evaluator of a recipe, made where there is none.

        Errors: QuantdeckError where the worker sees other bytes than the session.
        """
        if recipe not in self._scorers:
            while len(self._scorers) >= KEPT:
                self._scorers.popitem(last=False)[1].close()
            self._scorers[recipe] = Scorer(recipe, worker)
        self._scorers.move_to_end(recipe)
        return self._scorers[recipe]


class Scorer:
    """Scores trials of one recipe."""

    def __init__(self, recipe: Recipe, worker: "Worker") -> None:
        from ..engine.run.trials import TrialEvaluator

        _check_versions(recipe)
        spec = SearchSpec.from_dict(json.loads(recipe.spec))
        self._folder = spec.folder if spec.data_list or spec.scored_list else None
        self._worker = worker
        self._left = False
        with self._there():
            graph, samples = read_inputs(recipe, spec)
        self._feeds = Watched(samples)
        self._post = self._processor(spec)
        limit = worker.memory_manager.memory_limit
        self._evaluate = TrialEvaluator(
            graph,
            self._feeds,
            reference="float32" if spec.reference == "float32" else "chip",
            memory=spec.memory or (limit // 4 if limit else None),
            spill_folder=Path(worker.local_directory),
            threads=worker.state.nthreads,
            post_process=self._post,
        )

    def __call__(self, trial: Trial) -> Result:
        """The result of a trial.

        Errors: QuantdeckError for a sample that is gone.
        """
        with self._there():
            (result,) = self._evaluate([trial])
        self._feeds.check()
        if self._left and self._post is not None:
            self._post.close()  # it may still answer the trial that nobody waits for
            self._left = False
        return result

    def close(self) -> None:
        """Give back memory, threads and processes."""
        self._evaluate.close()
        if self._post is not None:
            self._post.close()

    @contextmanager
    def _there(self) -> Generator[None]:
        """Relative names in a list file mean what they meant where the command was given."""
        if self._folder is None:
            yield
            return
        if not Path(self._folder).is_dir():
            raise QuantdeckError(
                f"the folder {visible(self._folder)} that the search was started in is missing"
            )
        with chdir(self._folder):
            yield

    def _processor(self, spec: SearchSpec) -> "PostProcessor | None":
        from .post_process import PostProcessor, file_digest

        if spec.post_process is None:
            return None
        path = path_of(spec.post_process)
        if file_digest(path) != spec.post_process_digest:
            raise QuantdeckError(f"--post_process {visible(str(path))} is another text")
        return PostProcessor(path, self._check)

    def _check(self) -> None:
        """Leave a function of the user's that runs on though the session has gone."""
        task = self._worker.state.tasks.get(self._worker.get_current_task())
        if task is None or task.state == "cancelled":
            self._left = True
            raise Cancelled


def _check_versions(recipe: Recipe) -> None:
    here = dict(versions())
    for name, version in recipe.versions:
        if here.get(name) != version:
            raise QuantdeckError(f"it has {name} {here.get(name)} where the session has {version}")


def read_inputs(recipe: Recipe, spec: SearchSpec) -> "tuple[Graph, Samples]":
    """Graph and samples, each seen to be the session's.

    Errors: QuantdeckError that says what is not.
    """
    from ..engine.graph.onnx_reader import model_digest

    path = path_of(recipe.model)
    graph = work.load_model(path, spec.input_shapes)
    samples = work.load_samples(graph, scored_source(spec, recipe.number), Silent())
    if spec.equalize:
        from ..engine.calib.equalize import equalize

        graph = equalize(graph).graph
    where = samples_text(spec)
    model = f"the model {visible(str(path))} is another one"
    _compare(recipe.digests, model=(model_digest(path), model), graph=(graph.digest, model))
    _compare(recipe.digests, samples=(samples.digest, f"the samples of {where} are others"))
    sentence = "its processor gives other last digits in float than the session's"
    _compare(recipe.digests, floats=(floats_digest(graph, samples), sentence))
    return graph, samples


def _compare(wanted: Digests, **found: tuple[str, str]) -> None:
    for name, (digest, sentence) in found.items():
        if getattr(wanted, name) != digest:
            raise QuantdeckError(sentence)


def samples_text(spec: SearchSpec) -> str:
    """Where the samples come from, for sentences."""
    return visible(spec.scored_list or spec.data_list or spec.dataset or "the search")


def plain(spec: SearchSpec) -> str:
    """The part of a spec that an evaluator depends on, as JSON."""
    values = spec.to_dict()
    return json.dumps({name: values[name] for name in _OPTIONS})
