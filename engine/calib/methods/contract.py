"""What a method of the registry consists of."""

from collections.abc import Callable
from dataclasses import dataclass

from ..sample import Collector, Setting


@dataclass(frozen=True, slots=True)
class Method:
    """A threshold method.

    name: our name, as in tables of the session. spellings: other words that users write for it. summary: a
    line for the help. start: makes the collector of one tensor. tunable: whether tuning may raise its
    thresholds up to max|x| (spec B.10). small_tensors: whether graph inputs and small last outputs take
    max|x| (spec B.6).
    """

    name: str
    spellings: tuple[str, ...]
    summary: str
    start: Callable[[Setting], Collector]
    tunable: bool = False
    small_tensors: bool = False
