"""Float runs of a Graph, or of a part of it, by onnxruntime."""

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import QuantdeckError
from ..graph.model import Graph, Layer
from ..graph.onnx_writer import to_onnx
from ..graph.runtime import reason, run, session
from ..text import visible

Array = np.ndarray


class FloatRunner:
    """Runs a Graph in float32 and hands out the wanted tensors.

    wanted: names of graph tensors; None for every tensor with a calibration row and the outputs. inputs:
    tensors that are fed; None for the graph's inputs. The value of a tensor does not depend on which others
    are wanted: onnxruntime's graph rewrites are off.
    """

    def __init__(
        self,
        graph: Graph,
        wanted: Sequence[str] | None = None,
        *,
        inputs: Sequence[str] | None = None,
        threads: int = 1,
    ) -> None:
        names = (*graph.calibrated, *graph.output_tensors) if wanted is None else wanted
        self.wanted = tuple(dict.fromkeys(names))
        self.inputs = tuple(graph.inputs if inputs is None else inputs)
        self._tensors = graph.tensors
        self._copied = [name for name in self.wanted if name in self.inputs]
        computed = [name for name in self.wanted if name not in self.inputs]
        self._results = {name: f"o{index}" for index, name in enumerate(computed)}
        self._session = (
            session(to_onnx(graph, inputs=self.inputs, outputs=computed), threads) if computed else None
        )

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Values of the wanted tensors, by graph tensor name, as arrays of their own.

        Raises QuantdeckError where a feed is missing or has another shape.
        """
        checked = {f"i{index}": self._checked(name, feeds) for index, name in enumerate(self.inputs)}
        values: dict[str, Array] = {name: np.array(feeds[name]) for name in self._copied}
        if self._session is not None:
            try:
                found = run(self._session, list(self._results.values()), checked)
            except Exception as error:  # onnxruntime's exceptions have no public base class
                raise QuantdeckError(
                    f"The float network cannot be run on this sample: {reason(error)}."
                ) from error
            values.update({name: np.asarray(found[key]) for name, key in self._results.items()})
        return {name: values[name] for name in self.wanted}

    def _checked(self, name: str, feeds: Mapping[str, Array]) -> Array:
        tensor = self._tensors[name]
        if name not in feeds:
            raise QuantdeckError(f"No data for the input {visible(name)} of shape {tensor.shape}.")
        value = np.asarray(feeds[name])
        if value.shape != tensor.shape and not tensor.varies:
            raise QuantdeckError(
                f"Data of shape {value.shape} does not fit the input {visible(name)} of shape {tensor.shape}."
            )
        return np.ascontiguousarray(value, dtype=tensor.dtype).reshape(value.shape)


def layer_runner(graph: Graph, layer: Layer, threads: int = 1) -> FloatRunner:
    """A runner of one layer, fed with its activations, that gives its outputs."""
    return FloatRunner(
        graph, layer.outputs, inputs=tuple(dict.fromkeys(graph.activations(layer))), threads=threads
    )
