"""What a full sensitivity pass costs, in float forwards of onnxruntime measured in the same run.

Usage: python benchmarks/search.py MODEL IMAGES [--samples K] [--layers L] [--methods max,kl,mse,percentile9999]

MODEL: an ONNX file, IMAGES: a folder of pictures. The pass is that of search_qtable (spec B.15 step 5): each
layer alone in int8 with each method's threshold, all others in the chip's float type, on K samples. Printed:
the time of the pass on one thread over L x M x K forwards of the user's file in onnxruntime (one thread, its
defaults, all graph optimizations), and the wall time with two jobs over that with one. The forward is timed
between the sets of trials, so that both sides meet the same load; CPU times stand beside wall times, because
a shared machine distorts the latter. The ratio of the jobs needs two idle cores.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
from quantdeck.engine.calib.calibrate import calibrate
from quantdeck.engine.data.preprocess import Preprocess
from quantdeck.engine.data.samples import Samples, select_samples
from quantdeck.engine.graph.model import Graph
from quantdeck.engine.graph.onnx_reader import read_onnx
from quantdeck.engine.mix.qtable_search import LayerSearch, rank_layers
from quantdeck.engine.mix.trial import Objective, Ranked, Result, Trial, run_search
from quantdeck.engine.plan import Mode, Plan
from quantdeck.engine.run.trials import TrialEvaluator

PICTURES = Preprocess(resize_dims=(256, 256), mean=(127.5,) * 3, scale=(0.0078431,) * 3, pixel_format="rgb")


class Forward:
    """One float forward of the file as it is, in onnxruntime with one thread and its defaults."""

    def __init__(self, model: Path, samples: Samples) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        names = (item.name for item in self._session.get_inputs())
        self._feed = dict(zip(names, next(iter(samples.batches())).values(), strict=True))
        self._times: list[tuple[float, float]] = []

    def measure(self) -> None:
        """Run it three times; the first one warms the caches."""
        for index in range(3):
            wall, cpu = time.perf_counter(), time.process_time()
            self._session.run(None, self._feed)
            if index:
                self._times.append((time.perf_counter() - wall, time.process_time() - cpu))

    def seconds(self) -> tuple[float, float]:
        """Medians of wall and CPU time."""
        wall, cpu = np.median(np.array(self._times), axis=0)
        return float(wall), float(cpu)


class Counting:
    """An evaluator that counts trials and the distinct ones, and times itself and a forward in turn."""

    def __init__(self, evaluator: TrialEvaluator, forward: Forward) -> None:
        self.trials = 0
        self.distinct: set[int] = set()
        self.wall = self.cpu = 0.0
        self._evaluator = evaluator
        self._forward = forward
        self._kept: list[Result] = []

    def __call__(self, trials: Sequence[Trial]) -> list[Result]:
        wall, cpu = time.perf_counter(), time.process_time()
        found = self._evaluator(trials)
        self.wall += time.perf_counter() - wall
        self.cpu += time.process_time() - cpu
        self.trials += len(trials)
        self.distinct.update(id(result) for result in found)
        self._kept += found
        self._forward.measure()
        return found


def sensitivity(search: LayerSearch, layers: Sequence[str], evaluate: Counting) -> list[Ranked]:
    """The ranking, as search_qtable makes it; layers: all that run in int8 where a plan says nothing."""
    return run_search(rank_layers(search, layers), evaluate)


def timed(
    search: LayerSearch, layers: Sequence[str], samples: Samples, forward: Forward, jobs: int
) -> tuple[Counting, list[Ranked]]:
    """One pass with an evaluator of its own."""
    with TrialEvaluator(search.graph, samples, threads=jobs) as evaluator:
        counting = Counting(evaluator, forward)
        return counting, sensitivity(search, layers, counting)


def make_search(graph: Graph, samples: Samples, methods: Sequence[str]) -> LayerSearch:
    """Thresholds of every method, all layers that run in int8."""
    found = calibrate(graph, samples, method=methods[0], methods=methods, tune_num=0)
    start = Plan("bm1684x", "F16", found.by_method[methods[0]])
    names = [layer.name for layer in graph.layers if layer.name in start.thresholds]
    return LayerSearch(graph, start, tuple(names), found.by_method, Mode.F16, Objective(1.0, {}))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("--samples", type=int, default=30)
    parser.add_argument("--layers", type=int, default=0)
    parser.add_argument("--methods", default="max,kl,mse,percentile9999")
    given = parser.parse_args()
    graph = read_onnx(given.model)
    samples = select_samples(
        graph, dataset=given.images, data_list=None, number=given.samples, preprocess=PICTURES
    )
    methods = given.methods.split(",")
    search = make_search(graph, samples, methods)
    layers = search.layers
    if given.layers:
        search = replace(search, layers=layers[:: max(1, len(layers) // given.layers)][: given.layers])
    forwards = len(search.layers) * len(methods) * len(samples)
    print(f"layers {len(search.layers)}, methods {len(methods)}, samples {len(samples)}: {forwards} forwards")
    forward, other = Forward(given.model, samples), Forward(given.model, samples)
    one, ranking = timed(search, layers, samples, forward, 1)
    two, again = timed(search, layers, samples, other, 2)
    wall, cpu = forward.seconds()
    print(f"trials {one.trials}, distinct programs {len(one.distinct)}")
    print(f"one float forward of onnxruntime: {wall * 1e3:.2f} ms wall, {cpu * 1e3:.2f} ms CPU")
    print(
        f"one job: {one.wall:.1f} s wall, {one.cpu:.1f} s CPU: a trial and sample costs "
        f"{one.wall / forwards / wall:.3f} forwards by wall time, {one.cpu / forwards / cpu:.3f} by CPU time (goal 0.5)"
    )
    print(
        f"two jobs: {two.wall:.1f} s wall, {two.cpu:.1f} s CPU = {two.wall / one.wall:.3f} of one job (goal 0.6)"
    )
    print(f"the same ranking with one and two jobs: {ranking == again}")


if __name__ == "__main__":
    main()
