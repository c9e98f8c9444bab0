"""``quantdeck run_sensitive_layer``: the layers that int8 hurts most, as TPU-MLIR's command of that name."""

from typing import Any

import click

from .console import Console, console
from .debug_keys import TUNING, TUNING_HELP, read_keys
from .options import FILE, Command, few_samples, option, preprocessing
from .search_command import check_session, load, outputs, run_job
from .search_options import (
    NO_EFFECT,
    base_spec,
    check_quantize,
    chip_needed,
    output,
    running,
    start_rows,
    strategies,
    targets,
)


@click.command("run_sensitive_layer", cls=Command)
@click.argument("model", type=FILE)
@few_samples
@option("--inference_num", type=click.IntRange(min=0), default=10, help="Samples that score candidates. [10]")
@targets(min_layer_cos=NO_EFFECT, max_float_layers="How many layers become float.")
@chip_needed
@option("--calibration_table", required=True, type=FILE, help="Thresholds to begin with.")
@option(
    "--cali_method",
    default="use_kl",
    help="No effect, as in the original: max, percentile9999 and kl are tried.",
)
@option("--tune_num", type=click.IntRange(min=0), default=5, help="Samples to tune on; 0: no tuning. [5]")
@option("--tune_list", type=FILE, help="List file of the samples to tune on. [the calibration samples]")
@option("--histogram_bin_num", type=click.IntRange(128, 1 << 20), default=2048, help="Bins of kl. [2048]")
@option("--post_process", type=FILE, help="Python file with PostProcess(data): what is compared.")
@option("--debug_cmd", default="", help=TUNING_HELP)
@preprocessing
@strategies
@running
@option("-o", "--quantize_table", required=True, type=FILE, help="The quantize table to write.")
def run_sensitive_layer(**values: Any) -> int:
    """Rank the layers of MODEL by what their int8 form costs at the outputs and float the worst ones.

    Every layer is tried alone in int8 with each method's threshold; --max_float_layers of them become float.
    new_cali_table.txt beside the quantize table holds the thresholds that the two tables go together with.
    A target out of reach ends with status 3 and the best plan written.
    """
    check_quantize(values["quantize"])
    with console() as out:
        return _run(out, values)


def _run(out: Console, values: dict[str, Any]) -> int:
    from ..engine.calib.methods import resolve_method
    from ..sessions.locations import path_text
    from ..sessions.search_files import NEW_TABLE
    from ..sessions.search_kinds import SENSITIVE_METHODS
    from ..sessions.search_spec import SearchSpec

    resolve_method(values["cali_method"])
    rule = read_keys(values["debug_cmd"], TUNING).tuning()
    folder = values["quantize_table"].absolute().parent
    found = outputs(quantize_table=values["quantize_table"], new_table=folder / NEW_TABLE,
                    log=folder / "SensitiveLayerSearcher")  # fmt: skip
    found["new_table"] = output(folder / NEW_TABLE)
    check_session(values)
    graph = load(out, values)
    spec = SearchSpec(
        **base_spec(values, graph, "run_sensitive_layer"),
        start=start_rows(graph, values["calibration_table"], out.say),
        methods=SENSITIVE_METHODS,
        inference_num=values["inference_num"],
        tune_num=values["tune_num"],
        tune_list=path_text(values["tune_list"]) if values["tune_list"] else None,
        find_lower_th=rule.find_lower,
        tune_steps=rule.steps,
        min_tuned_diff=rule.least,
        bins=values["histogram_bin_num"],
        expected_cos=0.99 if values["expected_cos"] is None else values["expected_cos"],
        max_float_layers=values["max_float_layers"],
        outputs=found,
    )
    return run_job(out, values, graph, spec)
