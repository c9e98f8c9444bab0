"""External data: weights in a file beside the model, and nowhere else."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

import onnx

from ..errors import UnsupportedModelError
from ..text import visible

LARGEST_TENSOR = 2**31 - 1
"""Bytes; models of more cannot be run as one graph, and a sparse file costs nothing to claim them."""


def all_tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Every tensor of a graph: initializers, sparse ones, attributes, and those of inner graphs."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        yield from node_tensors(node)


def node_tensors(node: onnx.NodeProto) -> Iterator[onnx.TensorProto]:
    """Every tensor in a node's attributes."""
    for attribute in node.attribute:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        if attribute.HasField("sparse_tensor"):
            yield from (attribute.sparse_tensor.values, attribute.sparse_tensor.indices)
        if attribute.HasField("g"):
            yield from all_tensors(attribute.g)
        for inner in attribute.graphs:
            yield from all_tensors(inner)


def model_tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor of a model, local functions included."""
    yield from all_tensors(model.graph)
    for function in model.functions:
        for node in function.node:
            yield from node_tensors(node)


def external_files(model: onnx.ModelProto, path: Path) -> tuple[Path, ...]:
    """Files that the model's external tensors lie in, checked, each once, in order of first use."""
    found: dict[Path, None] = {}
    for tensor in model_tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            found[_file(tensor, path)] = None
    return tuple(found)


def embed(model: onnx.ModelProto, path: Path) -> None:
    """Read every external tensor into the model.

    Raises UnsupportedModelError that names model, tensor and file: missing, too short, outside the folder.
    """
    for tensor in model_tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            tensor.raw_data = _read(tensor, path)
            tensor.ClearField("external_data")
            tensor.data_location = onnx.TensorProto.DEFAULT


def _entry(tensor: onnx.TensorProto, key: str) -> str:
    return next((item.value for item in tensor.external_data if item.key == key), "")


def _refuse(tensor: onnx.TensorProto, path: Path, what: str) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"{visible(str(path))}: the data of tensor {visible(tensor.name)} {what}; "
        "external data is read only from a file in the model's own folder."
    )


def _file(tensor: onnx.TensorProto, path: Path) -> Path:
    """The checked path of a tensor's file: relative, without .., no link, inside the model's folder."""
    location = _entry(tensor, "location")
    shown = visible(location)
    if not location or "\0" in location:
        raise _refuse(tensor, path, "has no usable file name")
    posix, windows = PurePosixPath(location), PureWindowsPath(location)
    if posix.is_absolute() or windows.is_absolute() or windows.drive:
        raise _refuse(tensor, path, f"is at the absolute place {shown}")
    if ".." in posix.parts or ".." in windows.parts:
        raise _refuse(tensor, path, f"({shown}) lies outside the model's folder")
    folder = Path(os.path.realpath(path.parent))
    file = folder.joinpath(*posix.parts)
    try:
        real = Path(os.path.realpath(file))
        if real != file and not real.is_relative_to(folder):
            raise _refuse(tensor, path, f"({shown}) is a link that leaves the model's folder")
        if not real.is_file():
            kind = "is not a file" if real.exists() else "is missing"
            raise _refuse(tensor, path, f"should be in {shown}, which {kind}")
    except (OSError, ValueError) as error:
        raise _refuse(tensor, path, f"({shown}) cannot be reached") from error
    return real


def _read(tensor: onnx.TensorProto, path: Path) -> bytes:
    file = _file(tensor, path)
    shown = visible(_entry(tensor, "location"))
    try:
        offset, length = int(_entry(tensor, "offset") or 0), int(_entry(tensor, "length") or -1)
    except ValueError as error:
        raise _refuse(tensor, path, f"in {shown} has an offset or length that is no number") from error
    size = file.stat().st_size
    wanted = length if length >= 0 else max(size - offset, 0)
    if offset < 0:
        raise _refuse(tensor, path, f"in {shown} begins before the file")
    if offset + wanted > size:
        raise _refuse(
            tensor, path, f"reaches beyond {shown}, which is too short by {offset + wanted - size} bytes"
        )
    if wanted > LARGEST_TENSOR:
        raise _refuse(tensor, path, f"in {shown} has {wanted} bytes, more than one tensor can have")
    with file.open("rb") as handle:
        handle.seek(offset)
        return handle.read(wanted)
