"""A small network that int8 hurts a little, searches on it, and workers that die where a test says."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from quantdeck.engine.plan import Threshold
from quantdeck.sessions import work
from quantdeck.sessions.jobs import Job, add_job, get_job, reopen
from quantdeck.sessions.search_spec import SearchSpec
from quantdeck.sessions.store import open_session
from quantdeck.sessions.worker import run_job

DEADLY = """
import os, random, signal, threading
import quantdeck.sessions.session as session

COUNT = int(os.environ.get("KILL_AT", "0"))
INSIDE = os.environ.get("KILL_INSIDE") == "1"
AFTER = float(os.environ.get("KILL_AFTER", "0"))
seen = 0

def die():
    os.kill(os.getpid(), signal.SIGKILL)

real = session.Writer.add

def add(self, table, row, **more):
    global seen
    if table != "trial":
        return real(self, table, row, **more)
    seen += 1
    if seen == COUNT and not INSIDE:
        die()
    number = real(self, table, row, **more)
    if seen == COUNT:
        die()
    return number

session.Writer.add = add
if AFTER:
    threading.Timer(AFTER, die).start()
"""


def network(path: Path) -> Path:
    """Three blocks of Conv and SiLU, then a pooled vector; channels of different sizes."""
    random = np.random.default_rng(39)
    nodes, weights, last = [], [], "x"
    for index, (given, made) in enumerate([(3, 6), (6, 6), (6, 5)]):
        weight = random.normal(0, 0.2, (made, given, 3, 3)) * random.uniform(0.1, 3, (made, 1, 1, 1))
        bias = random.normal(0, 0.1, made)
        weights += [
            numpy_helper.from_array(value.astype(np.float32), f"{name}{index}")
            for name, value in (("w", weight), ("b", bias))
        ]
        nodes += [
            helper.make_node("Conv", [last, f"w{index}", f"b{index}"], [f"c{index}"], pads=[1] * 4),
            helper.make_node("Sigmoid", [f"c{index}"], [f"g{index}"]),
            helper.make_node("Mul", [f"c{index}", f"g{index}"], [f"m{index}"]),
        ]
        last = f"m{index}"
    nodes += [helper.make_node("GlobalAveragePool", [last], ["p"]), helper.make_node("Flatten", ["p"], ["y"])]
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)]
        for name, shape in (("x", [1, 3, 8, 8]), ("y", [1, 5]))
    ]
    graph = helper.make_graph(nodes, "silu", *ends, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def sample_folder(folder: Path, count: int = 6) -> Path:
    folder.mkdir()
    random = np.random.default_rng(7)
    for index in range(count):
        np.savez(folder / f"s{index}.npz", random.standard_t(5, (1, 3, 8, 8)).astype(np.float32))
    return folder


class Desk:
    """A model, its samples and sessions in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = network(folder / "net.onnx")
        self.samples = sample_folder(folder / "samples")
        self.graph = work.load_model(self.model)
        found = work.load_samples(self.graph, work.Source(dataset=self.samples), work.Silent())
        self.table = work.calibrate_graph(self.graph, found, work.Settings(tune_num=0)).plan.thresholds

    def spec(self, kind: str, out: Path, **changes: object) -> SearchSpec:
        """A search that writes into *out*."""
        names = {
            "quantize_table": "qtable", "loss_table": "loss", "calibration_table": "table",
            "new_table": "new_cali_table.txt", "log": "log",
        }  # fmt: skip
        out.mkdir(exist_ok=True)
        values: dict[str, object] = {
            "kind": kind,
            "chip": "bm1684x",
            "fp_type": "F16",
            "folder": str(self.folder),
            "dataset": str(self.samples),
            "inference_num": 4,
            "tune_num": 2,
            "methods": ("kl", "max"),
            "expected_cos": 0.99999,
            "min_layer_cos": 0.99999,
            "max_float_layers": 2,
            "model_name": "net.onnx",
            "start": rows_of(self.table),
            "outputs": {option: (str(out / name), name) for option, name in names.items()},
        }
        return SearchSpec(**{**values, **changes})  # type: ignore[arg-type]

    def session(self, name: str) -> Path:
        path = self.folder / f"{name}.qdeck"
        if not path.exists():
            work.make_session(path, self.graph, self.model, work.Settings()).close()
        return path

    def add(self, path: Path, spec: SearchSpec) -> int:
        with open_session(path) as session:
            return add_job(session, "search", spec.to_dict())

    def run(self, path: Path, number: int, log: io.StringIO | None = None) -> Job:
        """Do the job in this process."""
        with open_session(path) as session:
            run_job(session, number, log or io.StringIO())
            return get_job(session, number)

    def unbroken(self, kind: str) -> dict[str, object]:
        """What a search leaves that nothing interrupts."""
        path, out = self.session(f"unbroken-{kind}"), self.folder / f"unbroken-{kind}"
        number = self.add(path, self.spec(kind, out))
        assert self.run(path, number).state == "done"
        return left(path, number, out)

    def again(self, path: Path, number: int, log: io.StringIO | None = None) -> Job:
        with open_session(path) as session:
            reopen(session, number)
        return self.run(path, number, log)


def rows_of(table: "dict[str, Threshold] | object") -> list[list[object]]:
    return [[name, row.value, row.min, row.max, "table"] for name, row in table.items()]  # type: ignore


def worker(path: Path, number: int, site: Path, **environment: str) -> int:
    """Do the job in a process that may be killed; its exit status, negative for a signal."""
    (site / "sitecustomize.py").write_text(DEADLY)
    return subprocess.run(
        [sys.executable, "-P", "-m", "quantdeck.sessions.worker", str(path), str(number)],
        env={**os.environ, "PYTHONPATH": str(site), **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    ).returncode


def left(path: Path, number: int, out: Path) -> dict[str, object]:
    """Everything that a finished search leaves and that must not depend on how it went."""
    with open_session(path, readonly=True) as session:
        row = session.row("SELECT outcome, lines, log, reached, cos FROM search WHERE job = ?", number)
        trials = session.rows("SELECT key, cos, sqnr, body, error FROM trial ORDER BY key")
        positions = [r[0] for r in session.rows("SELECT position FROM trial ORDER BY position")]
    assert row is not None
    assert positions == list(range(1, len(trials) + 1))
    files = {file.name: file.read_bytes() for file in sorted(out.iterdir())}
    return {"row": tuple(row), "trials": [tuple(trial) for trial in trials], "files": files}
