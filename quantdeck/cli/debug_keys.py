"""--debug_cmd: the original's keys that mean something here (spec A.1.3); others are refused by name."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..engine.errors import QuantdeckError
from ..engine.text import visible

if TYPE_CHECKING:
    from ..engine.calib.tune import TuneRule
    from ..engine.data.samples import Samples
T = TypeVar("T", int, float)

METHODS = (
    "use_kl", "use_mse", "use_max", "use_percentile9999", "use_aciq_gauss", "use_aciq_laplace",
    "use_torch_observer_for_cali",
)  # fmt: skip
TUNING = ("find_lower_th", "tune_steps", "min_tuned_diff")
LISTS = "dump_list"
IGNORED = ("debug_log",)  # the log of a job is always kept
CALIBRATION_HELP = (
    "Keys with ; between: dump_list (writes selected_image_list.txt), use_METHOD; for tuning find_lower_th, "
    "tune_steps=21, min_tuned_diff=0.01."
)
TUNING_HELP = "Keys with ; between, for tuning: find_lower_th, tune_steps=21, min_tuned_diff=0.01."


@dataclass(frozen=True, slots=True)
class DebugKeys:
    """What the keys ask for. method: the use_METHOD among them; None where there is none."""

    method: str | None = None
    dump_lists: bool = False
    values: Mapping[str, str] = field(default_factory=dict[str, str])

    def tuning(self) -> "TuneRule":
        """How to tune. Errors: QuantdeckError for a value that is none."""
        from ..engine.calib.tune import TuneRule

        rule = TuneRule()
        return TuneRule(
            find_lower="find_lower_th" in self.values,
            steps=self._number("tune_steps", rule.steps, int, "a whole number from 1 to 1000", 1, 1000),
            least=self._number("min_tuned_diff", rule.least, float, "a number from 0", 0, math.inf),
        )

    def _number(self, key: str, usual: T, kind: Callable[[str], T], what: str, low: float, high: float) -> T:
        if key not in self.values:
            return usual
        text = self.values[key]
        try:
            found = kind(text)
            good = low <= float(found) <= high and math.isfinite(float(found))
        except (ValueError, OverflowError):
            found, good = usual, False
        if not good:
            raise QuantdeckError(f"--debug_cmd {key}={visible(text)}: give {what}, as in {key}={usual}")
        return found


def read_keys(text: str, known: Sequence[str]) -> DebugKeys:
    """The keys of the option's text.

    Errors: QuantdeckError naming the key that means nothing here.
    """
    keys: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, _, value = part.partition("=")
        keys[name.strip().lower()] = value.strip()
    for key in keys:
        if key not in known and key not in IGNORED:
            there = ", ".join(known) or "none for this command"
            raise QuantdeckError(f"--debug_cmd {visible(key)}: no such key; there are {there}")
    methods = [key for key in keys if key in METHODS]
    if len(methods) > 1:
        raise QuantdeckError(
            f"--debug_cmd names {' and '.join(methods)}; a table has one method, so give one"
        )
    found = DebugKeys(methods[0] if methods else None, LISTS in keys, keys)
    found.tuning()
    return found


def dump_lists(found: "Samples", tune_list: Path | None, tune_num: int) -> None:
    """Write the lists of samples into the working folder, where the original puts them.

    Errors: QuantdeckError when they cannot be written.
    """
    lines = [",".join(entry) for entry in found.entries]
    tune = lines
    if tune_list is not None:
        from ..engine.data.selection import select_list

        tune = [",".join(entry) for entry in select_list(tune_list, "--tune_list").entries]
    for name, rows in (
        ("selected_image_list.txt", lines),
        ("selected_tune_image_list.txt", tune[:tune_num]),
    ):
        try:
            Path(name).write_text("".join(row + "\n" for row in rows), "utf-8", "surrogateescape")
        except OSError as error:
            raise QuantdeckError(
                f"--debug_cmd dump_list: {name} cannot be written ({error.strerror})"
            ) from error
