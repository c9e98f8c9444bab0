"""Conv, ConvTranspose, Gemm, MatMul, BatchNormalization."""

from collections.abc import Callable, Mapping

import numpy as np

from ..nodes import Node, OutsideVocabularyError
from ..vocabulary import Add, AddConst, Conv, Deconv, MatMul, MulConst, Permute, Scale
from .windows import auto_pads, spread

Array = np.ndarray


def conv(node: Node) -> None:
    """Conv with constant filter and bias; auto_pad becomes pads."""
    weight = node.constant(1)
    node.constant(2)
    if weight is None:
        raise OutsideVocabularyError("no filter")
    rank = weight.ndim - 2
    kernel = tuple(weight.shape[2:])
    strides, dilations = spread(node.integers("strides"), rank), spread(node.integers("dilations"), rank)
    pads = auto_pads(node, node.shape(0)[2:], kernel, strides, dilations)
    group = node.integer("group", 1)
    attributes = Conv(kernel_shape=kernel, strides=strides, pads=pads, dilations=dilations, group=group)
    node.draft.add(attributes, [node.input(0), node.input(1), node.input(2)], node.output)


def conv_transpose(node: Node) -> None:
    """ConvTranspose; the filter is stored output channel first, output_shape becomes pads."""
    weight = node.constant(1)
    node.constant(2)
    if weight is None:
        raise OutsideVocabularyError("no filter")
    rank = weight.ndim - 2
    kernel, group = tuple(weight.shape[2:]), node.integer("group", 1)
    strides, dilations = spread(node.integers("strides"), rank), spread(node.integers("dilations"), rank)
    extra = node.integers("output_padding") or (0,) * rank
    pads = _transpose_pads(node, kernel, strides, dilations, extra)
    draft = node.draft
    filters = weight.reshape(group, weight.shape[0] // group, *weight.shape[1:]).swapaxes(1, 2)
    filters = np.ascontiguousarray(filters.reshape(-1, weight.shape[0] // group, *kernel))
    name = draft.new_weight(node.input(1) + "_transposed", filters)
    attributes = Deconv(
        kernel_shape=kernel,
        strides=strides,
        pads=pads,
        dilations=dilations,
        output_padding=extra,
        group=group,
    )
    draft.add(attributes, [node.input(0), name, node.input(2)], node.output)


def _transpose_pads(
    node: Node,
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    extra: tuple[int, ...],
) -> tuple[int, ...]:
    """Pads of the result; where output_shape or auto_pad is given they follow from the result's size."""
    rank, mode = len(kernel), node.text("auto_pad", "NOTSET")
    if mode == "VALID" or (mode == "NOTSET" and not node.has("output_shape")):
        return node.integers("pads") or (0,) * (2 * rank)
    sizes, outputs = node.shape(0)[2:], node.output_shape[2:]
    begins: list[int] = []
    ends: list[int] = []
    for axis in range(rank):
        full = strides[axis] * (sizes[axis] - 1) + extra[axis] + (kernel[axis] - 1) * dilations[axis] + 1
        total = full - outputs[axis]
        if total < 0:
            raise OutsideVocabularyError("output_shape larger than the full result")
        small, large = total // 2, total - total // 2
        begins.append(small if mode == "SAME_UPPER" else large)
        ends.append(large if mode == "SAME_UPPER" else small)
    return (*begins, *ends)


def gemm(node: Node) -> None:
    """Alpha * A' B' + beta * C. Factors go into weights where there are any, transposed weights end in _fix."""
    draft, out = node.draft, node.output
    alpha, beta = node.real("alpha", 1.0), node.real("beta", 1.0)
    label = f"{out}_Gemm"
    left, left_transpose = node.input(0), bool(node.integer("transA", 0))
    if draft.constant(left) is None and left_transpose:
        left = _transposed(node, left, f"{label}_transposed")
        left_transpose = False
    right, right_transpose = node.input(1), bool(node.integer("transB", 0))
    scale, weight = alpha, draft.constant(right)
    if weight is not None:
        fixed = np.ascontiguousarray(weight.T if right_transpose else weight)
        if alpha != 1.0:
            fixed, scale = (fixed * np.float32(alpha)).astype(np.float32), 1.0
        right = draft.new_weight(right + "_fix", fixed) if fixed is not weight else right
        right_transpose = False
    bias, rest = _gemm_bias(node, beta)
    fused = bias and scale == 1.0
    attributes = MatMul(left_transpose=left_transpose, right_transpose=right_transpose)
    steps: list[tuple[str, MulConst | Add | AddConst, list[str]]] = []
    if scale != 1.0:
        steps.append(("scaled", MulConst(const_val=scale), []))
    if rest:
        steps.append(
            ("sum", Add(coeff=() if beta == 1.0 or draft.constant(rest) is not None else (1.0, beta)), [rest])
        )
    elif bias and not fused:
        steps.append(("sum", Add(), [bias]))
    current = out if not steps else draft.new_tensor(f"{label}_matmul", node.output_shape)
    draft.add(attributes, [left, right, bias if fused else ""], current)
    for index, (name, step, others) in enumerate(steps):
        last = index == len(steps) - 1
        target = out if last else draft.new_tensor(f"{label}_{name}", node.output_shape)
        draft.add(step, [current, *others], target)
        current = target


def _gemm_bias(node: Node, beta: float) -> tuple[str, str]:
    """(vector over the columns, "") or ("", any other C); beta is in a constant already."""
    name = node.input(2)
    if not name or beta == 0.0:
        return "", ""
    draft = node.draft
    value, columns = draft.constant(name), node.output_shape[1]
    if value is None:
        return "", name
    scaled = value if beta == 1.0 else (value * np.float32(beta)).astype(np.float32)
    row = scaled.ndim < 2 or scaled.shape[0] == 1
    if row:
        scaled = np.broadcast_to(scaled.reshape(-1), (columns,)) if scaled.size == 1 else scaled.reshape(-1)
        scaled = np.ascontiguousarray(scaled)
    same = scaled.shape == value.shape and beta == 1.0
    kept = name if same else draft.new_weight(name + "_fix", scaled)
    return (kept, "") if row else ("", kept)


def _transposed(node: Node, name: str, label: str) -> str:
    draft = node.draft
    shape = draft.shape(name)
    turned = draft.new_tensor(label, shape[::-1])
    draft.add(Permute(order=(1, 0)), [name], turned)
    return turned


def matmul(node: Node) -> None:
    """Numpy's matmul of two tensors or of a tensor and a weight."""
    ranks = len(node.shape(0)), len(node.shape(1))
    if min(ranks) < 2:
        raise OutsideVocabularyError("vectors")
    node.draft.add(MatMul(), [node.input(0), node.input(1), ""], node.output)


def batch_normalization(node: Node) -> None:
    """Inference form only: y = x * scale + bias along axis 1."""
    if node.integer("training_mode", 0) or len([name for name in node.proto.output if name]) > 1:
        raise OutsideVocabularyError("training")
    gamma, beta, mean, variance = (node.constant(index) for index in range(1, 5))
    if gamma is None or beta is None or mean is None or variance is None or len(node.shape(0)) < 2:
        raise OutsideVocabularyError("parameters")
    deviation = np.sqrt(variance + np.float32(node.real("epsilon", 1e-5)))
    scale = gamma / deviation  # all in float32, as the original's converter: weights equal its to the bit
    draft, name = node.draft, f"{node.output}_BatchNormalization"
    weights = [
        draft.new_weight(f"{name}_scale", scale),
        draft.new_weight(f"{name}_bias", beta - mean * scale),
    ]
    draft.normalizations[node.output] = (mean, beta)
    draft.add(Scale(), [node.input(0), *weights], node.output)


IMPORTERS: Mapping[str, Callable[[Node], None]] = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "Gemm": gemm,
    "MatMul": matmul,
    "BatchNormalization": batch_normalization,
}
