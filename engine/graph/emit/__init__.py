"""From layers to ONNX nodes: one function an op, for every opset from 9 on."""

from .emitter import Emitter
from .registry import emit_layer

__all__ = ["Emitter", "emit_layer"]
