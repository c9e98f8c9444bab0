"""The layers that a Graph is made of: one typed attribute class an op.

Names and meanings are those of TPU-MLIR's Top dialect (spec A.12 and C).

Inputs are listed per class in the order of ``Layer.inputs``; "w" marks one that may be, or always is, a
weight, "?" one that may be absent (""). Shapes are NCHW, with any number of spatial axes (1 to 3) where the
class says N-d. ``do_relu`` is a fused ReLU with ``relu_limit`` > 0 as upper bound, -1 for none.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attributes:
    """Base class; ``op`` is the class's name."""

    @property
    def op(self) -> str:
        """The op type."""
        return type(self).__name__


@dataclass(frozen=True, slots=True)
class Fusable(Attributes):
    """Attributes of an op that can carry a ReLU."""

    do_relu: bool = False
    relu_limit: float = -1.0


# ---------------------------------------------------------------- products with weights


@dataclass(frozen=True, slots=True)
class Conv(Fusable):
    """x, w filter (O, I/group, k...), w bias? (O). N-d. pads: begins then ends."""

    kernel_shape: tuple[int, ...] = (1, 1)
    strides: tuple[int, ...] = (1, 1)
    pads: tuple[int, ...] = (0, 0, 0, 0)
    dilations: tuple[int, ...] = (1, 1)
    group: int = 1


@dataclass(frozen=True, slots=True)
class Deconv(Fusable):
    """x, w filter (O, I/group, k...), w bias? (O). Transposed convolution, N-d.

    The filter is stored output channel first (ONNX stores I, O/group).
    """

    kernel_shape: tuple[int, ...] = (1, 1)
    strides: tuple[int, ...] = (1, 1)
    pads: tuple[int, ...] = (0, 0, 0, 0)
    dilations: tuple[int, ...] = (1, 1)
    output_padding: tuple[int, ...] = (0, 0)
    group: int = 1


@dataclass(frozen=True, slots=True)
class MatMul(Fusable):
    """left (w), right (w), w bias? (broadcast over the last axis). numpy's matmul with optional transposes."""

    left_transpose: bool = False
    right_transpose: bool = False


@dataclass(frozen=True, slots=True)
class Scale(Fusable):
    """x, w scale (C elements), w bias (C elements): y = x * scale + bias along axis 1."""


# ---------------------------------------------------------------- element-wise


@dataclass(frozen=True, slots=True)
class Add(Fusable):
    """Two or more inputs (w), numpy broadcasting. ``coeff`` multiplies each input; empty means 1."""

    coeff: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Sub(Fusable):
    """left (w) - right (w)."""


@dataclass(frozen=True, slots=True)
class Mul(Fusable):
    """Two or more inputs (w), numpy broadcasting."""


@dataclass(frozen=True, slots=True)
class Div(Fusable):
    """left (w) / right (w)."""


@dataclass(frozen=True, slots=True)
class Max(Attributes):
    """Two or more inputs (w)."""


@dataclass(frozen=True, slots=True)
class Min(Attributes):
    """Two or more inputs (w)."""


@dataclass(frozen=True, slots=True)
class AddConst(Fusable):
    """x + const_val."""

    const_val: float = 0.0


@dataclass(frozen=True, slots=True)
class SubConst(Fusable):
    """x - const_val, or const_val - x where is_reverse."""

    const_val: float = 0.0
    is_reverse: bool = False


@dataclass(frozen=True, slots=True)
class MulConst(Fusable):
    """x * const_val."""

    const_val: float = 1.0


@dataclass(frozen=True, slots=True)
class MaxConst(Attributes):
    """max(x, const_val)."""

    const_val: float = 0.0


@dataclass(frozen=True, slots=True)
class MinConst(Attributes):
    """min(x, const_val)."""

    const_val: float = 0.0


@dataclass(frozen=True, slots=True)
class Compare(Attributes):
    """left (w), right (w); mode is Equal, Greater, GreaterOrEqual, Less, LessOrEqual, And, Or, Xor. Boolean."""

    mode: str = "Equal"


