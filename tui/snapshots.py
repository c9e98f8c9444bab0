"""What is read of a session at one moment: frozen records that screens draw from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ScoreView:
    """The current plan's score: raw cosine and SQNR in dB of the worst output, accuracies as shares."""

    cos: float | None
    sqnr: float | None
    dead: int
    top1_float: float | None
    top1_int8: float | None
    labelled: int | None
    plan: int | None = None  # whose score it is
    samples: int | None = None  # how many it was measured on


@dataclass(frozen=True, slots=True)
class JobView:
    """A job's row; times in unix seconds, rate in steps per second, eta in seconds."""

    id: int
    kind: str
    title: str
    state: str
    wanted: str
    created: float
    started: float | None
    finished: float | None
    heartbeat: float | None
    stage: str
    done: int
    total: int
    rate: float | None
    eta: float | None
    message: str
    log: str | None
    pid: int | None = None  # of the process that works on it, with its start and its boot (sessions/lease.py)
    pid_started: float | None = None
    boot: str | None = None
    lost: bool = False  # it says running, but nobody works on it
    copied: bool = False  # the file is a copy that was made while the job ran on the original
    silent: bool = False  # its process is there, but has given no sign of life for long

    @property
    def name(self) -> str:
        """What was asked for: a calibration that corrects biases is a job of the kind search as well."""
        return self.title.partition(" ")[0] if self.kind == "search" and self.title else self.kind

    @property
    def active(self) -> bool:
        """Whether the job still has something to do."""
        return self.state in ("waiting", "running")


@dataclass(frozen=True, slots=True)
class SessionView:
    """The head of a session."""

    path: Path
    rev: int
    title: str
    chip: str
    fp_type: str
    model: str
    model_path: str
    notes: tuple[str, ...]
    samples_path: str
    samples: int
    settings: Mapping[str, object]
    plan: int | None
    plan_label: str
    score: ScoreView | None
    job: JobView | None
    read_only: bool = False
    gone: bool = False  # the file has no name any more, so that nothing can be written to it

    @property
    def stale(self) -> bool:
        """Whether the score is that of another plan than the current one."""
        return self.score is not None and self.score.plan != self.plan


@dataclass(frozen=True, slots=True)
class TensorView:
    """Statistics of an activation and its thresholds by method; histogram counts over [low, high]."""

    name: str
    shape: str
    min: float | None
    max: float | None
    mean: float | None
    std: float | None
    zero_share: float | None
    warning: str
    counts: tuple[float, ...]
    low: float
    high: float
    thresholds: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class LayerView:
    """What the detail pane tells of one layer besides the table's figures."""

    name: str
    op: str
    shape: str
    detail: str
    macs: int
    params: int
    inputs: tuple[tuple[str, str], ...]  # tensor, op of its producer
    outputs: tuple[tuple[str, str], ...]  # consuming layer, its op
    tensor: TensorView | None


@dataclass(frozen=True, slots=True)
class SessionEntry:
    """A line of the start screen."""

    path: Path
    title: str
    model: str
    chip: str
    cos: float | None
    sqnr: float | None
    top1_float: float | None
    top1_int8: float | None
    job: str
    changed: float
    problem: str
    samples: int | None = None  # on which the score was measured
    stale: bool = False  # whether the score is that of an earlier plan
