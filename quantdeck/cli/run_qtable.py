"""``quantdeck run_qtable``: float layers found by walking the network, as TPU-MLIR's command of that name."""

from pathlib import Path
from typing import Any

import click

from .console import Console, console
from .debug_keys import read_keys
from .options import FILE, Command, few_samples, option, preprocessing
from .search_command import check_session, load, outputs, run_job
from .search_options import (
    NO_EFFECT,
    base_spec,
    check_quantize,
    chip_needed,
    running,
    start_rows,
    strategies,
    targets,
)


@click.command("run_qtable", cls=Command)
@click.argument("model", type=FILE)
@few_samples
@targets(min_layer_cos="Layers whose accumulated cos is below it become float.", max_float_layers=NO_EFFECT)
@chip_needed
@option("--calibration_table", required=True, type=FILE, help="Thresholds, as run_calibration writes them.")
@option(
    "--loss_table",
    type=FILE,
    default=Path("full_loss_table.txt"),
    help="Cos of every layer that was looked at. [full_loss_table.txt]",
)
@option(
    "--debug_cmd",
    default="",
    help="Refused but for debug_log: no other key of the original means anything here.",
)
@preprocessing
@strategies
@running
@option("-o", "--quantize_table", required=True, type=FILE, help="The quantize table to write.")
def run_qtable(**values: Any) -> int:
    """Find the layers of MODEL that must stay float for the outputs to reach --expected_cos.

    Layer by layer from the input, the int8 network's accumulated result is compared with the float one; below
    --min_layer_cos a layer and its readers become float. Stops at the target, or when more than a quarter of the
    layers is float. A target out of reach ends with status 3 and the best plan written.
    """
    check_quantize(values["quantize"])
    read_keys(values["debug_cmd"], ())
    with console() as out:
        return _run(out, values)


def _run(out: Console, values: dict[str, Any]) -> int:
    from ..sessions.search_spec import SearchSpec

    found = outputs(quantize_table=values["quantize_table"], loss_table=values["loss_table"],
                    log=values["quantize_table"].absolute().parent / "MixPrecSearcher")  # fmt: skip
    check_session(values)
    graph = load(out, values)
    spec = SearchSpec(
        **base_spec(values, graph, "run_qtable"),
        start=start_rows(graph, values["calibration_table"], out.say),
        expected_cos=0.99 if values["expected_cos"] is None else values["expected_cos"],
        min_layer_cos=values["min_layer_cos"],
        outputs=found,
    )
    return run_job(out, values, graph, spec)