@dataclass(frozen=True, slots=True)
class Where(Attributes):
    """condition (w), value where true (w), value where false (w)."""


@dataclass(frozen=True, slots=True)
class Clip(Attributes):
    """min(max(x, min), max)."""

    min: float = 0.0
    max: float = 0.0


@dataclass(frozen=True, slots=True)
class Relu(Attributes):
    """max(x, 0), and min with relu_limit where that is > 0."""

    relu_limit: float = -1.0


@dataclass(frozen=True, slots=True)
class LeakyRelu(Attributes):
    """x >= 0: x, else alpha * x."""

    alpha: float = 0.01


@dataclass(frozen=True, slots=True)
class PRelu(Attributes):
    """x, w slope (broadcast along axis 1: shape 1,C,1,1 or one element)."""


@dataclass(frozen=True, slots=True)
class Pow(Attributes):
    """x ** exponent."""

    exponent: float = 1.0


@dataclass(frozen=True, slots=True)
class Elu(Attributes):
    """x > 0: x, else alpha * (exp(x) - 1)."""

    alpha: float = 1.0


@dataclass(frozen=True, slots=True)
class HardSigmoid(Attributes):
    """max(0, min(1, alpha * x + beta))."""

    alpha: float = 0.2
    beta: float = 0.5


@dataclass(frozen=True, slots=True)
class Sigmoid(Attributes):
    """1 / (1 + exp(-x)), or its logarithm where log."""

    log: bool = False


@dataclass(frozen=True, slots=True)
class Reciprocal(Attributes):
    """const_val / x."""

    const_val: float = 1.0


@dataclass(frozen=True, slots=True)
class GELU(Attributes):
    """0.5 x (1 + erf(x / sqrt 2)), or the tanh form where approximate is "tanh"."""

    approximate: str = "none"


@dataclass(frozen=True, slots=True)
class Tanh(Attributes):
    """tanh(x)."""


@dataclass(frozen=True, slots=True)
class Exp(Attributes):
    """exp(x)."""


@dataclass(frozen=True, slots=True)
class Log(Attributes):
    """ln(x)."""


@dataclass(frozen=True, slots=True)
class Sqrt(Attributes):
    """sqrt(x)."""


@dataclass(frozen=True, slots=True)
class Abs(Attributes):
    """|x|."""


@dataclass(frozen=True, slots=True)
class Floor(Attributes):
    """floor(x)."""


@dataclass(frozen=True, slots=True)
class Cos(Attributes):
    """cos(x)."""


@dataclass(frozen=True, slots=True)
class Sin(Attributes):
    """sin(x)."""


@dataclass(frozen=True, slots=True)
class Erf(Attributes):
    """erf(x)."""


@dataclass(frozen=True, slots=True)
class SiLU(Attributes):
    """x * sigmoid(x)."""


@dataclass(frozen=True, slots=True)
class HardSwish(Attributes):
    """x * max(0, min(1, x / 6 + 0.5))."""


@dataclass(frozen=True, slots=True)
class Mish(Attributes):
    """x * tanh(ln(1 + exp(x)))."""


@dataclass(frozen=True, slots=True)
class Softplus(Attributes):
    """ln(1 + exp(x))."""


@dataclass(frozen=True, slots=True)
class Softsign(Attributes):
    """x / (1 + |x|)."""


# ---------------------------------------------------------------- pooling, reduction, normalisation


@dataclass(frozen=True, slots=True)
class MaxPool(Fusable):
    """x. N-d. Padding never wins. ceil_mode is already in pads."""

    kernel_shape: tuple[int, ...] = (1, 1)
    strides: tuple[int, ...] = (1, 1)
    pads: tuple[int, ...] = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class AvgPool(Fusable):
    """x. N-d.

    The divisor counts the window's elements inside the picture, or inside picture and pads where
    count_include_pad. ``overhang`` holds the extra elements per spatial axis at the end that a ceil_mode
    window may touch beyond ``pads``; they never count.
    """

    kernel_shape: tuple[int, ...] = (1, 1)
    strides: tuple[int, ...] = (1, 1)
    pads: tuple[int, ...] = (0, 0, 0, 0)
    overhang: tuple[int, ...] = ()
    count_include_pad: bool = False
    keepdims: bool = True


