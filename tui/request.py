"""What the screens ask of sessions; imported late: the first frame does without."""

import glob
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..engine.errors import QuantdeckError
from ..engine.text import visible
from .session_form import SessionRequest


def default_folder() -> Path:
    """Where sessions lie on this machine."""
    from ..sessions.locations import default_folder as folder

    return folder()


def start(path: Path, kind: str, spec: Mapping[str, object]) -> int:
    """Start a job in a process of its own; its number. QuantdeckError when another job is running."""
    from ..sessions.jobs import start_job

    return start_job(path, kind, dict(spec))


def cancel(path: Path, job: int) -> None:
    """Ask a job to stop."""
    from ..sessions.jobs import request_cancel

    request_cancel(path, job)


def search(path: Path, values: Mapping[str, str]) -> int:
    """Start a search with the answers of its form; the job's number."""
    from ..sessions.jobs import start_job
    from .search_form import search_spec

    spec, title = search_spec(path, values)
    return start_job(path, "search", spec, title)


def flow(path: Path, stages: Sequence[str], anyway: bool = False) -> int:
    """Start stages of the flow, each a job that starts the next; the first job's number.

    anyway: also where the network reaches the flow's target, and for layers that do well.
    """
    from ..sessions.flow import Wishes, start_flow, steps_of
    from .reader import SessionReader
    from .stages import flow_target

    with SessionReader(path) as reader:
        wishes = Wishes(target=1.0, layer_cos=1.0) if anyway else Wishes(target=flow_target(reader))
    return start_flow(path, steps_of(stages, wishes))


def pause(path: Path, job: int) -> None:
    """Let a job rest."""
    from ..sessions.jobs import request_pause

    request_pause(path, job)


def resume(path: Path, job: int) -> None:
    """Go on with a job."""
    from ..sessions.jobs import resume_job

    resume_job(path, job)


def duplicate(path: Path) -> Path:
    """Copy a session, as it is at this moment, beside itself; the copy's path."""
    from ..sessions.store import backup
    from ..sessions.work import free_name

    target = free_name(path.parent, f"{path.stem}-copy")
    backup(path, target)
    return target


def delete(path: Path) -> None:
    """Delete a session with what lies beside it. QuantdeckError when a job is at work on it."""
    from ..sessions.jobs import list_jobs
    from ..sessions.store import open_session

    try:
        with open_session(path, readonly=True) as session:
            busy = [job for job in list_jobs(session) if job.active and job.alive(time.time())]
    except QuantdeckError:  # what cannot be read can be deleted all the same
        busy = []
    if busy:
        raise QuantdeckError(f"job {busy[0].id} works on {visible(path.name)}; cancel it first")
    try:
        for beside in (*path.parent.glob(f"{glob.escape(path.name)}.job*.log"), path):
            beside.unlink()
        for end in ("-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)
    except OSError as error:
        raise QuantdeckError(f"{visible(str(path))} cannot be deleted ({error.strerror})") from error


def create(folder: Path, request: SessionRequest) -> Path:
    """Make a session file in *folder*; its path. QuantdeckError names what is wrong with model or samples."""
    from .maker import make

    return make(folder, request)


def calibration_of(request: SessionRequest) -> dict[str, object]:
    """The settings of a new session's first calibration."""
    return {"method": request.method, "input_num": request.input_num, "tune_num": request.tune_num}
