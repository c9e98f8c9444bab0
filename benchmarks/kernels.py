"""The integer kernels against onnxruntime on layers of real networks: one thread, interleaved, ratios.

    python benchmarks/kernels.py [--rounds 12] [--levels avx512vnni,avxvnni,avx2] [--only TEXT]

Contenders: ours at each level that the CPU has (padding copy, requantization and relu included, called from
Python as the executor does); onnxruntime's fp32 Conv + Relu or MatMul + Relu; onnxruntime's QLinearConv with
channels last or QLinearMatMul, unsigned activations and signed weights. Every round runs each contender in
turn for a few milliseconds; the best round counts. Ratios are worth more than microseconds: a neighbour hits
all of them alike. It prints and judges nothing.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper
from quantdeck.engine.ops_c import kernels, products
from quantdeck.engine.ops_c.params import Requant

OPSET = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
SLOT = 0.004  # seconds for each contender in a round


@dataclass(frozen=True)
class Shape:
    """A layer: a convolution (size > 0) or a matrix product of `rows` rows."""

    name: str
    channels: int
    outputs: int
    size: int = 0
    kernel: int = 1
    stride: int = 1
    group: int = 1
    rows: int = 0

    @property
    def macs(self) -> float:
        if self.rows:
            return self.rows * self.channels * self.outputs
        out = (self.size + 2 * (self.kernel // 2) - self.kernel) // self.stride + 1
        return out * out * self.outputs * (self.channels // self.group) * self.kernel**2


def conv(network: str, channels: int, outputs: int, size: int, kernel: int = 1, stride: int = 1) -> Shape:
    pattern = f" {kernel}x{kernel}" + (f"s{stride}" if stride > 1 else "")
    return Shape(f"{network}{pattern} {channels}→{outputs} @{size}", channels, outputs, size, kernel, stride)


def depthwise(network: str, channels: int, size: int, kernel: int = 3, stride: int = 1) -> Shape:
    pattern = f" dw{kernel}x{kernel}" + (f"s{stride}" if stride > 1 else "")
    return Shape(f"{network}{pattern} {channels} @{size}", channels, channels, size, kernel, stride, channels)


def product(network: str, rows: int, channels: int, outputs: int) -> Shape:
    return Shape(f"{network} {rows}x{channels}x{outputs}", channels, outputs, rows=rows)


SHAPES = [
    conv("mbv2 stem", 3, 32, 224, 3, 2),
    depthwise("mbv2", 32, 112),
    conv("mbv2", 32, 16, 112),
    conv("mbv2", 16, 96, 112),
    depthwise("mbv2", 96, 112, 3, 2),
    conv("mbv2", 24, 144, 56),
    depthwise("mbv2", 144, 56),
    conv("mbv2", 144, 24, 56),
    conv("mbv2", 64, 384, 14),
    depthwise("mbv2", 384, 14),
    conv("mbv2", 384, 64, 14),
    depthwise("mbv2", 960, 7),
    conv("mbv2", 960, 160, 7),
    conv("mbv2", 320, 1280, 7),
    depthwise("effnet", 240, 28, 5),
    conv("r50 stem", 3, 64, 224, 7, 2),
    conv("r50", 64, 64, 56, 3),
    conv("r50", 64, 256, 56),
    conv("r50", 256, 64, 56),
    conv("r50", 128, 128, 28, 3),
    conv("r50", 512, 128, 28),
    conv("r50", 256, 256, 14, 3),
    conv("r50", 1024, 256, 14),
    conv("r50", 512, 512, 7, 3),
    conv("r50", 512, 2048, 7),
    conv("yolo", 32, 64, 320, 3, 2),
    conv("yolo", 64, 64, 80, 3),
    conv("yolo head", 128, 255, 80),
    product("fc", 1, 2048, 1000),
    product("fc", 16, 2048, 1000),
    product("vit", 197, 768, 768),
    product("vit", 197, 768, 3072),
    product("bert", 128, 3072, 768),
]


def ours(shape: Shape, x: np.ndarray, weight: np.ndarray) -> Callable[[], object]:
    requant = Requant(
        np.full(shape.outputs, 771_601, np.int32), np.full(shape.outputs, 30, np.int32), True, np.uint8
    )
    bias = np.arange(shape.outputs, dtype=np.int32)
    if shape.rows:
        layer = products.pack_matmul(weight, bias, requant=requant)
        return lambda: layer.run(x)
    pad = shape.kernel // 2
    packed = products.pack_conv(
        weight,
        bias,
        strides=(shape.stride,) * 2,
        pads=(pad,) * 4,
        dilations=(1, 1),
        group=shape.group,
        requant=requant,
    )
    return lambda: packed.run(x)


def session(graph: onnx.GraphProto, optimize: bool = True) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    level = ort.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimize else level.ORT_ENABLE_BASIC
    model = helper.make_model(graph, opset_imports=OPSET, ir_version=8)
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def bound(run: ort.InferenceSession, x: np.ndarray) -> Callable[[], object]:
    binding = run.io_binding()
    binding.bind_ortvalue_input("x", ort.OrtValue.ortvalue_from_numpy(x))
    binding.bind_output("y", "cpu")
    return lambda: run.run_with_iobinding(binding)


def tensor(name: str, values: np.ndarray) -> onnx.TensorProto:
    return onnx.numpy_helper.from_array(np.asarray(values), name)


def fp32(shape: Shape, x: np.ndarray, weight: np.ndarray, optimize: bool) -> Callable[[], object]:
    w, b = tensor("w", weight.astype(np.float32)), tensor("b", np.zeros(shape.outputs, np.float32))
    if shape.rows:
        nodes = [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Add", ["m", "b"], ["c"])]
    else:
        pad = shape.kernel // 2
        window = {"strides": [shape.stride] * 2, "pads": [pad] * 4, "group": shape.group}
        nodes = [helper.make_node("Conv", ["x", "w", "b"], ["c"], **window)]
    nodes += [helper.make_node("Relu", ["c"], ["y"])]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", x.shape), ("y", None))]
    return bound(
        session(helper.make_graph(nodes, "g", ends[:1], ends[1:], [w, b]), optimize), x.astype(np.float32)
    )


def qlinear(shape: Shape, x: np.ndarray, weight: np.ndarray) -> Callable[[], object]:
    scale, zero, wzero = (
        tensor("s", np.float32(0.01)),
        tensor("z", np.uint8(0)),
        tensor("wz", np.int8(0)),
    )
    w, b = tensor("w", weight), tensor("b", np.arange(shape.outputs, dtype=np.int32))
    inputs = ["x", "s", "z", "w", "s", "wz", "s", "z"]
    if shape.rows:
        node = helper.make_node("QLinearMatMul", inputs, ["y"])
    else:
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
        pad = shape.kernel // 2
        window = {"strides": [shape.stride] * 2, "pads": [pad] * 4, "group": shape.group, "channels_last": 1}
        window["kernel_shape"] = [shape.kernel] * 2
        node = helper.make_node("QLinearConv", [*inputs, "b"], ["y"], domain="com.microsoft", **window)
    ends = [helper.make_tensor_value_info(n, TensorProto.UINT8, s) for n, s in (("x", x.shape), ("y", None))]
    return bound(session(helper.make_graph([node], "g", ends[:1], ends[1:], [scale, zero, wzero, w, b])), x)


def activations(shape: Shape, random: np.random.Generator) -> np.ndarray:
    """Half-zero bytes, laid out as our layers leave them (channels last, rounded up, with slack)."""
    size = (shape.rows, shape.channels) if shape.rows else (1, shape.size, shape.size, shape.channels)
    wide = (*size[:-1], -(-size[-1] // 4) * 4) if not shape.rows else size
    memory = np.empty(int(np.prod(wide)) + products.SLACK + 2 * wide[-1], np.uint8)
    x = memory[: int(np.prod(wide))].reshape(wide)
    x[...] = random.integers(0, 256, wide) * random.integers(0, 2, wide)
    return x if shape.rows else x.transpose(0, 3, 1, 2)[:, : shape.channels]


def contenders(shape: Shape, levels: list[str]) -> dict[str, Callable[[], object]]:
    random = np.random.default_rng(1)
    x = activations(shape, random)
    size = (
        (shape.channels, shape.outputs)
        if shape.rows
        else (shape.outputs, shape.channels // shape.group, shape.kernel, shape.kernel)
    )
    weight = np.clip(random.normal(0, 38, size).round(), -127, 127).astype(np.int8)
    found: dict[str, Callable[[], object]] = {}
    for level in levels:
        kernels.use_level(level)
        found[level] = ours(shape, x, weight)
    found["fp32"] = fp32(shape, x, weight, True)
    found["fp32 basic"] = fp32(shape, x, weight, False)
    found["u8s8"] = qlinear(shape, x, weight)
    return found


def measure(found: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Best seconds per call of each contender."""
    repeats: dict[str, int] = {}
    for name, run in found.items():
        run()
        start = time.perf_counter()
        run()
        repeats[name] = max(1, int(SLOT / (time.perf_counter() - start)))
    best = dict.fromkeys(found, float("inf"))
    for _ in range(rounds):
        for name, run in found.items():
            start = time.perf_counter()
            for _ in range(repeats[name]):
                run()
            best[name] = min(best[name], (time.perf_counter() - start) / repeats[name])
    best["fp32"] = min(best["fp32"], best.pop("fp32 basic"))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--levels", default=",".join(reversed(kernels.levels()[1:])))
    parser.add_argument("--only", default="", help="shapes whose name holds this text")
    options = parser.parse_args()
    levels = [level for level in options.levels.split(",") if level in kernels.levels()]
    print(f"{'µs per call':30s} {'M MAC':>6s} " + "".join(f"{n:>12s}" for n in [*levels, "fp32", "u8s8"]))
    ratios: dict[tuple[str, str], list[float]] = {(a, b): [] for a in levels for b in ("fp32", "u8s8")}
    for shape in SHAPES:
        if options.only not in shape.name:
            continue
        best = measure(contenders(shape, levels), options.rounds)
        for (a, b), values in ratios.items():
            values.append(best[b] / best[a])
        row = "".join(f"{best[n] * 1e6:12.1f}" for n in [*levels, "fp32", "u8s8"])
        speed = shape.macs / best[levels[0]] / 1e9
        print(f"{shape.name:30s} {shape.macs / 1e6:6.1f} {row}   {speed:5.0f} GMAC/s", end="")
        print("".join(f"  {ratios[levels[0], b][-1]:5.2f}x {b}" for b in ("fp32", "u8s8")), flush=True)
    for (a, b), values in ratios.items():
        print(f"geometric mean of {len(values)}: {a} is {np.exp(np.mean(np.log(values))):.2f} times {b}")


if __name__ == "__main__":
    main()
