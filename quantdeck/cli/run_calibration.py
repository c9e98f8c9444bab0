"""``quantdeck run_calibration``: thresholds of a model from samples, as TPU-MLIR's command of that name."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from .. import __version__
from ..engine.errors import QuantdeckError
from ..engine.text import counted, visible
from ..sessions.store import check_place
from .console import Console, console
from .debug_keys import CALIBRATION_HELP, LISTS, METHODS, TUNING, DebugKeys, dump_lists, read_keys
from .options import (
    FILE,
    Command,
    check_output,
    option,
    preprocess_of,
    preprocessing,
    samples,
    source_of,
    target,
    under,
)
from .search_options import Truth, running, strategies, targets

if TYPE_CHECKING:
    from ..engine.data.samples import Samples
    from ..sessions.work import Calibrated, Settings, Source

SEARCH_ONLY = (
    "inference_num", "benchmark_method", "quantize_method_list", "transformer", "post_process", "bc_inference_num",
    "expected_cos", "min_layer_cos", "max_float_layers", "global_compare_layers", "strategy", "start_rules",
    "confirm_num", "cost", "budget_trials", "budget_forwards", "budget_minutes", "detach", "jobs", "scheduler",
    "memory", "reference",
)  # fmt: skip
thresholds, corrections, searching = under("Thresholds"), under("Corrections"), under("Search")


@click.command("run_calibration", cls=Command)
@click.argument("model", type=FILE)
@samples
@thresholds("--cali_method", default="use_kl", help="kl, mse, max, percentile9999, aciq_gauss, aciq_laplace or "
            "observer, with or without use_ in front; --search chooses for itself. [use_kl]")  # fmt: skip
@thresholds("--methods", default="", help="More methods, with commas between, whose thresholds are stored in "
            "--session beside it; not with --search.")  # fmt: skip
@thresholds("--tune_num", type=click.IntRange(min=0), default=5,
            help="Samples to tune thresholds on; 0: no tuning. [5]")  # fmt: skip
@thresholds("--tune_list", type=FILE, help="List file of the samples to tune on. [the calibration samples]")
@thresholds("--histogram_bin_num", type=click.IntRange(128, 1 << 20), default=2048, help="Bins of kl. [2048]")
@thresholds("--exact", is_flag=True, help="Results that do not depend on the order of samples or the place of an "
            "op, where the original's do: its tables then differ in those rows.")  # fmt: skip
@thresholds("--debug_cmd", default="", help=CALIBRATION_HELP)
@target
@preprocessing
@option("-o", "--calibration_table", required=True, type=FILE, help="The table to write.")
@option("--quantize_table", type=FILE, help="The quantize table to write: what --search search_qtable found, or "
        "what rules leave in float.")  # fmt: skip
@option("--part_quantize", is_flag=True, help="Write a quantize table of everything but Conv and MatMul, or of what "
        "the network's transformer blocks suggest.")  # fmt: skip
@option("--kurtosis_analysis", is_flag=True, help="Write kurtosis_analysis beside the table.")
@option("--debug_log", is_flag=True, help="No effect; the job's log is always kept.")
@option("--part_asymmtric", is_flag=True, help="Refused: asymmetric outputs are not simulated.")
@corrections(
    "--we", is_flag=True, help="Equalize weights first; they apply to this run, the model's file stays."
)
@corrections(
    "--bc", is_flag=True, help="Correct biases afterwards and calibrate again; the model's file stays."
)
@corrections("--bc_inference_num", type=click.IntRange(min=0), default=30, help="Samples of --bc. [30]")
@searching("--search", type=Truth("search_threshold", "search_qtable", true=False), default="False",
           metavar="[False|search_threshold|search_qtable]",
           help="search_threshold: the best method for the whole table; search_qtable: the best method of every "
           "layer, and the layers that stay float. [False]")  # fmt: skip
@searching(
    "--inference_num", type=click.IntRange(min=0), default=30, help="Samples that score candidates. [30]"
)
@searching("--benchmark_method", type=click.Choice(["cos", "snr", "euclid"], case_sensitive=False), default="cos",
           help="Figure of search_threshold. [cos]")  # fmt: skip
@searching("--quantize_method_list", default="MSE", help="Methods that search_qtable tries, as KL,MSE. [MSE]")
@searching("--transformer", type=Truth("auto"), default="False", metavar="[False|True|auto]",
           help="Leave movers, such as Reshape, out of search_qtable; auto: where transformer blocks are found. "
           "[False]")  # fmt: skip
@searching("--post_process", type=FILE, help="Python file with PostProcess(data): what a search compares.")
@targets(
    min_layer_cos="--bc corrects convolutions below it.",
    max_float_layers="How many layers search_qtable lets become float; up to an eighth of all where that misses "
    "the target.",
)
@strategies
@running
def run_calibration(**values: Any) -> int:
    r"""Compute a calibration table of MODEL (ONNX) from samples; with --search also the best methods and float layers.

    Names with blanks, tabs, control characters or a leading # are written \u{HEX} in the table, which quantdeck
    reads back exactly and TPU-MLIR would not find. A mean that starts with a minus sign is given as any other:
    --mean -1,-2,-3.
    """
    check_output(values["calibration_table"], "-o")
    if values["part_asymmtric"]:
        raise QuantdeckError("--part_asymmtric: asymmetric outputs are not simulated; leave the option out")
    with console() as out:
        if values["search"] != "False" or values["we"] or values["bc"]:
            from .calibration_search import run_search

            return run_search(out, values)
        if values["session"] is not None:
            check_place(values["session"])
        _tell_ignored(out)
        _run(out, values)
    return 0


def _tell_ignored(out: Console) -> None:
    """Name the options that were given and that only a search uses."""
    context = click.get_current_context()
    given = [
        f"--{name}"
        for name in SEARCH_ONLY
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if given:
        out.say(f"without --search, --we or --bc there is no use for {', '.join(given)}")


def _run(out: Console, values: dict[str, Any]) -> None:
    from ..sessions import work

    keys = read_keys(values["debug_cmd"], (LISTS, *TUNING, *METHODS))
    settings = _settings(values, keys)
    source = source_of(values)
    with out.progress() as report:
        graph = work.load_model(values["model"], settings.input_shapes)
        for note in graph.notes:
            report.say(note)
        found = work.load_samples(graph, source, report)
        if keys.dump_lists:
            dump_lists(found, values["tune_list"], settings.tune_num)
        if values["session"] is not None:
            done = _in_session(values, graph, found, source, settings, report)
        else:
            done = work.calibrate_graph(graph, found, settings, report)
        _write(values["calibration_table"], values["model"], done, found, settings, report)
        _side_tables(values, graph, found, settings, report)
    tuned = f", tuned on {done.calibration.tune_num}" if done.calibration.tune_num else ""
    out.result(
        f"{visible(str(values['calibration_table']))}: {counted(len(done.plan.thresholds), 'threshold')} with "
        f"{settings.method} from {counted(len(found), 'sample')}{tuned}"
    )


def _settings(values: dict[str, Any], keys: DebugKeys) -> "Settings":
    """The settings that the options state."""
    from ..engine.calib.methods import resolve_method
    from ..engine.hw.chip import resolve_fp_type
    from ..sessions.work import Settings, Source

    resolve_fp_type(values["chip"], values["fp_type"])
    tune, rule = values["tune_list"], keys.tuning()
    preprocess = preprocess_of(dict(values)) if tune is not None else None
    return Settings(
        method=resolve_method(keys.method or values["cali_method"]),
        methods=tuple(resolve_method(name) for name in values["methods"].split(",") if name),
        bins=values["histogram_bin_num"],
        tune_num=values["tune_num"],
        tune=Source(data_list=tune, preprocess=preprocess, skip_bad=values["skip_bad"], option="--tune_list")
        if tune
        else None,
        exact=values["exact"],
        chip=values["chip"],
        fp_type=values["fp_type"],
        input_shapes=values["input_shapes"],
        find_lower_th=rule.find_lower,
        tune_steps=rule.steps,
        min_tuned_diff=rule.least,
    )


def _side_tables(
    values: dict[str, Any], graph: Any, found: "Samples", settings: "Settings", report: Any
) -> None:
    """What a plain calibration writes beside its table where asked (spec A.6, B.14)."""
    from .side_tables import write_kurtosis, write_pattern_table

    write_pattern_table(values, graph, settings, report)
    if values["kurtosis_analysis"]:
        write_kurtosis(values["calibration_table"], graph, found, report)


def _in_session(
    values: dict[str, Any], graph: Any, found: "Samples", source: "Source", settings: "Settings", report: Any
) -> "Calibrated":
    """The calibration as a job of a session in this process, so that the workbench shows it while it runs."""
    from ..sessions.here import calibrate_here

    return calibrate_here(values["session"], values["model"], graph, found, source, settings, report)


def _write(
    path: Path, model: Path, done: "Calibrated", found: "Samples", settings: "Settings", report: Any
) -> None:
    from ..engine.calib.table import CalibrationTable, table_header, write_table
    from ..engine.calib.used import used_note

    notes = (f"method: {settings.method}", f"chip: {done.plan.chip}") + (("exact",) if settings.exact else ())
    notes = (*notes, *used_note(found.prints))
    header = table_header(
        model.name,
        version=__version__,
        bins=settings.bins,
        samples=len(found),
        tune_num=done.calibration.tune_num,
        notes=notes,
    )
    table = CalibrationTable(rows=done.plan.thresholds, header=header)
    write_table(path, table)
    if table.notice:
        report.say(table.notice)
