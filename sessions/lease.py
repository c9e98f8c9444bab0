"""Who works on a session, and whether that process still lives."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psutil import Process

SILENCE = 60.0  # seconds without a heartbeat after which a worker that cannot be looked up counts as dead
_FILE = " file "


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that cannot be mistaken for another: number, start time, boot and process namespace.

    file: inode of the session file that it holds, which a copy of that file has not; "" where that is not known.
    """

    pid: int
    started: float
    boot: str
    file: str = ""


def stored(boot: str, file: str) -> str:
    """Boot and file as one column of a job's row."""
    return f"{boot}{_FILE}{file}"


def parted(text: str) -> tuple[str, str]:
    """What ``stored`` joined."""
    boot, _, file = text.partition(_FILE)
    return boot, file


def is_copy(file: str, held: str) -> bool:
    """Whether a process holds another file than this one, of which this is a copy; inodes, "" where not known."""
    return held not in ("", file)


def boot_name() -> str:
    """The present boot of this machine (and container): process numbers mean something only within it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        import psutil

        return f"boot {psutil.boot_time():.0f}"


def myself() -> Holder:
    """The calling process."""
    import psutil

    return Holder(os.getpid(), _start(psutil.Process()), boot_name())


def _start(process: "Process") -> float:
    """When a process began, in seconds that a clock which is set anew does not move.

    psutil adds the time of the boot, which Linux works out from the present clock; the 22nd field of stat is ticks
    since the boot (proc_pid_stat(5)), behind a name in brackets that may hold anything.
    """
    try:
        stat = Path(f"/proc/{process.pid}/stat").read_text("utf-8", "replace")
        return int(stat.rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return process.create_time()


def is_alive(holder: Holder | None, heartbeat: float | None, now: float) -> bool:
    """Whether the holder still works.

    On this boot the process table decides (a reused number has another start time); a holder from elsewhere
    lives as long as its heart beats.
    """
    if holder is None:
        return heartbeat is not None and now - heartbeat < SILENCE
    if holder.boot != boot_name():
        return heartbeat is not None and now - heartbeat < SILENCE
    import psutil

    try:
        process = psutil.Process(holder.pid)
        starts = (_start(process), process.create_time())  # the second one: as it was noted at first
        same = any(abs(start - holder.started) < 0.05 for start in starts)
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
