"""Small ONNX models for the tests of engine/graph."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from quantdeck.engine.errors import UnsupportedModelError
from quantdeck.engine.graph.model import Graph
from quantdeck.engine.graph.onnx_reader import read_onnx
from quantdeck.engine.run.float_runner import FloatRunner

RNG = np.random.default_rng(5)


def floats(*shape, scale=1.0):
    """Normal float32 values."""
    return (np.random.default_rng(abs(hash(shape)) % 2**32).standard_normal(shape) * scale).astype(np.float32)


def build(nodes, inputs, outputs, weights=None, opset=17, ir=8, types=None):
    """A model from nodes; inputs name -> shape, outputs names, weights name -> array."""
    types = types or {}
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info(n, types.get(n, TensorProto.FLOAT), s) for n, s in inputs.items()],
        [
            helper.make_tensor_value_info(n, types[n], None) if n in types else onnx.ValueInfoProto(name=n)
            for n in outputs
        ],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in (weights or {}).items()],
    )
    for item in graph.output:
        if not item.HasField("type"):
            item.type.tensor_type.elem_type = TensorProto.FLOAT
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)


def save(model, folder: Path, name: str = "model.onnx") -> Path:
    path = folder / name
    path.write_bytes(model.SerializeToString())
    return path


def reference(path: Path, feeds) -> dict[str, np.ndarray]:
    """onnxruntime on the original file."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, feeds), strict=True))


def assert_same(path: Path, graph: Graph, feeds, tolerance=1e-4) -> None:
    """The graph's float outputs equal onnxruntime's on the file, relative to the largest magnitude."""
    wanted = reference(path, feeds)
    runner = FloatRunner(graph, graph.output_tensors)
    got = runner.run({name: feeds[name] for name in graph.inputs})
    assert [output.name for output in graph.outputs] == list(wanted)
    for output in graph.outputs:
        left, right = wanted[output.name], got[output.tensor]
        assert left.shape == right.shape
        if left.dtype.kind != "f":
            np.testing.assert_array_equal(left, right)
            continue
        np.testing.assert_array_equal(np.isfinite(left), np.isfinite(right))
        scale = np.abs(left[np.isfinite(left)]).max(initial=1e-6)
        np.testing.assert_allclose(right, left, rtol=0, atol=tolerance * scale)


def load(model, folder: Path, feeds=None, **options) -> Graph:
    """Save, read, compare with onnxruntime on *feeds* (random ones if None), return the graph."""
    path = save(model, folder)
    graph = read_onnx(path, **options)
    assert not [note for note in graph.notes if "layer differs" in note or "are not fused" in note]
    if feeds is None:
        feeds = {name: floats(*graph.tensors[name].shape) for name in graph.inputs}
    assert_same(path, graph, feeds)
    return graph


def ops(graph: Graph) -> list[str]:
    """Op types in order."""
    return [layer.op for layer in graph.layers]


def names(graph: Graph) -> list[str]:
    """Layer names in order."""
    return [layer.name for layer in graph.layers]


def node(op, inputs, outputs, **attributes):
    """helper.make_node with lists made of strings split at blanks."""
    inputs, outputs = (text.split(" ") if isinstance(text, str) else text for text in (inputs, outputs))
    return helper.make_node(op, inputs, outputs, **attributes)


W = {"w": floats(4, 3, 3, 3), "b": floats(4)}
CONV = node("Conv", "x w b", "c", pads=[1] * 4)
X = {"x": [1, 3, 6, 6]}
"""A convolution, its weights and its input."""


def refused(path, *words, **options):
    """The one sentence with which *path* is refused."""
    with pytest.raises(UnsupportedModelError) as caught:
        read_onnx(path, **options)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.isprintable()
    assert sentence.endswith(".")
    for word in words:
        assert word in sentence
    return sentence
