"""Which step of the flow suits a network: rules on the figures that a session holds, in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..engine.text import counted
from .snapshots import ScoreView

GOOD, FAIR = 0.99, 0.95  # raw cosine at the worst output


def advice(
    columns: Mapping[str, Sequence[Any]], details: Sequence[str], score: ScoreView | None
) -> list[str]:
    """Sentences, the most pressing first. *columns*: the layer table's; *details*: each layer's attributes in words."""
    ops = list(columns["op"])
    if score is None:
        return ["calibrate first: everything else is judged by its figures"]
    found: list[str] = []
    if score.dead:
        found.append(
            f"{score.dead} parts of an output are constant in int8: float their layers, whatever the cosine says"
        )
    cos = score.cos if score.cos is not None else 0.0
    deep = sum("group" in detail for detail in details)
    if cos >= GOOD:
        found.append(
            f"int8 does well (cosine {cos:.4f}): export, or float a layer or two for the last decibels"
        )
    else:
        found += _remedies(ops, deep, cos)
    clipped = sum(1 for value in columns["saturation"] if value is not None and value > 0.01)
    if clipped:
        found.append(
            f"{counted(clipped, 'layer')} with more than 1 % of the values clipped: try max or percentile9999 there (t)"
        )
    return found


def _remedies(ops: Sequence[str], deep: int, cos: float) -> list[str]:
    found: list[str] = []
    if deep:
        found.append(
            f"{deep} grouped convolutions: equalize their weights first, channels differ widely there"
        )
    if "Softmax" in ops and ops.count("LayerNorm") + ops.count("MatMul") > 4:
        found.append("a transformer: search float layers with search_qtable, most of it stays in int8")
    if cos >= FAIR:
        found.append("search thresholds: another method may be all that is missing; bias correction after it")
    else:
        found.append(
            f"cosine {cos:.4f} is low: a few layers hurt most; search float layers, the ledger is quick"
        )
    return found
