"""Upsample and Interp."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..vocabulary import Attributes, Interp, Upsample
from .emitter import Emitter


def upsample(emitter: Emitter, attributes: Upsample, inputs: list[str], output: str) -> None:
    """Nearest neighbour by whole factors: every row and column repeated."""
    n, c, h, w = emitter.shapes[inputs[0]]
    fh, fw = attributes.scale_h, attributes.scale_w
    spread = emitter.reshape(inputs[0], (n, c, h, 1, w, 1))
    tiled = emitter.add("Tile", [spread, emitter.integers((1, 1, 1, fh, 1, fw))])
    emitter.reshape(tiled, (n, c, h * fh, w * fw), output)


def interp(emitter: Emitter, attributes: Interp, inputs: list[str], output: str) -> None:
    """Resize of opset 10 or of 11 and later."""
    if emitter.opset < 11:
        old = emitter.shapes[inputs[0]]
        factors = attributes.scales or [new / size for new, size in zip(attributes.sizes, old, strict=True)]
        scales = emitter.constant(np.array(factors, np.float32))
        op = "Resize" if emitter.opset == 10 else "Upsample"
        emitter.add(op, [inputs[0], scales], output, mode=attributes.mode)
        return
    none = emitter.constant(np.zeros(0, np.float32))
    if attributes.scales:
        arguments = [inputs[0], none, emitter.constant(np.array(attributes.scales, np.float32))]
    else:
        arguments = [inputs[0], none, none, emitter.integers(attributes.sizes)]
    emitter.add(
        "Resize",
        arguments,
        output,
        mode=attributes.mode,
        coordinate_transformation_mode=attributes.coord_mode,
        nearest_mode=attributes.nearest_mode,
        cubic_coeff_a=attributes.cubic_coeff_a,
        exclude_outside=int(attributes.exclude_outside),
        extrapolation_value=attributes.extrapolation_value,
    )


EMITTERS: Mapping[type[Attributes], Callable[[Emitter, Any, list[str], str], None]] = {
    Upsample: upsample,
    Interp: interp,
}
