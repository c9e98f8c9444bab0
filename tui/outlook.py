"""What is expected of a plan before its score is known, as the assessing process tells it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..sessions.output_noise import Gains
from .insight import Insight

OF_LAYERS = frozenset(("gains", "outputs", "shares"))
"""The figures of layers, which stay as a first guess when another plan is asked about."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """State of the newest question: "" nothing asked, checking, scored, checked, failed.

    sqnr, low, high: predicted, in dB with a 90 % interval; cos, cos_low, cos_high: the raw cosine. cost: predicted
    seconds of one sample on the chip; ratio: over those of all int8; shares: each layer's part. gains: by layer, dB
    when the layer alone changes between int8 and float, and their error; None where they were measured. outputs: by
    layer, SQNR in dB at the worst output with nothing but this layer in int8. proposals: starting qtables, each a
    reason and its layers; None before they were asked for. insight: the close-up of the layer that is looked at;
    unseen: why there is none.
    """

    plan: int | None = None
    state: str = ""
    sqnr: float | None = None
    low: float | None = None
    high: float | None = None
    cos: float | None = None
    cos_low: float | None = None
    cos_high: float | None = None
    said: str = ""
    cost: float | None = None
    ratio: float | None = None
    shares: Mapping[str, float] = field(default_factory=dict[str, float])
    gains: Gains = field(default_factory=dict[str, tuple[float, float | None]])
    outputs: Mapping[str, float] = field(default_factory=dict[str, float])
    proposals: tuple[tuple[str, tuple[str, ...]], ...] | None = None
    insight: Insight | None = None
    unseen: str = ""
    former: frozenset[str] = frozenset()  # which of gains, outputs and shares are those of the plan before

    def asking(self, plan: int, state: str = "checking") -> "Outlook":
        """The outlook when *plan* is asked about: of another one only layers' figures stay, as a first guess."""
        if plan == self.plan:
            return replace(self, state=state, said="")
        return Outlook(
            plan,
            state,
            gains=self.gains,
            outputs=self.outputs,
            shares=self.shares,
            proposals=self.proposals,
            former=OF_LAYERS,
        )

    def after(self, answer: Mapping[str, Any]) -> "Outlook":
        """The outlook after one more answer; answers about other plans say nothing."""
        if answer.get("plan") not in (None, self.plan):
            return self
        state = str(answer.get("state", ""))
        if state == "predicted":
            return replace(
                self,
                sqnr=answer["sqnr"],
                low=answer["low"],
                high=answer["high"],
                cos=answer.get("cos"),
                cos_low=answer.get("cos_low"),
                cos_high=answer.get("cos_high"),
            )
        if state == "cost":
            return replace(
                self,
                cost=answer["seconds"],
                ratio=answer["ratio"],
                shares=dict(answer["shares"]),
                former=self.former - {"shares"},
            )
        if state == "gains":
            gains = {name: (pair[0], pair[1]) for name, pair in answer["gains"].items()}
            return replace(
                self,
                gains=gains,
                outputs=dict(answer.get("outputs", {})),
                former=self.former - {"gains", "outputs"},
            )
        if state == "layer":
            return replace(self, insight=Insight.from_dict(answer["insight"]), unseen="")
        if state == "proposals":
            told = tuple((str(one[0]), tuple(one[1])) for one in answer["proposals"])
            return replace(self, proposals=told)
        if state == "unproposed":
            return self
        if state == "unseen":
            return replace(self, unseen=str(answer.get("said", "")))
        return replace(self, state=state, said=str(answer.get("said", "")))
