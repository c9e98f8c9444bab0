"""Small models and samples for the cases that users' reports made, and the ways in which a user drives the product."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from quantdeck.engine.hw.program import Program
from quantdeck.engine.run.executor import Executor
from quantdeck.engine.run.float_runner import FloatRunner

import quantdeck as qd

Array = np.ndarray


def floats(*shape: int, seed: int = 0, scale: float = 1.0) -> Array:
    """Normal float32 values."""
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


def node(op: str, inputs: str, outputs: str, **attributes: object) -> onnx.NodeProto:
    """A node; names with blanks between, _ for one that is left out."""
    names = [["" if name == "_" else name for name in text.split()] for text in (inputs, outputs)]
    return helper.make_node(op, *names, **attributes)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Sequence[int | str]],
    outputs: Sequence[str],
    weights: Mapping[str, Array] | None = None,
    *,
    opset: int = 17,
    ir: int = 8,
    types: Mapping[str, int] | None = None,
    name: str = "net",
) -> onnx.ModelProto:
    """A model; types by name where they are not float32, shapes of outputs open."""
    kinds = types or {}
    graph = helper.make_graph(
        list(nodes),
        name,
        [helper.make_tensor_value_info(i, kinds.get(i, TensorProto.FLOAT), s) for i, s in inputs.items()],
        [helper.make_tensor_value_info(o, kinds.get(o, TensorProto.FLOAT), None) for o in outputs],
        [numpy_helper.from_array(np.asarray(array), key) for key, array in (weights or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)


def save(made: onnx.ModelProto, folder: Path, name: str = "model.onnx") -> Path:
    """The model as a file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(made.SerializeToString())
    return folder / name


def samples(folder: Path, feeds: Sequence[Mapping[str, Array]]) -> Path:
    """One npz a feed: s00.npz, s01.npz ..."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, feed in enumerate(feeds):
        np.savez(folder / f"s{index:02}.npz", **feed)
    return folder


def normal_samples(
    folder: Path, shapes: Mapping[str, Sequence[int]], count: int = 4, scale: float = 1.0
) -> Path:
    """Samples of normal values."""
    return samples(
        folder,
        [
            {name: floats(*shape, seed=31 * index + place, scale=scale)
             for place, (name, shape) in enumerate(shapes.items())}
            for index in range(count)
        ],
    )  # fmt: skip


def original(path: Path, feed: Mapping[str, Array]) -> dict[str, Array]:
    """onnxruntime on the file."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return dict(
        zip([item.name for item in session.get_outputs()], session.run(None, dict(feed)), strict=True)
    )


def float_outputs(graph: qd.Graph, feed: Mapping[str, Array]) -> dict[str, Array]:
    """The float run, by the outputs' names in the file."""
    found = FloatRunner(graph, graph.output_tensors).run(feed)
    return {output.name: found[output.tensor] for output in graph.outputs}


def assert_as_original(graph: qd.Graph, path: Path, feed: Mapping[str, Array]) -> dict[str, Array]:
    """The float run equals onnxruntime on the file to 1e-4 relative, output by output; returns it."""
    wanted, got = original(path, feed), float_outputs(graph, feed)
    assert list(got) == list(wanted)
    for name, value in wanted.items():
        assert got[name].shape == value.shape
        np.testing.assert_allclose(got[name], value, rtol=1e-4, atol=1e-4 * np.abs(value).max(initial=1e-9))
    return got


@dataclass(frozen=True)
class Assessed:
    """A model after the whole way: calibrated, simulated on bm1684x, scored."""

    graph: qd.Graph
    samples: qd.Samples
    calibration: qd.Calibration
    plan: qd.Plan
    program: Program
    score: qd.Score

    def cosine(self, output: str) -> float:
        """Raw cosine of an output, the worst sample's."""
        return next(o for o in self.score.outputs if o.name == output).similarity.worst_cosine

    def integers(self, tensors: Sequence[str], sample: int = 0) -> dict[str, Array]:
        """Tensors of one sample as stored."""
        feed = list(self.samples.batches())[sample]
        return Executor(self.graph, self.program).run_raw(feed, tensors)

    def outputs(self, sample: int = 0) -> dict[str, Array]:
        """Real values of the outputs of one sample, by name in the file."""
        feed = list(self.samples.batches())[sample]
        found = Executor(self.graph, self.program).run(feed, self.graph.output_tensors)
        return {output.name: found[output.tensor] for output in self.graph.outputs}

    def step(self, tensor: str) -> float:
        """Size of one integer step of a tensor."""
        return self.program.types[tensor].scale or 0.0


def assess(
    path: Path | qd.Graph,
    dataset: Path,
    *,
    method: str = "use_max",
    tune_num: int = 0,
    modes: Mapping[str, qd.Mode] | None = None,
) -> Assessed:
    """Load, calibrate, evaluate, as the page docs/api.md does it."""
    graph = path if isinstance(path, qd.Graph) else qd.read_onnx(path)
    chosen = qd.select_samples(graph, dataset=dataset, number=0)
    calibration = qd.calibrate(graph, chosen, method=method, tune_num=tune_num)
    plan = qd.Plan(chip="bm1684x", fp_type="F16", thresholds=calibration.thresholds, modes=modes or {})
    score = qd.Evaluator(graph, chosen).score(plan)
    return Assessed(graph, chosen, calibration, plan, qd.get_chip("bm1684x").lower(graph, plan), score)


def quantdeck(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "quantdeck", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env={**os.environ, "QUANTDECK_HOME": str(cwd)} if cwd else None,
        check=False,
    )


def assert_one_sentence(text: str) -> None:
    """What a user is told when he can mend it: one line, no traceback, no control byte."""
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) == 1, text
    assert lines[0].isprintable()
    assert "Traceback" not in text
