"""ONNX models to Graphs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from onnx import helper

from ..errors import UnsupportedModelError
from ..text import one_of, visible
from .branches import take_branches
from .cleanup import clean_up
from .constants import constant_tensors, used_inputs
from .draft import Draft
from .finish import finish
from .importers import SAME_SHAPE, import_node
from .interface import Feed, fix_inputs, strip_inputs
from .limits import fixed_shapes
from .load import load_model, model_digest, opset_of
from .merged import FileLayer, file_layers
from .model import Graph
from .nodes import Node
from .opaque import add_opaque
from .patterns import convert
from .probe import Probe, probe, random_feeds
from .quantized import check_not_quantized
from .runtime import reason
from .varying import varying_tensors
from .verify import first_wrong
from .widen import narrow, widen

__all__ = ["model_digest", "read_onnx"]

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class _Source:
    """A model that has run once."""

    model: onnx.ModelProto
    feeds: tuple[Feed, ...]
    sample: Mapping[str, Array]
    found: Probe
    fixed: frozenset[str]
    file: Mapping[str, FileLayer]


def read_onnx(
    path: Path,
    *,
    input_shapes: Mapping[str, Sequence[int]] | Sequence[Sequence[int]] | None = None,
    batch: int | None = None,
    clean: bool = True,
) -> Graph:
    """Read an ONNX file into a Graph with TPU-MLIR's names and order (spec A.12).

    *input_shapes* by input name or in the order of the inputs; *batch* for an open first dimension (1 if none
    is stated, which a note says). *clean* lets a general clean-up run, used only where it keeps the outputs.
    The conversion is compared with the file on one random sample; what differs stays as the file has it.
    Raises UnsupportedModelError, one sentence, for whatever cannot be read.
    """
    path = Path(path)
    model = load_model(path)
    file = file_layers(model)
    notes = check_not_quantized(model, path)
    if widen(model):
        notes.append("The model's half precision tensors are used as float32.")
    if narrow(model):
        notes.append("The model's double precision tensors are used as float32.")
    feeds, told = fix_inputs(model, path, input_shapes, batch, used_inputs(model.graph))
    notes += told
    strip_inputs(model, feeds)
    fixed = fixed_shapes(model, path)
    sample, found = _first_run(model, feeds, path)
    while take_branches(model, constant_tensors(model, found.values)):
        found = _probe(model, sample, path)
    if clean:
        outputs = {item.name: found.values.get(item.name) for item in model.graph.output}
        cleaned, told = clean_up(model, sample, outputs)
        notes += told
        if cleaned is not model:
            model, found = cleaned, _probe(cleaned, sample, path)
    try:
        graph = _converted(_Source(model, tuple(feeds), sample, found, fixed, file), path.stem, notes)
    except UnsupportedModelError:
        raise
    except Exception as error:  # onnxruntime's exceptions have no public base class
        raise UnsupportedModelError(f"{visible(str(path))} cannot be converted: {reason(error)}.") from error
    return replace(graph, notes=tuple(dict.fromkeys([*notes, *graph.notes])))


def _first_run(model: onnx.ModelProto, feeds: list[Feed], path: Path) -> tuple[dict[str, Array], Probe]:
    """A run on random data; where that fails and integers are fed, on ones in their place."""
    sample = random_feeds(feeds)
    try:
        return sample, _probe(model, sample, path)
    except UnsupportedModelError:
        if all(value.dtype.kind == "f" for value in sample.values()):
            raise
    ones = {name: value if value.dtype.kind == "f" else np.ones_like(value) for name, value in sample.items()}
    return ones, _probe(model, ones, path)


def _probe(model: onnx.ModelProto, sample: Mapping[str, Array], path: Path) -> Probe:
    try:
        found = probe(model, sample)
    except Exception as error:  # onnxruntime's exceptions have no public base class
        raise UnsupportedModelError(
            f"{visible(str(path))} does not run in onnxruntime: {reason(error)}."
        ) from error
    if found.others:
        raise UnsupportedModelError(
            f"{visible(str(path))}: sequences or maps are held by {one_of(sorted(found.others))}; only networks of "
            "tensors can be read, so cut these parts off before export."
        )
    return found


def _converted(source: _Source, name: str, notes: list[str]) -> Graph:
    """The graph that computes what the file does: with all rules, else without, else with more opaque layers."""
    graph = _with_rules(source, name)
    if graph is not None:
        return graph
    notes.append("The layers are not fused, because the fused network computes something else.")
    kept: set[str] = set()
    while True:
        draft = _draft(source, frozenset(kept), rules=False)
        graph = finish(draft, name)
        wrong = first_wrong(draft, graph, source.sample, source.found.values)
        if wrong is None or wrong.output in kept:
            return graph
        kept.add(wrong.output)
        notes.append(
            f"{visible(draft.label(wrong.output))} stays as the file has it, because its layer differs."
        )


def _with_rules(source: _Source, name: str) -> Graph | None:
    """The graph that all rules lead to; None where it computes something else, or nothing at all."""
    draft = _draft(source, frozenset(), rules=True)
    try:
        graph = finish(draft, name)
        wrong = first_wrong(draft, graph, source.sample, source.found.values)
    except Exception:  # a rule made a network that does not run
        return None
    return graph if wrong is None else None


def _draft(source: _Source, kept: frozenset[str], *, rules: bool) -> Draft:
    """Import every node; those that make a tensor of *kept* as opaque layers."""
    model, values = source.model, source.found.values
    constants = constant_tensors(model, values)
    varying = varying_tensors(model, constants, source.fixed)
    draft = Draft(
        inputs=[feed.name for feed in source.feeds],
        outputs=[],
        shapes={name: tuple(value.shape) for name, value in values.items()},
        dtypes={name: str(value.dtype) for name, value in values.items()},
        weights=constants,
        varying=varying.possible,
        file=source.file,
    )
    draft.shapes.update({feed.name: feed.shape for feed in source.feeds})
    draft.dtypes.update({feed.name: feed.dtype for feed in source.feeds})
    versions = {item.domain: int(item.version) for item in model.opset_import} | {"": opset_of(model)}
    for proto in model.graph.node:
        if all(name in constants or not name for name in proto.output):
            continue
        node = _resolved(proto, versions.get(proto.domain, 1), draft)
        loose = proto.op_type not in SAME_SHAPE and varying.certain.intersection(
            (*proto.input, *proto.output)
        )
        if loose or kept.intersection(proto.output):
            add_opaque(node)
        else:
            import_node(node)
        for name in proto.output:
            draft.labels.setdefault(name, f"{name}_{proto.op_type}")
    draft.outputs = [(item.name, _output(draft, item.name, versions[""])) for item in model.graph.output]
    draft.touch()
    if rules:
        convert(draft)
    return draft


def _resolved(proto: onnx.NodeProto, version: int, draft: Draft) -> Node:
    kept = onnx.NodeProto()
    kept.CopyFrom(proto)
    kept.input[:] = [draft.resolve(name) for name in proto.input]
    return Node(kept, version, draft)


def _output(draft: Draft, name: str, version: int) -> str:
    """The tensor of a graph output; a constant one is handed out by a layer of its own."""
    tensor = draft.resolve(name)
    value = draft.constant(tensor)
    if value is None:
        return tensor
    result = draft.new_tensor(f"{name}_Constant", value.shape)
    draft.dtypes[result] = str(value.dtype)
    add_opaque(Node(helper.make_node("Identity", [tensor], [result]), version, draft))
    draft.labels[result] = f"{name}_Constant"
    return result
