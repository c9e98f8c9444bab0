"""What the searches cost and find: search_qtable, and pareto asked for the similarity that it reached.

    python benchmarks/searches.py MODEL.onnx --dataset FOLDER [--samples 32] [--searched 16] [--target 0.999]
        [--validate FOLDER --validate_samples 300] [preprocessing]

Counts, not times: layer-forwards are layers executed times samples, where a trial runs only what depends on its
int8 layers (both searches are counted alike; "from the input" is search_qtable with every trial run as a whole, as
the original does it). Similarities are raw cosines.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from quantdeck.engine.calib.calibrate import calibrate
from quantdeck.engine.data.preprocess import Preprocess
from quantdeck.engine.data.samples import select_samples
from quantdeck.engine.graph.onnx_reader import read_onnx
from quantdeck.engine.hw.chip import get_chip
from quantdeck.engine.mix.cost_forwards import Forwards
from quantdeck.engine.mix.ledger_sources import SourceMap
from quantdeck.engine.mix.pareto import Setting, pareto
from quantdeck.engine.mix.qtable_search import LayerSearch
from quantdeck.engine.mix.search_qtable import search_qtable
from quantdeck.engine.mix.trial import Objective, Result, Trial, run_search
from quantdeck.engine.plan import Mode, Plan
from quantdeck.engine.run.trials import TrialEvaluator


class Counter:
    """An evaluator that counts."""

    def __init__(self, evaluate: TrialEvaluator, forwards: Forwards, samples: int) -> None:
        self.evaluate, self.forwards, self.samples = evaluate, forwards, samples
        self.trials = self.layers = self.whole = 0

    def __call__(self, trials: Sequence[Trial]) -> Sequence[Result]:
        trials = [
            trial if trial.samples or trial.only else replace(trial, samples=self.samples) for trial in trials
        ]
        self.trials += len(trials)
        self.layers += sum(map(self.forwards, trials))
        samples = sum(trial.count(self.samples) for trial in trials)
        self.whole += samples * len(self.forwards.graph.layers)
        return self.evaluate(trials)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=32, help="how many there are")
    parser.add_argument(
        "--searched", type=int, default=0, help="how many are searched on; 0: half; the rest confirms"
    )
    parser.add_argument("--validate", default="", help="run the last plan on these samples too")
    parser.add_argument("--validate_samples", type=int, default=300)
    parser.add_argument("--chapter_samples", type=int, default=30)
    parser.add_argument("--methods", default="mse,max,percentile9999")
    parser.add_argument("--target", type=float, default=0.999)
    parser.add_argument("--no_chapter", action="store_true")
    parser.add_argument("--resize_dims", default="")
    parser.add_argument("--keep_aspect_ratio", action="store_true")
    parser.add_argument("--pad_value", type=int, default=0)
    parser.add_argument("--mean", default="0,0,0")
    parser.add_argument("--scale", default="1,1,1")
    parser.add_argument("--pixel_format", default="bgr")
    return parser.parse_args()


def main() -> None:
    args = options()
    graph = read_onnx(args.model)
    preprocess = Preprocess(
        resize_dims=tuple(map(int, args.resize_dims.split(","))) if args.resize_dims else None,
        keep_aspect_ratio=args.keep_aspect_ratio,
        pad_value=args.pad_value,
        mean=tuple(map(float, args.mean.split(","))),
        scale=tuple(map(float, args.scale.split(","))),
        pixel_format=args.pixel_format,
    )
    samples = select_samples(graph, dataset=args.dataset, number=args.samples, preprocess=preprocess)
    methods = args.methods.split(",")
    tables = calibrate(graph, samples, method=methods[0], methods=methods, tune_num=0).by_method
    thresholds = {name: dict(rows) for name, rows in tables.items()}
    first = next(iter(thresholds))
    start = Plan("bm1684x", "F16", thresholds[first])
    found = SourceMap.of(graph, get_chip("bm1684x").lower(graph, start))
    forwards = Forwards(graph, frozenset(found.names), len(samples))
    evaluate = TrialEvaluator(graph, samples)
    print(
        f"{args.model.stem}: {len(graph.layers)} layers, {len(found.names)} can be int8, {len(samples)} samples"
    )
    head = f"{'search':<22}{'target':>9}{'int8':>9}{'cosine':>9}{'fresh':>9}{'float':>6}{'trials':>7}"
    print(head + f"{'layer-forwards':>15}{'from the input':>15}  end")

    def pareto_row(name: str, target: float) -> Plan:
        count = Counter(evaluate, forwards, len(samples))
        half = args.searched or max(len(samples) // 2, 1)
        setting = Setting(
            graph, start, Mode.F16, Objective((1 + target) / 2, {}), half, len(samples), methods=thresholds
        )
        outcome = run_search(pareto(setting), count)
        fresh = getattr(outcome, "fresh", None)
        value = fresh.value if fresh else None
        show(name, target, outcome.int8_cos, outcome.cos, value, len(outcome.plan.modes), count,
             str(outcome.reason))  # fmt: skip
        for line in outcome.lines[1:-1]:
            print(f"  {line}", flush=True)
        return outcome.plan

    def show(name, target, int8, cos, fresh, floats, count, end) -> None:
        shown = f"{2 * fresh - 1:9.5f}" if fresh is not None else f"{'-':>9}"
        print(
            f"{name:<22}{target:9.5f}{2 * int8 - 1:9.5f}{2 * cos - 1:9.5f}{shown}{floats:6}{count.trials:7}"
            f"{count.layers:15}{count.whole:15}  {end}",
            flush=True,
        )

    if not args.no_chapter:
        count = Counter(evaluate, forwards, min(args.chapter_samples, len(samples)))
        search = LayerSearch(
            graph, start, found.names, thresholds, Mode.F16, Objective((1 + args.target) / 2, {})
        )
        outcome = run_search(search_qtable(search, max_float_layers=5), count)
        show("search_qtable", args.target, outcome.int8_cos, outcome.cos, None, len(outcome.plan.modes), count,
             str(outcome.reason))  # fmt: skip
        pareto_row("pareto, as good", 2 * outcome.cos - 1)
    plan = pareto_row("pareto", args.target)
    if args.validate:
        others = select_samples(
            graph, dataset=args.validate, number=args.validate_samples, preprocess=preprocess
        )
        (found,) = TrialEvaluator(graph, others)([Trial(plan)])
        print(
            f"  on {len(others)} samples of {args.validate}: cosine {found.cosine:.5f}, SQNR {found.sqnr:.2f} dB"
        )


if __name__ == "__main__":
    main()
