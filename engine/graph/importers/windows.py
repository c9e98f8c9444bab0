"""Sliding windows: pads from auto_pad, and how far a window of ceil_mode reaches beyond them."""

from ..nodes import Node, OutsideVocabularyError


def spread(values: tuple[int, ...] | None, rank: int) -> tuple[int, ...]:
    """Strides or dilations, 1 where they are left out."""
    return values or (1,) * rank


def auto_pads(
    node: Node,
    sizes: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
) -> tuple[int, ...]:
    """Pads (begins, then ends) with auto_pad resolved as ONNX says: SAME gives ceil(size / stride) results."""
    mode, rank = node.text("auto_pad", "NOTSET"), len(kernel)
    if mode in ("NOTSET", ""):
        pads = node.integers("pads") or (0,) * (2 * rank)
        if any(pad < 0 for pad in pads):
            raise OutsideVocabularyError("negative pads")
        return pads
    if mode == "VALID":
        return (0,) * (2 * rank)
    begins: list[int] = []
    ends: list[int] = []
    for size, window, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
        results = -(-size // stride)
        total = max((results - 1) * stride + (window - 1) * dilation + 1 - size, 0)
        small, large = total // 2, total - total // 2
        begins.append(large if mode == "SAME_LOWER" else small)
        ends.append(small if mode == "SAME_LOWER" else large)
    return (*begins, *ends)


def overhang(
    sizes: tuple[int, ...],
    results: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    pads: tuple[int, ...],
) -> tuple[int, ...]:
    """Elements per axis by which the last window reaches beyond picture and end pad."""
    rank = len(kernel)
    return tuple(
        max(
            (results[axis] - 1) * strides[axis]
            + kernel[axis]
            - (sizes[axis] + pads[axis] + pads[rank + axis]),
            0,
        )
        for axis in range(rank)
    )
