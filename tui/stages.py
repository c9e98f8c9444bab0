"""The stages of the flow as a session's jobs tell them; sqlite3 only."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .reader import SessionReader

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


@dataclass(frozen=True, slots=True)
class Stage:
    """The newest job of a stage of the flow."""

    state: str = ""
    settings: str = ""
    result: str = ""
    seconds: float | None = None


def newest_jobs(reader: SessionReader) -> dict[str, Stage]:
    """The newest job of each stage, and what a job at work will start when it is done."""
    found: dict[str, Stage] = {}
    row = reader.one("SELECT settings FROM state WHERE id = 1")
    known: dict[str, Any] = json.loads(row[0]) if row else {}
    rows = reader.rows("SELECT kind, spec, state, message, started, finished FROM job ORDER BY id")
    for kind, text, state, message, started, finished in rows:
        spec: dict[str, Any] = json.loads(text)
        seconds = finished - started if started and finished else None
        for stage in stages_of(kind, spec):
            found[stage] = Stage(state, settings_of(kind, {**known, **spec}), message or "", seconds)
        if state in ("waiting", "running", "paused"):
            for later, wishes in spec.get("then", ()):
                for stage in stages_of(later, wishes):
                    before = found.get(stage)
                    if before is None or before.state not in ("waiting", "running", "paused"):
                        found[stage] = Stage(TO_COME, settings_of(later, {**known, **wishes}))
    return found


def stages_of(kind: str, spec: Mapping[str, Any]) -> tuple[str, ...]:
    """Which stages of the flow a job does."""
    if kind != "search":
        return (kind,)
    wanted = str(spec.get("kind", ""))
    main = {"calibrate": "calibrate", "search_threshold": "search_threshold"}.get(wanted, "float")
    own = spec.get("equalize") and main == "calibrate" and not spec.get("bias")
    extra = [name for name, does in (("equalize", own), ("bias", spec.get("bias"))) if does]
    return (*extra, main)


def settings_of(kind: str, spec: Mapping[str, Any]) -> str:
    """A job's settings in a few words."""
    if kind == "calibrate":
        keys = (("method", "{}"), ("input_num", "{} samples"), ("tune_num", "tuned on {}"))
        return ", ".join(text.format(spec[key]) for key, text in keys if spec.get(key))
    if kind == "search":
        target = spec.get("expected_cos")
        words = [
            str(spec.get("kind", "")),
            str(spec.get("strategy") or ""),
            f"to {target:g}" if target else "",
            "on equalized weights" if spec.get("equalize") else "",
        ]
        return " ".join(filter(None, words))
    return ""
