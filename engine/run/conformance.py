"""Compares our simulation with stored runs of the original tool, byte by byte (spec C).

A case is a folder ``NET/CHIP_MODE[_TAG]`` with ``dump.npz`` (every tensor of the lowered network) beside the
network's ``top.mlir``, weights, tables and ``input.npz``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from ..errors import QuantdeckError
from ..graph.mlir_reader import onnx_weights, read_mlir, read_weights
from ..graph.model import Graph
from ..graph.onnx_reader import read_onnx
from ..hw.chip import get_chip
from ..hw.program import Key, Program, TensorType
from ..plan import Mode, Plan, Threshold
from ..text import visible
from .accumulators import accumulator
from .backend import C_KERNELS, Backend
from .executor import Executor, Values

Array = NDArray[Any]


FLOAT_MODES = ("F32", "F16", "BF16")


@dataclass(frozen=True, slots=True)
class TensorReport:
    """One tensor of the dump.

    ``rule``: elements that differ when the steps behind it start from the dump's own tensors; ``network``:
    when the whole network runs from the input. ``largest``: largest absolute difference in the network view.
    """

    name: str
    op: str
    storage: str
    elements: int
    rule: int
    network: int
    largest: float

    @property
    def is_integer(self) -> bool:
        """Whether every byte must be equal."""
        return "int" in self.storage


@dataclass(frozen=True, slots=True)
class CaseReport:
    """One case. ``missing`` are tensors of the dump that our program has no counterpart for."""

    case: str
    chip: str
    tensors: tuple[TensorReport, ...]
    missing: tuple[str, ...]

    def integers(self) -> tuple[int, int, int]:
        """Integer elements compared, differing by the rule view, differing by the network view."""
        return _sums(item for item in self.tensors if item.is_integer)

    def floats(self) -> tuple[int, int, int]:
        """The same for float elements (bit for bit)."""
        return _sums(item for item in self.tensors if not item.is_integer)

    @property
    def equal(self) -> bool:
        """Whether every integer compared is equal in both views."""
        return self.integers()[1:] == (0, 0)


def _sums(items: Iterator[TensorReport]) -> tuple[int, int, int]:
    rows = [(item.elements, item.rule, item.network) for item in items]
    return (sum(r[0] for r in rows), sum(r[1] for r in rows), sum(r[2] for r in rows))


def check_case(
    folder: Path, model: Path | None = None, *, convert: bool = False, backend: Backend = C_KERNELS
) -> CaseReport:
    """Lower the case's network with its table, run its input and compare every tensor of its dump.

    model: the ONNX file that the network came from, where the folder holds no top_weights.npz. convert: read
    the network from that file with our own converter, as a user does, and not from top.mlir.
    Errors: QuantdeckError when a file is missing or broken.
    """
    case = read_case(folder, model, convert=convert)
    program = get_chip(case.plan.chip).lower(case.graph, case.plan)
    executor = Executor(case.graph, program, backend=backend)
    places = _Places(case.graph, program)
    network = _network_values(executor, case.feeds)
    rule = _rule_values(executor, case, places)
    reports: list[TensorReport] = []
    missing: list[str] = []
    for name, stored in case.dump.items():
        place = places.find(name, stored) or _accumulated(program, case.dump, name, rule, network)
        if place is None:
            missing.append(name)
            continue
        key, columns = place
        wrong, _ = _difference(_columns(rule[key], columns), stored)
        differing, largest = _difference(_columns(network[key], columns), stored)
        row = (name, places.op(key), str(network[key].dtype), stored.size, wrong, differing, largest)
        reports.append(TensorReport(*row))
    return CaseReport(f"{folder.parent.name}/{folder.name}", program.chip, tuple(reports), tuple(missing))


# ---------------------------------------------------------------- reading a case


@dataclass(frozen=True, slots=True)
class Case:
    """What a case folder holds."""

    graph: Graph
    plan: Plan
    feeds: Mapping[str, Array]
    dump: Mapping[str, Array]


def read_case(folder: Path, model: Path | None = None, *, convert: bool = False) -> Case:
    """Read a case's files; the network from top.mlir, or from the ONNX model where *convert* says so.

    Errors: QuantdeckError when one is missing or broken.
    """
    top = folder.resolve().parent
    if not (folder / "dump.npz").is_file() or not (top / "top.mlir").is_file():
        raise QuantdeckError(
            f"{visible(str(folder))}: no conformance case; "
            "give a folder NET/CHIP_int8 that holds dump.npz beside NET/top.mlir"
        )
    given = read_weights(top / "input.npz")
    if convert:
        graph = _converted(top, model, given)
    else:
        graph = read_mlir(top / "top.mlir", _float_weights(top, model))
    table = folder / "cali_table"
    rows = _read_rows(table if table.is_file() else top / "tables" / "cali_kl")
    chip, mode = (*folder.resolve().name.split("_"), "int8")[:2]
    modes = _read_modes(folder / "qtable")
    if mode.upper() in FLOAT_MODES:
        modes = dict.fromkeys(graph.by_name, Mode(mode.upper()))
    plan = Plan(chip=chip, fp_type=get_chip(chip).auto_float, thresholds=rows, modes=modes)
    return Case(graph, plan, given, read_weights(folder / "dump.npz"))


def _converted(top: Path, model: Path | None, given: Mapping[str, Array]) -> Graph:
    if model is None:
        shown = visible(str(top))
        raise QuantdeckError(f"{shown}: there is nothing to convert; give the ONNX model with --onnx")
    return read_onnx(model, input_shapes={name: array.shape for name, array in given.items()})


def _float_weights(top: Path, model: Path | None) -> Mapping[str, Array]:
    stored = top / "top_weights.npz"
    if stored.is_file():
        return read_weights(stored)
    if model is None:
        raise QuantdeckError(
            f"{visible(str(top))}: its float weights are those of an ONNX model; give that with --onnx"
        )
    try:
        loaded = onnx.load(str(model))  # pyright: ignore[reportUnknownMemberType]
        initializers = {item.name: numpy_helper.to_array(item) for item in loaded.graph.initializer}
    except Exception as error:
        shown = visible(str(model))
        raise QuantdeckError(f"{shown}: cannot be read as an ONNX model; give another file") from error
    extra = top / "top_weights_extra.npz"
    return onnx_weights(initializers, read_weights(extra) if extra.is_file() else {})


def _lines(path: Path) -> list[list[str]]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise QuantdeckError(f"{visible(str(path))}: cannot be read; it belongs to the case") from error
    return [line.split() for line in text.splitlines()]


def _read_rows(path: Path) -> dict[str, Threshold]:
    rows: dict[str, Threshold] = {}
    for fields in _lines(path):
        if fields and fields[0].startswith("#"):
            if rows:
                break
        elif len(fields) == 4:
            rows[fields[0]] = Threshold(float(fields[1]), float(fields[2]), float(fields[3]))
    return rows


def _read_modes(path: Path) -> dict[str, Mode]:
    if not path.is_file():
        return {}
    return {fields[0]: Mode(fields[1]) for fields in _lines(path) if len(fields) == 2 and fields[0] != "#"}


# ---------------------------------------------------------------- where a dumped tensor is in our program


class _Places:
    """Finds the value of our program that a tensor of the dump stands for.

    The dump has tensors that the original's lowering added: casts, rescaled inputs of Concat, accumulators,
    parts of split products. Their names are built from those of the layers around them.
    """

    def __init__(self, graph: Graph, program: Program) -> None:
        self._graph = graph
        self._program = program
        self._tensors = [*graph.inputs, *(name for layer in graph.layers for name in layer.outputs)]
        made = (key for step in program.steps for key in step.outputs)
        self.made: set[Key] = {*graph.inputs, *made, *((name, "OUTPUT") for name in program.outputs)}

    def find(self, name: str, stored: Array) -> tuple[Key, tuple[int, int] | None] | None:
        """The value, and the columns of it, that *name* stands for."""
        part = re.fullmatch(r"(.*)_matmul_([135])", name, re.DOTALL)
        if part and part.group(1) in self.made:
            return part.group(1), (int(part.group(2)) // 2, 3)
        for key in self._candidates(name, stored):
            if key in self.made and self._fits(key, stored):
                return key, None
        return None

    def _candidates(self, name: str, stored: Array) -> Iterator[Key]:
        yield name
        for suffix in ("__softmax", "__softmax_reshape", "_reshape"):
            if name.endswith(suffix):
                yield name.removesuffix(suffix)
        kind = re.fullmatch(r"(.*)_(f32|f16|bf16|si8|ui8)", name, re.DOTALL)
        if kind:
            for source in self._sources(kind.group(1).removesuffix("__softmax_reshape")):
                yield source, "FLOAT" if kind.group(2)[0] in "fb" else "INT8"
                yield source, kind.group(2).upper()
                if kind.group(2)[0] in "fb":
                    yield source, "OUTPUT"
        for source in self._sources(name):
            yield source, f"to {name.removeprefix(source + '_to_')}"

    def _sources(self, text: str) -> list[str]:
        """Tensors with whose names a built name starts, the longest first."""
        return sorted((name for name in self._tensors if text.startswith(name)), key=len, reverse=True)

    def _fits(self, key: Key, stored: Array) -> bool:
        kept = self._program.types.get(key, TensorType("float32"))
        if stored.dtype.kind in "iu":
            return kept.storage == str(stored.dtype)
        return not kept.quantized

    def op(self, key: Key) -> str:
        """Op name of the layer that a value belongs to."""
        name = key if isinstance(key, str) else key[0]
        layer = self._graph.producer(name) or self._graph.by_name.get(name)
        return layer.op if layer is not None else "Input"


def _accumulated(
    program: Program, dump: Mapping[str, Array], name: str, *views: Values
) -> tuple[Key, None] | None:
    """Add an int32 tensor that our program keeps to itself to both views."""
    base = re.sub(r"_(head|attention_out_fuse)_\d+$", "", name)
    heads = sum(1 for other in dump if other.startswith(f"{base}_head_"))
    key: Key = (base, f"accumulator {name}")
    for values in views:
        made = accumulator(program, name, values, heads)
        if made is None:
            return None
        values[key] = made
    return key, None


# ---------------------------------------------------------------- the two views


def _network_values(executor: Executor, feeds: Mapping[str, Array]) -> Values:
    """Every value of the program, run from the input."""
    values: Values = {name: np.asarray(feeds[name], np.float32) for name in executor.graph.inputs}
    for index in range(len(executor.program.steps)):
        _step(executor, index, values, values)
    return _with_outputs(executor, values)


def _with_outputs(executor: Executor, values: Values) -> Values:
    """Add the network's outputs as real values."""
    for name in executor.program.outputs:
        values[name, "OUTPUT"] = executor.to_float(name, values[name])
    return values


