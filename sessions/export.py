"""Writes what a session stands on: the chapter's tables, and its figures as JSON and CSV.

The command line and the workbench both end here, so that they write the same bytes.
"""

import csv
import io
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..engine.errors import QuantdeckError
from ..engine.plan import Plan
from ..engine.text import visible
from . import records
from .outcomes import best_plan
from .packing import unpack
from .session import Session
from .store import open_session

FORMS: Mapping[str, tuple[str, str]] = {
    "calibration_table": ("calibration table", "cali_table"),
    "quantize_table": ("quantize table", "qtable"),
    "json": ("figures as JSON", "figures.json"),
    "csv": ("layers as CSV", "layers.csv"),
}
"""What can be written of a plan, by option: how it is called, and the end of its usual file name."""

SEARCH_FORMS: Mapping[str, tuple[str, str]] = {
    "new_table": ("calibration table of a search", "new_cali_table.txt"),
    "loss_table": ("loss table", "full_loss_table.txt"),
}
"""What can be written of a search that has ended."""

ALL_FORMS: Mapping[str, tuple[str, str]] = {**FORMS, **SEARCH_FORMS}

_LAYERS = """
SELECT l.position, l.name, l.op, l.shape, l.macs, l.params, s.mode, s.local_cos, s.local_sqnr, s.cos, s.sqnr,
       s.saturation
FROM layer l LEFT JOIN layer_score s ON s.layer = l.name AND s.plan = ? ORDER BY l.position
"""


def usual_name(session: Path, form: str) -> Path:
    """Where a form goes unless another file is named: beside the session."""
    return session.with_name(f"{session.stem}_{ALL_FORMS[form][1]}")


def export(
    path: Path, wanted: Mapping[str, Path], *, replace: bool = False, search: int | None = None
) -> None:
    """Write forms of a session's current plan, or of a search.

    No text holds a time: the same session gives the same bytes. *replace*: files that are there may be written
    over. *search*: number of a job; the plan is the one that this search came to, the best so far while it runs;
    without it a search's forms are those of the newest one that has them.
    Errors: QuantdeckError when there is no plan yet, a file is there already, or a place cannot be written; nothing
    is written then.
    """
    for form, target in wanted.items():
        if target.exists() and not replace:
            raise QuantdeckError(
                f"{visible(str(target))} exists already; name another file for the {ALL_FORMS[form][0]}, or give "
                "--force to write over it"
            )
    with open_session(path, readonly=True) as session:
        texts = {form: search_text(session, form, search) for form in wanted if form in SEARCH_FORMS}
        if len(texts) < len(wanted):
            found = records.get_plan(session) if search is None else _of_search(session, search)
            if found is None:
                raise QuantdeckError(f"the session {visible(str(path))} has no plan yet; calibrate it first")
            texts |= {form: _WRITERS[form](session, *found) for form in wanted if form in FORMS}
    from ..engine.calib.textfile import write_text

    for form, target in wanted.items():
        write_text(target, texts[form], ALL_FORMS[form][0])


def _of_search(session: Session, job: int) -> tuple[int, Plan]:
    """The plan of a search with its number, 0 for one that the session did not stand on yet."""
    plan = best_plan(session, job)
    if plan is None:
        raise QuantdeckError(f"search {job} has scored no plan yet; ask again in a moment")
    row = session.row("SELECT id FROM plan WHERE digest = ?", plan.digest)
    return (int(row["id"]) if row else 0), plan


def _tensors(session: Session) -> list[str]:
    """The tensors that may have a threshold, in the order of the calibration table."""
    known = [str(row[0]) for row in session.rows("SELECT name FROM tensor ORDER BY position")]
    model = session.row("SELECT inputs FROM model WHERE id = 1")
    if known or model is None:
        return known
    made = [json.loads(row[0]) for row in session.rows("SELECT outputs FROM layer ORDER BY position")]
    return [str(one[0]) for one in json.loads(model[0])] + [str(name) for names in made for name in names]


def _used_note(selections: dict[str, Any]) -> list[str]:
    """Which samples a search used, as its own tables say it; older sessions do not know it."""
    from ..engine.calib.used import used_note

    return used_note(*(selections.get(role, {}).get("prints", ()) for role in ("calibration", "scored")))


