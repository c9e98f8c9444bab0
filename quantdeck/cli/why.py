"""``quantdeck layers SESSION --why LAYER``: why a layer hurts, in text or JSON."""

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.mix.repairs import SCATTER
from ..engine.text import percent, visible
from .tables import figure, plain, render, short

if TYPE_CHECKING:
    from ..engine.mix.diagnose import Diagnosis

PARTS = (
    ("weights", "rounding of its weights"),
    ("shift", "  of it: constant in each channel"),
    ("clipping", "values beyond the threshold"),
    ("rounding", "rounding of its output"),
    ("joined", "  of it: a step shared with a wider tensor"),
)


def why(path: Path, layer: str, *, as_json: bool) -> str:
    """The diagnosis of one layer under the session's plan."""
    from ..sessions.reasons import reasons
    from ..sessions.store import open_session

    with open_session(path, readonly=True) as session:
        found = reasons(session, layer)
    return json.dumps(plain(as_plain(found)), indent=1) if as_json else as_text(found)


def as_plain(found: "Diagnosis") -> dict[str, Any]:
    """Everything that is known; a repair's plan is left to what it edits."""
    body = asdict(replace(found, repairs=()))
    body["parts"]["total"] = found.parts.total
    body["repairs"] = [
        {
            "action": str(one.action),
            "words": one.words,
            "layers": list(one.layers),
            "gain": one.gain,
            "own": one.own,
            "at": "outputs" if one.at_outputs else "layer",
            "threshold": None if one.threshold is None else [one.threshold.value, one.threshold.method],
        }
        for one in found.repairs
    ]
    return body


def as_text(found: "Diagnosis") -> str:
    """Figures, words, repairs."""
    lines = [f"{visible(found.layer)}  {found.op}  {found.mode}", ""]
    if found.parts.total:
        rows = [
            (title, percent(found.parts.share(name)), short(getattr(found.parts, name)))
            for name, title in PARTS
            if getattr(found.parts, name) or not title.startswith(" ")
        ]
        lines += [render(("its own error", "share", "mean square"), rows, (False, True, True)), ""]
    figures = [
        ("channel spread of weights", figure(found.channel_spread, 2)),
        ("outlier ratio", figure(found.outlier, 2)),
        ("beyond the threshold", percent(found.saturated)),
        ("negative", percent(found.negative) + ("" if found.signed else ", stored without a sign")),
    ]
    if found.under_one:
        figures.append(("ranges under one threshold", f"{found.joined:.2f} times apart"))
    if not math.isnan(found.arrived):
        figures.append(("error from layers before it", percent(found.arrived)))
    if not math.isnan(found.share):
        figures.append(("share of noise at the outputs", percent(found.share)))
    width = max(len(title) for title, _ in figures)
    lines += [f"{title:<{width}}  {value}" for title, value in figures]
    lines += ["", *found.reasons, ""]
    return "\n".join([*lines, *_repairs(found)])


def _repairs(found: "Diagnosis") -> list[str]:
    if not found.repairs:
        return ["no repair is predicted to gain anything"]
    rows = [
        ("*" if one is found.suggested else "", visible(one.words), _gain(one.own), _gain(one.gain))
        for one in found.repairs
    ]
    at_outputs = found.repairs[0].at_outputs
    heads = ("", "repair", "its own error", "at the outputs" if at_outputs else "at this layer")
    ends = (
        "gains are predicted, with the noise ledger"
        if at_outputs
        else "gains are estimated from this layer alone"
    )
    return [
        render(heads, rows, (False, False, True, True)),
        f"{ends}; less than {SCATTER} dB is within the scatter of runs",
    ]


def _gain(value: float) -> str:
    return "all" if math.isinf(value) else f"{value:+.2f} dB"
