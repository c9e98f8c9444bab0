"""Thresholds against the original's tables (reference folder), within 1e-5 relative.

Where a tensor is listed below, the reason was found: KL and tuning choose among candidates by a score, and a
difference of the float networks (onnxruntime against the original's own) moves the choice to another candidate.
"""

from pathlib import Path

import numpy as np
import onnx
import pytest
from calib_samples import Arrays, smooth_pictures
from onnx import numpy_helper
from quantdeck.engine.calib.calibrate import Calibration, calibrate
from quantdeck.engine.calib.table import CalibrationTable, read_table
from quantdeck.engine.data.preprocess import Preprocess
from quantdeck.engine.data.samples import select_samples
from quantdeck.engine.graph.mlir_reader import onnx_weights, read_mlir, read_weights
from quantdeck.engine.graph.model import Graph

TOLERANCE = 1e-5
EXPLAINED = {
    # onnxruntime's Erf gives GELU exact zeros below -5.5, the original tiny values that enter the histogram
    ("synth_ops", "kl"): {"gelu_GELU", "max_two_Max"},
    ("synth_ops", "kl_tune5"): {"max_two_Max"},
    # two candidates 0.45 apart whose distances differ by 5e-6 of their value
    ("mobilenet_v2", "kl_tune5"): {"conv_19_Conv"},
}
PICTURES = {
    "mobilenet_v2": ("imagenet_calib", 32, {"mean": (127.5,) * 3, "scale": (0.0078431,) * 3}),
    "tiny_darknet": ("imagenet_calib", 32, {"mean": (0.0,) * 3, "scale": (0.0039216,) * 3}),
    "ppocrv4_rec": ("ocr_lines", 16, {"mean": (127.5,) * 3, "scale": (0.0078431,) * 3}),
}


def order_of(folder: Path) -> list[str]:
    return (folder / "samples.txt").read_text().split()


def mini_samples(folder: Path, graph: Graph) -> Arrays:
    name = graph.inputs[0]
    shape = graph.tensors[name].shape
    if folder.name == "synth_ops":
        arrays = [np.random.default_rng(100 + i).uniform(-1, 1, shape).astype(np.float32) for i in range(16)]
    else:
        arrays = smooth_pictures(shape[1:], 16, 11)
    return Arrays([{name: arrays[int(entry[:2])]} for entry in order_of(folder)])


def compare(net: str, folder: Path, found: Calibration) -> None:
    for path in sorted((folder / "tables").glob("cali_*")):
        method = path.name.removeprefix("cali_")
        ours = found.by_method["kl_tune" if method == "kl_tune5" else method]
        theirs: CalibrationTable = read_table(path)
        assert list(ours) == list(theirs.rows)
        wrong = set()
        for name, row in theirs.rows.items():
            scale = max(abs(row.min), abs(row.max))
            assert abs(ours[name].min - row.min) <= TOLERANCE * scale, (method, name)
            assert abs(ours[name].max - row.max) <= TOLERANCE * scale, (method, name)
            if abs(ours[name].value - row.value) > TOLERANCE * row.value:
                wrong.add(name)
        assert wrong <= EXPLAINED.get((net, method), set()), (net, method)


def methods_of(folder: Path) -> list[str]:
    names = [path.name.removeprefix("cali_") for path in (folder / "tables").glob("cali_*")]
    return [name for name in names if not name.endswith("tune5")]


@pytest.mark.parametrize(
    "net", ["mini_conv", "mini_act", "mini_bin", "mini_mm", "mini_misc", "mini_trig", "synth_ops"]
)
def test_small_networks(shared: Path, net: str) -> None:
    folder = shared / "reference" / net
    graph = read_mlir(folder / "top.mlir", read_weights(folder / "top_weights.npz"))
    found = calibrate(graph, mini_samples(folder, graph), method="kl", methods=methods_of(folder), tune_num=5)
    assert not found.warnings
    compare(net, folder, found)


@pytest.mark.parametrize(
    "net",
    ["mobilenet_v2", *(pytest.param(net, marks=pytest.mark.slow) for net in ("tiny_darknet", "ppocrv4_rec"))],
)
def test_networks_of_the_zoo(shared: Path, net: str) -> None:
    folder, zoo = shared / "reference" / net, shared / "zoo"
    model = onnx.load(zoo / "models" / f"{net}.onnx")
    weights = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    graph = read_mlir(
        folder / "top.mlir", onnx_weights(weights, read_weights(folder / "top_weights_extra.npz"))
    )
    pictures, number, options = PICTURES[net]
    if pictures == "imagenet_calib":
        options = {**options, "resize_dims": (256, 256), "pixel_format": "rgb"}
    samples = select_samples(
        graph, dataset=zoo / "images" / pictures, number=number, preprocess=Preprocess(**options)
    )
    assert [Path(entry[0]).name for entry in samples.entries] == order_of(folder)[:number]
    tune_num = 5 if (folder / "tables" / "cali_kl_tune5").exists() else 0
    found = calibrate(graph, samples, method="kl", methods=methods_of(folder), tune_num=tune_num)
    compare(net, folder, found)
