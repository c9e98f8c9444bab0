"""Real models end to end: calibrated with kl, run on bm1684x, scored on their own task.

Prints the table of docs/models.md.

Usage: python benchmarks/models.py ZOO [MODEL ...]
ZOO is a folder with models/*.onnx and images/ as the reference material has them; it is not part of the project.
"""

import csv
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from quantdeck.engine.data.labels import read_labels
from quantdeck.engine.graph.model import Graph
from quantdeck.engine.run.executor import Executor
from quantdeck.engine.run.float_runner import FloatRunner

import quantdeck as qd

Array = np.ndarray
Outputs = Mapping[str, Array]
HALF = (127.5, 127.5, 127.5)
TO_ONE = (0.0078431, 0.0078431, 0.0078431)
TO_UNIT = (0.0039216, 0.0039216, 0.0039216)


@dataclass(frozen=True)
class Case:
    """A model: preprocessing, calibration pictures, test pictures, how its task is scored."""

    preprocess: qd.Preprocess
    calibration: str
    number: int
    test: str
    task: str
    score: Callable[["Run"], tuple[float, float]] = field(repr=False)


@dataclass(frozen=True)
class Run:
    """Float and int8 outputs over the test pictures."""

    zoo: Path
    graph: Graph
    samples: qd.Samples
    pairs: Callable[[], Iterator[tuple[Outputs, Outputs]]]


def accuracy(run: Run) -> tuple[float, float]:
    labels = read_labels(Path(run.samples.entries[0][0]).parent / "labels.csv", run.samples.entries)
    hits = np.zeros(2)
    for label, pair in zip(labels, run.pairs(), strict=True):
        hits += [int(next(iter(outputs.values())).ravel().argmax() == label) for outputs in pair]
    return tuple(100 * hits / len(labels))


def exact_lines(run: Run) -> tuple[float, float]:
    keys = ["", *(run.zoo / "images/ppocr_keys.txt").read_text("utf-8").split("\n")[:-1], " "]
    folder = run.zoo / "images/ocr_lines"
    with open(folder / "labels.csv", newline="", encoding="utf-8") as stream:
        texts = {row["file"]: row["text"] for row in csv.DictReader(stream)}
    hits = np.zeros(2)
    for entry, pair in zip(run.samples.entries, run.pairs(), strict=True):
        hits += [_line(outputs, keys) == texts[Path(entry[0]).name] for outputs in pair]
    return tuple(100 * hits / len(run.samples))


def _line(outputs: Outputs, keys: list[str]) -> str:
    """Greedy CTC: the best class of each step, repeats and blanks dropped."""
    best = next(iter(outputs.values()))[0].argmax(1)
    return "".join(keys[k] for i, k in enumerate(best) if k and (not i or best[i - 1] != k))


def psnr(run: Run) -> tuple[float, float]:
    totals = np.zeros(2)
    for entry, pair in zip(run.samples.entries, run.pairs(), strict=True):
        photo = cv2.imread(
            str(run.zoo / "images/imagenet_val" / f"{Path(entry[0]).stem}.jpg"), cv2.IMREAD_GRAYSCALE
        )
        top, left = (photo.shape[0] - 252) // 2, (photo.shape[1] - 252) // 2
        target = photo[top : top + 252, left : left + 252][9:-9, 9:-9].astype(np.float64)
        for index, outputs in enumerate(pair):
            got = np.clip(next(iter(outputs.values()))[0, 0] * 255.0, 0, 255)[9:-9, 9:-9]
            totals[index] += 10 * np.log10(255**2 / ((got - target) ** 2).mean())
    return tuple(totals / len(run.samples))


def kept_boxes(
    decode: Callable[[Outputs], tuple[Array, Array, Array]],
) -> Callable[[Run], tuple[float, float]]:
    """Share of the float network's boxes that the int8 network finds again (same class, IoU over 0.5)."""

    def score(run: Run) -> tuple[float, float]:
        found = total = 0
        for pair in run.pairs():
            (boxes, _, classes), (again, _, kinds) = (decode(outputs) for outputs in pair)
            total += len(boxes)
            for box, kind in zip(boxes, classes, strict=True):
                found += bool((overlap(box, again[kinds == kind]) > 0.5).any())
        return 100.0, 100 * found / max(total, 1)

    return score


def overlap(box: Array, others: Array) -> Array:
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    inner = np.clip(high - low, 0, None).prod(1)
    return inner / (np.prod(box[2:] - box[:2]) + (others[:, 2:] - others[:, :2]).prod(1) - inner + 1e-9)


def best_boxes(boxes: Array, scores: Array, classes: Array) -> tuple[Array, Array, Array]:
    order, kept = list(np.argsort(-scores)), []
    while order:
        first = order.pop(0)
        kept.append(first)
        close = overlap(boxes[first], boxes[order]) > 0.5 if order else []
        order = [k for k, near in zip(order, close, strict=True) if not near or classes[k] != classes[first]]
    return boxes[kept], scores[kept], classes[kept]


