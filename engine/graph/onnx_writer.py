"""Graphs to float ONNX models: the way in which every float result is computed."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from .emit import Emitter, emit_layer
from .model import Graph
from .vocabulary import Opaque

NEWEST_NEEDED = 17
_IR_VERSIONS = ((21, 10), (19, 9), (15, 8), (0, 7))


def to_onnx(
    graph: Graph, *, inputs: Sequence[str] | None = None, outputs: Sequence[str] | None = None
) -> onnx.ModelProto:
    """The float model of the part of *graph* between two sets of tensors.

    Default are the graph's inputs and output tensors. Tensors inside carry numbers, so names may be anything;
    inputs and outputs of the model are ``i0, i1 ...`` and ``o0, o1 ...`` in the order given.
    """
    given = tuple(graph.inputs if inputs is None else inputs)
    wanted = tuple(graph.output_tensors if outputs is None else outputs)
    names = {tensor: f"i{index}" for index, tensor in enumerate(given)}
    needed = _needed(graph, given, wanted)
    layers = [layer for layer in graph.layers if layer.name in needed]
    for layer in layers:
        for tensor in layer.outputs:
            names.setdefault(tensor, f"t{len(names)}")
    used = {name for layer in layers for name in layer.inputs if name in graph.weights}
    weights = [name for name in graph.weights if name in used]
    names.update({name: f"w{index}" for index, name in enumerate(weights)})
    emitter = Emitter(
        _opset(graph), {names[name]: graph.tensors[name].shape for name in names if name in graph.tensors}
    )
    emitter.shapes.update({names[name]: tuple(graph.weights[name].shape) for name in weights})
    for layer in layers:
        emit_layer(
            emitter,
            layer.attributes,
            [names[name] if name else "" for name in layer.inputs],
            [emitter.fresh() if name in given else names[name] for name in layer.outputs],
        )
    for index, tensor in enumerate(wanted):
        emitter.add("Identity", [names[tensor]], f"o{index}")
    onnx_graph = helper.make_graph(
        emitter.nodes,
        "network",
        [_info(graph, tensor, names[tensor]) for tensor in given],
        [_info(graph, tensor, f"o{index}") for index, tensor in enumerate(wanted)],
        [numpy_helper.from_array(graph.weights[name], names[name]) for name in weights] + emitter.weights,
    )
    return _model(onnx_graph, graph, emitter.opset)


def _needed(graph: Graph, given: Sequence[str], wanted: Sequence[str]) -> set[str]:
    """Layers between the given and the wanted tensors."""
    found: set[str] = set()
    stack = [tensor for tensor in wanted if tensor not in given]
    while stack:
        layer = graph.producer(stack.pop())
        if layer is not None and layer.name not in found:
            found.add(layer.name)
            stack.extend(name for name in graph.activations(layer) if name not in given)
    return found


def _opset(graph: Graph) -> int:
    """The opset that opaque nodes need, else one that every supported onnxruntime knows."""
    kept = [
        layer.attributes.opset
        for layer in graph.layers
        if isinstance(layer.attributes, Opaque) and layer.attributes.domain in ("", "ai.onnx")
    ]
    return max(kept, default=NEWEST_NEEDED)


def _info(graph: Graph, tensor: str, name: str) -> onnx.ValueInfoProto:
    found = graph.tensors[tensor]
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(found.dtype))
    return helper.make_tensor_value_info(name, kind, None if found.varies else found.shape)


def _model(onnx_graph: onnx.GraphProto, graph: Graph, opset: int) -> onnx.ModelProto:
    domains = {
        layer.attributes.domain: layer.attributes.opset
        for layer in graph.layers
        if isinstance(layer.attributes, Opaque) and layer.attributes.domain not in ("", "ai.onnx")
    }
    imports = [helper.make_opsetid("", opset)]
    imports += [helper.make_opsetid(domain, version) for domain, version in sorted(domains.items())]
    ir_version = next(ir for least, ir in _IR_VERSIONS if opset >= least)
    return helper.make_model(
        onnx_graph, opset_imports=imports, ir_version=ir_version, producer_name="quantdeck"
    )
