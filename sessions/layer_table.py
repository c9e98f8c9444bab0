"""The layer table of a session under a plan, stale figures marked: what the workbench shows and exports write.

sqlite3 alone, without the engine.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..engine.errors import QuantdeckError
from ..engine.text import visible
from .wiring import Wiring

MODES = frozenset(("INT8", "F16", "BF16", "F32"))

FIGURES = ("mode", "local_cos", "local_sqnr", "cos", "sqnr", "saturation")
_LAYERS = """
SELECT l.position, l.name, l.op, l.shape, l.macs, l.params, l.inputs, l.outputs,
       s.mode, s.local_cos, s.local_sqnr, s.cos, s.sqnr, s.saturation
FROM layer l LEFT JOIN layer_score s ON s.layer = l.name AND s.plan = ?
ORDER BY l.position
"""
_JOINS = ("Add", "Sub", "Mul")  # ops without products in the count that do not pass thresholds on
_LINEAGE = """
WITH RECURSIVE line(id, depth) AS (
    SELECT ?, 0 UNION ALL
    SELECT p.parent, depth + 1 FROM plan p JOIN line ON p.id = line.id WHERE p.parent IS NOT NULL AND depth < 500
)
SELECT id FROM line WHERE EXISTS (SELECT 1 FROM {table} t WHERE t.plan = line.id) ORDER BY depth LIMIT 1
"""  # a plan, or the nearest one before it, of which there are figures


PlanRows = tuple[Mapping[str, tuple[float, str]], Mapping[str, str]]
"""Threshold and method by tensor, and mode by layer."""


class Stale(float):
    """A figure of another plan than the one that is shown; ``~`` stands before it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class LayerColumns:
    """The layer table, column by column (style 2.4): lists of equal length, in graph order."""

    columns: Mapping[str, list[object]]
    tensors: tuple[str, ...]  # the first output of each layer
    wiring: Wiring
    fixed: frozenset[str] = frozenset()  # layers that the chip runs in float whatever the plan says
    carried: frozenset[str] = frozenset()  # layers in float because a neighbour is, not by the plan

    def __len__(self) -> int:
        return len(self.tensors)


def nearest(connection: sqlite3.Connection, plan: int | None, table: str) -> int | None:
    """The plan whose figures stand for *plan*'s until it has some; *table*: of the figures."""
    row = connection.execute(_LINEAGE.format(table=table), (plan,)).fetchone()
    return row[0] if row else None


def layer_table(
    connection: sqlite3.Connection, plan: int | None, rows_now: PlanRows | None = None
) -> LayerColumns:
    """The layer table under *plan*; figures that may not hold for it are ``Stale``.

    rows_now: what the plan holds, where the session does not have it.
    """
    known = nearest(connection, plan, "layer_score")
    rows = connection.execute(_LAYERS, (known,)).fetchall()
    keys = ("position", "name", "op", "shape", "macs", "params", "inputs", "outputs", *FIGURES)
    columns: dict[str, list[Any]] = (
        {key: list(values) for key, values in zip(keys, zip(*rows, strict=True), strict=True)}
        if rows
        else {key: [] for key in keys}
    )
    outputs = columns.pop("outputs")
    carriers = [
        name
        for name, op, macs in zip(columns["name"], columns["op"], columns["macs"], strict=True)
        if not macs and op not in _JOINS
    ]
    wiring = Wiring(columns["name"], columns.pop("inputs"), outputs, carriers)
    tensors = tuple(first_name(text) for text in outputs)
    new = rows_now or plan_rows(connection, plan)
    old = new if known == plan else plan_rows(connection, known)
    found = [new[0].get(tensor) for tensor in tensors]
    columns["threshold"] = [row[0] if row else None for row in found]
    columns["method"] = [row[1] if row else None for row in found]
    unset = {
        str(name)
        for name, mode in zip(columns["name"], columns["mode"], strict=True)
        if mode not in (None, "INT8") and name not in old[1]
    }
    carried = _int8_elsewhere(connection, unset)
    changed = changed_layers(old, new, wiring) if old is not new else set[str]()
    if old is not new:
        mark_stale(columns, wiring, changed)
    freed = carried & wiring.touched(changed)
    columns["mode"] = [
        _mode_now(mode, old[1].get(name), new[1].get(name), freed=name in freed)
        for mode, name in zip(columns["mode"], columns["name"], strict=True)
    ]
    still = frozenset(
        name
        for name, mode in zip(columns["name"], columns["mode"], strict=True)
        if name in carried and mode != "INT8" and name not in new[1]
    )
    return LayerColumns(columns, tensors, wiring, frozenset(unset - carried), still)