def yolox(outputs: Outputs) -> tuple[Array, Array, Array]:
    rows = next(iter(outputs.values()))[0].astype(np.float64)
    cells = [
        np.stack([*np.mgrid[:n, :n][::-1], np.full((n, n), 416 // n)], -1).reshape(-1, 3)
        for n in (52, 26, 13)
    ]
    grid = np.concatenate(cells)
    centre, half = (rows[:, :2] + grid[:, :2]) * grid[:, 2:], np.exp(rows[:, 2:4]) * grid[:, 2:] / 2
    scores = rows[:, 4:5] * rows[:, 5:]
    good = scores.max(1) > 0.3
    boxes = np.concatenate([centre - half, centre + half], 1)[good]
    return best_boxes(boxes, scores.max(1)[good], scores.argmax(1)[good])


def ultraface(outputs: Outputs) -> tuple[Array, Array, Array]:
    scores, boxes = sorted(outputs.values(), key=lambda value: value.shape[-1])
    good = scores[0, :, 1] > 0.7
    return best_boxes(boxes[0][good], scores[0, :, 1][good], np.zeros(int(good.sum())))


def regions(run: Run) -> tuple[float, float]:
    """Overlap of the text regions (map over 0.3) of both networks."""
    inner = union = 0
    for pair in run.pairs():
        a, b = (next(iter(outputs.values())) > 0.3 for outputs in pair)
        inner, union = inner + int((a & b).sum()), union + int((a | b).sum())
    return 100.0, 100 * inner / max(union, 1)


CASES = {
    "mobilenet_v2": Case(
        qd.Preprocess(resize_dims=(256, 256), mean=HALF, scale=TO_ONE, pixel_format="rgb"),
        "imagenet_calib", 32, "imagenet_val", "top-1, %", accuracy,
    ),
    "tiny_darknet": Case(
        qd.Preprocess(resize_dims=(256, 256), scale=TO_UNIT, pixel_format="rgb"),
        "imagenet_calib", 32, "imagenet_val", "top-1, %", accuracy,
    ),
    "ppocr_cls": Case(qd.Preprocess(mean=HALF, scale=TO_ONE), "ocr_cls", 32, "ocr_cls", "top-1, %", accuracy),
    "ppocrv4_rec": Case(
        qd.Preprocess(mean=HALF, scale=TO_ONE), "ocr_lines", 16, "ocr_lines", "lines exact, %", exact_lines
    ),
    "ppocrv4_det": Case(
        qd.Preprocess(mean=HALF, scale=TO_ONE), "ocr_page", 3, "ocr_page", "region overlap, %", regions
    ),
    "yolox_nano": Case(
        qd.Preprocess(keep_aspect_ratio=True, pad_value=114, pad_type="normal"),
        "detect", 17, "detect", "boxes kept, %", kept_boxes(yolox),
    ),
    "ultraface_rfb320": Case(
        qd.Preprocess(mean=(127.0,) * 3, scale=(0.0078125,) * 3, pixel_format="rgb"),
        "face", 7, "face", "faces kept, %", kept_boxes(ultraface),
    ),
    "superres_x3": Case(
        qd.Preprocess(mean=(0.0,), scale=(0.0039216,), pixel_format="gray"),
        "superres", 16, "superres", "PSNR, dB", psnr,
    ),
}  # fmt: skip


def measure(zoo: Path, name: str, case: Case) -> str:
    start = time.perf_counter()
    graph = qd.read_onnx(zoo / f"models/{name}.onnx")
    images = zoo / "images"
    calibration_samples = qd.select_samples(
        graph, dataset=images / case.calibration, number=case.number, preprocess=case.preprocess
    )
    calibration = qd.calibrate(graph, calibration_samples, method="kl", tune_num=5)
    plan = qd.Plan("bm1684x", "F16", calibration.thresholds)
    samples = qd.select_samples(graph, dataset=images / case.test, number=0, preprocess=case.preprocess)
    evaluator = qd.Evaluator(graph, samples)
    score = evaluator.score(plan)
    program = evaluator.lower(plan)
    integers = sum(mode == "INT8" for mode in program.modes.values())

    def pairs() -> Iterator[tuple[Outputs, Outputs]]:
        executor, runner = Executor(graph, program), FloatRunner(graph, graph.output_tensors)
        for feed in samples.batches():
            yield runner.run(feed), executor.run(feed)

    float_score, int8_score = case.score(Run(zoo, graph, samples, pairs))
    return (
        f"| {name} | {len(graph.layers)} | {100 * integers / len(graph.layers):.0f} % | {score.cosine:.5f} "
        f"| {score.sqnr:.1f} | {score.dead_slices} | {case.task} | {float_score:.2f} | {int8_score:.2f} "
        f"| {case.number} / {len(samples)} | {time.perf_counter() - start:.0f} |"
    )


def main() -> None:
    zoo, *names = sys.argv[1:] or ["."]
    print(
        "| model | layers | int8 | cosine | SQNR dB | dead rows | task | float | int8 | calibration / test | s |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name in names or CASES:
        print(measure(Path(zoo), name, CASES[name]), flush=True)


if __name__ == "__main__":
    main()
