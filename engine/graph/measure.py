"""What a layer costs and how it is described: multiply-adds, parameters, attributes in words."""

import math
from typing import cast

from ..text import visible
from .model import Graph, Layer
from .vocabulary import (
    GELU,
    Attributes,
    Conv,
    Deconv,
    Fusable,
    Interp,
    MatMul,
    Opaque,
    Reduce,
    Reshape,
    Slice,
    SubConst,
)

_HIDDEN = frozenset({"do_relu", "relu_limit", "kernel_shape", "node", "node_type", "opset", "domain"})


def shape_text(shape: tuple[int, ...]) -> str:
    """Sizes joined by x: "1x32x112x112"; "scalar" for none."""
    return "x".join(map(str, shape)) or "scalar"


def params(graph: Graph, layer: Layer) -> int:
    """Number of weight elements that the layer reads; a weight shared by layers counts in each."""
    return sum(graph.weights[name].size for name in dict.fromkeys(layer.inputs) if name in graph.weights)


def macs(graph: Graph, layer: Layer) -> int:
    """Multiply-adds of products (Conv, Deconv, MatMul), batch included; 0 for all other layers."""
    attributes = layer.attributes
    result = graph.tensors[layer.outputs[0]]
    match attributes:
        case Conv():
            return result.size * math.prod(_shape(graph, layer.inputs[1])[1:])
        case Deconv():
            filters = _shape(graph, layer.inputs[1])
            return (
                math.prod(_shape(graph, layer.inputs[0]))
                * filters[0]
                // attributes.group
                * math.prod(filters[2:])
            )
        case MatMul():
            left = _shape(graph, layer.inputs[0])
            return result.size * left[-2 if attributes.left_transpose else -1]
        case _:
            return 0


def _shape(graph: Graph, name: str) -> tuple[int, ...]:
    return tuple(graph.weights[name].shape) if name in graph.weights else graph.tensors[name].shape


def describe(graph: Graph, layer: Layer) -> str:
    """Attributes in words, those that matter first: "3x3, stride 2, pads 0 0 1 1, ReLU6"."""
    attributes = layer.attributes
    if isinstance(attributes, Opaque):
        domain = f"{visible(attributes.domain)}." if attributes.domain else ""
        return f"ONNX {domain}{visible(attributes.node_type)} of opset {attributes.opset}, kept in float"
    special = _special(graph, layer)
    if special is not None:
        return special
    words = [text for name in _names(attributes) if (text := _word(name, getattr(attributes, name)))]
    kernel = getattr(attributes, "kernel_shape", None)
    if kernel:
        words.insert(0, shape_text(kernel))
    if isinstance(attributes, Fusable) and attributes.do_relu:
        words.append(_relu(attributes.relu_limit))
    elif getattr(attributes, "relu_limit", -1.0) > 0:
        words.append(_relu(getattr(attributes, "relu_limit", -1.0)))
    return ", ".join(words)


def _special(graph: Graph, layer: Layer) -> str | None:
    """Ops whose attributes say it better in an order of their own."""
    match layer.attributes:
        case Reshape():
            return f"to {shape_text(graph.tensors[layer.outputs[0]].shape)}"
        case Slice(offset=offset, ends=ends, steps=steps):
            shape = _shape(graph, layer.inputs[0])
            parts = [
                f"axis {axis} {offset[axis]}:{ends[axis]}" + (f":{steps[axis]}" if steps[axis] != 1 else "")
                for axis in range(len(shape))
                if (offset[axis], ends[axis], steps[axis]) != (0, shape[axis], 1)
            ]
            return ", ".join(parts)
        case Interp(mode=mode, coord_mode=coord, nearest_mode=nearest, sizes=sizes):
            rule = f", {visible(nearest)}" if mode == "nearest" else ""
            return f"{visible(mode)}, {visible(coord)}{rule}, to {shape_text(sizes)}"
        case SubConst(const_val=value, is_reverse=True, do_relu=relu):
            return f"{value:.6g} - x" + (", ReLU" if relu else "")
        case Reduce(mode=mode, axes=axes, keepdims=keepdims):
            kept = "" if keepdims else ", axes dropped"
            return f"{mode.removeprefix('Reduce').lower()} over {'axis' if len(axes) == 1 else 'axes'} " + (
                " ".join(map(str, axes)) + kept
            )
        case GELU(approximate=form):
            return "tanh form" if form == "tanh" else ""
        case _:
            return None


def _names(attributes: Attributes) -> list[str]:
    fields = [name for kind in type(attributes).__mro__ for name in getattr(kind, "__annotations__", {})]
    return [name for name in dict.fromkeys(fields) if name not in _HIDDEN]


def _relu(limit: float) -> str:
    return "ReLU" if limit <= 0 else f"ReLU{limit:g}"


def _word(name: str, value: object) -> str:
    """One attribute; "" for a value that says nothing: no pads, steps of 1, one group, a flag that is off."""
    title = {
        "const_val": "constant",
        "left_transpose": "left transposed",
        "right_transpose": "right transposed",
    }
    label = title.get(name, name.replace("_", " "))
    if isinstance(value, bool):
        return label if value and name != "keepdims" else "" if value or name != "keepdims" else "no keepdims"
    if isinstance(value, tuple):
        return _list(label, name, cast(tuple[object, ...], value))
    if isinstance(value, float):
        return f"{label} {value:.6g}"
    if isinstance(value, int):
        return "" if name == "group" and value == 1 else f"{label} {value}"
    return f"{label} {visible(str(value))}" if value else ""


def _list(label: str, name: str, values: tuple[object, ...]) -> str:
    neutral = 1 if name in ("strides", "dilations", "steps") else 0
    if not values or (name not in ("order", "axes", "shape", "offset") and set(values) == {neutral}):
        return ""
    same = len(set(values)) == 1 and name in ("strides", "dilations", "pads")
    label = {"strides": "stride", "dilations": "dilation"}.get(name, label)
    return f"{label} {values[0]}" if same else f"{label} {' '.join(map(str, values))}"
