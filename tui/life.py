"""Whether the process of a job that says it runs is still there."""

import time

from ..sessions.lease import SILENCE, Holder, is_alive, parted
from .snapshots import JobView

SKIPPED = 6.0  # seconds: three beats of a worker's heart; only then is its process looked up
STILL = 20.0  # seconds: ten beats


def is_silent(job: JobView, now: float | None = None) -> bool:
    """Whether the process of a job at work has not moved for long: it was stopped, or its container is frozen."""
    now = time.time() if now is None else now
    return job.state == "running" and job.heartbeat is not None and now - job.heartbeat >= STILL


def is_lost(job: JobView, now: float | None = None) -> bool:
    """Whether nobody works on *job* any more though it says so.

    Nobody does on a copy's: the process is the original's. A process of this machine that is gone is known after some
    seconds; one of another machine, or one that has not begun, by its silence.
    """
    if job.copied:
        return job.active
    now = time.time() if now is None else now
    silent = now - (job.created if job.heartbeat is None else job.heartbeat)
    if not job.active or 0 <= silent < SKIPPED:  # a beat that is to come: the clock was set back
        return False
    if job.pid is None or job.boot is None:
        return silent > SILENCE
    return not is_alive(Holder(job.pid, job.pid_started or 0.0, parted(job.boot)[0]), job.heartbeat, now)


def lost_words(job: JobView) -> str:
    """Why nobody works on a lost job."""
    return "its process works on the original of this copy" if job.copied else "its process has died"
