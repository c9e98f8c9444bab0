"""From ONNX nodes to layers: one function an op, told by its name and opset."""

from .registry import IMPORTERS, SAME_SHAPE, import_node

__all__ = ["IMPORTERS", "SAME_SHAPE", "import_node"]
