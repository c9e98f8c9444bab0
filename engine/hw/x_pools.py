"""Family X: pooling and softmax in int8 (spec C.5)."""

from math import prod

from ..graph.model import Layer
from ..graph.vocabulary import AvgPool, MaxPool, Softmax
from .lowering import Lowering
from .program import Key
from .quantize import scale_shift_8bit
from .x_elementwise import finish
from .x_lookup import exponent_table


def max_pool(lowering: Lowering, layer: Layer) -> bool:
    """MaxPool of integers."""
    attributes = layer.attributes
    assert isinstance(attributes, MaxPool)
    parameters = {
        "kernel": attributes.kernel_shape,
        "strides": attributes.strides,
        "pads": attributes.pads,
        "relu": attributes.do_relu,
    }
    return finish(lowering, layer, "max_pool", parameters)


def avg_pool(lowering: Lowering, layer: Layer) -> bool:
    """AvgPool: the window's sum by an 8-bit multiplier that holds the division and the rescale."""
    attributes = layer.attributes
    assert isinstance(attributes, AvgPool)
    given, out = lowering.type_in(layer, 0), lowering.type_out(layer)
    if given is None or out is None:
        return False
    window = prod(attributes.kernel_shape)
    multiplier, shift = scale_shift_8bit((given.scale or 0.0) / ((out.scale or 1.0) * window))
    parameters = {
        "kernel": attributes.kernel_shape,
        "strides": attributes.strides,
        "pads": attributes.pads,
        "multiplier": multiplier,
        "shift": shift,
        "out_dtype": out.dtype,
        "count_include_pad": attributes.count_include_pad,
        "overhang": attributes.overhang,
        "relu": attributes.do_relu,
    }
    target: Key = layer.name if attributes.keepdims else (layer.name, "with axes")
    lowering.add(layer, "avg_pool", (lowering.integer(layer, 0),), target, out, parameters)
    if not attributes.keepdims:
        shape = lowering.shape(layer.name)
        lowering.add(layer, "reshape", (target,), layer.name, out, {"shape": shape})
    return True


def softmax(lowering: Lowering, layer: Layer) -> bool:
    """Softmax by a table of exponents along axis 1, and inside a fused attention along any axis."""
    attributes = layer.attributes
    assert isinstance(attributes, Softmax)
    given, out = lowering.type_in(layer, 0), lowering.type_out(layer)
    if given is None or out is None or attributes.log:
        return False
    if attributes.axis != 1 and layer.name not in lowering.fused:
        return False
    parameters = {
        "table": exponent_table(float(given.scale or 0.0)),
        "axis": attributes.axis,
        "out_scale": out.scale,
        "out_dtype": out.dtype,
    }
    lowering.add(layer, "softmax", (lowering.integer(layer, 0),), layer.name, out, parameters)
    return True
