"""Convolution, transposed convolution and matrix products on the C kernels.

Two forms: the functions :func:`conv`, :func:`deconv` and :func:`matmul` with the signatures of their numpy
twins (``twin_products``), and layers prepared once (:func:`pack_conv`, :func:`pack_deconv`,
:func:`pack_matmul`) whose ``run`` does not pack the weights again. Both are equal to the twins to the bit on
every instruction set.

Arrays are logical N,C,spatial... with any strides. Results of convolutions are logical views on memory with
the channels innermost, the pixel stride rounded up to 4 channels; an input that lies like this is read in
place where the kernels can do so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product as cartesian
from math import prod
from typing import Any

import numpy as np

from . import native
from .native import ffi, lib
from .params import SHIFT_MAX, SHIFT_MIN, Array, ByteArray, Int32Array, Requant

SLACK = 256
"""Bytes that a result has to spare after its end, for kernels that load whole vectors."""

_CHANNELS_SECOND = {1: (0, 2, 1), 2: (0, 3, 1, 2), 3: (0, 4, 1, 2, 3)}
_ONES = (1, 1, 1)

FLOAT32_EXACT = 2**24 - 1
"""Accumulators up to this magnitude are exact in the float32 sums of the original's simulation (spec C.9)."""


def accumulator_bound(weight: ByteArray, bias: Int32Array | None = None) -> int:
    """The largest magnitude that an accumulator can reach for any activations.

    ``weight`` has the outputs on its first axis; the bound is the maximum over outputs of
    ``sum(abs(w)) * 255 + abs(bias)``.
    """
    sums = np.abs(weight.reshape(len(weight), -1).astype(np.int64)).sum(axis=1) * 255
    if bias is not None:
        sums = sums + np.abs(bias.astype(np.int64))
    return int(sums.max(initial=0))


@dataclass(frozen=True, slots=True)
class _Kernel:
    """Packed weights in C, with what Python needs to shape a result."""

    handle: Any
    outputs: int
    dtype: np.dtype[Any]
    in_place: bool  # unsigned activations need no copy where their memory suits

    def __call__(
        self, x: Array, dims: Sequence[int], strides: Sequence[int], out: Array, stride: int
    ) -> None:
        """Run on ``x`` seen as batch, channel, depth, height, width; ``stride``: bytes between results."""
        given = ffi.new("conv_input *")
        address = x.ctypes.data
        given.data = ffi.cast("uint8_t *", address)
        if x.dtype.char == "b":
            given.is_signed = 1
        elif self.in_place:
            given.slack = _slack(x, address)
        given.dims, given.strides = dims, strides
        if lib.conv_run(self.handle, given, native.pointer(out), stride):
            raise MemoryError("no memory for the padded copy of an activation")


@dataclass(frozen=True, slots=True)
class _Packed:
    """What the two kinds of prepared layers can tell."""

    kernel: _Kernel

    @property
    def bound(self) -> int:
        """The largest magnitude that an accumulator can reach (see :func:`accumulator_bound`)."""
        return int(lib.conv_bound(self.kernel.handle))

    @property
    def leaves_float32(self) -> bool:
        """Whether accumulators can pass 2^24 - 1, beyond what float32 sums hold exactly (spec C.9)."""
        return self.bound > FLOAT32_EXACT

    @property
    def kind(self) -> str:
        """The kernels that run this layer: "scalar", "gemm8", "gemm16" or "depthwise"."""
        return ffi.string(lib.conv_kind(self.kernel.handle)).decode()


