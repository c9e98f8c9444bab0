"""Comparison of a trial's outputs with the reference's, sample by sample."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import QuantdeckError
from ...text import visible
from ..score import Score
from ..similarity import OutputTracker

Array = NDArray[Any]
PostProcess = Callable[[dict[str, Array]], Mapping[str, Array]]


class Outputs(dict[str, Array]):
    """What post_process is given: arrays by tensor name, and by the model's own output name as well."""

    def __init__(self, values: Mapping[str, Array], labels: Mapping[str, str]) -> None:
        super().__init__({tensor: np.array(values[tensor]) for tensor in labels.values()})
        self.labels = dict(labels)

    def __missing__(self, key: str) -> Array:
        return self[self.labels[key]]


class Comparison:
    """Collects one trial.

    labels: the tensor behind each name of the score. With post_process the score has the names that it
    returns; entries of both sides are matched by name.
    """

    def __init__(self, labels: Mapping[str, str], post_process: PostProcess | None = None) -> None:
        self._labels = labels
        self._post_process = post_process
        self._trackers: dict[str, OutputTracker] = {}

    def add(self, reference: Mapping[str, Array], got: Mapping[str, Array]) -> None:
        """Add the next sample.

        Errors: QuantdeckError when post_process returns something else for one side than for the other.
        """
        a, b = self._processed(reference), self._processed(got)
        if a.keys() != b.keys():
            raise QuantdeckError(
                f"post_process returned {_names(a)} for the float network and {_names(b)} for the quantized "
                "one; let it return the same names for both"
            )
        for name, value in a.items():
            if self._post_process is not None and not value.size:
                raise QuantdeckError(
                    f"post_process returned an array without values for {visible(name)}; let it return what is to "
                    "be compared"
                )
            if value.shape != b[name].shape:
                raise QuantdeckError(
                    f"post_process returned shapes {value.shape} and {b[name].shape} for {visible(name)}; "
                    "let it return arrays whose shape does not depend on the values"
                )
            if name not in self._trackers:
                self._trackers[name] = OutputTracker(name, value.shape)
            self._trackers[name].add(value, b[name])

    def _processed(self, values: Mapping[str, Array]) -> Mapping[str, Array]:
        if self._post_process is None:
            return {name: values[tensor] for name, tensor in self._labels.items()}
        found: Any = self._post_process(Outputs(values, self._labels))
        if not isinstance(found, Mapping):
            raise QuantdeckError(
                f"post_process returned {type(found).__name__}; let it return a dict of arrays by name"
            )
        arrays: dict[str, Array] = {
            str(name): np.asarray(value)  # pyright: ignore[reportUnknownArgumentType]
            for name, value in found.items()  # pyright: ignore[reportUnknownVariableType]
        }
        if not arrays:
            raise QuantdeckError("post_process returned nothing; let it return what is to be compared")
        for name, value in arrays.items():
            if value.dtype.kind not in "fbiu":
                raise QuantdeckError(
                    f"post_process returned {value.dtype} for {visible(name)}; let it return numbers"
                )
        return arrays

    def result(self, samples: int) -> Score:
        """The score of the samples added."""
        return Score(tuple(tracker.result() for tracker in self._trackers.values()), samples)


def _names(values: Mapping[str, Array]) -> str:
    return ", ".join(visible(name) for name in values) or "nothing"
