"""Edits of the open session's plan: each is one step that can be undone (sessions/edits.py)."""

import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from ..engine.errors import QuantdeckError
from ..engine.plan import Mode, Plan, Threshold
from ..engine.text import visible
from ..sessions import edits
from ..sessions.records import get_plan
from ..sessions.session import Session
from ..sessions.store import open_session

CHIP_MODES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("bm1684x", "bm1688", "cv186x", "bm1690"), ("INT8", "F16", "BF16", "F32")),
    "bm1684": ("INT8", "F32"),
    **dict.fromkeys(("cv183x", "cv182x", "cv181x", "cv180x", "mars3"), ("INT8", "BF16")),
}
"""Modes that a quantize table may give a layer, by chip; a test compares them with the engine's."""

LARGEST = 1e30  # masks, not data, from here on (engine/calib/table.py)


class Editor:
    """Writes plans into one session; the file is opened for writing at the first edit."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        """The session, open for writing; QuantdeckError when it cannot be written."""
        if self._session is None:
            self._session = open_session(self.path)
        return self._session

    def close(self) -> None:
        """Let the file go."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def plan(self) -> Plan:
        """The session's plan. QuantdeckError when there is none yet."""
        found = get_plan(self.session)
        if found is None:
            raise QuantdeckError("there is no plan yet; calibrate first")
        return found[1]

    def apply(self, plan: Plan, label: str) -> int:
        """Make *plan* the session's as one step; its number."""
        return edits.edit(self.session, plan, label)

    def change(self, made: Callable[[Plan], Plan], label: str) -> int:
        """Make what *made* makes of the session's plan the session's as one step; its number."""
        return edits.change(self.session, made, label)

    def take(self, number: int, label: str) -> None:
        """Make a plan that the session holds its own as one step."""
        edits.take(self.session, number, label)

    def take_text(self, text: str, label: str) -> int:
        """Make a plan that a search found the session's; its thresholds are whole, so nothing else is needed."""
        return self.apply(Plan.from_json(text), label)

    def undo(self) -> str | None:
        """Undo a step; what it was, or None."""
        return edits.undo(self.session)

    def redo(self) -> str | None:
        """Do a step again; what it was, or None."""
        return edits.redo(self.session)

    def set_modes(self, layers: Iterable[str], mode: str, label: str = "") -> int:
        """Give layers a mode."""
        names = tuple(layers)

        def made(plan: Plan) -> Plan:
            wanted = CHIP_MODES.get(plan.chip, tuple(Mode))
            if mode not in wanted:
                raise QuantdeckError(f"{plan.chip} has no {mode}; it has {', '.join(wanted)}")
            return plan.with_modes(dict.fromkeys(names, Mode(mode)))

        return self.change(made, label or f"{counted(names)} to {mode}")

    def set_method(self, layers: Iterable[str], tensors: Iterable[str], method: str) -> int:
        """Give tensors the thresholds that a method found; those without one stay as they are."""
        rows = self._rows(method, tuple(tensors))
        if not rows:
            raise QuantdeckError(f"no threshold of {method} is known here; calibrate first")
        return self.change(lambda plan: plan.with_thresholds(rows), f"{counted(tuple(layers))} by {method}")

    def _rows(self, method: str, tensors: tuple[str, ...]) -> dict[str, Threshold]:
        wanted = set(tensors)
        found = self.session.rows("SELECT tensor, value, min, max FROM threshold WHERE method = ?", method)
        return {row[0]: Threshold(row[1], row[2], row[3], method) for row in found if row[0] in wanted}

    def set_row(self, tensor: str, row: tuple[float, float, float], method: str, label: str) -> int:
        """Give a tensor a threshold with its range: value, min, max."""
        return self.change(lambda plan: plan.with_thresholds({tensor: Threshold(*row, method)}), label)

    def set_threshold(self, layers: Iterable[str], tensors: Iterable[str], text: str) -> int:
        """Give tensors a threshold as it was typed."""
        value = typed_threshold(text)
        names = tuple(tensors)

        def made(plan: Plan) -> Plan:
            known = [name for name in names if name in plan.thresholds]
            if not known:
                raise QuantdeckError("this layer's output has no threshold; calibrate first")
            for name in known:
                plan = plan.with_threshold(name, value)
            return plan

        return self.change(made, f"{counted(tuple(layers))} clipped at {value:g}")


def typed_threshold(text: str) -> float:
    """A threshold as typed: finite, above zero, below what counts as a mask."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < LARGEST:
        raise QuantdeckError(f"{visible(text)!r} is no threshold; type a number above 0, such as 5.93")
    return value


def counted(layers: tuple[str, ...]) -> str:
    """One layer by its name, several by their number."""
    return visible(layers[0]) if len(layers) == 1 else f"{len(layers)} layers"


def toggled(modes: Mapping[str, str], float_type: str) -> str:
    """The mode that Space gives some layers: float while any of them is in int8, else int8."""
    return float_type if "INT8" in modes.values() else "INT8"
