"""Conv, Deconv, MatMul, Scale."""

from collections.abc import Callable, Mapping
from typing import Any

from ..vocabulary import Attributes, Conv, Deconv, MatMul, Scale
from .emitter import Emitter


def conv(emitter: Emitter, attributes: Conv, inputs: list[str], output: str) -> None:
    """Conv."""
    emitter.add(
        "Conv",
        [name for name in inputs if name],
        output,
        kernel_shape=attributes.kernel_shape,
        strides=attributes.strides,
        pads=attributes.pads,
        dilations=attributes.dilations,
        group=attributes.group,
    )


def deconv(emitter: Emitter, attributes: Deconv, inputs: list[str], output: str) -> None:
    """ConvTranspose; the filter is turned back to input channel first."""
    filters, group = emitter.shapes[inputs[1]], attributes.group
    grouped = emitter.reshape(inputs[1], (group, filters[0] // group, *filters[1:]))
    order = (0, 2, 1, *range(3, len(filters) + 1))
    turned = emitter.add("Transpose", [grouped], perm=order)
    weight = emitter.reshape(turned, (group * filters[1], filters[0] // group, *filters[2:]))
    emitter.add(
        "ConvTranspose",
        [inputs[0], weight, *[name for name in inputs[2:] if name]],
        output,
        kernel_shape=attributes.kernel_shape,
        strides=attributes.strides,
        pads=attributes.pads,
        dilations=attributes.dilations,
        output_padding=attributes.output_padding,
        group=group,
    )


def matmul(emitter: Emitter, attributes: MatMul, inputs: list[str], output: str) -> None:
    """MatMul, transposes before it, the bias after it."""
    left, right = inputs[0], inputs[1]
    if attributes.left_transpose:
        left = _turned(emitter, left)
    if attributes.right_transpose:
        right = _turned(emitter, right)
    bias = inputs[2] if len(inputs) > 2 else ""
    product = emitter.add("MatMul", [left, right], None if bias else output)
    if bias:
        emitter.add("Add", [product, bias], output)


def _turned(emitter: Emitter, name: str) -> str:
    rank = len(emitter.shapes[name])
    return emitter.add("Transpose", [name], perm=(*range(rank - 2), rank - 1, rank - 2))


def scale(emitter: Emitter, _: Scale, inputs: list[str], output: str) -> None:
    """X * scale + bias along axis 1."""
    rank = len(emitter.shapes[inputs[0]])
    shape = (1, -1, *(1,) * (rank - 2))
    product = emitter.add("Mul", [inputs[0], emitter.reshape(inputs[1], shape)])
    emitter.add("Add", [product, emitter.reshape(inputs[2], shape)], output)


EMITTERS: Mapping[type[Attributes], Callable[[Emitter, Any, list[str], str], None]] = {
    Conv: conv,
    Deconv: deconv,
    MatMul: matmul,
    Scale: scale,
}
