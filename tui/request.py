"""What the screens ask of sessions; imported late: the first frame does without."""

from collections.abc import Mapping
from pathlib import Path

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


def create(folder: Path, request: SessionRequest) -> Path:
    """Make a session file in *folder*; its path. QuantdeckError names what is wrong with model or samples."""
    from .maker import make

    return make(folder, request)


def calibration_of(request: SessionRequest) -> dict[str, object]:
    """The settings of a new session's first calibration."""
    return {"method": request.method, "input_num": request.input_num, "tune_num": request.tune_num}
