"""Layers as users' models have them: odd ranks, broadcasting, constants on either side, repeated operands."""

from collections.abc import Callable, Sequence

import numpy as np
from built_graphs import Build, Shape
from quantdeck.engine.graph import vocabulary as v

Case = Callable[[], Build]
CASES: dict[str, Case] = {}


def one(name: str, attributes: v.Attributes, shape: Shape, out: Shape, *weights: Shape | np.ndarray) -> None:
    """A layer of one activation and constants."""

    def make() -> Build:
        build = Build()
        names = [build.input("x", shape), *(build.weight(weight) for weight in weights)]
        build.layer(attributes, names, out)
        return build

    CASES[name] = make


def two(name: str, attributes: v.Attributes, operands: Sequence[tuple[str, Shape]], out: Shape) -> None:
    """A layer whose operands are inputs ("x", "y", the same one twice) or constants ("w")."""

    def make() -> Build:
        build, names = Build(), list[str]()
        for kind, shape in operands:
            if kind == "w":
                names.append(build.weight(shape))
            else:
                names.append(kind if kind in build.tensors else build.input(kind, shape))
        build.layer(attributes, names, out)
        return build

    CASES[name] = make


PAIRS: list[tuple[Shape, Shape]] = [
    ((2, 3, 4, 5), (1, 3, 1, 1)), ((2, 3, 4, 5), (5,)), ((2, 3, 4, 5), ()), ((1, 2, 3, 4, 5), (3, 1, 5)),
    ((7,), (7,)), ((4, 1), (1, 5)), ((5,), (2, 3, 5)),
]  # fmt: skip
for left, right in PAIRS:
    result = np.broadcast_shapes(left, right)
    for attributes in (v.Add(), v.Sub(), v.Mul(), v.Div(), v.Max(), v.Add(do_relu=True)):
        label = f"{attributes.op}{' relu' if getattr(attributes, 'do_relu', False) else ''} {left} {right}"
        two(f"{label} two", attributes, [("x", left), ("y", right)], result)
        two(f"{label} constant right", attributes, [("x", left), ("w", right)], result)
        two(f"{label} constant left", attributes, [("w", left), ("x", right)], result)

S = (2, 3, 4, 5)
two("add of three, one twice", v.Add(), [("x", S), ("y", S), ("x", S)], S)
two("x + x", v.Add(), [("x", S), ("x", S)], S)
two("x * x", v.Mul(), [("x", S), ("x", S)], S)
two("product of three", v.Mul(), [("x", S), ("y", S), ("x", S)], S)
two("add with coefficients", v.Add(coeff=(2.0, -0.5)), [("x", S), ("y", S)], S)
two("max of x and x", v.Max(), [("x", S), ("x", S)], S)

conv_1d = v.Conv(kernel_shape=(3,), strides=(2,), pads=(1, 1), dilations=(1,))
one("conv 1-D", conv_1d, (2, 4, 9), (2, 6, 5), (6, 4, 3), (6,))
conv_2d = v.Conv(kernel_shape=(3, 2), strides=(2, 1), pads=(1, 0, 2, 1), dilations=(1, 2), group=2)
one("conv 2-D uneven", conv_2d, (2, 4, 9, 8), (2, 6, 5, 7), (6, 2, 3, 2), (6,))
conv_3d = v.Conv(kernel_shape=(3, 3, 3), strides=(1, 1, 1), pads=(1,) * 6, dilations=(1, 1, 1))
one("conv 3-D", conv_3d, (1, 4, 5, 6, 7), (1, 6, 5, 6, 7), (6, 4, 3, 3, 3))
one("conv without negative weight", v.Conv(), (1, 4, 5, 6), (1, 6, 5, 6), np.full((6, 4, 1, 1), 0.3))
one("conv of zero weights", v.Conv(), (1, 4, 5, 6), (1, 6, 5, 6), np.zeros((6, 4, 1, 1)), np.ones(6))
two("conv with a computed filter", v.Conv(), [("x", (1, 4, 5, 5)), ("y", (6, 4, 1, 1))], (1, 6, 5, 5))
two(
    "conv with a computed bias",
    v.Conv(),
    [("x", (1, 4, 5, 5)), ("w", (6, 4, 1, 1)), ("y", (6,))],
    (1, 6, 5, 5),
)
deconv_1d = v.Deconv(kernel_shape=(3,), strides=(2,), pads=(1, 1), dilations=(1,), output_padding=(1,))
one("deconv 1-D", deconv_1d, (1, 4, 5), (1, 6, 10), (6, 4, 3), (6,))
deconv_2d = v.Deconv(kernel_shape=(3, 3), strides=(2, 2), pads=(1, 1, 1, 1), output_padding=(1, 1), group=2)
one("deconv in groups", deconv_2d, (1, 4, 5, 6), (1, 6, 10, 12), (6, 2, 3, 3), (6,))
one("scale 2-D", v.Scale(), (3, 4), (3, 4), (4,), (4,))
one("scale 5-D", v.Scale(do_relu=True), (3, 4, 2, 2, 2), (3, 4, 2, 2, 2), (4,), (4,))

