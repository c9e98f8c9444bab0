"""General clean-up by onnxslim, used only where the outputs on one sample stay what they were."""

import contextlib
import io
import logging
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, cast

import numpy as np
import onnx

from .probe import run_outputs, same

Array = np.ndarray

# What onnxslim may do: merge reshapes, transposes and the like. Folding, duplicates and fusions are done
# here, because names and order of the layers depend on them (spec A.12).
_KEPT = frozenset(
    {"EliminationConcat", "EliminationReshape", "EliminationReshapeAs", "EliminationTranspose",
     "EliminationTransposeViewTranspose", "EliminationUnsqueeze"}
)  # fmt: skip
_MOVERS = frozenset({"Concat", "Reshape", "Transpose", "Unsqueeze"})
_NOTHING = frozenset({"Cast", "Dropout", "Identity"})
_SKIPPED = ["dead_node_elimination", "subexpression_elimination", "weight_tying"]


def clean_up(
    model: onnx.ModelProto, feeds: Mapping[str, Array], outputs: Mapping[str, object]
) -> tuple[onnx.ModelProto, list[str]]:
    """The cleaned model, or *model* itself with a note where the clean-up fails or changes an output.

    outputs: those of *model* for *feeds*. A model in which nothing can be merged is not touched.
    """
    if not _has_rows_of_movers(model.graph):
        return model, []
    try:
        cleaned = _slim(model)
    except Exception as error:  # whatever a third party's rewrite raises
        return model, [
            f"The graph is used without clean-up, because onnxslim failed on it ({type(error).__name__})."
        ]
    if cleaned is None or len(cleaned.graph.node) >= len(model.graph.node):
        return model, []
    try:
        agrees = same(outputs, run_outputs(cleaned, feeds))
    except Exception:  # an invalid graph came out
        agrees = False
    if not agrees:
        return model, [
            "The graph is used without clean-up, because onnxslim's result computes something else."
        ]
    return cleaned, []


def _has_rows_of_movers(graph: onnx.GraphProto) -> bool:
    """Whether a node that moves data reads another one: all that the kept patterns look for."""
    movers: set[str] = set()
    for node in graph.node:
        follows = bool(movers.intersection(node.input))
        if node.op_type in _MOVERS:
            if follows:
                return True
            movers.update(node.output)
        elif follows and node.op_type in _NOTHING:
            movers.update(node.output)
    return False


def _slim(model: onnx.ModelProto) -> onnx.ModelProto | None:
    # imported here because few models need it and it takes long; the package brings no types
    slimmer: Any = cast(Any, import_module("onnxslim")).slim
    fusions: Iterable[str] = cast(
        Any, import_module("onnxslim.core.pattern.registry")
    ).DEFAULT_FUSION_PATTERNS
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    skipped = [name for name in fusions if name not in _KEPT]
    before = logging.root.level
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            result: object = slimmer(copy, skip_fusion_patterns=skipped, skip_optimizations=_SKIPPED)
    finally:
        logging.root.setLevel(before)
    return result if isinstance(result, onnx.ModelProto) else None
