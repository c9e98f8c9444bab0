"""The numpy twin of every kernel: the readable definition that the C code equals to the bit.

Arrays are logical N,C,spatial...; any strides. ``kernels`` offers the same names and signatures.
"""

from .twin_calibration import above, below, histogram, moments, octav_step, signed_histogram, similarity
from .twin_casts import dequantize, quantize, round_float
from .twin_elementwise import (
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
from .twin_float import float_conv, float_matmul, float_sum
from .twin_movers import concat, depth_to_space, gather_nearest, pad, tile, upsample
from .twin_pool import avg_pool, max_pool, reduce_max, reduce_min, reduce_sum
from .twin_products import conv, deconv, matmul

__all__ = [
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
    "float_conv",
    "float_matmul",
    "float_sum",
    "gather_nearest",
    "histogram",
    "leaky_relu",
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
    "signed_histogram",
    "similarity",
    "softmax",
    "tile",
    "upsample",
]
