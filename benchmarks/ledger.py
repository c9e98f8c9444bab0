"""How well the noise ledger predicts: random plans of a network, predicted and really run.

    python benchmarks/ledger.py MODEL.onnx --dataset FOLDER [--plans 50] [--samples 16] [preprocessing]

Plans: a third random shares of layers float, a third random sets, a third runs of neighbours. Figures are real minus
predicted SQNR in dB, without and with the ledger's anchors; "inside" counts plans within the 90 %
interval. The last line is the time of an answer for a chain of 300 layers.
"""

import argparse
import math
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from quantdeck.engine.calib.calibrate import calibrate
from quantdeck.engine.data.preprocess import Preprocess
from quantdeck.engine.data.samples import select_samples
from quantdeck.engine.graph.onnx_reader import read_onnx
from quantdeck.engine.mix.ledger import Anchor, Ledger
from quantdeck.engine.mix.ledger_measure import Measuring, measure
from quantdeck.engine.mix.ledger_sources import Member, SourceMap
from quantdeck.engine.mix.trial import Trial, run_search
from quantdeck.engine.plan import Mode, Plan
from quantdeck.engine.run.trials import TrialEvaluator


def measured(graph, start: Plan, evaluate: TrialEvaluator, setting: Measuring) -> Ledger:
    return run_search(measure(graph, start, mode=Mode.F32, measuring=setting), evaluate)


def random_plans(names: tuple[str, ...], count: int) -> list[frozenset[str]]:
    rng = np.random.default_rng(0)
    found = []
    for index in range(count):
        size = int(rng.integers(0, len(names)))
        if index % 3 == 0:
            found.append(frozenset(name for name in names if rng.random() < size / len(names)))
        elif index % 3 == 1:
            first = int(rng.integers(0, len(names)))
            found.append(frozenset(names[(first + step) % len(names)] for step in range(size)))
        else:
            found.append(frozenset(rng.choice(names, size, replace=False).tolist()))
    return found


def answer_time(layers: int, samples: int = 16) -> float:
    """Milliseconds of a prediction for a chain with four outputs and forty anchors."""
    members = tuple(
        Member(f"l{index}", (f"l{index - 1}" if index else "x",), (f"l{index}",), index % 3 == 0)
        for index in range(layers)
    )
    found = SourceMap(members)
    rng = np.random.default_rng(0)
    shape = (len(found.sources), 4, samples)
    noise = rng.random(shape) * 1e-4
    signal = np.ones(shape[1:])
    outputs = tuple("abcd")
    ledger = Ledger(found, outputs, noise, noise, signal, signal * 0, signal * 0, (0,) * shape[0], "")
    anchors = tuple(Anchor(plan, ((0.1, 0.1),) * 4) for plan in random_plans(found.names, 40))
    ledger = replace(ledger, anchors=anchors)
    plans = random_plans(found.names, 60)
    started = time.perf_counter()
    for plan in plans:
        ledger.predict_floats(plan)
    return (time.perf_counter() - started) / len(plans) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--plans", type=int, default=50)
    parser.add_argument("--method", default="max")
    parser.add_argument("--resize_dims", default="")
    parser.add_argument("--mean", default="0,0,0")
    parser.add_argument("--scale", default="1,1,1")
    parser.add_argument("--pixel_format", default="bgr")
    args = parser.parse_args()
    graph = read_onnx(args.model)
    preprocess = Preprocess(
        resize_dims=tuple(map(int, args.resize_dims.split(","))) if args.resize_dims else None,
        mean=tuple(map(float, args.mean.split(","))),
        scale=tuple(map(float, args.scale.split(","))),
        pixel_format=args.pixel_format,
    )
    samples = select_samples(graph, dataset=args.dataset, number=args.samples, preprocess=preprocess)
    table = calibrate(graph, samples, method=args.method, tune_num=0)
    start = Plan("bm1684x", "F32", dict(table.thresholds))
    evaluate = TrialEvaluator(graph, samples, reference="float32")
    ledger = measured(graph, start, evaluate, Measuring(4, args.samples, 0.5))
    rows = []
    for floats in random_plans(ledger.map.names, args.plans):
        (real,) = evaluate([Trial(replace(start, modes=dict.fromkeys(floats, Mode.F32)))])
        if real.sqnr == math.inf:
            continue  # nothing in int8: no noise to predict
        rows.append(
            [(real.sqnr, item.predict_floats(floats)) for item in (replace(ledger, anchors=()), ledger)]
        )
    print(f"{args.model.stem}: {len(rows)} plans, {len(ledger.map.sources)} sources, {len(samples)} samples")
    for name, column in (("no anchor", 0), (f"{len(ledger.anchors)} anchors", 1)):
        real = np.array([row[column][0] for row in rows])
        error = real - np.array([row[column][1].sqnr for row in rows])
        inside = np.mean([row[column][1].low <= row[column][0] <= row[column][1].high for row in rows])
        print(
            f"  {name:<20} mean {error.mean():+.2f} dB, deviation {error.std():.2f}, largest {abs(error).max():.2f}, "
            f"within 1 dB {np.mean(abs(error) <= 1):.0%}, inside {inside:.0%}"
        )
    print(f"  an answer for 300 layers: {answer_time(300):.1f} ms")


if __name__ == "__main__":
    main()
