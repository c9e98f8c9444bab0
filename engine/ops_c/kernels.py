"""The kernels: typed wrappers that check shapes and types and call C with the interpreter lock released.

Arrays are logical N,C,spatial... with any strides; a 4-D result may be a view of channels-last memory.
A wrong argument ends in a ValueError that names it. :mod:`.reference` holds the numpy twin of every kernel.
"""

from .casts import dequantize, quantize, round_float
from .elementwise import (
    absolute,
    add,
    add_const,
    leaky_relu,
    lookup,
    max_const,
    maximum,
    min_const,
    minimum,
    mul,
    mul_shift,
    prelu,
    relu,
    requant,
    requant_axis,
    scale,
    softmax,
)
from .float_products import float_conv, float_matmul, float_sum
from .levels import features, level, levels, use_level
from .movers import concat, depth_to_space, gather_nearest, pad, tile, upsample
from .params import Moments, Requant
from .passes import above, below, histogram, moments, octav_step, signed_histogram, similarity
from .pooling import avg_pool, max_pool, reduce_max, reduce_min, reduce_sum
from .products import conv, deconv, matmul
from .selftest import self_test

__all__ = [
    "Moments",
    "Requant",
    "above",
    "absolute",
    "add",
    "add_const",
    "avg_pool",
    "below",
    "concat",
    "conv",
    "deconv",
    "depth_to_space",
    "dequantize",
    "features",
    "float_conv",
    "float_matmul",
    "float_sum",
    "gather_nearest",
    "histogram",
    "leaky_relu",
    "level",
    "levels",
    "lookup",
    "matmul",
    "max_const",
    "max_pool",
    "maximum",
    "min_const",
    "minimum",
    "moments",
    "mul",
    "mul_shift",
    "octav_step",
    "pad",
    "prelu",
    "quantize",
    "reduce_max",
    "reduce_min",
    "reduce_sum",
    "relu",
    "requant",
    "requant_axis",
    "round_float",
    "scale",
    "self_test",
    "signed_histogram",
    "similarity",
    "softmax",
    "tile",
    "upsample",
    "use_level",
]
