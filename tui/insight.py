"""What is found out about one layer under one plan: weights, samples, why it hurts, and what would help."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Repair:
    """Something that would help: what it is, and the dB that it is predicted to gain.

    kind: "modes" (*layers* to the mode *value*), "threshold" (the first layer's by *row*: value, min, max; *value*
    names the method), "stage" (a stage of the flow, *value*). gain: at the worst output, or with *rough* an estimate
    at the layer's own output; infinite where nothing of its own error would be left. error: half width of a 90 %
    interval, where there is one. measured: the plan was run, and the gain is the difference of the scores.
    """

    title: str
    kind: str
    value: str
    layers: tuple[str, ...]
    gain: float
    error: float | None = None
    rough: bool = False
    measured: bool = False
    row: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Insight:
    """A layer's close-up.

    channels: largest magnitude of each output channel's weights, in channel order; empty without weights. samples:
    (name, cosine, SQNR in dB) of the layer's output in the plan, the worst first; None while they are not known.
    share: its part of the network's noise at the outputs; None before the ledger is measured. reasons: why its own
    output is wrong; how much that matters at the outputs is a figure of the table.
    """

    plan: int
    layer: str
    channels: tuple[float, ...] = ()
    samples: tuple[tuple[str, float, float], ...] | None = None
    share: float | None = None
    reasons: tuple[str, ...] = ()
    repairs: tuple[Repair, ...] = ()
    complete: bool = False  # whether the ledger has spoken
    alone: bool = False  # whether it never will: gains are those at the layer itself

    def to_dict(self) -> dict[str, Any]:
        """As it is told by the assessing process."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Insight":
        """What ``to_dict`` wrote, from JSON."""
        samples = values["samples"]
        return cls(
            plan=values["plan"],
            layer=values["layer"],
            channels=tuple(values["channels"]),
            samples=None if samples is None else tuple((str(row[0]), row[1], row[2]) for row in samples),
            share=values["share"],
            reasons=tuple(values["reasons"]),
            repairs=tuple(map(_repair, values["repairs"])),
            complete=values["complete"],
            alone=values["alone"],
        )


def _repair(told: Mapping[str, Any]) -> Repair:
    row = told["row"]
    found = (row[0], row[1], row[2]) if row is not None else None
    values: dict[str, Any] = {**told, "layers": tuple(told["layers"]), "row": found}
    return Repair(**values)
