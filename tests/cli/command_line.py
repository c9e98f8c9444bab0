"""The installed command in a process, and small inputs for it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from tempfile import gettempdir

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from quantdeck.demo import example_folder

COMMAND = Path(sys.executable).with_name("quantdeck")
EXAMPLE = example_folder()
PICTURES = ("--pixel_format", "gray", "--mean", "0", "--scale", "0.0039216")
DIGITS = {
    "NET": (str(EXAMPLE / "digits.onnx"),),
    "MODEL": (str(EXAMPLE / "digits.onnx"), *PICTURES),
    "FOLDER": (str(EXAMPLE / "calibration"),),
    "DATA": ("--dataset", str(EXAMPLE / "calibration")),
    "PICTURES": PICTURES,
}
HOSTILE = (
    "osc52\x1b]52;c;cm0gLXJm\x07",
    "csi\x1b[2J\x1b[1A",
    "c1\x9b31m",
    "return\rnewline\nforged",
    "bidi\u202eevil\u2066",
    "[/0/conv][red]",
    "\u5c42\u540d" * 40,
    "family\U0001f468\u200d\U0001f469",
    "n" * 5000,
    "zero\u200bwidth",
    "a;b,c:0.5 d",
    "# leading",
    "-o",
    'quote"d=',
)


def command() -> list[str]:
    return [str(COMMAND)] if COMMAND.exists() else [sys.executable, "-m", "quantdeck"]


def quantdeck(
    *arguments: str | Path | bytes, environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run the command with pipes on all sides; bytes come back."""
    return subprocess.run(
        [*command(), *(argument if isinstance(argument, bytes) else str(argument) for argument in arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={**os.environ, "QUANTDECK_HOME": gettempdir(), **(environment or {})},
        cwd=cwd,
        check=False,
    )


def dense_model(path: Path, *, wild: bool = False) -> Path:
    """Two matrix products with a Relu between: x (1x8) to y (1x6)."""
    random = np.random.default_rng(5)
    first = random.standard_normal((8, 12)).astype(np.float32)
    second = random.standard_normal((12, 6)).astype(np.float32)
    if wild:
        first[0, 0] = np.nan
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("MatMul", ["active", "w2"], ["y"]),
    ]
    weights = [numpy_helper.from_array(first, "w1"), numpy_helper.from_array(second, "w2")]
    return _save(path, nodes, weights, "x", [1, 8], "y", [1, 6])


def hostile_model(path: Path) -> Path:
    """A chain of small layers whose output names, graph name and input name are hostile."""
    names = ["in\x1b[31m", *HOSTILE, "y"]
    nodes = [
        helper.make_node("Sigmoid", [source], [target], name=f"{target}node")
        for source, target in pairwise(names)
    ]
    return _save(path, nodes, [], names[0], [1, 4], "y", [1, 4], name="graph\x1b]0;title\x07")


def _save(path, nodes, weights, source, source_shape, target, target_shape, name="small") -> Path:
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(source, TensorProto.FLOAT, source_shape)],
        [helper.make_tensor_value_info(target, TensorProto.FLOAT, target_shape)],
        weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def samples(folder: Path, width: int = 8, count: int = 4) -> Path:
    """Arrays of one row, npz."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(7)
    for index in range(count):
        np.savez(folder / f"{index}.npz", random.standard_normal((1, width)).astype(np.float32))
    return folder


def forbidden_bytes(output: bytes) -> set[int]:
    """Code points of *output* that a terminal would act on, newline aside."""
    text = output.decode("utf-8")
    bad = (
        set(range(32)) - {10}
        | set(range(0x7F, 0xA0))
        | set(range(0x202A, 0x202F))
        | set(range(0x2066, 0x206A))
    )
    return {ord(character) for character in text} & bad