@dataclass(frozen=True, slots=True)
class Reduce(Attributes):
    """x. mode is ReduceMean, ReduceSum, ReduceMax, ReduceMin, ReduceL1, ReduceL2 or ReduceProd."""

    axes: tuple[int, ...] = ()
    keepdims: bool = True
    mode: str = "ReduceMean"


@dataclass(frozen=True, slots=True)
class Softmax(Attributes):
    """x. exp(x - max) / sum along ``axis`` (never negative); its logarithm where log."""

    axis: int = 1
    log: bool = False


@dataclass(frozen=True, slots=True)
class LayerNorm(Attributes):
    """x, w weight?, w bias?: normalised over the axes from ``axis`` on (never negative)."""

    axis: int = 1
    eps: float = 1e-5


@dataclass(frozen=True, slots=True)
class InstanceNorm(Attributes):
    """x, w weight (C), w bias (C): normalised over the spatial axes."""

    eps: float = 1e-5


@dataclass(frozen=True, slots=True)
class LRN(Attributes):
    """x / (bias + alpha / size * sum of squares over ``size`` neighbouring channels) ** beta."""

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    bias: float = 1.0


# ---------------------------------------------------------------- movers


@dataclass(frozen=True, slots=True)
class Concat(Fusable):
    """One or more inputs (w) along ``axis`` (never negative)."""

    axis: int = 1


@dataclass(frozen=True, slots=True)
class Slice(Attributes):
    """x. offset, ends and steps for every axis of x; a negative step runs downwards.

    ends are exclusive and clipped; -1 with a negative step stands for "before the first".
    """

    offset: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()
    steps: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Permute(Attributes):
    """x. numpy's transpose."""

    order: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Reshape(Attributes):
    """x. shape holds no 0 and no -1."""

    shape: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Squeeze(Attributes):
    """x. axes are never negative."""

    axes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Unsqueeze(Attributes):
    """x. axes of the output, never negative."""

    axes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Tile(Attributes):
    """x. repeats for every axis."""

    repeats: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Pad(Attributes):
    """x. pads: begins of every axis, then ends (none negative). mode is constant, reflect or edge."""

    pads: tuple[int, ...] = ()
    mode: str = "constant"
    value: float = 0.0


@dataclass(frozen=True, slots=True)
class Depth2Space(Attributes):
    """x. Blocks of block_h x block_w; is_crd: column-row-depth order; is_inversed: space to depth."""

    block_h: int = 2
    block_w: int = 2
    is_crd: bool = False
    is_inversed: bool = False


@dataclass(frozen=True, slots=True)
class Upsample(Fusable):
    """x. Nearest neighbour by whole factors (asymmetric, floor)."""

    scale_h: int = 1
    scale_w: int = 1


@dataclass(frozen=True, slots=True)
class Interp(Attributes):
    """x. ONNX Resize in general: attribute values as in ONNX; sizes for every axis of x.

    mode is nearest, linear or cubic; scales are those of the node, () where sizes were given.
    """

    sizes: tuple[int, ...] = ()
    scales: tuple[float, ...] = ()
    mode: str = "nearest"
    coord_mode: str = "half_pixel"
    nearest_mode: str = "round_prefer_floor"
    cubic_coeff_a: float = -0.75
    exclude_outside: bool = False
    extrapolation_value: float = 0.0


# ---------------------------------------------------------------- everything else


@dataclass(frozen=True, slots=True)
class Opaque(Attributes):
    """An ONNX node outside the vocabulary; it stays float.

    ``node`` is the serialized NodeProto, ``opset`` the opset that gives it its meaning. Inputs and outputs
    of the layer stand in the node's order.
    """

    node_type: str = ""
    node: bytes = b""
    opset: int = 0
    domain: str = ""