def _int8_elsewhere(connection: sqlite3.Connection, layers: set[str]) -> set[str]:
    """Which of these layers ran in int8 under some plan: the chip can, so that a neighbour made them float."""
    if not layers:
        return set()
    rows = connection.execute(
        "SELECT DISTINCT layer FROM layer_score WHERE mode = 'INT8'"
        " AND layer IN (SELECT value FROM json_each(?))",
        (json.dumps(sorted(layers)),),
    )
    return {str(row[0]) for row in rows}


def plan_rows(connection: sqlite3.Connection, plan: int | None) -> PlanRows:
    """Threshold and method by tensor, and mode by layer, of a plan."""
    row = connection.execute("SELECT body FROM plan WHERE id = ?", (plan,)).fetchone()
    if row is None:
        return {}, {}
    found = plan_body(row[0])
    if found is None:
        path = connection.execute("PRAGMA database_list").fetchone()[2]
        raise QuantdeckError(
            f"plan {plan} of the session {visible(str(path))} is damaged; go on from another one (undo), or take a "
            "backup"
        )
    return found


def plan_body(text: str) -> PlanRows | None:
    """What a plan's text (Plan.to_json) holds; None where it is none."""
    try:
        body: dict[str, Any] = json.loads(text)
        if not all(isinstance(body[key], str) for key in ("chip", "fp_type")):
            return None
        thresholds = {name: (1.0 * value[0], str(value[3])) for name, value in body["thresholds"].items()}
        modes = {str(name): str(mode) for name, mode in body["modes"].items()}
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    return (thresholds, modes) if MODES.issuperset(modes.values()) else None


def first_name(outputs: object) -> str:
    """The first of a row's outputs (JSON); "" without any."""
    names = json.loads(str(outputs))
    return str(names[0]) if names else ""


def _mode_now(lowered: str | None, old: str | None, new: str | None, *, freed: bool) -> str | None:
    """A layer's mode under the plan *new*, of which *lowered* is known for the plan *old*.

    Where both plans say the same it is what the chip made of it, which may be wider than what the plan says. *freed*:
    only a neighbour made the layer float, and that may have changed.
    """
    if old == new and lowered is not None and not freed:
        return lowered
    return new or ("INT8" if lowered is not None else None)


def changed_layers(old: PlanRows, new: PlanRows, wiring: Wiring) -> set[str]:
    """Layers whose mode, or the threshold of one of whose outputs, differs between two plans."""
    tensors = {
        name
        for name in old[0].keys() | new[0].keys()
        if old[0].get(name, (None,))[0] != new[0].get(name, (None,))[0]
    }
    modes = {name for name in old[1].keys() | new[1].keys() if old[1].get(name) != new[1].get(name)}
    readers = {name for name in wiring.names if tensors and not tensors.isdisjoint(wiring.reads[name])}
    makers = {name for name in wiring.names if tensors and not tensors.isdisjoint(wiring.makes[name])}
    return modes | makers | readers


def mark_stale(columns: Mapping[str, list[Any]], wiring: Wiring, changed: set[str]) -> None:
    """Wrap the figures that another plan has: local ones near a change, accumulated ones behind it."""
    near = wiring.touched(changed)
    behind = wiring.behind(near)
    for row, name in enumerate(columns["name"]):
        keys = ("cos", "sqnr", "saturation") if name in behind else ()
        for key in (*keys, *(("local_cos", "local_sqnr") if name in near else ())):
            if columns[key][row] is not None:
                columns[key][row] = Stale(columns[key][row])
