"""onnxruntime sessions with fixed settings: the same file and feeds give the same bytes on one machine."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import onnxruntime

from ..text import visible

Array = np.ndarray


def session(model: onnx.ModelProto, threads: int = 1) -> onnxruntime.InferenceSession:
    """A session without graph rewrites, so that a tensor's value does not depend on which others are fetched."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.use_deterministic_compute = True
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def run(
    runner: onnxruntime.InferenceSession, names: Sequence[str], feeds: Mapping[str, Array]
) -> dict[str, object]:
    """Values of *names*."""
    quiet = onnxruntime.RunOptions()
    quiet.log_severity_level = 4
    return dict(zip(names, runner.run(list(names), dict(feeds), quiet), strict=True))


def reason(error: Exception) -> str:
    """The last sentence of an onnxruntime or onnx message, short and visible, without file and line of its source."""
    text = str(error).strip()
    text = re.sub(r"\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    text = text.rpartition("Status Message: ")[2]
    text = re.sub(r"(/[\w.+-]+)*/?[\w-]+\.(cc|h):\d+ (.*?\)|\w+) ", "", text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    short = visible(lines[0] if lines else type(error).__name__)
    return short[:240].rstrip(". ")
