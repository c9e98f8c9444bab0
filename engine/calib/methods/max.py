"""max: the largest magnitude (spec B.4)."""

from ..sample import Reading, Setting, View
from .contract import Method


class MaxCollector:
    """Running max|x|."""

    def __init__(self, setting: Setting) -> None:
        self._largest = 0.0

    def add(self, view: View) -> None:
        """Take in one sample."""
        self._largest = max(self._largest, view.largest)

    def reading(self) -> Reading:
        """max|x| over all samples."""
        return Reading(self._largest)


METHOD = Method("max", ("use_max",), "largest magnitude, nothing is clipped", MaxCollector)
