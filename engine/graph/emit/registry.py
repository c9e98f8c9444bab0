"""Which function writes which layer."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from ..opaque import opaque_node
from ..vocabulary import Attributes, Fusable, Opaque
from . import elementwise, movers, pools, products, resize
from .emitter import Emitter

# Each function takes its own attribute class; the table pairs them.
EMITTERS: Mapping[type[Attributes], Callable[[Emitter, Any, list[str], str], None]] = MappingProxyType(
    {
        **products.EMITTERS,
        **elementwise.EMITTERS,
        **pools.EMITTERS,
        **movers.EMITTERS,
        **resize.EMITTERS,
    }
)


def emit_layer(emitter: Emitter, attributes: Attributes, inputs: list[str], outputs: list[str]) -> None:
    """Append the nodes of one layer between named tensors."""
    if isinstance(attributes, Opaque):
        emitter.nodes.append(opaque_node(attributes, inputs, outputs, f"{emitter.fresh()}_"))
        return
    write = EMITTERS[type(attributes)]
    if not (isinstance(attributes, Fusable) and attributes.do_relu):
        write(emitter, attributes, inputs, outputs[0])
        return
    before = emitter.fresh()
    emitter.shapes[before] = emitter.shapes[outputs[0]]
    write(emitter, attributes, inputs, before)
    emitter.relu(before, attributes.relu_limit, outputs[0])
