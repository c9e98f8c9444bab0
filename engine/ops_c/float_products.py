"""Convolutions and matrix products in float32 on the C kernels; rules and signatures as in :mod:`.twin_float`.

Results do not depend on the instruction set, the blocking or the number of threads: each output is one chain
of fused multiply-adds in a fixed order. :class:`FloatConv` and :class:`FloatMatMul` hold packed weights.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .native import channels_last, dense, ffi, lib, need_float32, pointer
from .params import VIAS, Array, Float32Array, Via

PANEL = 16


def _via(via: Via) -> int:
    if via not in ("F32", "F16", "BF16"):
        raise ValueError(f"via: {via!r} is not one of F32, F16, BF16")
    return VIAS.index(via)


def _pack(matrix: Array) -> Float32Array:
    """A (K, N) matrix of any strides as panels of 16 columns."""
    k, n = matrix.shape
    out = np.empty(k * -(-n // PANEL) * PANEL, np.float32)
    row, column = (stride // 4 for stride in matrix.strides)
    lib.qd_fpack(ffi.cast("void *", matrix.ctypes.data), k, n, row, column, pointer(out))
    return out


def _bias(bias: Float32Array | None, size: int) -> Float32Array | None:
    if bias is None:
        return None
    flat = np.ascontiguousarray(bias, np.float32).reshape(-1)
    if flat.size != size:
        raise ValueError(f"bias: {size} values are wanted, not {flat.size}")
    return flat


class FloatConv:
    """A convolution over one or two axes with its weights packed."""

    def __init__(
        self,
        weight: Float32Array,
        bias: Float32Array | None = None,
        *,
        strides: Sequence[int],
        pads: Sequence[int],
        dilations: Sequence[int],
        group: int = 1,
        relu: bool = False,
        relu_limit: float = 0.0,
        via: Via = "F32",
    ) -> None:
        need_float32("weight", weight)
        if weight.ndim not in (3, 4):
            raise ValueError(f"weight: one or two kernel axes are wanted, not {weight.ndim - 2}")
        if group < 1 or len(weight) % group:
            raise ValueError(f"group: {len(weight)} outputs do not divide into {group} groups")
        self._rank = weight.ndim - 2
        filters = weight if self._rank == 2 else weight[:, :, None]
        rows, columns = (1, 0)[: 2 - self._rank], (0, 0)[: 2 - self._rank]
        self._strides = (*rows[:1], *strides)[-2:]
        self._dilations = (*rows[:1], *dilations)[-2:]
        before, after = tuple(pads[: self._rank]), tuple(pads[self._rank :])
        self._before, self._after = (*columns[:1], *before)[-2:], (*columns[:1], *after)[-2:]
        self._kernel = filters.shape[2:]
        self._group, self._outputs, self._depth = group, len(weight), weight.shape[1]
        self._bias = _bias(bias, len(weight))
        self._relu, self._limit, self._via = relu, relu_limit, _via(via)
        self._depthwise = self._depth == 1 and group == self._outputs and group > 1
        self._weights = self._packed(filters)
        self._weights_at = pointer(self._weights)
        self._bias_at = ffi.NULL if self._bias is None else pointer(self._bias)
        self._run = lib.qd_fdepthwise if self._depthwise else lib.qd_fconv
        self._shapes: dict[tuple[int, ...], tuple[Any, tuple[int, ...]]] = {}

    def _packed(self, filters: Array) -> Float32Array:
        if self._depthwise:
            return np.ascontiguousarray(filters[:, 0].transpose(1, 2, 0))
        rows = filters.transpose(0, 2, 3, 1).reshape(self._outputs, -1)
        parts = np.ascontiguousarray(rows).reshape(self._group, -1, rows.shape[1])
        return np.concatenate([_pack(part.T) for part in parts])

    def run(self, x: Float32Array) -> Float32Array:
        """The result, a logical N,C,spatial... view on memory with the channels innermost."""
        need_float32("x", x)
        if x.ndim != self._rank + 2 or x.shape[1] != self._depth * self._group:
            raise ValueError(f"x: shape {x.shape} does not fit {self._depth * self._group} channels")
        image = channels_last(x if self._rank == 2 else x[:, :, None])
        known = self._shapes.get(image.shape)
        if known is None:
            known = self._shapes[image.shape] = self._shape(image.shape)
        shape, size = known
        out = np.empty(size, np.float32)
        if self._run(shape, pointer(image), self._weights_at, self._bias_at, pointer(out)):
            raise MemoryError("no memory for the rows of a convolution")
        result = out.transpose(0, 3, 1, 2)
        return result if self._rank == 2 else result[:, :, 0]

    def _shape(self, given: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
        """The C description of a run on an image (batch, height, width, channels), and the result's shape."""
        batch, height, width, channels = given
        sizes = [
            (size + before + after - (tap - 1) * step - 1) // stride + 1
            for size, before, after, tap, step, stride in zip(
                (height, width),
                self._before,
                self._after,
                self._kernel,
                self._dilations,
                self._strides,
                strict=True,
            )
        ]
        if min(sizes) < 1:
            raise ValueError(f"x: {height} x {width} with its padding is smaller than the kernel")
        shape = ffi.new("qd_fconv_shape *")
        shape.batch, shape.height, shape.width, shape.channels = batch, height, width, channels
        shape.out_height, shape.out_width = sizes
        shape.outputs, shape.group = self._outputs, self._group
        shape.kernel_height, shape.kernel_width = self._kernel
        shape.stride_y, shape.stride_x = self._strides
        shape.pad_y, shape.pad_x = self._before
        shape.step_y, shape.step_x = self._dilations
        shape.relu, shape.via, shape.limit = self._relu, self._via, self._limit
        return shape, (batch, *sizes, self._outputs)


