"""What the form of a search asks, and the spec that its answers make with what the session knows."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..engine.errors import QuantdeckError
from ..engine.text import visible
from .figures import number
from .widgets.form import Field

KINDS = {
    "search_qtable": "rank layers by the output, float the worst",
    "run_qtable": "walk from the input, float what falls below",
    "run_sensitive_layer": "rank layers and their methods",
    "search_threshold": "the method whose thresholds score best",
}
CORRECTIONS = ("no", "yes")


def search_fields(kind: str = "search_qtable", extra: str = "") -> tuple[Field, ...]:
    """The form; *extra*: a correction that is switched on (equalize, bias)."""
    return (
        Field("kind", "search", kind, "left and right change", tuple(KINDS)),
        Field("strategy", "strategy", "pareto", "pareto: by the noise ledger", ("pareto", "chapter")),
        Field("expected_cos", "wanted cos", "0.99", "(1 + cosine) / 2, 0 to 1"),
        Field("max_float_layers", "float layers", "5", "at most, for the chapter's"),
        Field("min_layer_cos", "layer cos", "0.99", "run_qtable looks below it"),
        Field("inference_num", "scored on", "30", "samples; 0: all"),
        Field("budget_trials", "trials", "0", "at most, for pareto; 0: any"),
        Field("equalize", "equalize first", "yes" if extra == "equalize" else "no", "weights", CORRECTIONS),
        Field("bias", "correct bias", "yes" if extra == "bias" else "no", "search_threshold", CORRECTIONS),
    )


def check_search(values: Mapping[str, str]) -> dict[str, str]:
    """What is wrong, by field."""
    errors: dict[str, str] = {}
    for key in ("expected_cos", "min_layer_cos"):
        if cosine_typed(values[key]) is None:
            errors[key] = "a number from 0 to 1"
    for key in ("max_float_layers", "inference_num", "budget_trials"):
        if number(values[key]) is None:
            errors[key] = "a whole number from 0 on"
    if values["bias"] == "yes" and values["kind"] != "search_threshold":
        errors["bias"] = "with search_threshold only"
    return errors


def cosine_typed(text: str) -> float | None:
    """A cosine in the chapter's measure, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None


def search_spec(path: Path, values: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """The whole spec and the job's title. Errors: QuantdeckError when the session is not calibrated yet."""
    from ..sessions import records
    from ..sessions.launch import title
    from ..sessions.search_spec import SearchSpec
    from ..sessions.store import open_session
    from ..sessions.work import threads

    with open_session(path, readonly=True) as session:
        state = session.row("SELECT chip, fp_type FROM state WHERE id = 1")
        model = session.row("SELECT path FROM model WHERE id = 1")
        samples = session.row("SELECT path, requested, preprocess FROM samples WHERE role = 'calibration'")
        order = [row[0] for row in session.rows("SELECT name FROM tensor ORDER BY position")]
        found, known = records.get_plan(session), records.get_settings(session)
    if found is None or state is None or model is None or samples is None:
        raise QuantdeckError(f"the session {visible(str(path))} is not calibrated yet; calibrate first (c)")
    rows = found[1].thresholds
    start = [[n, rows[n].value, rows[n].min, rows[n].max, rows[n].method] for n in order if n in rows]
    kind, scored = values["kind"], number(values["inference_num"]) or 0
    spec = SearchSpec(
        kind=kind,
        chip=state["chip"],
        fp_type=state["fp_type"],
        folder=os.getcwd(),
        dataset=None if known.get("listed") else samples["path"],
        data_list=samples["path"] if known.get("listed") else None,
        preprocess=json.loads(samples["preprocess"]) or None,
        skip_bad=bool(known.get("skip_bad")),
        input_shapes=known.get("input_shapes"),
        input_num=scored if kind == "run_qtable" else int(samples["requested"]),
        inference_num=scored,
        tune_num=int(known.get("tune_num", 5)),
        bins=int(known.get("bins", 2048)),
        method=str(known.get("method", "kl")),
        methods=(str(known.get("method", "kl")),),
        expected_cos=cosine_typed(values["expected_cos"]),
        min_layer_cos=cosine_typed(values["min_layer_cos"]) or 0.0,
        max_float_layers=number(values["max_float_layers"]) or 0,
        start=start,
        strategy=values["strategy"] if kind != "search_threshold" else "chapter",
        confirm_num=scored,
        budget_trials=number(values["budget_trials"]) or 0,
        equalize=values["equalize"] == "yes",
        bias=values["bias"] == "yes",
        jobs=threads(),
        model_name=Path(model["path"]).name,
    )
    return spec.to_dict(), title(spec)
