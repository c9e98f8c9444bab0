"""The figures of a session's plan as JSON and CSV: all that the layer table shows, with the same keys in both."""

import csv
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..engine.plan import Plan
from ..engine.text import visible
from .layer_table import FIGURES, PlanRows, Stale, layer_table, nearest
from .output_noise import noise_parts, ranks
from .predictions import Predictions, predictions
from .session import Session

UNITS: Mapping[str, str] = {
    "macs": "multiply-adds of one sample",
    "params": "weights",
    "local_cos": "cosine at the layer's output, this layer alone in int8",
    "local_sqnr": "dB at the layer's output, this layer alone in int8",
    "cos": "cosine at the layer's output, the whole plan",
    "sqnr": "dB at the layer's output, the whole plan",
    "saturation": "share of values at the ends of the integer range, 0 to 1",
    "threshold": "in the tensor's own units",
    "rank": "place by noise at the outputs, 1 makes most",
    "output_sqnr": "dB at the worst output, this layer alone in int8",
    "output_noise_share": "part of the plan's noise at the worst output, 0 to 1",
    "predicted_cost_share": "part of the plan's predicted time, 0 to 1",
    "predicted_gain": "dB at the worst output if this layer alone changed between int8 and float",
    "predicted_gain_error": "dB, half the width of the gain's 90 % interval; empty where both plans were run",
    "stale": "figures of this layer that are of the plan before, as this one has not been run",
}
"""What a layer's figures are, by key."""

_KEYS = (
    "position", "name", "op", "shape", "macs", "params", "mode", "local_cos", "local_sqnr", "cos", "sqnr",
    "saturation", "threshold", "method", "rank", "output_sqnr", "output_noise_share", "predicted_cost_share",
    "predicted_gain", "predicted_gain_error", "stale",
)  # fmt: skip
_SCORE = """
SELECT plan, cos, sqnr, dead, top1_float, top1_int8, top5_float, top5_int8, labelled, samples_digest, body
FROM score WHERE plan = ? ORDER BY created DESC, id DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Written:
    """A text to write, and what is to be said of it."""

    text: str
    notes: tuple[str, ...] = ()


def json_text(session: Session, number: int, plan: Plan) -> Written:
    """Everything that the session knows of a plan, as JSON in ASCII; infinities are texts, NaN is null."""
    told = predictions(session, number, plan)
    state = session.row("SELECT title FROM state WHERE id = 1")
    model = session.row("SELECT name, path, digest FROM model WHERE id = 1")
    label = session.row("SELECT label FROM plan WHERE id = ?", number)
    body = {
        "session": state["title"] if state else "",
        "model": dict(model) if model else {},
        "chip": plan.chip,
        "fp_type": plan.fp_type,
        "plan": {"label": label["label"] if label else "", "digest": plan.digest, "modes": dict(plan.modes)},
        "score": _score(session, number),
        "predicted": _predicted(told),
        "units": dict(UNITS),
        "layers": layer_figures(session, number, plan, told),
        "notes": list(told.notes),
    }
    return Written(json.dumps(_plain(body), indent=1) + "\n", told.notes)


def csv_text(session: Session, number: int, plan: Plan) -> Written:
    """The layers as CSV with a head; what a spreadsheet would take for a formula is led by an apostrophe."""
    told = predictions(session, number, plan)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_KEYS)
    for row in layer_figures(session, number, plan, told):
        writer.writerow([_cell(row[key]) for key in _KEYS])
    return Written(stream.getvalue(), told.notes)


def _score(session: Session, number: int) -> dict[str, Any] | None:
    """The plan's newest score, or that of the nearest plan before it (stale)."""
    known = nearest(session.connection, number, "score")
    row = session.row(_SCORE, known)
    if row is None:
        return None
    found = dict(row)
    try:
        samples: Any = json.loads(found.pop("body"))["samples"]
    except (ValueError, KeyError, TypeError, RecursionError):
        samples = None
    return {**found, "samples": samples, "stale": found["plan"] != number}


def _predicted(told: Predictions) -> dict[str, Any]:
    """The plan's predicted figures: dB and cosine of the worst output, seconds of one sample on the chip."""
    expected = told.expected
    return {
        "sqnr": expected.sqnr if expected else None,
        "sqnr_low": expected.low if expected else None,
        "sqnr_high": expected.high if expected else None,
        "cos": expected.cos if expected else None,
        "cos_low": expected.cos_low if expected else None,
        "cos_high": expected.cos_high if expected else None,
        "seconds": told.seconds,
        "seconds_over_int8": told.ratio,
    }


def layer_figures(session: Session, number: int, plan: Plan, told: Predictions) -> list[dict[str, Any]]:
    """The layers under a plan with every figure of the workbench's table, in graph order."""
    rows: PlanRows = (
        {name: (row.value, row.method) for name, row in plan.thresholds.items()},
        {name: str(mode) for name, mode in plan.modes.items()},
    )
    columns = layer_table(session.connection, number, rows).columns
    names = [str(name) for name in columns["name"]]
    modes = [str(mode or plan.mode(name)) for mode, name in zip(columns["mode"], names, strict=True)]
    parts = noise_parts(told.outputs, names, modes)
    places = ranks(parts)
    found: list[dict[str, Any]] = []
    for place, name in enumerate(names):
        row = {key: values[place] for key, values in columns.items()}
        output, part = parts.get(name, (None, None))
        gain, error = told.gains.get(name, (None, None))
        row |= {
            "mode": modes[place],
            "rank": places.get(name),
            "output_sqnr": output,
            "output_noise_share": part,
        }
        row |= {"predicted_cost_share": told.shares.get(name), "predicted_gain": gain}
        row |= {
            "predicted_gain_error": error,
            "stale": [key for key in FIGURES if isinstance(row[key], Stale)],
        }
        found.append({key: row[key] for key in _KEYS})
    return found


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return " ".join(str(one) for one in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, float):
        return "" if math.isnan(value) else float(value)
    if not isinstance(value, str):
        return value
    text = visible(value)
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list):
        return [_plain(one) for one in value]  # pyright: ignore[reportUnknownVariableType]
    return value
