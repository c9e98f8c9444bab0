"""``quantdeck layers``: the table of layers of a model, or of a session with its thresholds and scores."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..engine.errors import QuantdeckError
from ..engine.text import counted, visible
from .console import console
from .options import SESSION, Shapes, option
from .tables import LONGEST, figure, plain, render, short, shorten

if TYPE_CHECKING:
    from ..sessions.session import Session

_STATIC = ("position", "name", "op", "shape", "macs", "params")
_SCORED = ("threshold", "method", "mode", "local_cos", "local_sqnr", "cos", "sqnr", "saturation")
_TEXT = {"name", "op", "shape", "method", "mode"}
_FALLING = {"macs", "params", "threshold", "saturation"}  # largest first; everything else rises: worst first
_DIGITS = {"local_cos": 6, "local_sqnr": 2, "cos": 6, "sqnr": 2, "saturation": 5}


@click.command("layers")
@click.argument("source", type=SESSION, metavar="MODEL|SESSION")
@option("--sort", type=click.Choice([*_STATIC, *_SCORED]), default="position",
        help="Order: figures with the worst first, MACs, parameters and thresholds with the largest.")  # fmt: skip
@option("--reverse", is_flag=True, help="The other way round.")
@option("--json", "as_json", is_flag=True, help="JSON in ASCII, names exactly as they are.")
@option("--wide", is_flag=True, help=f"Names in full, not cut to {LONGEST} columns.")
@option("--input_shapes", type=Shapes(), help="Shapes of open inputs, as [[1,3,224,224]].")
@option("--why", metavar="LAYER", help="Why this layer of a SESSION hurts: the parts of its error, what its figures "
        "say, and every repair with its predicted gain.")  # fmt: skip
def layers(
    source: Path, sort: str, reverse: bool, as_json: bool, wide: bool, input_shapes: Any, why: str | None
) -> None:
    """Print the layers of a MODEL (ONNX), or of a SESSION with thresholds and scores of its current plan."""
    from ..sessions.recognise import reads_as_session

    with console() as out:
        if why is not None:
            out.result(_why(source, why, as_json))
            return
        if reads_as_session(source):
            rows, notes = session_rows(source, whole=as_json)
        else:
            rows, notes = model_rows(source, input_shapes)
        for note in notes:
            out.say(note)
        rows = _sorted(rows, sort, reverse)
        out.result(json.dumps(plain(rows), indent=1) if as_json else table(rows, wide=wide))


def _why(source: Path, layer: str, as_json: bool) -> str:
    from ..sessions.recognise import reads_as_session
    from .why import why

    if not reads_as_session(source):
        raise QuantdeckError(
            f"--why needs a session with thresholds, and {visible(str(source))} is a model; "
            "make one with quantdeck run_calibration ... --session FILE"
        )
    return why(source, layer, as_json=as_json)


def model_rows(path: Path, input_shapes: Any = None) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Rows of a model, and what its reader has to tell."""
    from ..sessions.records import layer_rows
    from ..sessions.work import load_model

    graph = load_model(path, input_shapes)
    return layer_rows(graph), graph.notes


_QUERY = """
SELECT l.position, l.name, l.op, l.shape, l.macs, l.params, l.inputs, l.outputs, l.detail,
       s.mode, s.local_cos, s.local_sqnr, s.cos, s.sqnr, s.saturation
FROM layer l LEFT JOIN layer_score s ON s.layer = l.name AND s.plan = ?
ORDER BY l.position
"""


def session_rows(path: Path, *, whole: bool = False) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Rows of a session under its current plan; sqlite3 alone.

    whole: with every figure of ``quantdeck export``, for which the model is read.
    """
    from ..sessions.store import open_session

    with open_session(path, readonly=True) as session:
        head = session.row("SELECT current_plan FROM state WHERE id = 1")
        number = head[0] if head else None
        plan = session.row("SELECT body FROM plan WHERE id = ?", number)
        body: dict[str, Any] = json.loads(plan[0]) if plan else {"thresholds": {}, "modes": {}}
        rows = [dict(row) for row in session.rows(_QUERY, number)]
        frozen = session.frozen
        figures, notes = _exported(session) if whole and plan else ([{} for _ in rows], ())
    for row, more in zip(rows, figures, strict=True):
        row["inputs"], row["outputs"] = json.loads(row["inputs"]), json.loads(row["outputs"])
        threshold = body["thresholds"].get(row["outputs"][0] if row["outputs"] else "")
        row["threshold"], row["method"] = (threshold[0], threshold[3]) if threshold else (None, None)
        row["mode"] = row["mode"] or body["modes"].get(row["name"]) or ("INT8" if threshold else None)
        row.update(more)
    note = f"{visible(str(path))} is read-only: it is shown as it is, and nothing can be changed"
    return rows, (note, *notes) if frozen else notes


def _exported(session: "Session") -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """The layers' figures as exports have them, and what is missing."""
    from ..sessions.figures import layer_figures
    from ..sessions.predictions import predictions
    from ..sessions.records import get_plan

    found = get_plan(session)
    if found is None:
        raise QuantdeckError(f"the session {visible(str(session.path))} has no plan yet; calibrate it first")
    told = predictions(session, *found)
    return layer_figures(session, *found, told), told.notes


def _sorted(rows: list[dict[str, Any]], key: str, reverse: bool) -> list[dict[str, Any]]:
    known = [row for row in rows if row.get(key) is not None]
    if not known and rows:
        raise QuantdeckError(
            f"--sort {key}: there are no such figures; give a session that has been evaluated"
        )
    unknown = [row for row in rows if row.get(key) is None]
    falling = (key in _FALLING) != reverse
    return sorted(known, key=lambda row: row[key], reverse=falling) + unknown


def table(rows: list[dict[str, Any]], *, wide: bool) -> str:
    """The table in text, with columns of scores only where there are any."""
    shown = [name for name in _SCORED if any(row.get(name) is not None for row in rows)]
    columns = [*_STATIC, *shown]
    heads = ["#" if name == "position" else name for name in columns]
    cells = [[_cell(row, name, wide) for name in columns] for row in rows]
    total = f"{counted(len(rows), 'layer')}, {_sum(rows, 'macs')} MACs, {_sum(rows, 'params')} parameters"
    return render(heads, cells, [name not in _TEXT for name in columns]) + "\n" + total


def _sum(rows: list[dict[str, Any]], name: str) -> int:
    return sum(row[name] for row in rows)


def _cell(row: dict[str, Any], name: str, wide: bool) -> str:
    value = row.get(name)
    if name in ("name", "op"):
        return visible(str(value)) if wide else shorten(str(value))
    if name == "threshold":
        return short(value)
    if name in _DIGITS:
        return figure(value, _DIGITS[name])
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return visible(str(value))
