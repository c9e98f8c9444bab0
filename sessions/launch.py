"""Starts a search as a job of the session named, or of one of its own in the default folder."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.errors import QuantdeckError
from ..engine.text import visible
from . import records
from .jobs import ACTIVE, BusyError, Job, close_dead, list_jobs, resume_job, start_job
from .locations import SUFFIX, default_folder, prepare_folder
from .search_inputs import check_files
from .search_spec import SearchSpec
from .session import Session
from .store import open_session
from .work import Settings, free_name, make_session

if TYPE_CHECKING:
    from ..engine.graph.model import Graph


@dataclass(frozen=True, slots=True)
class Launched:
    """A job that has been started; ``resumed``: an unfinished one of the same wishes goes on."""

    path: Path
    job: int
    resumed: bool

    @property
    def name(self) -> str:
        """How commands name the job: the session file and the number."""
        return f"{self.path} {self.job}"


def launch_search(model: Path, graph: "Graph", spec: SearchSpec, wanted: Path | None) -> Launched:
    """Start *spec* as a job.

    wanted: the session file; None for one in the default folder that is named after the model and used again
    by the next command. Errors: QuantdeckError when the place cannot hold a session, the file is of another
    model, or busy.
    """
    check_files(graph, spec)
    if wanted is not None:
        return _start(wanted, model, graph, spec)
    while True:
        try:
            return _start(_own(model), model, graph, spec)
        except BusyError:  # another command was quicker: the next one finds the session busy
            continue


def _start(path: Path, model: Path, graph: "Graph", spec: SearchSpec) -> Launched:
    _make(path, model, graph, spec)
    with open_session(path) as session:
        close_dead(session)
        before = _unfinished(session, spec)
    if before is not None:
        resume_job(path, before.id)
        return Launched(path, before.id, resumed=True)
    return Launched(path, start_job(path, "search", spec.to_dict(), title(spec)), resumed=False)


def title(spec: SearchSpec) -> str:
    """A few words for lists."""
    target = f" to cos {spec.expected_cos:.10g}" if spec.expected_cos is not None else ""
    corrections = [word for word, wished in (("we", spec.equalize), ("bc", spec.bias)) if wished]
    return " ".join([spec.kind, *(f"with {word}" for word in corrections)]) + target


def _own(model: Path) -> Path:
    """The model's session in the default folder; another name where that one is busy."""
    from ..engine.graph.onnx_reader import model_digest

    folder = default_folder()
    prepare_folder(folder)
    digest = model_digest(model)
    title = f"{_stem(model)}-{digest[:8]}"
    first = folder / f"{title}{SUFFIX}"
    return first if not first.exists() or _usable(first, digest) else free_name(folder, title)


def _stem(model: Path) -> str:
    plain = "".join(sign if sign.isalnum() or sign in "-_." else "_" for sign in visible(model.stem))
    return plain.strip("._")[:60] or "session"


def _usable(path: Path, digest: str) -> bool:
    try:
        with open_session(path) as session:
            close_dead(session)
            found = records.model_path(session)
            busy = session.row("SELECT 1 FROM job WHERE state IN (?, ?)", *ACTIVE)
            return found is not None and found[1] == digest and busy is None
    except QuantdeckError:
        return False


def _make(path: Path, model: Path, graph: "Graph", spec: SearchSpec) -> None:
    from ..engine.graph.onnx_reader import model_digest

    if not path.exists():
        settings = Settings(
            method=spec.method, chip=spec.chip, fp_type=spec.fp_type, input_shapes=spec.input_shapes
        )
        try:
            make_session(path, graph, model, settings).close()
        except QuantdeckError:
            if not path.exists():  # else another command was quicker, and its session serves as well
                raise
        else:
            return
    with open_session(path) as session:
        found = records.model_path(session)
    if found is None or found[1] != model_digest(model):
        raise QuantdeckError(
            f"--session {visible(str(path))} is a session of another model; name a new file for this one"
        )


def _unfinished(session: Session, spec: SearchSpec) -> Job | None:
    """A search of the same wishes that rests."""
    wishes: Mapping[str, Any] = spec.to_dict()
    for job in list_jobs(session):
        if job.kind == "search" and job.state == "paused":
            with suppress(QuantdeckError):  # damaged settings are nobody's wishes
                if _plain(SearchSpec.from_dict(job.spec).to_dict()) == _plain(wishes):
                    return job
    return None


def _plain(value: Mapping[str, Any]) -> Any:
    import json

    return json.loads(json.dumps(value))