M = v.MatMul()
two("matmul", M, [("x", (2, 3)), ("w", (3, 4)), ("w", (4,))], (2, 4))
two("matmul, bias of rows", M, [("x", (2, 3)), ("w", (3, 4)), ("w", (2, 1))], (2, 4))
two("matmul, scalar bias", M, [("x", (2, 3)), ("w", (3, 4)), ("w", ())], (2, 4))
two("matmul, computed bias", M, [("x", (2, 3)), ("w", (3, 4)), ("y", (4,))], (2, 4))
two("matmul, stacked constant", M, [("x", (5, 2, 3)), ("w", (5, 3, 4))], (5, 2, 4))
two("matmul, stacked", M, [("x", (2, 3)), ("y", (5, 3, 4))], (5, 2, 4))
two("matmul, constant left", M, [("w", (2, 3)), ("x", (5, 3, 4))], (5, 2, 4))
two("matmul, vectors", M, [("x", (3,)), ("y", (3, 4))], (4,))
two("matmul, x @ x", M, [("x", (3, 3)), ("x", (3, 3))], (3, 3))
turned = v.MatMul(left_transpose=True, right_transpose=True, do_relu=True)
two("matmul, both turned", turned, [("x", (6, 2, 3, 2)), ("y", (1, 2, 4, 3))], (6, 2, 2, 4))
two("matmul, 5-D", M, [("x", (1, 2, 2, 2, 3)), ("w", (3, 4))], (1, 2, 2, 2, 4))

two("concat of one tensor twice", v.Concat(axis=0), [("x", (3,)), ("x", (3,))], (6,))
two("concat with a constant", v.Concat(axis=0), [("x", (2, 3)), ("w", (1, 3))], (3, 3))
two("concat with relu", v.Concat(axis=1, do_relu=True), [("x", (2, 3)), ("y", (2, 1))], (2, 4))
for shape, axis in [
    ((2, 5), 1),
    ((2, 5), 0),
    ((2, 5, 3), 2),
    ((5,), 0),
    ((2, 3, 4, 5), 1),
    ((2, 3, 4, 5), 3),
]:
    one(f"softmax {shape} {axis}", v.Softmax(axis=axis), shape, shape)
one("log softmax", v.Softmax(axis=1, log=True), (2, 5), (2, 5))
for mode in ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2"):
    one(f"{mode} of one axis", v.Reduce(axes=(1,), keepdims=False, mode=mode), (2, 3, 4), (2, 4))
    one(f"{mode} of two axes", v.Reduce(axes=(3, 1), mode=mode), (2, 3, 4, 5), (2, 1, 4, 1))
    one(f"{mode} of all", v.Reduce(axes=(0, 1, 2), keepdims=False, mode=mode), (2, 3, 4), ())
for mode in ("constant", "reflect", "edge"):
    one(f"pad {mode}", v.Pad(pads=(0, 1, 2, 0, 0, 1), mode=mode, value=0.3), (2, 3, 4), (2, 4, 7))