def _rule_values(executor: Executor, case: Case, places: _Places) -> Values:
    """Every value of the program, each step fed with the dump's tensors where the dump has them."""
    dumped: dict[Key, Array] = {}
    for name, stored in case.dump.items():
        place = places.find(name, stored)
        if place is not None and place[1] is None:
            dumped[place[0]] = stored
    results: Values = {name: np.asarray(case.feeds[name], np.float32) for name in executor.graph.inputs}
    source: Values = dict(results)
    for index, step in enumerate(executor.program.steps):
        _step(executor, index, source, results)
        for key in step.outputs:
            made = results[key]
            source[key] = dumped[key].reshape(made.shape) if key in dumped else made
    return _with_outputs(executor, results)


def _step(executor: Executor, index: int, source: Values, results: Values) -> None:
    step = executor.program.steps[index]
    inputs = [source[key] if key in source else executor.program.constants[key] for key in step.inputs]
    results.update(zip(step.outputs, executor.run_step(index, inputs), strict=True))


def _columns(value: Array, columns: tuple[int, int] | None) -> Array:
    """A block of the last axis."""
    if columns is None:
        return value
    index, count = columns
    width = value.shape[-1] // count
    return value[..., index * width : (index + 1) * width]


def _difference(got: Array, stored: Array) -> tuple[int, float]:
    """Number of different elements and the largest absolute difference."""
    a, b = np.asarray(got, np.float64).reshape(-1), np.asarray(stored, np.float64).reshape(-1)
    if a.shape != b.shape:
        return stored.size, float("inf")
    different = (a != b) & ~(np.isnan(a) & np.isnan(b))
    count = int(np.count_nonzero(different))
    return count, float(np.max(np.abs(a - b)[different])) if count else 0.0


# ---------------------------------------------------------------- text


def render(report: CaseReport, *, every: bool = False) -> str:
    """The report as text: a row for each tensor that differs (or for every one), then the sums."""
    rows = [_row(item) for item in report.tensors if every or item.rule or item.network]
    elements, rule, network = report.integers()
    floats, float_rule, float_network = report.floats()
    rows.extend(f"  {visible(name)}: not compared, our program has no such value" for name in report.missing)
    rows.append(
        f"{visible(report.case)}: {len(report.tensors)} tensors compared; integers: {elements} elements, "
        f"{rule} differ by layer, {network} in the whole network; floats: {floats} elements, "
        f"{float_rule} and {float_network} differ; not compared: {len(report.missing)} tensors"
    )
    return "\n".join(rows)


def _row(item: TensorReport) -> str:
    verdict = (
        "equal"
        if not item.rule and not item.network
        else (f"{item.rule} differ by layer, {item.network} in the network, at most by {item.largest:g}")
    )
    return f"  {item.op:13} {visible(item.name):44} {item.storage:8} {item.elements:>9}  {verdict}"


__all__ = ["Case", "CaseReport", "TensorReport", "check_case", "read_case", "render"]
