"""onnxruntime sessions with fixed settings: the same file and feeds give the same bytes on one machine."""

import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import numpy as np
import onnx
import onnxruntime  # pyright: ignore[reportMissingTypeStubs]

from ..text import visible

Array = np.ndarray

_ort = cast(Any, onnxruntime)  # the package brings no types


class Session(Protocol):
    """What is used of an onnxruntime session."""

    def run(self, names: list[str], feeds: dict[str, Array], options: object) -> list[object]:
        """Values of the named outputs."""
        ...


def session(model: onnx.ModelProto, threads: int = 1) -> Session:
    """A session without graph rewrites: a tensor's value does not depend on which others are fetched."""
    options = _ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = _ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = _ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.use_deterministic_compute = True
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    made: Session = _ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return made


def run(
    runner: Session, names: Sequence[str], feeds: Mapping[str, Array], limit: float | None = None
) -> dict[str, object]:
    """Values of *names*; after *limit* seconds onnxruntime is told to stop, and raises."""
    quiet = _ort.RunOptions()
    quiet.log_severity_level = 4
    clock = threading.Timer(limit or 0, _stop, [quiet])
    clock.daemon = True
    if limit is not None:
        clock.start()
    try:
        values = runner.run(list(names), dict(feeds), quiet)
    finally:
        clock.cancel()
    return dict(zip(names, values, strict=True))


def _stop(options: Any) -> None:
    options.terminate = True


def reason(error: Exception) -> str:
    """The first line of what an onnxruntime or onnx error says, visible, without places in their sources."""
    text = str(error).strip()
    text = re.sub(r"\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    text = text.rpartition("Status Message: ")[2]
    text = re.sub(r"(/[\w.+-]+)*/?[\w-]+\.(cc|h):\d+ (.*?\)|\w+) ", "", text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    short = visible(lines[0] if lines else type(error).__name__)
    return short[:240].rstrip(". ")
