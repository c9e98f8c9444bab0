"""Which step of the flow suits a network: the chapter's cases (7.1.3), judged by the figures that a session holds.

The chapter's rules of thumb: a better threshold method first, equalized weights and bias correction for depthwise
networks, search_qtable where some layers must stay float, its transformer form for transformers, fp_forward for a part
of the network that is known to need float, run_qtable to find where a network begins to fail.
"""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..engine.text import counted, percent, visible
from ..sessions.output_noise import noise_parts
from ..sessions.wiring import Wiring
from .figures import cosine
from .keys import USUAL, KeyName
from .snapshots import ScoreView
from .stages import CORRECTIONS

GOOD, FAIR = 0.99, 0.95  # raw cosine at the worst output
CLIPPED = 0.01  # share of values at the rails
LIMITED = re.compile(r"ReLU\d")  # in a layer's attributes: an activation with an upper limit
FEW, MOST = 5, 0.5  # so many layers that make this part of the noise are few


@dataclass(frozen=True, slots=True)
class Advice:
    """A sentence and the stage of the flow that it speaks of; empty where it speaks of none."""

    stage: str
    sentence: str


def advice(
    columns: Mapping[str, Sequence[Any]],
    details: Sequence[str],
    score: ScoreView | None,
    outputs: Mapping[str, float] | None = None,
    reach: Mapping[str, float] | None = None,
    *,
    pairs: int | None = None,
    done: Collection[str] = (),
    key: KeyName = USUAL,
) -> list[Advice]:
    """What suits, the most pressing first.

    *columns*: the layer table's; *details*: each layer's attributes in words; *outputs*: by layer, SQNR in dB at the
    worst output with the layer alone in int8, where the ledger is measured. *reach*: largest magnitude by layer.
    *pairs*: convolutions whose weights can be equalized with the next one's (equalizable), None where not counted.
    *done*: stages that are in the plan already. *key* names the keys of actions.
    """
    if score is None:
        return [
            Advice("calibrate", "calibrate first: everything else is judged by its figures"),
            *_kind(columns, details, pairs),
        ]
    found: list[Advice] = []
    if score.dead:
        found.append(
            Advice(
                "float",
                f"{counted(score.dead, 'part')} of an output constant in int8: float their layers, whatever the "
                "cosine says",
            )
        )
    cos = score.cos if score.cos is not None else 0.0
    if cos >= GOOD:
        found.append(
            Advice(
                "",
                f"int8 does well (cosine {cosine(cos)}): export, or float a layer or two for the last decibels",
            )
        )
    rest = [*_clipped(columns, reach or {}), *_where(columns, outputs or {}, key)]
    found += rest if cos < GOOD else [Advice("", one.sentence) for one in rest]  # worth knowing, not urgent
    if cos < GOOD:
        found += [*_kind(columns, details, pairs), *_by_score(cos)]
    return [one for one in found if one.stage not in CORRECTIONS or one.stage not in done]


def advised(found: Sequence[Advice]) -> frozenset[str]:
    """The stages that an advice speaks for."""
    return frozenset(one.stage for one in found if one.stage)


def equalizable(ops: Sequence[str], details: Sequence[str], wiring: Wiring) -> int:
    """Convolutions whose weights can be equalized with the next one's, as far as the layer table tells.

    The rule is that of engine/calib/equalize.py: one reader, directly or through one activation without a limit.
    """
    known = {name: (op, detail) for name, op, detail in zip(wiring.names, ops, details, strict=True)}

    def reader(name: str) -> str | None:
        found = wiring.children(name)
        return found[0] if len(found) == 1 else None

    count = 0
    for name, (op, detail) in known.items():
        if op != "Conv" or LIMITED.search(detail):
            continue
        behind = reader(name)
        if (
            behind is not None
            and known[behind][0] in ("Relu", "PRelu")
            and not LIMITED.search(known[behind][1])
        ):
            behind = reader(behind)
        count += behind is not None and known[behind][0] == "Conv"
    return count


def _kind(
    columns: Mapping[str, Sequence[Any]], details: Sequence[str], pairs: int | None = None
) -> list[Advice]:
    """What the network's kind asks for."""
    ops, deep = list(columns["op"]), sum("group" in detail for detail in details)
    found: list[Advice] = []
    if deep:
        many = counted(deep, "grouped convolution")
        differ = f"{many}: their channels differ widely, and one threshold serves them all"
        shift = "depthwise layers shift their means most in int8"
        if pairs == 0:
            found.append(
                Advice("bias", f"{differ}; correct the bias: {shift} (no weights here can be equalized)")
            )
        else:
            found.append(Advice("equalize", f"{differ}; equalize weights before calibrating"))
            found.append(Advice("bias", f"then correct the bias: {shift}"))
    if "Softmax" in ops and ops.count("LayerNorm") + ops.count("MatMul") > 4:
        found.append(
            Advice(
                "float",
                "a transformer: sums before a LayerNorm, SiLU and GELU need float; search_qtable with transformer "
                "on, or take the starting qtable",
            )
        )
    return found


def _clipped(columns: Mapping[str, Sequence[Any]], reach: Mapping[str, float]) -> list[Advice]:
    """Layers whose thresholds cut; a limited activation stands at its limit by itself."""
    rows = zip(columns["name"], columns["saturation"], columns["threshold"], strict=True)
    clipped = sum(
        part is not None
        and part > CLIPPED
        and value is not None
        and value < 0.99 * reach.get(str(name), math.inf)
        for name, part, value in rows
    )
    if not clipped:
        return []
    words = f"{counted(clipped, 'layer')} with more than 1 % of the values beyond the threshold"
    return [
        Advice("search_threshold", f"{words}: a method with wider ones (max, percentile9999) may do better")
    ]


def _where(columns: Mapping[str, Sequence[Any]], outputs: Mapping[str, float], key: KeyName) -> list[Advice]:
    """Where the noise at the outputs comes from: a few layers, a stretch of the network, or everywhere."""
    names = [str(name) for name in columns["name"]]
    parts = noise_parts(outputs, names, list(columns["mode"]))
    loud = sorted(parts, key=lambda name: -parts[name][1])
    if not loud or not parts[loud[0]][1]:
        return []
    count, total = 0, 0.0
    while total < MOST and count < len(loud):
        total += parts[loud[count]][1]
        count += 1
    share = f"{percent(total)} of the noise at the outputs"
    if count > max(FEW, len(loud) // 10):
        return [
            Advice(
                "search_threshold",
                f"the noise comes from everywhere ({count} layers for {share}): thresholds or bias help more than "
                "floating single layers",
            )
        ]
    first = visible(loud[0])
    if count == 1:
        best, mend = key("layers.best"), key("layers.repair_0")
        words = f"{first} alone makes {share}: float it or mend it (Layers, {best}, then {mend})"
    else:
        words = f"{counted(count, 'layer')} make {share}, {first} first: search float layers, or float them by hand"
    found = [Advice("float", words)]
    spread = [names.index(name) for name in loud[:count]]
    if count > 2 and max(spread) - min(spread) < 3 * count:
        region = key("layers.region")
        words = f"they stand together: float the stretch with {region} in the layers (fp_forward)"
        found.append(Advice("", words))
    return found


def _by_score(cos: float) -> list[Advice]:
    if cos >= FAIR:
        return [
            Advice(
                "search_threshold",
                f"cosine {cos:.4f}: another method's thresholds may be all that is missing",
            )
        ]
    return [
        Advice(
            "float",
            f"cosine {cos:.4f} is low: search float layers with search_qtable; run_qtable shows where from the input "
            "on it begins to fail",
        )
    ]
