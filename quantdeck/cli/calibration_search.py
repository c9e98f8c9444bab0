"""``quantdeck run_calibration`` with --search, --we or --bc: a search job."""

from typing import TYPE_CHECKING, Any

from ..engine.errors import QuantdeckError
from .console import Console
from .debug_keys import LISTS, METHODS, TUNING, DebugKeys, dump_lists, read_keys
from .options import source_of
from .search_command import check_session, load, outputs, run_job
from .search_options import base_spec, method_list

if TYPE_CHECKING:
    from ..sessions.search_spec import SearchSpec


def run_search(out: Console, values: dict[str, Any]) -> int:
    """Start the job and stay with it; the exit status."""
    from ..engine.calib.methods import resolve_method
    from ..sessions.work import load_samples

    keys = read_keys(values["debug_cmd"], (LISTS, *TUNING, *METHODS))
    method = resolve_method(keys.method or values["cali_method"])
    methods = method_list(values["quantize_method_list"])
    found = _outputs(values)
    check_session(values)
    _tell_ignored(out, values)
    graph = load(out, values)
    spec = _spec(values, graph, method, methods, keys, found)
    if keys.dump_lists:
        with out.progress() as report:
            dump_lists(
                load_samples(graph, source_of(dict(values)), report), values["tune_list"], values["tune_num"]
            )
    return run_job(out, values, graph, spec)


def _outputs(values: dict[str, Any]) -> dict[str, tuple[str, str]]:
    from ..sessions.search_files import NEW_TABLE
    from ..sessions.search_text import LOGS

    search, table = values["search"], values["calibration_table"]
    folder = table.absolute().parent
    if search == "search_qtable" and values["quantize_table"] is None:
        raise QuantdeckError("--search search_qtable: name the quantize table to write with --quantize_table")
    wanted = {"calibration_table": table}
    if search != "False":
        wanted |= {"new_table": folder / NEW_TABLE, "log": folder / LOGS[search]}
    if search == "search_qtable":
        wanted["quantize_table"] = values["quantize_table"]
    return outputs(**wanted)


def _tell_ignored(out: Console, values: dict[str, Any]) -> None:
    if values["search"] == "search_qtable" and values["bc"]:
        raise QuantdeckError(
            "--bc does not go together with --search search_qtable: a corrected bias makes up for what int8 does to "
            "its layer and is wrong where the search floats it; use --search search_threshold, or leave it out"
        )
    for name in ("part_quantize", "kurtosis_analysis", "methods"):
        if values[name]:
            out.say(f"--{name} belongs to a plain calibration and has no effect here")


def _spec(
    values: dict[str, Any],
    graph: Any,
    method: str,
    methods: tuple[str, ...],
    keys: DebugKeys,
    found: dict[str, tuple[str, str]],
) -> "SearchSpec":
    from ..sessions.locations import path_text
    from ..sessions.search_spec import SearchSpec

    search, rule = values["search"], keys.tuning()
    kind = "calibrate" if search == "False" else search
    wanted = values["expected_cos"]
    if wanted is None and (kind == "search_qtable" or values["bc"]):
        wanted = 0.99
    return SearchSpec(
        **base_spec(values, graph, kind),
        tune_list=path_text(values["tune_list"]) if values["tune_list"] else None,
        inference_num=values["inference_num"],
        bc_inference_num=values["bc_inference_num"],
        tune_num=values["tune_num"],
        bins=values["histogram_bin_num"],
        exact=values["exact"],
        find_lower_th=rule.find_lower,
        tune_steps=rule.steps,
        min_tuned_diff=rule.least,
        method=method,
        methods=methods,
        expected_cos=wanted,
        min_layer_cos=values["min_layer_cos"],
        max_float_layers=values["max_float_layers"],
        transformer=values["transformer"],
        benchmark=values["benchmark_method"],
        equalize=values["we"],
        bias=values["bc"],
        outputs=found,
    )