one("slice backwards", v.Slice((3, 5), (-1, 0), (-1, -2)), (4, 6), (4, 3))
one("slice 5-D", v.Slice((0, 0, 1, 0, 1), (1, 2, 3, 4, 5), (1, 1, 1, 2, 2)), (1, 2, 3, 4, 5), (1, 2, 2, 2, 2))
one("tile", v.Tile((1, 2, 2)), (2, 1, 3), (2, 2, 6))
one("permute 5-D", v.Permute((4, 2, 0, 1, 3)), (1, 2, 3, 4, 5), (5, 3, 1, 2, 4))
one("reshape to a scalar", v.Reshape(()), (1, 1), ())
one("unsqueeze", v.Unsqueeze((0, 3)), (2, 4), (1, 2, 4, 1))
one("upsample with relu", v.Upsample(scale_h=2, scale_w=3, do_relu=True), (1, 2, 3, 4), (1, 2, 6, 12))
one("depth to space", v.Depth2Space(), (1, 8, 3, 4), (1, 2, 6, 8))
one("average 1-D", v.AvgPool(kernel_shape=(3,), strides=(2,), pads=(1, 1)), (1, 2, 9), (1, 2, 5))
average_3d = v.AvgPool(kernel_shape=(2, 2, 2), strides=(2, 1, 2), pads=(0,) * 6, count_include_pad=True)
one("average 3-D", average_3d, (1, 2, 4, 5, 6), (1, 2, 2, 4, 3))
hanging = v.AvgPool(kernel_shape=(3, 3), strides=(2, 2), overhang=(1, 0), do_relu=True)
one("average beyond the end", hanging, (1, 2, 4, 5), (1, 2, 2, 2))
one("average without axes", v.AvgPool(kernel_shape=(4, 4), keepdims=False), (1, 2, 4, 4), (1, 2))
one("max 1-D", v.MaxPool(kernel_shape=(3,), strides=(2,), pads=(1, 1), do_relu=True), (1, 2, 9), (1, 2, 5))
one(
    "max 3-D",
    v.MaxPool(kernel_shape=(2,) * 3, strides=(2, 1, 2), pads=(0,) * 6),
    (1, 2, 4, 5, 6),
    (1, 2, 2, 4, 3),
)
ACTIVATIONS: list[v.Attributes] = [
    v.MulConst(const_val=-2.0), v.MulConst(const_val=0.0), v.AddConst(const_val=-3, do_relu=True),
    v.AddConst(const_val=1e-9), v.SubConst(const_val=2.0), v.SubConst(const_val=2.0, is_reverse=True),
    v.MaxConst(const_val=0.3), v.MinConst(const_val=0.3), v.Clip(min=-1, max=0.5), v.Relu(), v.LeakyRelu(),
    v.LeakyRelu(alpha=-0.5), v.Abs(), v.Elu(), v.HardSigmoid(), v.Sigmoid(), v.Sigmoid(log=True),
    v.Reciprocal(), v.GELU(), v.GELU(approximate="tanh"), v.Tanh(), v.Exp(), v.Floor(), v.Cos(), v.Sin(),
    v.Erf(),
    v.SiLU(), v.HardSwish(), v.Mish(), v.Softplus(), v.Softsign(), v.Pow(exponent=2.0),
]  # fmt: skip
for attributes in ACTIVATIONS:
    one(f"{attributes}", attributes, (2, 3, 4), (2, 3, 4))
for slopes in ((1, 3, 1, 1), (1,), ()):
    one(f"prelu {slopes}", v.PRelu(), S, S, slopes)
one("prelu of zero slopes", v.PRelu(), (2, 3), (2, 3), np.zeros((1, 3)))
two("prelu with computed slopes", v.PRelu(), [("x", (2, 3)), ("y", (2, 3))], (2, 3))
one("layer norm", v.LayerNorm(axis=1), (2, 3, 8), (2, 3, 8), (3, 8), (3, 8))
one("instance norm", v.InstanceNorm(), (2, 3, 8, 8), (2, 3, 8, 8), (3,), (3,))
one("lrn", v.LRN(), (2, 3, 8, 8), (2, 3, 8, 8))
for mode, coordinates in [("linear", "half_pixel"), ("linear", "align_corners"), ("nearest", "asymmetric")]:
    attributes = v.Interp(sizes=(1, 2, 5, 7), mode=mode, coord_mode=coordinates)
    one(f"resize {mode} {coordinates}", attributes, (1, 2, 3, 4), (1, 2, 5, 7))


def _where() -> Build:
    build = Build()
    x, y = build.input("x", (2, 3)), build.input("y", (2, 3))
    condition = build.layer(v.Compare(mode="Greater"), [x, y], (2, 3), "bool")
    turned = build.layer(v.Permute((1, 0)), [condition], (3, 2), "bool")
    back = build.layer(v.Reshape((2, 3)), [turned], (2, 3), "bool")
    build.layer(v.Relu(), [build.layer(v.Where(), [back, x, build.weight(())], (2, 3))], (2, 3))
    return build


CASES["where of a moved condition"] = _where