def search_text(session: Session, form: str, job: int | None) -> str:
    """A form of a search, as the search's own command writes it.

    Errors: QuantdeckError when no search that has ended has it.
    """
    from ..engine.calib.table import CalibrationTable, format_table, table_header
    from .outcomes import outcome_from, reasons_from
    from .search_spec import SearchSpec
    from .search_text import loss_table
    from .work import version

    rows = session.rows(
        "SELECT job.id, job.spec, search.outcome, search.samples FROM search JOIN job ON job.id = search.job"
        " WHERE search.outcome IS NOT NULL AND (? IS NULL OR job.id = ?)"
        " AND (? OR search.kind = 'run_qtable') ORDER BY job.id DESC LIMIT 1",
        job, job, form == "new_table",
    )  # fmt: skip
    if not rows:
        kind = "search" if form == "new_table" else "run_qtable"
        raise QuantdeckError(
            f"there is no {ALL_FORMS[form][0]} in {visible(str(session.path))}: no {kind} has ended; start one first"
        )
    spec = SearchSpec.from_dict(json.loads(rows[0]["spec"]))
    body = unpack(rows[0]["outcome"])
    outcome = outcome_from(body)
    used = {role: len(one["entries"]) for role, one in json.loads(rows[0]["samples"]).items()}
    if form == "loss_table":
        return loss_table(spec, used.get("scored", 0), outcome.ranking, reasons_from(body))
    notes = [f"search: {spec.kind}", f"chip: {spec.chip}", *_used_note(json.loads(rows[0]["samples"]))]
    header = table_header(
        spec.model_name, version=version(), bins=spec.bins, samples=used.get("calibration", 0),
        tune_num=spec.tune_num, notes=notes, dated=False,
    )  # fmt: skip
    found = outcome.plan.thresholds
    return format_table(
        CalibrationTable({name: found[name] for name in _tensors(session) if name in found}, header)
    )


def calibration_text(session: Session, _number: int, plan: Plan) -> str:
    """The plan's thresholds in the order of the model's tensors (spec A.3)."""
    from ..engine.calib.table import CalibrationTable, format_table, table_header
    from .work import version

    settings = records.get_settings(session)
    model = session.row("SELECT path FROM model WHERE id = 1")
    samples = session.row("SELECT formed FROM samples WHERE role = 'calibration'")
    header = table_header(
        Path(model["path"]).name if model else "",
        version=version(),
        bins=int(settings.get("bins", 2048)),
        samples=int(samples[0]) if samples else 0,
        tune_num=int(settings.get("tune_num", 0)),
        dated=False,
    )
    rows = {name: plan.thresholds[name] for name in _tensors(session) if name in plan.thresholds}
    return format_table(CalibrationTable(rows, header))


def quantize_text(session: Session, _number: int, plan: Plan) -> str:
    """The layers that are not int8, in model order (spec A.4)."""
    from ..engine.calib.qtable import format_qtable

    samples = session.row("SELECT formed FROM samples WHERE role = 'calibration'")
    order = [row[0] for row in session.rows("SELECT name FROM layer ORDER BY position")]
    modes = {name: plan.modes[name] for name in order if name in plan.modes}
    return format_qtable(
        modes, chip=plan.chip, fp_type=plan.fp_type, samples=samples[0] if samples else None, dated=False
    )


def figures(session: Session, number: int, plan: Plan) -> dict[str, Any]:
    """Everything that the session knows of a plan, as JSON values."""
    state = session.row("SELECT title FROM state WHERE id = 1")
    model = session.row("SELECT name, path, digest FROM model WHERE id = 1")
    label = session.row("SELECT label FROM plan WHERE id = ?", number)
    score = session.row(
        "SELECT cos, sqnr, dead, top1_float, top1_int8, top5_float, top5_int8, labelled, samples_digest"
        " FROM score WHERE plan = ? ORDER BY created DESC, id DESC LIMIT 1",
        number,
    )
    return {
        "session": state["title"] if state else "",
        "model": dict(model) if model else {},
        "chip": plan.chip,
        "fp_type": plan.fp_type,
        "plan": {"label": label["label"] if label else "", "digest": plan.digest, "modes": dict(plan.modes)},
        "score": dict(score) if score else None,
        "layers": layer_figures(session, number, plan),
    }


def layer_figures(session: Session, number: int, plan: Plan) -> list[dict[str, Any]]:
    """The layers with threshold, method, mode and figures under a plan."""
    outputs = {row[0]: json.loads(row[1]) for row in session.rows("SELECT name, outputs FROM layer")}
    found: list[dict[str, Any]] = []
    for row in session.rows(_LAYERS, number):
        tensor = outputs[row["name"]][0] if outputs[row["name"]] else ""
        threshold = plan.thresholds.get(tensor)
        mode = row["mode"] or str(plan.mode(row["name"]))
        entry = {**dict(row), "mode": mode, "threshold": threshold.value if threshold else None}
        found.append({**entry, "method": threshold.method if threshold else None})
    return found


def json_text(session: Session, number: int, plan: Plan) -> str:
    """The figures as JSON in ASCII; infinities are texts, NaN is null."""
    return json.dumps(_plain(figures(session, number, plan)), indent=1) + "\n"


def csv_text(session: Session, number: int, plan: Plan) -> str:
    """The layers as CSV with a head; what a spreadsheet would take for a formula is led by an apostrophe."""
    rows = layer_figures(session, number, plan)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(rows[0] if rows else ["position", "name"])
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return stream.getvalue()


def _cell(value: Any) -> Any:
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


_WRITERS: Mapping[str, Callable[[Session, int, Plan], str]] = {
    "calibration_table": calibration_text,
    "quantize_table": quantize_text,
    "json": json_text,
    "csv": csv_text,
}