@dataclass(frozen=True, slots=True)
class PackedConv(_Packed):
    """A convolution (or transposed convolution) whose weights, bias and requantization are prepared."""

    channels: int
    repeat: int
    axes: tuple[tuple[int, int, int], ...]
    """Of each spatial axis: distance of input values, padding less the window's reach, stride."""

    def run(self, x: ByteArray) -> Array:
        """The result for int8 or uint8 ``x`` (N,C,spatial...): bytes, or int32 where there is no requant.

        :raises ValueError: ``x`` has another type, rank or channel count, or is smaller than the window.
        """
        native.need_bytes("x", x)
        shape, rank = x.shape, len(self.axes)
        if len(shape) != rank + 2 or shape[1] != self.channels:
            raise ValueError(f"x has shape {shape}, wanted N,{self.channels} and {rank} spatial axes")
        sizes = [
            ((n - 1) * insert + 1 + room if n else room) // stride + 1
            for n, (insert, room, stride) in zip(shape[2:], self.axes, strict=True)
        ]
        if min(sizes) < 1:
            raise ValueError(f"x has shape {shape}, too small for the window")
        outputs, dtype = self.kernel.outputs, self.kernel.dtype
        channels = (outputs + 3) // 4 * 4
        out = _empty((shape[0], *sizes, channels), dtype)
        if out.size:
            self._fill(x, out, channels * dtype.itemsize)
        return out.transpose(_CHANNELS_SECOND[rank])[:, :outputs]

    def _fill(self, x: Array, out: Array, stride: int) -> None:
        given = np.repeat(x, self.repeat, axis=1) if self.repeat > 1 else x
        batch, channels, *sizes = given.shape
        step, between, *steps = given.strides
        missing = 3 - len(sizes)
        dims = (batch, channels, *_ONES[:missing], *sizes)
        self.kernel(given, dims, (step, between, *_ONES[:missing], *steps), out, stride)


@dataclass(frozen=True, slots=True)
class PackedMatMul(_Packed):
    """A product with a constant right side (K,N) whose packing is done."""

    length: int

    def run(self, a: ByteArray, *, left_transpose: bool = False) -> Array:
        """``a @ b`` for int8 or uint8 ``a`` (..., M, K), or (..., K, M) with ``left_transpose``.

        :raises ValueError: ``a`` has another type or length.
        """
        native.need_bytes("a", a)
        left = np.swapaxes(a, -1, -2) if left_transpose else a
        if left.shape[-1] != self.length:
            raise ValueError(f"a has shape {a.shape}, wanted {self.length} columns")
        out = _empty((*left.shape[:-1], self.kernel.outputs), self.kernel.dtype)
        self.into(left, out)
        return out

    def into(self, left: ByteArray, out: Array) -> None:
        """Write the product of ``left`` (..., M, K) to the contiguous ``out`` (..., M, N)."""
        if not out.size:
            return
        rows = left if left.ndim <= 4 else left.reshape(-1, *left.shape[-3:])
        ones = (1,) * (4 - rows.ndim)
        dims = (1, self.length, *ones, *rows.shape[:-1])
        strides = (0, rows.strides[-1], *(0 for _ in ones), *rows.strides[:-1])
        self.kernel(rows, dims, strides, out, self.kernel.outputs * out.itemsize)


def pack_conv(
    weight: ByteArray,
    bias: Int32Array | None = None,
    *,
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
    group: int = 1,
    requant: Requant | None = None,
) -> PackedConv:
    """Prepare :func:`conv` for these weights.

    :raises ValueError: an array has the wrong type or the attributes do not fit the weights.
    """
    rank = _check_layer(weight, strides, pads, dilations, group)
    return _prepare(weight, bias, tuple(strides), (1,) * rank, tuple(pads), tuple(dilations), group, requant)


def pack_deconv(
    weight: ByteArray,
    bias: Int32Array | None = None,
    *,
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
    group: int = 1,
    output_padding: Sequence[int],
    requant: Requant | None = None,
) -> PackedConv:
    """Prepare :func:`deconv`: a convolution of the spread input with the window turned round."""
    rank = _check_layer(weight, strides, pads, dilations, group)
    reach = [(k - 1) * d for k, d in zip(weight.shape[2:], dilations, strict=True)]
    begins = [reach[i] - pads[i] for i in range(rank)]
    ends = [reach[i] - pads[rank + i] + output_padding[i] for i in range(rank)]
    turned = weight[(slice(None), slice(None), *(slice(None, None, -1),) * rank)]
    padding = (*begins, *ends)
    return _prepare(turned, bias, (1,) * rank, tuple(strides), padding, tuple(dilations), group, requant)


def pack_matmul(
    b: ByteArray,
    bias: Int32Array | None = None,
    *,
    right_transpose: bool = False,
    requant: Requant | None = None,
) -> PackedMatMul:
    """Prepare a product with the constant ``b`` (K,N), or (N,K) with ``right_transpose``.

    :raises ValueError: ``b`` is not a matrix of bytes, or bias or requant do not fit its columns.
    """
    if b.ndim != 2:
        raise ValueError(f"b has shape {b.shape}, wanted a matrix")
    weight = b if right_transpose else b.T
    ones = (1, 1, 1)
    kernel = _kernel(weight[:, :, None, None, None], bias, ones, ones, (0,) * 6, ones, 1, requant)
    return PackedMatMul(kernel, weight.shape[1])


