"""The stages of the flow as a session's jobs tell them; sqlite3 only."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..engine.text import counted
from .reader import SessionReader
from .search_view import last_target

STAGES: Mapping[str, tuple[str, str]] = {
    "samples": ("samples", "checked when the session was made"),
    "equalize": ("equalize weights", "channels of neighbouring convolutions brought to one range"),
    "calibrate": ("calibrate", "thresholds of every method, one in the plan"),
    "search_threshold": ("search threshold", "the method that scores best"),
    "bias": ("correct bias", "what int8 shifts on average is taken back"),
    "start": ("starting qtable", "layers that a rule sets float without measuring"),
    "float": ("search float layers", "qtable: which layers stay float"),
    "evaluate": ("evaluate", "score the plan on the samples"),
}
"""Title and what it does, in the order of the flow."""

RUN = ("equalize", "calibrate", "search_threshold", "bias", "float", "evaluate")
"""Stages that are jobs; a test compares them with the sessions' own."""

TO_COME = "to come"
MOST_TEXT = 1 << 20  # characters of a search's lines
AT_WORK = ("waiting", "running", "paused")
CORRECTIONS = ("equalize", "bias")
STALE = "stale"
"""A score of an earlier plan than the current one."""
NOT_USED = "not used"
"""What was made once, where the newest thresholds were made without it."""


TARGET = 0.995
"""The chapter's cos, a raw 0.99: what the flow is to reach where no search was told otherwise (advice.GOOD)."""

WISHES: Mapping[str, object] = {
    "inference_num": 30, "bc_inference_num": 30, "max_float_layers": 5,
    "kind": "search_qtable", "strategy": "pareto",
}  # fmt: skip
"""Settings of the flow's stages that have not run yet; a test compares them with the sessions' own."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The newest job of a stage of the flow; *job*: its number, the same for stages that one job does together."""

    state: str = ""
    settings: str = ""
    result: str = ""
    seconds: float | None = None
    job: int | None = None


def planned(reader: SessionReader, equalized: bool) -> dict[str, str]:
    """With which settings each stage would be run now, in a few words; *equalized*: on equalized weights."""
    target = flow_target(reader)
    spec = {**reader.settings(), **WISHES, "expected_cos": target, "equalize": equalized}
    return {stage: settings_of(stage, spec) for stage in RUN}


def flow_target(reader: SessionReader) -> float:
    """What the flow is to reach, in the chapter's cos: the newest search's target where there is one."""
    return last_target(reader) or TARGET


def newest_jobs(reader: SessionReader) -> dict[str, Stage]:
    """The newest job of each stage, and what a job at work will start when it is done."""
    found: dict[str, Stage] = {}
    known = reader.settings()
    current = reader.one("SELECT current_plan FROM state WHERE id = 1")
    rows = reader.rows("SELECT id, kind, spec, state, message, started, finished FROM job ORDER BY id")
    for number, kind, text, state, message, started, finished in rows:
        spec: dict[str, Any] = json.loads(text)
        seconds = finished - started if started and finished else None
        told = {**known, **spec}
        does = stages_of(kind, spec)
        of = spec.get("plan") if kind == "evaluate" and state == "done" else None
        shown = STALE if of is not None and current and of != current[0] else state
        for stage in does:
            found[stage] = Stage(shown, settings_of(stage, told), message or "", seconds, number)
        if state == "done" and ("calibrate" in does or "search_threshold" in does):
            _drop_others(found, spec, does)
        if state in AT_WORK:
            for later, wishes in spec.get("then", ()):
                for stage in stages_of(later, wishes):
                    before = found.get(stage)
                    if before is None or before.state not in AT_WORK:
                        found[stage] = Stage(TO_COME, settings_of(stage, {**known, **wishes}))
    return {name: _with_result(reader, name, stage) for name, stage in found.items()}


def _drop_others(found: dict[str, Stage], spec: Mapping[str, Any], does: Sequence[str]) -> None:
    """What the newest thresholds do without is not in the plan any more: corrections, a method, float layers."""
    without = [stage for stage in CORRECTIONS if not spec.get(stage)]
    for stage in (*without, *(one for one in ("search_threshold", "float") if one not in does)):
        if stage in found and found[stage].state == "done":
            found[stage] = replace(found[stage], state=NOT_USED)


