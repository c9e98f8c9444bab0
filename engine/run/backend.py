"""How the steps of a Program are run: on the C kernels, or on their numpy twins for tests."""

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from numpy.typing import NDArray

from ..hw.program import Step
from ..ops_c import kernels, products, reference

Array = NDArray[Any]
Call = Callable[[Sequence[Array]], Array]

_VARIADIC = frozenset({"add", "maximum", "minimum", "concat"})


class Backend:
    """Turns a step into a function of its inputs; what can be prepared once is prepared here."""

    def __init__(self, module: ModuleType, *, packed: bool) -> None:
        self._module = module
        self._packed = packed

    def prepare(self, step: Step) -> Call:
        """The function of one step (not of "float" steps, which belong to the executor)."""
        mover = _MOVERS.get(step.kernel)
        if mover is not None:
            return mover(step.parameters)
        if step.kernel in ("conv", "deconv", "matmul"):
            return self._product(step)
        kernel = getattr(self._module, step.kernel)
        parameters = dict(step.parameters)
        if step.kernel in _VARIADIC:
            return lambda inputs: kernel(list(inputs), **parameters)
        return lambda inputs: kernel(*inputs, **parameters)

    def dequantize(self, x: Array, scale: float) -> Array:
        """Integers to real values."""
        return self._module.dequantize(x, scale)

    def quantize(self, x: Array, inverse_scale: float, out_dtype: type[Any]) -> Array:
        """Real values to integers, half away from zero."""
        return self._module.quantize(x, inverse_scale, out_dtype)

    def _product(self, step: Step) -> Call:
        parameters = dict(step.parameters)
        weight = parameters.pop("weight", None)
        kernel = getattr(self._module, step.kernel)
        if weight is None:
            return lambda inputs: kernel(*inputs, **parameters)
        bias = parameters.pop("bias")
        if not self._packed or (step.kernel == "matmul" and weight.ndim != 2):
            return lambda inputs: kernel(inputs[0], weight, bias, **parameters)
        if step.kernel == "matmul":
            transposed = parameters.pop("left_transpose")
            packed = products.pack_matmul(weight, bias, **parameters)
            return lambda inputs: packed.run(inputs[0], left_transpose=transposed)
        pack = products.pack_conv if step.kernel == "conv" else products.pack_deconv
        return _first(pack(weight, bias, **parameters).run)


def _first(run: Callable[[Array], Array]) -> Call:
    return lambda inputs: run(inputs[0])


def _reshape(parameters: Mapping[str, Any]) -> Call:
    return lambda inputs: inputs[0].reshape(parameters["shape"])


def _transpose(parameters: Mapping[str, Any]) -> Call:
    return lambda inputs: inputs[0].transpose(parameters["order"])


def _slice(parameters: Mapping[str, Any]) -> Call:
    window = tuple(
        slice(start, end if end >= 0 or step > 0 else None, step)
        for start, end, step in zip(
            parameters["starts"], parameters["ends"], parameters["steps"], strict=True
        )
    )
    return lambda inputs: inputs[0][window]


def _copy(parameters: Mapping[str, Any]) -> Call:
    return lambda inputs: inputs[0]


_MOVERS: Mapping[str, Callable[[Mapping[str, Any]], Call]] = {
    "reshape": _reshape,
    "transpose": _transpose,
    "slice": _slice,
    "copy": _copy,
}

C_KERNELS = Backend(kernels, packed=True)
"""The compiled kernels."""

TWINS = Backend(reference, packed=False)
"""The numpy twins: slow and readable, equal to the bit."""