def conv(
    x: ByteArray,
    weight: ByteArray,
    bias: Int32Array | None = None,
    *,
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
    group: int = 1,
    requant: Requant | None = None,
) -> Array:
    """Convolution N,C,spatial... with weight O,C/group,kernel...; as the twin ``reference.conv``."""
    layer = pack_conv(
        weight, bias, strides=strides, pads=pads, dilations=dilations, group=group, requant=requant
    )
    return layer.run(x)


def deconv(
    x: ByteArray,
    weight: ByteArray,
    bias: Int32Array | None = None,
    *,
    strides: Sequence[int],
    pads: Sequence[int],
    dilations: Sequence[int],
    group: int = 1,
    output_padding: Sequence[int],
    requant: Requant | None = None,
) -> Array:
    """Transposed convolution, weight O,C/group,kernel...; as the twin ``reference.deconv``."""
    layer = pack_deconv(
        weight,
        bias,
        strides=strides,
        pads=pads,
        dilations=dilations,
        group=group,
        output_padding=output_padding,
        requant=requant,
    )
    return layer.run(x)


def matmul(
    a: ByteArray,
    b: ByteArray,
    bias: Int32Array | None = None,
    *,
    left_transpose: bool = False,
    right_transpose: bool = False,
    requant: Requant | None = None,
) -> Array:
    """``a @ b`` with the leading axes broadcast; as the twin ``reference.matmul``.

    :raises ValueError: a type or shape does not fit.
    """
    native.need_bytes("a", a)
    if b.ndim < 2 or a.ndim < 1:
        raise ValueError(f"shapes {a.shape} and {b.shape} do not make a matrix product")
    right = np.swapaxes(b, -1, -2) if right_transpose else b
    if prod(right.shape[:-2]) == 1 and (a.ndim >= 2 or right.ndim == 2):
        result = pack_matmul(right.reshape(right.shape[-2:]), bias, requant=requant)
        out = result.run(a, left_transpose=left_transpose)
        return out.reshape((1,) * (right.ndim - max(a.ndim, 2)) + out.shape)
    left = np.swapaxes(a, -1, -2) if left_transpose else a
    flat = left.ndim == 1
    return _matmul_pairs(left[None] if flat else left, right, bias, requant, flat)


def _matmul_pairs(
    left: ByteArray, right: ByteArray, bias: Int32Array | None, requant: Requant | None, flat: bool
) -> Array:
    lead = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    lefts = np.broadcast_to(left, (*lead, *left.shape[-2:]))
    rights = np.broadcast_to(right, (*lead, *right.shape[-2:]))
    dtype = np.dtype(np.int32 if requant is None else requant.out_dtype)
    out = _empty((*lead, left.shape[-2], right.shape[-1]), dtype)
    for index in cartesian(*(range(n) for n in lead)):
        layer = pack_matmul(rights[index], bias, requant=requant)
        if layer.length != left.shape[-1]:
            raise ValueError(f"shapes {left.shape} and {right.shape} do not make a matrix product")
        layer.into(lefts[index], out[index])
    return out[..., 0, :] if flat else out


def _prepare(
    weight: ByteArray,
    bias: Int32Array | None,
    strides: tuple[int, ...],
    insert: tuple[int, ...],
    pads: tuple[int, ...],
    dilations: tuple[int, ...],
    group: int,
    requant: Requant | None,
) -> PackedConv:
    rank = weight.ndim - 2
    ones, zeros = (1,) * (3 - rank), (0,) * (3 - rank)
    full = weight.reshape(*weight.shape[:2], *ones, *weight.shape[2:])
    # Several outputs of one channel: the channel is repeated, and the depthwise kernels apply.
    repeat = weight.shape[0] // group if weight.shape[1] == 1 and group > 1 else 1
    kernel = _kernel(
        full,
        bias,
        (*ones, *strides),
        (*ones, *insert),
        (*zeros, *pads[:rank], *zeros, *pads[rank:]),
        (*ones, *dilations),
        group * repeat,
        requant,
    )
    channels = weight.shape[1] * group
    axes = tuple(
        (insert[i], pads[i] + pads[rank + i] - (weight.shape[2 + i] - 1) * dilations[i] - 1, strides[i])
        for i in range(rank)
    )
    return PackedConv(kernel, channels, repeat, axes)


