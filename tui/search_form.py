"""What the form of a search asks, and the spec that its answers make with what the session knows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..engine.errors import QuantdeckError
from ..engine.text import visible
from ..sessions.typed import bytes_typed, target_words
from .config import MOST_JOBS
from .figures import number
from .widgets.form import Field

KINDS = {
    "search_qtable": "rank layers, float the worst",
    "run_qtable": "float what falls below, in order",
    "run_sensitive_layer": "rank layers and their methods",
    "search_threshold": "the method that scores best",
}
STRATEGIES = {
    "pareto": "by the noise ledger, few trials",
    "chapter": "as the original searches",
}
NO_YES = ("no", "yes")
BENCHMARKS = ("cos", "snr", "euclid")
RULES = ("show", "auto", "none")
TRANSFORMER = ("False", "True", "auto")
METHODS = ("kl", "mse", "max", "percentile9999", "aciq_gauss", "aciq_laplace", "observer")
COSTS: Mapping[str, str] = {"layers": "fewest float layers", "chip": "least time on the chip"}
NUMBERS = ("max_float_layers", "inference_num", "confirm_num", "budget_trials", "budget_forwards")
OPTIONS: Mapping[str, str] = {
    "--global_compare_layers": "compared",
    "--scheduler": "scheduler",
    "--data_list": "scored_list",
    "--post_process": "post_process",
}
"""Fields by the option that a sentence of the engine names."""


@dataclass(frozen=True, slots=True)
class Preset:
    """What a form begins with. *extra*: a correction that is switched on; *listed*: the list of bad cases."""

    kind: str = "search_qtable"
    extra: str = ""
    listed: str = ""
    method: str = "kl"
    jobs: str = ""
    memory: str = ""
    last: Mapping[str, Any] = field(default_factory=dict[str, Any])


def search_fields(
    kind: str = "search_qtable", extra: str = "", preset: Preset | None = None, pick: str = ""
) -> tuple[Field, ...]:
    """The form; what the newest search was told is filled in. *pick*: the key that chooses a file."""
    preset = preset or Preset(kind, extra)
    last = preset.last

    def said(key: str, usual: object) -> str:
        found = last.get(key)
        return str(usual if found is None else found)

    methods = ",".join(dict.fromkeys((preset.method, "mse")))
    return (
        Field("kind", "search", preset.kind, KINDS[preset.kind], tuple(KINDS)),
        Field("strategy", "strategy", said("strategy", "pareto"), "", tuple(STRATEGIES)),
        Field("cost", "cost", said("cost", "layers"), COSTS["layers"], tuple(COSTS)),
        Field("expected_cos", "wanted cos", _real(last.get("expected_cos"), "0.99")),
        Field("max_float_layers", "float layers", said("max_float_layers", 5), "at first, of the chapter's"),
        Field("min_layer_cos", "layer cos", _real(last.get("min_layer_cos"), "0.99"), "it looks below this"),
        Field("methods", "methods", methods, "of thresholds, commas between"),
        Field("benchmark", "figure", said("benchmark", "cos"), "that the best method has", BENCHMARKS),
        Field("inference_num", "scored on", said("inference_num", 30), "samples; 0: all"),
        Field("scored_list", "only samples of", preset.listed, f"a list of bad cases; {pick}", pick="file"),
        Field("confirm_num", "confirmed on", "", "more samples; empty: as many"),
        Field("compared", "compare at", _compared(last), "a,b or a:0.3,b:0.7; else outputs"),
        Field("start_rules", "rules", said("start_rules", "show"), "float by rule: named, kept, none", RULES),
        Field("transformer", "transformer", said("transformer", "False"), "leave movers out", TRANSFORMER),
        Field("post_process", "post process", "", f"Python file; {pick}", pick="file"),
        Field("budget_trials", "trials", said("budget_trials", 0), "at most; 0: any number"),
        Field("budget_forwards", "layer-forwards", said("budget_forwards", 0), "at most; 0: any number"),
        Field("budget_minutes", "minutes", _real(last.get("budget_minutes"), "0"), "at most; 0: any time"),
        Field("equalize", "equalize first", "yes" if preset.extra == "equalize" else "no", "weights", NO_YES),
        Field("bias", "correct bias", "yes" if preset.extra == "bias" else "no", "afterwards", NO_YES),
        Field("jobs", "jobs", preset.jobs, "threads; empty: all cores but 1"),
        Field("memory", "memory", preset.memory, "as 2G; empty: a quarter"),
        Field("scheduler", "scheduler", said("scheduler", ""), "tcp://host:8786; empty: here"),
    )


def used(values: Mapping[str, str]) -> dict[str, bool]:
    """Which fields play a part in the search that is chosen."""
    kind, pareto = values["kind"], values["strategy"] == "pareto" and values["kind"] != "search_threshold"
    layers = kind in ("search_qtable", "run_sensitive_layer")
    whole = kind in ("search_qtable", "search_threshold")
    return {
        "strategy": kind != "search_threshold",
        "max_float_layers": layers and not pareto,
        "min_layer_cos": kind == "run_qtable" and not pareto,
        "methods": kind == "search_qtable",
        "benchmark": kind == "search_threshold",
        "start_rules": kind != "search_threshold",
        "transformer": kind == "search_qtable" and not pareto,
        "confirm_num": pareto and not values["scored_list"],
        "cost": pareto,
        "budget_trials": pareto,
        "budget_forwards": pareto,
        "budget_minutes": pareto,
        "equalize": whole,
        "bias": kind == "search_threshold",
        "post_process": kind != "run_qtable",
    }


def hints(values: Mapping[str, str]) -> dict[str, str]:
    """What stands beside the fields that explain what is chosen; the target is said again in words."""
    cos = cosine_typed(values["expected_cos"])
    return {
        "kind": KINDS[values["kind"]],
        "strategy": STRATEGIES[values["strategy"]],
        "cost": COSTS[values["cost"]],
        "expected_cos": target_words(cos, short=True) if cos is not None else "(1 + cosine) / 2, 0 to 1",
    }


def check_search(values: Mapping[str, str]) -> dict[str, str]:
    """What is wrong, by field; a field that plays no part may hold anything."""
    errors: dict[str, str] = {}
    for key in ("expected_cos", "min_layer_cos"):
        if cosine_typed(values[key]) is None:
            errors[key] = "a number from 0 to 1"
    for key in NUMBERS:
        if number(values[key]) is None and (values[key] or key != "confirm_num"):
            errors[key] = "a whole number from 0 on"
    if _minutes(values["budget_minutes"]) is None:
        errors["budget_minutes"] = "a number from 0 on"
    if not _methods(values["methods"]) or not set(_methods(values["methods"])) <= {*METHODS}:
        errors["methods"] = "of " + ", ".join(METHODS)
    if values["jobs"] and not 1 <= (number(values["jobs"]) or 0) <= MOST_JOBS:
        errors["jobs"] = f"1 to {MOST_JOBS}, or nothing"
    if values["memory"] and bytes_typed(values["memory"]) is None:
        errors["memory"] = "an amount, as 800M or 4G"
    for key in ("scored_list", "post_process"):
        if values[key] and not Path(values[key]).expanduser().is_file():
            errors[key] = "there is no such file"
    shown = used(values)
    return {key: said for key, said in errors.items() if shown.get(key, True)}


def cosine_typed(text: str) -> float | None:
    """A cosine in the chapter's measure, or None."""
    value = _float(text)
    return value if value is not None and 0 <= value <= 1 else None


