"""What ONNX's definitions say about the outputs of an op."""

import onnx

_Option = onnx.defs.OpSchema.FormalParameterOption


def may_be_left_out(op_type: str, domain: str, version: int, index: int) -> bool:
    """Whether the output at *index* may be missing: of unknown ops none is.

    One of a variadic row may not (Split): onnxruntime writes to it all the same, and dies.
    """
    if not onnx.defs.has(op_type, domain):
        return False
    formal = onnx.defs.get_schema(op_type, version, domain).outputs
    return index < len(formal) and formal[index].option == _Option.Optional