def _kernel(
    weight: ByteArray,
    bias: Int32Array | None,
    strides: tuple[int, ...],
    insert: tuple[int, ...],
    pads: tuple[int, ...],
    dilations: tuple[int, ...],
    group: int,
    requant: Requant | None,
) -> _Kernel:
    native.need_bytes("weight", weight)
    outputs = weight.shape[0]
    if not weight.size:
        raise ValueError(f"weight has shape {weight.shape}, nothing to multiply with")
    shape = ffi.new("conv_geometry *")
    shape.channels, shape.outputs, shape.groups = weight.shape[1] * group, outputs, group
    shape.kernel, shape.stride, shape.insert = list(weight.shape[2:]), list(strides), list(insert)
    shape.dilation, shape.pad_begin, shape.pad_end = list(dilations), list(pads[:3]), list(pads[3:])
    shape.level, shape.weight_unsigned = lib.qd_level(), weight.dtype.char == "B"
    shape.weight_strides = list(weight.strides)
    rule, _kept = _requant(requant, outputs)
    adds = None if bias is None else native.per_channel("bias", bias, outputs)
    pointer = ffi.NULL if adds is None else native.int32_pointer(adds)
    packed = lib.conv_pack(shape, rule, native.pointer(weight), pointer)
    if packed == ffi.NULL:
        raise MemoryError("no memory for the packed weights of a layer")
    dtype = np.dtype(np.int32 if requant is None else requant.out_dtype)
    in_place = bool(lib.conv_in_place(packed))
    return _Kernel(ffi.gc(packed, lib.conv_free), outputs, dtype, in_place)


def _requant(requant: Requant | None, outputs: int) -> tuple[Any, tuple[Array, ...]]:
    """The C form of ``requant`` and the arrays that it points into."""
    rule = ffi.new("conv_requant *")
    if requant is None:
        return rule, ()
    native.need_byte_type(requant.out_dtype)
    multiplier = native.per_channel("multiplier", requant.multiplier, outputs)
    shift = native.per_channel("shift", requant.shift, outputs)
    native.need_range("shift", int(shift.min()), SHIFT_MIN, SHIFT_MAX)
    native.need_range("shift", int(shift.max()), SHIFT_MIN, SHIFT_MAX)
    rule.form, rule.relu = 1 + native.form_number(requant.form), requant.relu
    rule.out_signed = requant.out_dtype is np.int8
    rule.multiplier, rule.shift = native.int32_pointer(multiplier), native.int32_pointer(shift)
    return rule, (multiplier, shift)


def _check_layer(
    weight: ByteArray, strides: Sequence[int], pads: Sequence[int], dilations: Sequence[int], group: int
) -> int:
    rank = weight.ndim - 2
    if not 1 <= rank <= 3:
        raise ValueError(f"weight has shape {weight.shape}, wanted 1 to 3 spatial axes")
    if len(strides) != rank or len(dilations) != rank or len(pads) != 2 * rank:
        raise ValueError(f"{rank} spatial axes, but strides {strides}, dilations {dilations}, pads {pads}")
    if min(*strides, *dilations, group) < 1 or weight.shape[0] % group:
        raise ValueError(
            f"strides {strides}, dilations {dilations}, group {group} of {weight.shape[0]} outputs"
        )
    return rank


def _empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """A contiguous array with SLACK bytes behind it that may be read."""
    count = prod(shape)
    return np.empty(count + SLACK // dtype.itemsize, dtype)[:count].reshape(shape)


def _slack(x: Array, address: int) -> int:
    """Readable bytes behind the last value of ``x``, as far as the owner of its memory shows them."""
    owner = x
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    if not owner.flags.c_contiguous:
        return 0
    end = address + 1
    for size, step in zip(x.shape, x.strides, strict=True):
        if step > 0:
            end += (size - 1) * step
    return owner.ctypes.data + owner.nbytes - end