class FloatMatMul:
    """A product with a constant right side (K, N), packed."""

    def __init__(
        self,
        b: Float32Array,
        bias: Float32Array | None = None,
        *,
        relu: bool = False,
        relu_limit: float = 0.0,
        via: Via = "F32",
    ) -> None:
        need_float32("b", b)
        if b.ndim != 2:
            raise ValueError(f"b: a matrix is wanted, not {b.ndim} axes")
        self._shape = b.shape
        self._packed = _pack(b)
        self._bias = _bias(bias, b.shape[1])
        self._relu, self._limit, self._via = relu, relu_limit, _via(via)

    def run(self, a: Float32Array) -> Float32Array:
        """(..., M, K) to (..., M, N)."""
        need_float32("a", a)
        k, n = self._shape
        if a.ndim < 1 or a.shape[-1] != k:
            raise ValueError(f"a: shape {a.shape} does not end in {k}")
        rows = np.ascontiguousarray(a).reshape(-1, k)
        out = np.empty((len(rows), n), np.float32)
        bias = ffi.NULL if self._bias is None else pointer(self._bias)
        lib.qd_fgemm(
            pointer(rows), k, len(rows), k, n, pointer(self._packed), bias,
            self._relu, self._limit, self._via, pointer(out), n,
        )  # fmt: skip
        return out.reshape(*a.shape[:-1], n)


def float_sum(
    a: Float32Array, b: Float32Array, *, relu: bool = False, relu_limit: float = 0.0, via: Via = "F32"
) -> Float32Array:
    """``a + b`` of one shape in float32."""
    need_float32("a", a)
    need_float32("b", b)
    if a.shape != b.shape:
        raise ValueError(f"b: shape {b.shape} is not that of a, {a.shape}")
    one = dense(a)
    other = b if b.strides == one.strides else _like(one, b)
    out = np.empty_like(one)
    lib.qd_fsum(pointer(one), pointer(other), one.size, relu, relu_limit, _via(via), pointer(out))
    return out


def _like(template: Array, x: Array) -> Array:
    copy = np.empty_like(template)
    copy[...] = x
    return copy


def float_conv(
    x: Float32Array,
    weight: Float32Array,
    bias: Float32Array | None = None,
    *,
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
    group: int = 1,
    relu: bool = False,
    relu_limit: float = 0.0,
    via: Via = "F32",
) -> Float32Array:
    """Convolution over one or two axes. x: (N, C, spatial...); weight: (O, C / group, kernel...)."""
    layer = FloatConv(
        weight,
        bias,
        strides=strides,
        pads=pads,
        dilations=dilations,
        group=group,
        relu=relu,
        relu_limit=relu_limit,
        via=via,
    )
    return layer.run(x)


def float_matmul(
    a: Float32Array,
    b: Float32Array,
    bias: Float32Array | None = None,
    *,
    relu: bool = False,
    relu_limit: float = 0.0,
    via: Via = "F32",
) -> Float32Array:
    """Matrix product (..., M, K) by (..., K, N) in float32."""
    options: dict[str, Any] = {"relu": relu, "relu_limit": relu_limit, "via": via}
    if b.ndim == 2:
        return FloatMatMul(b, bias, **options).run(a)
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    left = np.broadcast_to(a, (*shape, *a.shape[-2:])).reshape(-1, *a.shape[-2:])
    right = np.broadcast_to(b, (*shape, *b.shape[-2:])).reshape(-1, *b.shape[-2:])
    out = np.empty((len(left), a.shape[-2], b.shape[-1]), np.float32)
    for index, (one, other) in enumerate(zip(left, right, strict=True)):
        out[index] = FloatMatMul(other, bias, **options).run(one)
    return out.reshape(*shape, *out.shape[1:])
