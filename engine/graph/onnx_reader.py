"""ONNX models to Graphs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx

from ..errors import UnsupportedModelError
from ..text import visible
from .constants import constant_tensors, used_inputs
from .draft import Draft
from .finish import finish
from .importers import import_node
from .interface import Feed, fix_inputs
from .load import load_model, model_digest, opset_of
from .model import Graph
from .nodes import Node
from .patterns import convert
from .probe import Probe, probe, random_feeds
from .runtime import reason

__all__ = ["model_digest", "read_onnx"]

Array = np.ndarray


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
    Raises UnsupportedModelError, one sentence, for whatever cannot be read.
    """
    path = Path(path)
    model = load_model(path)
    feeds, notes = fix_inputs(model, path, input_shapes, batch, used_inputs(model.graph))
    try:
        found = probe(model, random_feeds(feeds))
    except Exception as error:
        raise UnsupportedModelError(f"{visible(str(path))} does not run: {reason(error)}.") from error
    draft = _draft(model, feeds, found)
    draft.notes.extend(notes)
    return finish(draft, path.stem)


def _draft(model: onnx.ModelProto, feeds: list[Feed], found: Probe) -> Draft:
    constants = constant_tensors(model, found.values)
    draft = Draft(
        inputs=[feed.name for feed in feeds],
        outputs=[],
        shapes={name: tuple(value.shape) for name, value in found.values.items()},
        dtypes={name: str(value.dtype) for name, value in found.values.items()},
        weights=constants,
    )
    draft.shapes.update({feed.name: feed.shape for feed in feeds})
    draft.dtypes.update({feed.name: feed.dtype for feed in feeds})
    version = opset_of(model)
    for node in model.graph.node:
        if all(name in constants or not name for name in node.output):
            continue
        kept = onnx.NodeProto()
        kept.CopyFrom(node)
        kept.input[:] = [draft.resolve(name) for name in node.input]
        import_node(Node(kept, version, draft))
        for name in node.output:
            draft.labels.setdefault(name, f"{name}_{node.op_type}")
    draft.outputs = [(item.name, draft.resolve(item.name)) for item in model.graph.output]
    draft.touch()
    convert(draft)
    return draft
