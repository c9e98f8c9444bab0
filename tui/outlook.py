"""What is expected of a plan before its score is known, as the assessing process tells it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Outlook:
    """State of the newest question: "" nothing asked, checking, scored, checked, failed.

    sqnr, low, high: predicted, in dB, with a 90 % interval. gains: by layer, predicted dB and its error when the
    layer alone changes between int8 and float.
    """

    plan: int | None = None
    state: str = ""
    sqnr: float | None = None
    low: float | None = None
    high: float | None = None
    said: str = ""
    gains: Mapping[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])

    def after(self, answer: Mapping[str, Any]) -> "Outlook":
        """The outlook after one more answer; answers about other plans say nothing."""
        if answer.get("plan") not in (None, self.plan):
            return self
        state = str(answer.get("state", ""))
        if state == "predicted":
            return replace(self, sqnr=answer["sqnr"], low=answer["low"], high=answer["high"])
        if state == "gains":
            return replace(self, gains={name: (pair[0], pair[1]) for name, pair in answer["gains"].items()})
        return replace(self, state=state, said=str(answer.get("said", "")))
