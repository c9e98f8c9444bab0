"""Our searches beside the original tool's stored ones: scores, ranking, thresholds, result, CPU time.

Usage: python benchmarks/reference_searches.py CASE MODEL DATASET [--photos] [--search NAME ...] [--reference R]

CASE: a folder of the reference with searches/ and tables/ (mini_conv, mobilenet_v2). MODEL: its ONNX file, DATASET:
its calibration samples. --photos: preprocess as the reference did mobilenet_v2's photos. The settings are the
reference's: 16 calibration and 8 scoring samples, 2 to tune on, target 0.9999, layer cos 0.999, 3 float layers.
CPU time is printed in float forwards of onnxruntime (one thread), measured in the same run.
"""

import argparse
import ast
import io
import json
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime
from quantdeck.engine.calib.qtable import read_qtable
from quantdeck.engine.calib.table import read_table
from quantdeck.engine.data.preprocess import Preprocess
from quantdeck.engine.mix.trial import Outcome
from quantdeck.sessions import work
from quantdeck.sessions.jobs import add_job, get_job
from quantdeck.sessions.outcomes import outcome_from
from quantdeck.sessions.packing import unpack
from quantdeck.sessions.search_spec import SearchSpec
from quantdeck.sessions.search_text import SHOWN
from quantdeck.sessions.store import open_session
from quantdeck.sessions.worker import run_job

PHOTOS = Preprocess(resize_dims=(256, 256), mean=(127.5,) * 3, scale=(0.0078431,) * 3, pixel_format="rgb")
LOGS = {
    "search_threshold": "log_search_threshold_bm1684x_file.txt",
    "search_qtable": "log_search_qtable_bm1684x_file.txt",
    "run_sensitive_layer": "log_run_sensitive_layer_bm1684x_file.txt",
    "run_qtable": "log_run_qtable_bm1684x_file.txt",
}
QTABLES = {
    "search_qtable": "search_qtable_bm1684x.qtable",
    "run_sensitive_layer": "search_sensitive_bm1684x.qtable",
    "run_qtable": "search_run_qtable_bm1684x.qtable",
}
_BEST = re.compile(
    r"layer (\S+), layer type is (\S+), best_th = (\S+), best_method = (\S+), best_cos_loss = (\S+)"
)
_LOSS = re.compile(r"No\.\d+ *: Layer: (\S+)\s+Cos: (\S+)")


@dataclass
class Theirs:
    """What the original's log says."""

    int8: float = float("nan")
    result: float = float("nan")
    losses: dict[str, float] = field(default_factory=dict[str, float])
    methods: dict[str, str] = field(default_factory=dict[str, str])
    thresholds: dict[str, float] = field(default_factory=dict[str, float])
    probes: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])
    scores: dict[str, float] = field(default_factory=dict[str, float])


def read_log(path: Path) -> Theirs:
    """The figures of a stored log."""
    found = Theirs()
    for line in path.read_text().splitlines():
        if match := _BEST.search(line):
            name, _, threshold, method, loss = match.groups()
            found.losses[name], found.methods[name] = float(loss), method
            found.thresholds[name] = float(threshold)
        elif match := _LOSS.search(line):
            found.losses[match[1]] = 1 - float(match[2])
        elif match := re.search(r"float layer number: (\d+), mix model outputs_cos: (\S+)", line):
            found.probes.append((int(match[1]), float(match[2])))
        elif match := re.search(r"similarity scores: (\{.*\})", line):
            found.scores = ast.literal_eval(match[1])
        elif match := re.search(r"int8 outputs_cos:(\S+) old", line):
            found.int8 = float(match[1])
        elif match := re.search(r"mix model outputs_cos:(\S+)", line):
            found.result = float(match[1])
    return found


@dataclass
class Case:
    """A network of the reference."""

    folder: Path
    model: Path
    dataset: Path
    photos: bool
    reference: str
    without: tuple[str, ...]


