"""The order in which the rules run."""

from collections.abc import Callable

from ..draft import Draft, DraftLayer
from . import attention, duplicates, gates, linear, movers, norms, relu

Rule = Callable[[Draft, DraftLayer], bool]

# First what a general simplifier does to the ONNX graph, then what the compiler does to its own.
PHASES: tuple[tuple[Rule, ...], ...] = (
    (duplicates.drop_neutral,),
    (linear.batch_norm_into_conv, linear.bias_into_conv),
    (gates.hard_sigmoid, gates.hard_swish, gates.gelu, norms.layer_norm),
    (
        linear.merge_scales,
        linear.bias_into_matmul,
        gates.silu,
        movers.pad_into_window,
        attention.permute_behind_slices,
    ),
    (linear.factor_into_conv, movers.slice_into_conv),
    (relu.fuse, relu.ahead_of_concat),
    (linear.merge_pointwise,),
)


def convert(draft: Draft) -> None:
    """Apply all rules until none finds anything."""
    duplicates.merge(draft)
    for phase in PHASES:
        for rule in phase:
            while _sweep(draft, rule):
                pass
    duplicates.merge(draft)


def _sweep(draft: Draft, rule: Rule) -> bool:
    changed = False
    for layer in list(draft.layers):
        if draft.producer(layer.output) is layer:  # not taken out by an earlier match
            changed |= rule(draft, layer)
    return changed
