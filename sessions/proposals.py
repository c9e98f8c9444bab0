"""Plans that a search proposes, kept small: the first whole, others as what differs from it; read with sqlite3 alone.

A search of a thousand probes over a network of two thousand layers would otherwise write a thousand times the same
thresholds.
"""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .packing import pack, unpack, well_formed

if TYPE_CHECKING:
    from ..engine.plan import Plan

Body = dict[str, Any]


class Proposals:
    """Writes the plans of one run of a search."""

    def __init__(self) -> None:
        self._first: tuple[str, Body] | None = None

    def packed(self, key: str, plan: "Plan") -> bytes:
        """The plan as a blob; *key* is the key under which it will be found."""
        body: Body = json.loads(plan.to_json())
        if self._first is None or self._first[1]["chip"] != body["chip"]:
            self._first = key, body
            return pack({"whole": body})
        base, first = self._first
        rows: Mapping[str, Any] = first["thresholds"]
        new: Mapping[str, Any] = body["thresholds"]
        if rows.keys() != new.keys():
            return pack({"whole": body})
        changed = {name: row for name, row in new.items() if row != rows[name]}
        return pack({"base": base, "fp_type": body["fp_type"], "thresholds": changed, "modes": body["modes"]})


def plan_text(blob: bytes, find: Callable[[str], bytes | None]) -> str:
    """A plan's canonical text from its blob; *find* gives the blob of another key. Empty when that is gone.

    Errors: QuantdeckError where the blob holds something else.
    """
    with well_formed():
        return _plan_text(unpack(blob), find)


def _plan_text(body: Body, find: Callable[[str], bytes | None]) -> str:
    if "whole" in body:
        return _text(body["whole"])
    base = find(body["base"])
    if base is None:
        return ""
    first: Body = json.loads(_plan_text(unpack(base), find))
    rows = {**first["thresholds"], **body["thresholds"]}
    return _text({**first, "fp_type": body["fp_type"], "thresholds": rows, "modes": body["modes"]})


def _text(body: Body) -> str:
    """The order and the separators of ``Plan.to_json``."""
    rows, modes = body["thresholds"], body["modes"]
    return json.dumps(
        {
            "chip": body["chip"],
            "fp_type": body["fp_type"],
            "thresholds": {name: rows[name] for name in sorted(rows)},
            "modes": {name: modes[name] for name in sorted(modes)},
        },
        separators=(",", ":"),
    )
