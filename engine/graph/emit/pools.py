"""Pooling, reductions, normalisations."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..vocabulary import LRN, Attributes, AvgPool, InstanceNorm, LayerNorm, MaxPool, Reduce, Softmax
from .emitter import Emitter


def max_pool(emitter: Emitter, attributes: MaxPool, inputs: list[str], output: str) -> None:
    """MaxPool; pads as large as the window (an overhang) are written as a Pad with the lowest number."""
    kernel, rank = attributes.kernel_shape, len(attributes.kernel_shape)
    source, pads = inputs[0], attributes.pads
    if any(pad >= size for pad, size in zip(pads, kernel * 2, strict=True)):
        full = (0, 0, *pads[:rank], 0, 0, *pads[rank:])
        source, pads = emitter.pad(source, full, value=float(np.finfo(np.float32).min)), (0,) * (2 * rank)
    emitter.add("MaxPool", [source], output, kernel_shape=kernel, strides=attributes.strides, pads=pads)


def average_pool(emitter: Emitter, attributes: AvgPool, inputs: list[str], output: str) -> None:
    """AveragePool; with an overhang the sums over a padded picture are divided by counted divisors."""
    shape = emitter.shapes[inputs[0]]
    rank = len(attributes.kernel_shape)
    target = None if not attributes.keepdims else output
    if not any(attributes.overhang):
        pooled = emitter.add(
            "AveragePool",
            inputs,
            target,
            kernel_shape=attributes.kernel_shape,
            strides=attributes.strides,
            pads=attributes.pads,
            count_include_pad=int(attributes.count_include_pad),
        )
    else:
        pads = attributes.pads
        ends = [pads[rank + axis] + attributes.overhang[axis] for axis in range(rank)]
        padded = emitter.pad(inputs[0], (0, 0, *pads[:rank], 0, 0, *ends))
        mean = emitter.add(
            "AveragePool", [padded], kernel_shape=attributes.kernel_shape, strides=attributes.strides
        )
        factors = emitter.constant(_factors(attributes, shape[2:]))
        pooled = emitter.add("Mul", [mean, factors], target)
    if not attributes.keepdims:
        emitter.reshape(pooled, emitter.shapes[output], output)


def _factors(attributes: AvgPool, sizes: tuple[int, ...]) -> np.ndarray:
    """Window size over counted elements, for every window."""
    rank = len(sizes)
    counts = np.ones((1,) * rank)
    for axis, size in enumerate(sizes):
        window, stride = attributes.kernel_shape[axis], attributes.strides[axis]
        begin, end = attributes.pads[axis], attributes.pads[rank + axis]
        total = size + begin + end + attributes.overhang[axis]
        lowest, highest = (0, begin + size + end) if attributes.count_include_pad else (begin, begin + size)
        starts = np.arange(0, total - window + 1, stride)
        inside = np.minimum(starts + window, highest) - np.maximum(starts, lowest)
        counts = counts * inside.reshape((-1,) + (1,) * (rank - 1 - axis))
    return (np.prod(attributes.kernel_shape) / counts).astype(np.float32)


def reduce(emitter: Emitter, attributes: Reduce, inputs: list[str], output: str) -> None:
    """Reductions."""
    emitter.reduce(attributes.mode, inputs[0], attributes.axes, attributes.keepdims, output)


def softmax(emitter: Emitter, attributes: Softmax, inputs: list[str], output: str) -> None:
    """Softmax along one axis; before opset 13 that axis is moved to the end."""
    op = "LogSoftmax" if attributes.log else "Softmax"
    rank = len(emitter.shapes[inputs[0]])
    if emitter.opset >= 13 or attributes.axis == rank - 1:
        emitter.add(op, inputs, output, axis=attributes.axis)
        return
    order = [axis for axis in range(rank) if axis != attributes.axis] + [attributes.axis]
    moved = emitter.add("Transpose", inputs, perm=order)
    result = emitter.add(op, [moved], axis=rank - 1)
    emitter.add("Transpose", [result], output, perm=[order.index(axis) for axis in range(rank)])


def layer_norm(emitter: Emitter, attributes: LayerNorm, inputs: list[str], output: str) -> None:
    """(x - mean) / sqrt(variance + eps) * weight + bias, spelt out."""
    x, axes = inputs[0], list(range(attributes.axis, len(emitter.shapes[inputs[0]])))
    centred = emitter.add("Sub", [x, emitter.reduce("ReduceMean", x, axes, True)])
    square = emitter.add("Mul", [centred, centred])
    variance = emitter.reduce("ReduceMean", square, axes, True)
    deviation = emitter.add("Sqrt", [emitter.add("Add", [variance, emitter.number(attributes.eps)])])
    steps = [("Mul", inputs[1] if len(inputs) > 1 else ""), ("Add", inputs[2] if len(inputs) > 2 else "")]
    steps = [(op, name) for op, name in steps if name]
    current = emitter.add("Div", [centred, deviation], None if steps else output)
    for index, (op, name) in enumerate(steps, 1):
        current = emitter.add(op, [current, name], output if index == len(steps) else None)


def instance_norm(emitter: Emitter, attributes: InstanceNorm, inputs: list[str], output: str) -> None:
    """InstanceNormalization."""
    emitter.add("InstanceNormalization", inputs, output, epsilon=attributes.eps)


def local_response(emitter: Emitter, attributes: LRN, inputs: list[str], output: str) -> None:
    """LRN."""
    emitter.add(
        "LRN",
        inputs,
        output,
        size=attributes.size,
        alpha=attributes.alpha,
        beta=attributes.beta,
        bias=attributes.bias,
    )


EMITTERS: Mapping[type[Attributes], Callable[[Emitter, Any, list[str], str], None]] = {
    MaxPool: max_pool,
    AvgPool: average_pool,
    Reduce: reduce,
    Softmax: softmax,
    LayerNorm: layer_norm,
    InstanceNorm: instance_norm,
    LRN: local_response,
}
