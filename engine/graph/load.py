"""From a file to a checked ModelProto: everything that can be wrong with a file ends in one sentence here."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import onnx
import onnx.inliner
from google.protobuf.message import DecodeError

from ..errors import UnsupportedModelError
from ..text import visible
from .constants import inner_graphs
from .dense import densify
from .external import embed, external_files
from .formal import may_be_left_out
from .names import fresh_name
from .runtime import reason

OLDEST_OPSET = 9
LARGEST_FILE = 2**31 - 1
# GroupNormalization of opset 18: a later opset took it back, exporters wrote it, onnxruntime runs it.
_TOLERATED = "is deprecated in domain_version"
_checker = cast(Callable[[onnx.ModelProto], None], cast(Any, onnx.checker).check_model)


def load_model(path: Path) -> onnx.ModelProto:
    """Parse, check and complete (external data) an ONNX file.

    Raises UnsupportedModelError in one sentence for whatever is not a readable ONNX model of opset 9 or newer.
    """
    model = _parse(path)
    embed(model, path)
    if model.ByteSize() > LARGEST_FILE:
        raise UnsupportedModelError(
            f"{visible(str(path))}: models of more than 2 GiB cannot be run as one graph."
        )
    _check_opset(model, path)
    _check(model, path)
    if not model.graph.output:
        raise UnsupportedModelError(f"{visible(str(path))} has no outputs, so it computes nothing.")
    model = onnx.inliner.inline_local_functions(model) if model.functions else model
    try:
        densify(model)
    except (ValueError, IndexError, MemoryError) as error:
        raise UnsupportedModelError(
            f"{visible(str(path))}: a sparse weight cannot be written out: {reason(error)}."
        ) from error
    _forget_node_names(model.graph)
    _name_outputs(model.graph, opset_of(model), _names(model.graph))
    return model


def _forget_node_names(graph: onnx.GraphProto) -> None:
    """Node names mean nothing, and onnxruntime refuses equal ones."""
    for node in graph.node:
        node.ClearField("name")
        for inner in inner_graphs(node):
            _forget_node_names(inner)


def _names(graph: onnx.GraphProto) -> set[str]:
    """Every tensor's name, inner graphs included."""
    found = {item.name for item in (*graph.input, *graph.initializer)}
    for node in graph.node:
        found.update(node.output)
        for inner in inner_graphs(node):
            found |= _names(inner)
    return found


def _name_outputs(graph: onnx.GraphProto, version: int, taken: set[str]) -> None:
    """Name the outputs that a file leaves out although their op must give them."""
    for node in graph.node:
        for inner in inner_graphs(node):
            _name_outputs(inner, version, taken)
        if all(node.output) or node.domain not in ("", "ai.onnx"):
            continue
        for index, name in enumerate(node.output):
            if not name and not may_be_left_out(node.op_type, "", version, index):
                node.output[index] = fresh_name("left_out", taken)


def model_digest(path: Path) -> str:
    """sha256 over the model file and the external data files that it names."""
    path = Path(path)
    digest = hashlib.sha256()
    for file in (path, *external_files(_parse(path), path)):
        with file.open("rb") as handle:
            digest.update(hashlib.file_digest(handle, "sha256").digest())
    return digest.hexdigest()


def _parse(path: Path) -> onnx.ModelProto:
    shown = visible(str(path))
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise UnsupportedModelError(f"{shown}: there is no such file.") from error
    except IsADirectoryError as error:
        raise UnsupportedModelError(f"{shown} is a folder; name the .onnx file in it.") from error
    except (OSError, ValueError) as error:
        raise UnsupportedModelError(f"{shown} cannot be read: {_os_reason(error)}.") from error
    if not data:
        raise UnsupportedModelError(f"{shown} is empty; an ONNX model was expected.")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except (DecodeError, RecursionError, ValueError) as error:
        raise UnsupportedModelError(f"{shown} is not an ONNX model, or it is cut off.") from error
    if not model.graph.node and not model.graph.output:
        raise UnsupportedModelError(f"{shown} is not an ONNX model: it holds no graph.")
    return model


def _os_reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) else None
    return (text or type(error).__name__).lower()


def _check_opset(model: onnx.ModelProto, path: Path) -> None:
    version = opset_of(model)
    newest = onnx.defs.onnx_opset_version()
    if version == 0:
        raise UnsupportedModelError(f"{visible(str(path))} does not say which ONNX opset it uses.")
    if not OLDEST_OPSET <= version <= newest:
        raise UnsupportedModelError(
            f"{visible(str(path))} uses ONNX opset {version}; {OLDEST_OPSET} to {newest} can be read, "
            "so export the model again with one of these."
        )


def opset_of(model: onnx.ModelProto) -> int:
    """Opset of the standard domain, 0 where none is given."""
    return max(
        (int(item.version) for item in model.opset_import if item.domain in ("", "ai.onnx")), default=0
    )


def _check(model: onnx.ModelProto, path: Path) -> None:
    """Onnx's checker; inputs and outputs without a shape, which it minds and nobody else, are let through."""
    shapeless = [
        item.type.tensor_type
        for item in (*model.graph.input, *model.graph.output)
        if item.type.HasField("tensor_type") and not item.type.tensor_type.HasField("shape")
    ]
    for kind in shapeless:
        kind.shape.SetInParent()
    try:
        _run_checker(model, path)
    finally:
        for kind in shapeless:
            kind.ClearField("shape")


def _run_checker(model: onnx.ModelProto, path: Path) -> None:
    try:
        _checker(model)
    except onnx.checker.ValidationError as error:
        if _TOLERATED in str(error):  # the run that follows says whether it matters
            return
        raise UnsupportedModelError(
            f"{visible(str(path))} is not a valid ONNX model: {reason(error)}."
        ) from error
    except Exception as error:  # the checker's C++ side has no common base class
        raise UnsupportedModelError(
            f"{visible(str(path))} cannot be checked as an ONNX model: {reason(error)}."
        ) from error