def _minutes(text: str) -> float | None:
    value = _float(text)
    return value if value is not None and 0 <= value < math.inf else None


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _methods(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))


def _real(value: object, usual: str) -> str:
    return f"{value:.10g}" if isinstance(value, (int, float)) else usual


def _compared(last: Mapping[str, Any]) -> str:
    """Names and weights as they are typed; a name that could be misread stands in double quotes."""
    pairs: Sequence[Sequence[Any]] = last.get("compared") or ()
    names = [(str(name), float(weight)) for name, weight in pairs]
    quoted = [
        '"' + name.replace('"', '""') + '"' if set(name) & {",", ":", '"'} else name for name, _ in names
    ]
    weighed = any(weight != 1 for _, weight in names)
    ends = [f":{weight:g}" if weighed else "" for _, weight in names]
    return ",".join(name + end for name, end in zip(quoted, ends, strict=True))


def search_spec(path: Path, values: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """The whole spec and the job's title; *values* have passed ``check_search``.

    Errors: QuantdeckError when the session is not calibrated yet, or names and addresses mean nothing.
    """
    from ..sessions import records
    from ..sessions.flow import session_search
    from ..sessions.launch import title
    from ..sessions.store import open_session

    scored = number(values["inference_num"]) or 0
    with open_session(path, readonly=True) as session:
        if records.get_plan(session) is None:
            raise QuantdeckError(
                f"the session {visible(str(path))} is not calibrated yet; calibrate it first"
            )
        layers = [row[0] for row in session.rows("SELECT name FROM layer ORDER BY position")]
        spec = session_search(session, _chosen(values, layers, scored))
    return spec.to_dict(), title(spec)


def _chosen(values: Mapping[str, str], layers: Sequence[str], scored: int) -> dict[str, Any]:
    """What the form says of a spec; the rest is the session's."""
    from ..engine.mix.names import split_weighted
    from ..sessions.locations import path_text
    from ..sessions.post_process import file_digest
    from ..sessions.work import threads

    on = used(values)
    if values["scheduler"]:
        from ..sessions.cluster import check_scheduler

        check_scheduler(values["scheduler"])
    post = (
        Path(values["post_process"]).expanduser().absolute() if _given(values, on, "post_process") else None
    )
    listed = Path(values["scored_list"]).expanduser().absolute() if values["scored_list"] else None
    compared = (
        split_weighted(values["compared"], list(layers), "--global_compare_layers")
        if values["compared"]
        else ()
    )
    fresh = number(values["confirm_num"])
    return {
        **({"input_num": scored} if values["kind"] == "run_qtable" else {}),
        "kind": values["kind"],
        "inference_num": scored,
        "min_layer_cos": cosine_typed(values["min_layer_cos"]) or 0.0,
        "max_float_layers": number(values["max_float_layers"]) or 0,
        "expected_cos": cosine_typed(values["expected_cos"]),
        "methods": _methods(values["methods"]) if on["methods"] else (),
        "strategy": values["strategy"] if on["strategy"] else "chapter",
        "benchmark": values["benchmark"],
        "start_rules": values["start_rules"] if on["start_rules"] else "none",
        "transformer": values["transformer"] if on["transformer"] else "False",
        "compared": [list(pair) for pair in compared],
        "confirm_num": 0 if listed else scored if fresh is None else fresh,
        "scored_list": path_text(listed) if listed else None,
        "post_process": path_text(post) if post else None,
        "post_process_digest": file_digest(post) if post else "",
        "budget_trials": (number(values["budget_trials"]) or 0) if on["budget_trials"] else 0,
        "budget_forwards": (number(values["budget_forwards"]) or 0) if on["budget_forwards"] else 0,
        "cost": values["cost"] if on["cost"] else "layers",
        "budget_minutes": (_minutes(values["budget_minutes"]) or 0.0) if on["budget_minutes"] else 0.0,
        "equalize": on["equalize"] and values["equalize"] == "yes",
        "bias": on["bias"] and values["bias"] == "yes",
        "jobs": number(values["jobs"]) or threads(),
        "memory": bytes_typed(values["memory"]),
        "scheduler": values["scheduler"],
    }


def _given(values: Mapping[str, str], on: Mapping[str, bool], key: str) -> bool:
    return bool(values[key]) and on[key]