def _with_result(reader: SessionReader, name: str, stage: Stage) -> Stage:
    """The stage with what its job did for it: a job that does several says one sentence."""
    if stage.state == STALE:
        return replace(stage, result=f"of an earlier plan: {stage.result}")
    if stage.state not in ("done", NOT_USED):
        return stage
    stage = replace(stage, result=stage.result.removeprefix("target reached: "))
    if name not in (*CORRECTIONS, "search_threshold"):
        return stage
    row = reader.one("SELECT substr(lines, 1, ?) FROM search WHERE job = ?", MOST_TEXT, stage.job)
    lines = str(row[0] or "").splitlines() if row else []
    told = {"equalize": _pairs, "bias": _biases}.get(name, _method)(lines)
    if name == "search_threshold":
        told = ": ".join(filter(None, (told, stage.result)))
    return replace(stage, result=told)


def _pairs(lines: Sequence[str]) -> str:
    """How many pairs of convolutions were equalized, from the chapter's lines."""
    pairs = {line.partition(" Groups:")[0] for line in lines if line.startswith("Cross Layer WE:")}
    return (
        counted(len(pairs), "pair") + " of convolutions" if pairs else "no pair to equalize: nothing changed"
    )


def _biases(lines: Sequence[str]) -> str:
    """What bias correction did, from the chapter's lines."""
    for line in lines:
        if line.endswith("no need for bias correction"):
            return f"cos {_after(line, 'int8 cos:')} reaches the target already: nothing changed"
    layers = sum(line.startswith("  op:") and not line.endswith("(undone)") for line in lines)
    before, then = (
        next((_after(line, sign) for line in lines if sign in line), "")
        for sign in ("int8 outputs_cos:", "best mix model outputs_cos:")
    )
    return f"biases of {counted(layers, 'layer')} corrected, cos {before} to {then}" if then else ""


def _method(lines: Sequence[str]) -> str:
    """The method that scored best."""
    found = next((line for line in lines if line.startswith("optimal_method_name: ")), "")
    return found.removeprefix("optimal_method_name: ").partition(",")[0].lower()


def _after(line: str, sign: str) -> str:
    """The figure behind a sign."""
    return line.partition(sign)[2].split(" ")[0]


def stages_of(kind: str, spec: Mapping[str, Any]) -> tuple[str, ...]:
    """Which stages of the flow a job does."""
    if kind != "search":
        return (kind,)
    wanted = str(spec.get("kind", ""))
    main = {"calibrate": "calibrate", "search_threshold": "search_threshold"}.get(wanted, "float")
    own = spec.get("equalize") and main == "calibrate" and not spec.get("bias")
    extra = [name for name, does in (("equalize", own), ("bias", spec.get("bias"))) if does]
    return (*extra, main)


def settings_of(stage: str, spec: Mapping[str, Any]) -> str:
    """A stage's settings in a few words: those of its job, or those with which it would be run."""
    equalized = "equalized weights" if spec.get("equalize") else ""
    asked = spec.get("expected_cos")
    target = asked if isinstance(asked, (int, float)) else None
    goal = f"to cos {target:.10g} (cosine {2 * target - 1:.10g})" if target else ""
    scored = f"scored on {_samples(spec, 'inference_num')}"
    words: Mapping[str, Sequence[str]] = {
        "equalize": ("every pair of convolutions that allows it",),
        "calibrate": (*_calibration(spec), equalized),
        "search_threshold": ("kl, max, percentile9999, mse", scored, goal, equalized),
        "bias": (
            f"on {_samples(spec, 'bc_inference_num')}",
            f"where cos is below {target or 0:.10g}",
        ),
        "float": (
            " ".join(filter(None, (str(spec.get("kind") or ""), str(spec.get("strategy") or "")))),
            f"at most {spec['max_float_layers']} float" if spec.get("max_float_layers") else "",
            scored,
            goal,
            equalized,
        ),
        "evaluate": (str(spec.get("dataset") or spec.get("data_list") or "the calibration samples"),),
    }
    return ", ".join(filter(None, words.get(stage, ())))


def _samples(spec: Mapping[str, Any], key: str) -> str:
    """So many samples as a wish allows and the calibration has."""
    found = [one for one in (spec.get(key), spec.get("input_num")) if one and isinstance(one, int)]
    return counted(min(found), "sample") if found else "all samples"


def _calibration(spec: Mapping[str, Any]) -> list[str]:
    keys = (("method", "{}"), ("input_num", "{} samples"), ("tune_num", "tuned on {}"))
    return [text.format(spec[key]) for key, text in keys if spec.get(key)]
