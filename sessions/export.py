"""Writes what a session stands on: the chapter's tables, and its figures as JSON and CSV.

The command line and the workbench both end here, so that they write the same bytes.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engine.calib.used import used_note
from ..engine.errors import QuantdeckError
from ..engine.plan import Plan
from ..engine.text import visible
from . import records
from .faults import explained
from .figures import Written, csv_text, json_text
from .outcomes import best_plan
from .packing import unpack, well_formed
from .search_spec import SearchSpec
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


def usual_name(session: Path, form: str) -> Path:
    """Where a form goes unless another file is named: beside the session."""
    return session.with_name(f"{session.stem}_{ALL_FORMS[form][1]}")


def export(
    path: Path, wanted: Mapping[str, Path], *, replace: bool = False, search: int | None = None
) -> tuple[str, ...]:
    """Write forms of a session's current plan, or of a search; what is to be said of them.

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
        texts = {form: Written(search_text(session, form, search)) for form in wanted if form in SEARCH_FORMS}
        if len(texts) < len(wanted):
            found = records.get_plan(session) if search is None else _of_search(session, search)
            if found is None:
                raise QuantdeckError(f"the session {visible(str(path))} has no plan yet; calibrate it first")
            texts |= {form: _text(session, form, *found, search) for form in wanted if form in FORMS}
    from ..engine.calib.textfile import write_text

    for form, target in wanted.items():
        write_text(target, texts[form].text, ALL_FORMS[form][0])
    return tuple(dict.fromkeys(note for one in texts.values() for note in one.notes))


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


@dataclass(frozen=True, slots=True)
class Origin:
    """What the head of a table says: how its thresholds came about.

    calibrated, scored: numbers of samples; None where that is not known. notes: lines of the calibration table.
    """

    bins: int
    tune_num: int
    calibrated: int
    scored: int | None
    notes: tuple[str, ...] = ()


def _origin(session: Session, job: int | None) -> Origin:
    """The origin of a search's plan, or of what the session stands on: its calibration, else its newest search."""
    if job is None:
        row = session.row("SELECT formed FROM samples WHERE role = 'calibration'")
        if row is not None:
            return _calibrated(records.get_settings(session), int(row["formed"]))
    found = session.row(
        "SELECT job.spec, search.samples FROM search JOIN job ON job.id = search.job"
        " WHERE ? IS NULL OR job.id = ? ORDER BY job.id DESC LIMIT 1",
        job, job,
    )  # fmt: skip
    if found is None:
        return Origin(bins=2048, tune_num=0, calibrated=0, scored=None)
    with well_formed():
        return _searched(SearchSpec.from_dict(json.loads(found["spec"])), json.loads(found["samples"]))


def _calibrated(settings: Mapping[str, Any], samples: int) -> Origin:
    """The origin of a calibration; older sessions do not know which samples it had."""
    return Origin(
        bins=int(settings.get("bins", 2048)),
        tune_num=int(settings.get("tune_num", 0)),
        calibrated=samples,
        scored=samples,
        notes=tuple(used_note(str(settings.get("prints", "")).split())),
    )


def _searched(spec: SearchSpec, selections: Mapping[str, Any]) -> Origin:
    """The origin of a search's thresholds, as its own tables say it."""
    used = {role: len(one["entries"]) for role, one in selections.items()}
    prints = (selections.get(role, {}).get("prints", ()) for role in ("calibration", "scored"))
    head = f"method: {spec.method}" if spec.kind == "calibrate" else f"search: {spec.kind}"
    return Origin(
        bins=spec.bins,
        tune_num=spec.tune_num,
        calibrated=used.get("calibration", 0),
        scored=used.get("scored", 0),
        notes=(head, f"chip: {spec.chip}", *used_note(*prints)),
    )


def _table_text(session: Session, model: str, plan: Plan, origin: Origin) -> str:
    """The plan's thresholds in the order of the model's tensors (spec A.3)."""
    from ..engine.calib.table import CalibrationTable, format_table, table_header
    from .work import version

    header = table_header(
        model, version=version(), bins=origin.bins, samples=origin.calibrated, tune_num=origin.tune_num,
        notes=origin.notes, dated=False,
    )  # fmt: skip
    rows = {name: plan.thresholds[name] for name in _tensors(session) if name in plan.thresholds}
    return format_table(CalibrationTable(rows, header))


def search_text(session: Session, form: str, job: int | None) -> str:
    """A form of a search, as the search's own command writes it.

    Errors: QuantdeckError when no search that has ended has it.
    """
    from .outcomes import outcome_from, reasons_from
    from .search_text import loss_table

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
    with well_formed():
        origin = _searched(spec, json.loads(rows[0]["samples"]))
    if form == "loss_table":
        return loss_table(spec, origin.scored or 0, outcome.ranking, reasons_from(body))
    return _table_text(session, spec.model_name, outcome.plan, origin)


def calibration_text(session: Session, plan: Plan, search: int | None) -> str:
    """A plan's thresholds; of a search that has ended the same bytes as its own table."""
    model = session.row("SELECT path FROM model WHERE id = 1")
    return _table_text(session, Path(model["path"]).name if model else "", plan, _origin(session, search))


def quantize_text(session: Session, plan: Plan, search: int | None) -> str:
    """The layers that are not int8, in model order (spec A.4)."""
    from ..engine.calib.qtable import format_qtable

    order = [row[0] for row in session.rows("SELECT name FROM layer ORDER BY position")]
    modes = {name: plan.modes[name] for name in order if name in plan.modes}
    scored = _origin(session, search).scored
    return format_qtable(modes, chip=plan.chip, fp_type=plan.fp_type, samples=scored, dated=False)


def _text(session: Session, form: str, number: int, plan: Plan, search: int | None) -> Written:
    """A form of a plan; *number* as ``_of_search`` gives it."""
    if form in _TABLES:
        return Written(_TABLES[form](session, plan, search))
    with explained(session.path):
        return _FIGURES[form](session, number, plan)


_TABLES: Mapping[str, Callable[[Session, Plan, int | None], str]] = {
    "calibration_table": calibration_text,
    "quantize_table": quantize_text,
}
_FIGURES: Mapping[str, Callable[[Session, int, Plan], Written]] = {"json": json_text, "csv": csv_text}
