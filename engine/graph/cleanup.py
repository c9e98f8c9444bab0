"""General clean-up by onnxslim, used only where the outputs on one sample stay what they were."""

import contextlib
import io
import logging
from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np
import onnx
import onnxslim  # pyright: ignore[reportMissingTypeStubs]
from onnxslim.core.pattern import registry  # pyright: ignore[reportMissingTypeStubs]

from .probe import run_outputs, same

Array = np.ndarray

# What onnxslim may do: merge reshapes, transposes and the like. Folding, duplicates and fusions are done
# here, because names and order of the layers depend on them (spec A.12).
_KEPT = frozenset(
    {"EliminationConcat", "EliminationReshape", "EliminationReshapeAs", "EliminationTranspose",
     "EliminationTransposeViewTranspose", "EliminationUnsqueeze"}
)  # fmt: skip
_FUSIONS: Iterable[str] = cast(Any, registry).DEFAULT_FUSION_PATTERNS
_slimmer: Any = cast(Any, onnxslim).slim  # the package brings no types
_SKIPPED = ["dead_node_elimination", "subexpression_elimination", "weight_tying"]


def clean_up(
    model: onnx.ModelProto, feeds: Mapping[str, Array], outputs: Mapping[str, object]
) -> tuple[onnx.ModelProto, list[str]]:
    """The cleaned model, or *model* itself with a note where the clean-up fails or changes an output.

    outputs: those of *model* for *feeds*.
    """
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


def _slim(model: onnx.ModelProto) -> onnx.ModelProto | None:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    skipped = [name for name in _FUSIONS if name not in _KEPT]
    before = logging.root.level
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            result: object = _slimmer(copy, skip_fusion_patterns=skipped, skip_optimizations=_SKIPPED)
    finally:
        logging.root.setLevel(before)
    return result if isinstance(result, onnx.ModelProto) else None
