"""The whole decision about a network: thresholds, modes, chip (design section 3).

A user's edit, a search's trial, a journal's row and a deployed model are each a Plan.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType

from .errors import QuantdeckError


class Mode(StrEnum):
    """Precision of a layer, in the spelling of quantize tables (spec A.4)."""

    INT8 = "INT8"
    F16 = "F16"
    BF16 = "BF16"
    F32 = "F32"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A row of a calibration table (spec A.3): all in the tensor's own real-valued units.

    ``value`` clips symmetrically; ``min`` and ``max`` are the observed range, whose sign decides between
    signed and unsigned storage. ``method`` names where it came from ("kl", "mse", "typed" ...).
    """

    value: float
    min: float
    max: float
    method: str = ""


@dataclass(frozen=True)
class Plan:
    """Chip, float type, thresholds by tensor, modes by layer.

    ``modes`` holds only the layers that are not INT8. ``fp_type`` is resolved ("F16", never "auto").
    """

    chip: str
    fp_type: str
    thresholds: Mapping[str, Threshold] = field(default_factory=lambda: MappingProxyType({}))
    modes: Mapping[str, Mode] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        modes = {name: Mode(mode) for name, mode in self.modes.items() if mode != Mode.INT8}
        object.__setattr__(self, "thresholds", MappingProxyType(dict(self.thresholds)))
        object.__setattr__(self, "modes", MappingProxyType(modes))

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plan) and self.digest == other.digest

    def mode(self, layer: str) -> Mode:
        """Mode of a layer; INT8 unless set."""
        return self.modes.get(layer, Mode.INT8)

    def with_mode(self, layer: str, mode: Mode) -> "Plan":
        """A new plan with one layer's mode changed."""
        return self.with_modes({layer: mode})

    def with_modes(self, modes: Mapping[str, Mode]) -> "Plan":
        """A new plan with some layers' modes changed."""
        return replace(self, modes={**self.modes, **modes})

    def with_threshold(self, tensor: str, value: float, method: str = "typed") -> "Plan":
        """A new plan with one threshold changed; the observed range stays."""
        row = replace(self.thresholds[tensor], value=value, method=method)
        return replace(self, thresholds={**self.thresholds, tensor: row})

    def with_thresholds(self, thresholds: Mapping[str, Threshold]) -> "Plan":
        """A new plan with some thresholds replaced."""
        return replace(self, thresholds={**self.thresholds, **thresholds})

    def to_json(self) -> str:
        """Canonical text; equal plans give equal texts. Methods are kept but do not enter the digest."""
        return json.dumps(
            {
                "chip": self.chip,
                "fp_type": self.fp_type,
                "thresholds": {
                    name: [row.value, row.min, row.max, row.method]
                    for name, row in sorted(self.thresholds.items())
                },
                "modes": {name: str(mode) for name, mode in sorted(self.modes.items())},
            },
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        """Read what ``to_json`` wrote. Errors: QuantdeckError for any other text."""
        try:
            body = json.loads(text)
            return cls(
                chip=_word(body["chip"]),
                fp_type=_word(body["fp_type"]),
                thresholds={name: _threshold(*row) for name, row in body["thresholds"].items()},
                modes={name: Mode(mode) for name, mode in body["modes"].items()},
            )
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise QuantdeckError(
                "a stored plan is damaged; go on from another one (undo), or take a backup of its session"
            ) from error

    @property
    def strange(self) -> frozenset[str]:
        """Layers whose float type rounds otherwise than the plan's: bfloat16 where that is none, or the reverse.

        bfloat16 has 8 significant bits, float16 11 and float32 24: noise that was measured with one of the last two
        says nothing about layers in bfloat16, nor the reverse.
        """
        coarse = self.fp_type == Mode.BF16
        return frozenset(name for name, mode in self.modes.items() if (mode == Mode.BF16) != coarse)

    @cached_property
    def digest(self) -> str:
        """sha256 of what changes a result: chip, types, threshold values and ranges, modes."""
        body = json.dumps(
            [
                self.chip,
                self.fp_type,
                [[name, row.value, row.min, row.max] for name, row in sorted(self.thresholds.items())],
                [[name, str(mode)] for name, mode in sorted(self.modes.items())],
            ]
        )
        return hashlib.sha256(body.encode()).hexdigest()

    @cached_property
    def thresholds_digest(self) -> str:
        """The digest of chip, type and thresholds, whatever the modes are."""
        return replace(self, modes={}).digest


def _word(value: object) -> str:
    """A name as ``to_json`` writes it. Errors: TypeError."""
    if not isinstance(value, str):
        raise TypeError("a name is a text")
    return value


def _threshold(value: float, low: float, high: float, method: str = "") -> Threshold:
    """A row as ``to_json`` writes it. Errors: TypeError, ValueError."""
    if any(isinstance(one, (str, bool)) for one in (value, low, high)):
        raise TypeError("a threshold is a number")
    return Threshold(float(value), float(low), float(high), str(method))
