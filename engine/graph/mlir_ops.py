"""Attributes of TPU-MLIR's Top dialect in our vocabulary (spec A.12)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from . import vocabulary as v
from .mlir_text import Operation, Type, Value


class Unreadable(Exception):
    """An operation whose attributes are outside what can be read."""


@dataclass(frozen=True, slots=True)
class Read:
    """Typed access to the printed attributes of one operation."""

    operation: Operation
    shapes: tuple[tuple[int, ...] | None, ...]
    """Shapes of the operands; None where one is absent."""

    @property
    def output(self) -> tuple[int, ...]:
        """Shape of the first result."""
        first = self.operation.types[0]
        return first.shape if first is not None else ()

    def get(self, name: str, default: Value = None) -> Value:
        """The attribute as printed."""
        return self.operation.attributes.get(name, default)

    def flag(self, name: str) -> bool:
        """A boolean, False when missing."""
        return self.get(name, False) is True

    def integer(self, name: str, default: int | None = None) -> int:
        """A whole number."""
        value = self.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise Unreadable(f"attribute {name} is no whole number")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """A float."""
        value = self.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Unreadable(f"attribute {name} is no number")
        return float(value)

    def word(self, name: str, default: str = "") -> str:
        """A string."""
        value = self.get(name, default)
        if not isinstance(value, str):
            raise Unreadable(f"attribute {name} is no word")
        return value

    def integers(self, name: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """A list of whole numbers."""
        value = self.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, list):
            raise Unreadable(f"attribute {name} is no list")
        found = [item for item in value if isinstance(item, int) and not isinstance(item, bool)]
        if len(found) != len(value):
            raise Unreadable(f"attribute {name} holds something that is no whole number")
        return tuple(found)

    def axis(self, name: str = "axis") -> int:
        """An axis of the first operand, counted from the front."""
        rank = len(self.first)
        axis = self.integer(name)
        axis += rank if axis < 0 else 0
        if not 0 <= axis < rank:
            raise Unreadable(f"attribute {name} is {self.integer(name)} for a tensor of {rank} axes")
        return axis

    @property
    def first(self) -> tuple[int, ...]:
        """Shape of the first operand."""
        if not self.shapes or self.shapes[0] is None:
            raise Unreadable("the first operand is missing")
        return self.shapes[0]

    def forbid(self, *names: str) -> None:
        """Raise where an attribute is set that has no counterpart."""
        for name in names:
            if self.flag(name):
                raise Unreadable(f"attribute {name} is set, which has no counterpart here")


def _fused(read: Read) -> dict[str, Any]:
    return {"do_relu": read.flag("do_relu"), "relu_limit": read.number("relu_limit", -1.0)}


def _window(read: Read, kind: type[v.Conv] | type[v.Deconv]) -> v.Attributes:
    kernel = read.integers("kernel_shape")
    rank = len(kernel)
    extra: dict[str, Any] = {}
    if kind is v.Deconv:
        extra["output_padding"] = read.integers("output_padding", (0,) * rank)
    attributes = kind(
        **_fused(read),
        kernel_shape=kernel,
        strides=read.integers("strides", (1,) * rank),
        pads=read.integers("pads", (0,) * 2 * rank),
        dilations=read.integers("dilations", (1,) * rank),
        group=read.integer("group", 1),
        **extra,
    )
    sizes = (len(attributes.strides), len(attributes.pads), len(attributes.dilations))
    if not 1 <= rank <= 3 or sizes != (rank, 2 * rank, rank) or len(read.first) != rank + 2:
        raise Unreadable("kernel, strides, pads and dilations do not fit each other")
    if min(*attributes.strides, *attributes.dilations, attributes.group) < 1:
        raise Unreadable("strides, dilations and group must be 1 or more")
    return attributes


def _pool(read: Read, kind: type[v.MaxPool] | type[v.AvgPool]) -> v.Attributes:
    kernel = read.integers("kernel_shape")
    rank = len(kernel)
    if not 1 <= rank <= 3 or len(read.first) != rank + 2:
        raise Unreadable("the kernel does not fit the operand")
    extra: dict[str, Any] = {}
    if kind is v.AvgPool:
        extra["count_include_pad"] = read.flag("count_include_pad")
        extra["keepdims"] = read.get("keepdims", True) is True
    pads = read.integers("pads", (0,) * 2 * rank)
    strides = read.integers("strides", (1,) * rank)
    if len(pads) != 2 * rank or len(strides) != rank or min(*strides, *kernel) < 1:
        raise Unreadable("kernel, strides and pads do not fit each other")
    return kind(**_fused(read), kernel_shape=kernel, strides=strides, pads=pads, **extra)


def _matmul(read: Read) -> v.Attributes:
    read.forbid("hdim_is_batch", "output_transpose")
    return v.MatMul(
        **_fused(read),
        left_transpose=read.flag("left_transpose"),
        right_transpose=read.flag("right_transpose"),
    )


def _add(read: Read) -> v.Attributes:
    value = read.get("coeff")
    listed = value if isinstance(value, list) else []
    coeff = [float(item) for item in listed if isinstance(item, int | float)]
    return v.Add(**_fused(read), coeff=tuple(coeff) if any(item != 1 for item in coeff) else ())


def _slice(read: Read) -> v.Attributes:
    offset, steps, ends = read.integers("offset"), read.integers("steps"), read.integers("ends")
    shape = read.first
    if not len(offset) == len(steps) == len(ends) == len(shape) or 0 in steps:
        raise Unreadable("offset, ends and steps do not fit the operand")
    starts = [o + n if o < 0 else o for o, n in zip(offset, shape, strict=True)]
    found: list[int] = []
    for start, step, size in zip(starts, steps, read.output, strict=True):
        found.append(start + (size - 1) * step + (1 if step > 0 else -1))
    return v.Slice(offset=tuple(starts), ends=tuple(found), steps=steps)


def _pad(read: Read) -> v.Attributes:
    pads, mode = read.integers("paddings"), read.word("mode", "constant")
    if len(pads) != 2 * len(read.first) or mode not in ("constant", "reflect", "edge"):
        raise Unreadable(f"its padding of mode {mode} is outside what can be read")
    return v.Pad(pads=pads, mode=mode, value=read.number("val", 0.0))


def _permute(read: Read) -> v.Attributes:
    order = read.integers("order")
    if sorted(order) != list(range(len(read.first))):
        raise Unreadable("order is no permutation of the operand's axes")
    return v.Permute(order)


def _depth(read: Read) -> v.Attributes:
    read.forbid("swap_cr")
    if not all(read.get(name, True) is True for name in ("in_is_NCHW", "out_is_NCHW")):
        raise Unreadable("it moves channels last, which has no counterpart here")
    return v.Depth2Space(
        block_h=read.integer("block_h"),
        block_w=read.integer("block_w"),
        is_crd=read.flag("is_CRD"),
        is_inversed=read.flag("is_inversed"),
    )


def _interp(read: Read) -> v.Attributes:
    mode, rank = read.word("mode"), len(read.first)
    if mode not in ("linear", "nearest", "cubic"):
        raise Unreadable(f"its mode is {mode}")
    scales = (*(1.0,) * (rank - 2), read.number("scale_h"), read.number("scale_w"))[-rank:]
    if any(scale <= 0 for scale in scales):
        scales = ()
    sides = zip(read.first, scales, read.output, strict=False)
    if any(abs(size * scale - result) > 1 for size, scale, result in sides):
        raise Unreadable("its scales do not fit its result")
    coordinates = read.word("coord_mode", "half_pixel")
    return v.Interp(sizes=read.output, scales=scales, mode=mode, coord_mode=coordinates)


def _sigmoid(read: Read) -> v.Attributes:
    if read.number("scale", 1.0) != 1 or read.number("bias", 0.0) != 0:
        raise Unreadable("its scale and bias have no counterpart here")
    return v.Sigmoid(log=read.flag("log"))


def _softmax(read: Read) -> v.Attributes:
    if read.number("beta", 1.0) != 1:
        raise Unreadable("its beta has no counterpart here")
    return v.Softmax(axis=read.axis(), log=read.flag("log"))


def _concat(read: Read) -> v.Attributes:
    return v.Concat(**_fused(read), axis=read.axis())


def _axes(read: Read, rank: int) -> tuple[int, ...]:
    axes = read.integers("axes")
    found = tuple(axis + rank if axis < 0 else axis for axis in axes)
    if any(not 0 <= axis < rank for axis in found):
        raise Unreadable(f"axes {list(axes)} are outside its {rank} axes")
    return found


def _reduce(read: Read) -> v.Attributes:
    axes = _axes(read, len(read.first))
    return v.Reduce(axes=axes, keepdims=read.flag("keepdims"), mode=read.word("mode"))


def _plain(kind: type[v.Attributes]) -> Callable[[Read], v.Attributes]:
    """A class whose fields stand in the text under their own names, missing ones with their default."""

    def make(read: Read) -> v.Attributes:
        values: dict[str, Any] = {}
        for item in fields(kind):
            default = item.default
            if isinstance(default, bool):
                values[item.name] = read.flag(item.name)
            elif isinstance(default, int):
                values[item.name] = read.integer(item.name, default)
            elif isinstance(default, float):
                values[item.name] = read.number(item.name, default)
        return kind(**values)

    return make


_PLAIN = (
    v.Scale, v.Sub, v.Mul, v.Div, v.Max, v.Min, v.AddConst, v.SubConst, v.MulConst, v.MaxConst, v.MinConst,
    v.Clip, v.Relu, v.LeakyRelu, v.PRelu, v.Elu, v.HardSigmoid, v.Reciprocal, v.GELU, v.Tanh, v.Exp, v.Log,
    v.Sqrt, v.Abs, v.Floor, v.Cos, v.Sin, v.Erf, v.SiLU, v.HardSwish, v.Mish, v.Softplus, v.Softsign,
    v.InstanceNorm, v.LRN, v.Upsample, v.Where, v.Pow,
)  # fmt: skip

READERS: Mapping[str, Callable[[Read], v.Attributes]] = {
    **{f"top.{kind.__name__}": _plain(kind) for kind in _PLAIN},
    "top.Conv": lambda read: _window(read, v.Conv),
    "top.Deconv": lambda read: _window(read, v.Deconv),
    "top.MatMul": _matmul,
    "top.Add": _add,
    "top.MaxPool": lambda read: _pool(read, v.MaxPool),
    "top.AvgPool": lambda read: _pool(read, v.AvgPool),
    "top.Slice": _slice,
    "top.Pad": _pad,
    "top.Permute": _permute,
    "top.Depth2Space": _depth,
    "top.Interp": _interp,
    "top.Sigmoid": _sigmoid,
    "top.Softmax": _softmax,
    "top.Concat": _concat,
    "top.Reduce": _reduce,
    "top.Reshape": lambda read: v.Reshape(read.output),
    "top.Squeeze": lambda read: v.Squeeze(_axes(read, len(read.first))),
    "top.Unsqueeze": lambda read: v.Unsqueeze(_axes(read, len(read.output))),
    "top.Tile": lambda read: v.Tile(read.integers("tile")),
    "top.LayerNorm": lambda read: v.LayerNorm(axis=read.axis(), eps=read.number("eps")),
    "top.Compare": lambda read: v.Compare(read.word("mode")),
}
"""Reader of each operation's attributes, by printed name."""

OPERANDS: Mapping[str, int] = {
    "top.Slice": 1, "top.Interp": 1, "top.Reduce": 1, "top.Reshape": 1, "top.Pad": 1, "top.Tile": 1,
    "top.Unsqueeze": 1, "top.Squeeze": 1, "top.LRN": 1, "top.MatMul": 3, "top.Conv": 3, "top.Deconv": 3,
    "top.Softmax": 1, "top.Permute": 1,
}  # fmt: skip
"""How many operands mean something to us; the others hold shapes that are attributes here."""


def element_type(found: Type) -> str:
    """The numpy name of a printed element type; every float is float32 here."""
    names = {"i1": "bool", "ui8": "uint8", **dict.fromkeys(("f32", "f16", "bf16"), "float32")}
    if found.element.startswith("!quant.calibrated"):
        return "float32"
    names.update({f"{sign}{bits}": f"int{bits}" for sign in ("si", "i") for bits in (8, 16, 32, 64)})
    if found.element not in names:
        raise Unreadable(f"its element type is {found.element[:40]}")
    return names[found.element]