def read_trials(log: str) -> dict[tuple[str, str], tuple[float, float]]:
    """Threshold and loss of every single-layer trial in a log, by layer and method."""
    found: dict[tuple[str, str], tuple[float, float]] = {}
    last: tuple[str, str, float] | None = None
    for line in log.splitlines():
        if match := re.search(r"adjust layer (\S+) th, with method (\S+), and threshlod (\S+)", line):
            last = match[1], match[2], float(match[3])
        elif (match := re.search(r"outputs_cos_los = (\S+)", line)) and last is not None:
            found[last[:2]], last = (last[2], float(match[1])), None
    return found


def run(case: Case, kind: str) -> tuple[Outcome, dict[str, str], float, int, str]:
    """Our search: its outcome, the chosen methods by layer, CPU seconds, trials paid, its log."""
    rows = read_table(case.folder / "tables" / "cali_kl").rows
    graph = work.load_model(case.model)
    spec = SearchSpec(
        kind=kind,
        chip="bm1684x",
        fp_type="F16",
        folder=str(Path.cwd()),
        dataset=str(case.dataset.resolve()),
        preprocess={"*": json.loads(PHOTOS.to_json())} if case.photos else None,
        input_num=8 if kind == "run_qtable" else 16,
        inference_num=8,
        tune_num=2,
        methods=("kl", "mse", "max", "percentile9999") if kind == "search_qtable" else (),
        expected_cos=0.9999,
        min_layer_cos=0.999,
        max_float_layers=3,
        start=[[name, row.value, row.min, row.max, "table"] for name, row in rows.items()],
        reference=case.reference,
        without_ops=case.without,
        model_name=case.model.name,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.qdeck"
        work.make_session(path, graph, case.model, work.Settings()).close()
        with open_session(path) as session:
            number = add_job(session, "search", spec.to_dict())
            started = time.process_time()
            run_job(session, number, io.StringIO())
            spent = time.process_time() - started
            job = get_job(session, number)
            row = session.row("SELECT outcome, log FROM search WHERE job = ?", number)
            if row is None or row["outcome"] is None:
                sys.exit(f"{kind}: {job.state}: {job.message}")
            count = session.row("SELECT count(*) FROM trial")
            outcome, log = outcome_from(unpack(row["outcome"])), str(row["log"])
    methods = {item.layer: SHOWN.get(item.method, item.method) for item in outcome.ranking}
    return outcome, methods, spent, int(count[0]) if count else 0, log


def forward_seconds(case: Case) -> float:
    """One float forward of the user's file, one thread."""
    graph = work.load_model(case.model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(case.model), options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    feed = {
        item.name: random.standard_normal(graph.tensors[name].shape).astype(np.float32)
        for item, name in zip(session.get_inputs(), graph.inputs, strict=False)
    }
    session.run(None, feed)
    times = []
    for _ in range(30):
        start = time.perf_counter()
        session.run(None, feed)
        times.append(time.perf_counter() - start)
    return float(np.mean(times))


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Rank correlation."""
    if len(first) < 2:
        return float("nan")
    ranks = [np.argsort(np.argsort(values)) for values in (first, second)]
    return float(np.corrcoef(*ranks)[0, 1])


def compare(case: Case, kind: str, unit: float) -> None:
    """Print one search beside the original's."""
    theirs = read_log(case.folder / "searches" / LOGS[kind])
    outcome, methods, spent, trials, log = run(case, kind)
    print(f"\n== {case.folder.name} {kind}")
    print(f"int8: original {theirs.int8:.6f}, ours {outcome.int8_cos:.6f}")
    print(f"result: original {theirs.result:.6f}, ours {outcome.cos:.6f} ({outcome.reason})")
    print(f"CPU {spent:.2f} s = {spent / unit:.0f} float forwards, {trials} trials")
    if theirs.scores:
        for row in outcome.ranking:
            name = SHOWN.get(row.method, row.method)
            print(f"  {name}: original {theirs.scores[name]:.9f}, ours {1 - row.loss:.9f}")
        return
    _compare_ranking(theirs, outcome)
    if kind != "run_qtable":
        _compare_trials(read_trials((case.folder / "searches" / LOGS[kind]).read_text()), read_trials(log))
        _compare_methods(theirs, outcome, methods)
    _compare_tables(case, kind, theirs, outcome)


def _compare_ranking(theirs: Theirs, outcome: Outcome) -> None:
    ours = {row.layer: row.loss for row in outcome.ranking}
    shared = [name for name in theirs.losses if name in ours]
    order = sorted(theirs.losses, key=lambda name: -theirs.losses[name])
    mine = [row.layer for row in outcome.ranking]
    print(
        f"ranking: {len(theirs.losses)} layers there, {len(ours)} here, {len(shared)} in both; rank correlation "
        f"{spearman([theirs.losses[name] for name in shared], [ours[name] for name in shared]):.3f}"
    )
    print(f"  first ten there: {', '.join(order[:10])}")
    print(f"  first ten here:  {', '.join(mine[:10])}")
    print(f"  only there: {', '.join(name for name in theirs.losses if name not in ours) or 'none'}")
    print(f"  only here:  {', '.join(name for name in ours if name not in theirs.losses) or 'none'}")
    for name in order[:10]:
        if name in ours:
            print(f"  {name}: loss there {theirs.losses[name]:.3e}, here {ours[name]:.3e}")


def _compare_trials(
    theirs: dict[tuple[str, str], tuple[float, float]], ours: dict[tuple[str, str], tuple[float, float]]
) -> None:
    """Trials of both with the same layer, method and threshold: how far their losses lie apart."""
    shared = [key for key in theirs if key in ours]
    close = [key for key in shared if abs(theirs[key][0] - ours[key][0]) <= 1e-5 * theirs[key][0]]
    ratios = np.array([ours[key][1] / theirs[key][1] for key in close if theirs[key][1] > 0])
    if ratios.size:
        low, middle, high = np.percentile(ratios, (5, 50, 95))
        print(
            f"single-layer trials: {len(shared)} in both, {len(close)} with the same threshold; loss here over loss "
            f"there: median {middle:.3f}, 90 % between {low:.3f} and {high:.3f}"
        )


def _compare_methods(theirs: Theirs, outcome: Outcome, methods: dict[str, str]) -> None:
    shared = [name for name in theirs.methods if name in methods]
    same = [name for name in shared if theirs.methods[name] == methods[name]]
    chosen = {row.layer: row.threshold for row in outcome.ranking}
    close = [
        name
        for name in shared
        if abs(chosen[name] - theirs.thresholds[name]) <= 1e-4 * theirs.thresholds[name]
    ]
    print(f"methods: {len(same)} of {len(shared)} the same, {len(close)} thresholds the same")
    for name in shared:
        if name not in close:
            print(
                f"  {name}: {theirs.methods[name]} {theirs.thresholds[name]} there, "
                f"{methods[name]} {chosen[name]} here"
            )


def _compare_tables(case: Case, kind: str, theirs: Theirs, outcome: Outcome) -> None:
    qtable = list(read_qtable(case.folder / "searches" / QTABLES[kind]))
    print(f"float layers there: {', '.join(qtable)}")
    print(f"float layers here:  {', '.join(outcome.plan.modes)}")
    print(f"probes there: {theirs.probes or '-'}")
    print(f"probes here:  {[(point.float_layers, point.cos) for point in outcome.curve]}")


def main() -> None:
    """Compare what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--photos", action="store_true")
    parser.add_argument("--search", nargs="*", choices=list(LOGS), default=list(LOGS))
    parser.add_argument("--reference", choices=["chip", "float32"], default="chip")
    parser.add_argument("--without", nargs="*", default=[], help="op types that are not tried, as Softmax")
    options = parser.parse_args()
    case = Case(
        options.case,
        options.model,
        options.dataset,
        options.photos,
        options.reference,
        tuple(options.without),
    )
    unit = forward_seconds(case)
    print(f"{case.folder.name}: one float forward {unit * 1e3:.3f} ms")
    for kind in options.search:
        compare(case, kind, unit)


if __name__ == "__main__":
    main()
