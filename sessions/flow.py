"""The chapter's flow as jobs, one behind the other: each starts the next when it is done, with no screen needed.

The steps that are still to come stand in the spec of the job that is at work, so that they go on after a pause, and
end with a job that fails or is cancelled.
"""

import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engine.errors import QuantdeckError
from ..engine.text import visible
from . import records
from .jobs import Following, get_job, start_job
from .search_spec import SearchSpec
from .session import Session
from .store import open_session
from .work import threads

STAGES = ("equalize", "calibrate", "search_threshold", "bias", "float", "evaluate")
"""In the order in which they are run."""

THEN = "then"
"""Where a job's spec holds the steps behind it."""

Step = tuple[str, dict[str, Any]]
"""A job's kind and what is wished of it; the rest is filled in when it starts."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a flow is run with. target: the chapter's cos. scored: samples that score candidates; 0: all.

    layer_cos: the chapter's cos of a layer below which its bias is corrected.
    """

    target: float = 0.99
    layer_cos: float = 0.99
    floats: int = 5
    scored: int = 30


def steps_of(stages: Collection[str], wishes: Wishes | None = None) -> tuple[Step, ...]:
    """The jobs that do these stages. Corrections of weights belong to the runs that use them (spec B.12, B.13).

    So equalized weights go with every job behind them, and bias correction has the threshold search around it. With
    "start" among the stages the search for float layers starts with those that rules leave in float.
    """
    wished = wishes or Wishes()
    common = {
        "equalize": "equalize" in stages,
        "expected_cos": wished.target,
        "inference_num": wished.scored,
        "bc_inference_num": wished.scored,
    }
    found: list[Step] = []
    if "equalize" in stages:
        found.append(("search", {**common, "kind": "calibrate"}))
    elif "calibrate" in stages:
        found.append(("calibrate", {}))
    if "bias" in stages:
        kind = "search_threshold" if "search_threshold" in stages else "calibrate"
        found.append(("search", {**common, "kind": kind, "bias": True, "min_layer_cos": wished.layer_cos}))
    elif "search_threshold" in stages:
        found.append(("search", {**common, "kind": "search_threshold"}))
    if "float" in stages:
        more = {"kind": "search_qtable", "strategy": "pareto", "max_float_layers": wished.floats}
        rules = "auto" if "start" in stages else "none"
        found.append(("search", {**common, **more, "confirm_num": wished.scored, "start_rules": rules}))
    if "evaluate" in stages:
        corrected = {"we": "equalize" in stages, "bc": "bias" in stages}
        found.append(("evaluate", {name: True for name, wanted in corrected.items() if wanted}))
    return tuple(found)


def start_flow(path: Path, steps: Sequence[Step]) -> int:
    """Start the first of some steps; the others follow it. The number of its job.

    Errors: QuantdeckError when there is nothing to do, or another job works on the session.
    """
    if not steps:
        raise QuantdeckError("there is nothing to run; choose a stage that is not left out")
    with open_session(path, readonly=True) as session:
        first = _job_of(session, steps)
    return start_job(path, first.kind, first.spec, first.title)


def following(session: Session, number: int) -> Following | None:
    """What stands behind a job that is done: the next one.

    Errors: QuantdeckError when the session lacks what it needs.
    """
    steps = get_job(session, number).spec.get(THEN) or ()
    return _job_of(session, [(str(kind), dict(wishes)) for kind, wishes in steps]) if steps else None


def _job_of(session: Session, steps: Sequence[Step]) -> Following:
    """The first of some steps as a job, the others behind it."""
    kind, wishes = steps[0]
    spec, title = _filled(session, kind, wishes)
    return Following(kind, {**spec, THEN: [list(step) for step in steps[1:]]}, title)


def _filled(session: Session, kind: str, wishes: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    if kind != "search":
        return dict(wishes), ""
    from .launch import title

    spec = session_search(session, wishes)
    return spec.to_dict(), title(spec)


def session_search(session: Session, wishes: Mapping[str, Any]) -> SearchSpec:
    """A search over what the session knows: its samples, its settings, the thresholds that it stands on."""
    state = session.row("SELECT chip, fp_type FROM state WHERE id = 1")
    model = session.row("SELECT path FROM model WHERE id = 1")
    samples = session.row("SELECT path, requested, preprocess FROM samples WHERE role = 'calibration'")
    if state is None or model is None or samples is None:
        raise QuantdeckError(f"the session {visible(str(session.path))} is not complete; make a new one")
    found, known = records.get_plan(session), records.get_settings(session)
    rows = found[1].thresholds if found is not None else {}
    order = [row[0] for row in session.rows("SELECT name FROM tensor ORDER BY position")]
    method = _method({row.method for row in rows.values()}) or str(known.get("method", "kl"))
    values: dict[str, Any] = {
        "chip": state["chip"],
        "fp_type": state["fp_type"],
        "folder": os.getcwd(),
        "dataset": None if known.get("listed") else samples["path"],
        "data_list": samples["path"] if known.get("listed") else None,
        "preprocess": json.loads(samples["preprocess"]) or None,
        "skip_bad": bool(known.get("skip_bad")),
        "input_shapes": known.get("input_shapes"),
        "input_num": int(samples["requested"]),
        "tune_num": int(known.get("tune_num", 5)),
        "bins": int(known.get("bins", 2048)),
        "method": method,
        "methods": (method,),
        "start": [[n, rows[n].value, rows[n].min, rows[n].max, rows[n].method] for n in order if n in rows],
        "jobs": threads(),
        "model_name": Path(model["path"]).name,
        **wishes,
    }
    return SearchSpec(**values)


def _method(found: Collection[str]) -> str:
    """The method that a plan's thresholds share, as searches call it; empty where they are of several."""
    from ..engine.calib.methods import KNOWN

    names = {name.removesuffix("_tune") for name in found}
    return next(iter(names)) if len(names) == 1 and names <= set(KNOWN) else ""
