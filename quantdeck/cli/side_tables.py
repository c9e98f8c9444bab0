"""Files beside a calibration table: the pattern's quantize table and the kurtosis of activations (spec A.6, B.14)."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.text import visible

if TYPE_CHECKING:
    from ..engine.data.samples import Samples
    from ..engine.graph.model import Graph
    from ..sessions.report import Report
    from ..sessions.work import Settings

OMITTED = ("LayerNorm", "Softmax")


def write_pattern_table(
    values: dict[str, Any], graph: "Graph", settings: "Settings", report: "Report"
) -> None:
    """The float layers that rules suggest: told to the user, and written where asked."""
    from ..engine.calib.qtable import write_qtable
    from ..engine.hw.chip import get_chip, resolve_fp_type
    from ..engine.mix.patterns import everything_but_products, transformer_proposal
    from ..engine.mix.start_rules import joined, proposals
    from ..engine.plan import Mode

    found = transformer_proposal(graph)
    if found is None:
        found = everything_but_products(graph) if values["part_quantize"] else joined(proposals(graph))
    path = values["quantize_table"]
    if path is None and values["part_quantize"]:
        path = values["calibration_table"].absolute().parent / "qtable"
    if found is None:
        if path is not None:
            report.say("no transformer block and no detector head was found, so no quantize table is written")
        return
    if path is None:
        report.say(
            f"{found.reason}: {len(found.layers)} layers are best left in float; --quantize_table FILE writes them"
        )
        return
    fp_type = resolve_fp_type(settings.chip, settings.fp_type)
    modes = dict.fromkeys(found.layers, Mode(fp_type))
    write_qtable(path, modes, chip=get_chip(settings.chip).name, fp_type=fp_type)
    report.say(f"{found.reason}: {len(found.layers)} layers in {visible(str(path))}")


def write_kurtosis(table: Path, graph: "Graph", samples: "Samples", report: "Report") -> None:
    """Excess kurtosis of every activation over all samples, largest first."""
    import numpy as np

    from ..engine.calib.names import escape_name
    from ..engine.calib.textfile import write_text
    from ..engine.run.float_runner import FloatRunner

    wanted = [name for name in graph.calibrated if not _omitted(graph, name)]
    runner, advance = FloatRunner(graph, wanted), report.stage("kurtosis")
    sums = {name: np.zeros(5) for name in wanted}
    for index, feeds in enumerate(samples.batches()):
        for name, value in runner.run(feeds).items():
            flat = value.ravel().astype(np.float64)
            sums[name] += [flat.size, *(float((flat**power).sum()) for power in (1, 2, 3, 4))]
        advance(index + 1, len(samples))
    rows = sorted(((excess_kurtosis(*sums[name]), name) for name in wanted), key=lambda row: -row[0])
    lines = ["# op_name   kurtosis   op_type"]
    for value, name in rows:
        producer = graph.producer(name)
        lines.append(f"{escape_name(name)}  {value:.7f}  top.{producer.op if producer else 'Input'}")
    write_text(table.absolute().parent / "kurtosis_analysis", "\n".join(lines) + "\n", "kurtosis table")


def _omitted(graph: "Graph", name: str) -> bool:
    layer = graph.producer(name)
    return layer is not None and layer.op in OMITTED


def excess_kurtosis(count: float, first: float, second: float, third: float, fourth: float) -> float:
    """Fourth central moment over the squared variance, minus 3, from sums of powers; 0 for a constant."""
    if not count:
        return 0.0
    mean = first / count
    variance = second / count - mean**2
    if variance <= 1e-12 * max(1.0, mean**2):
        return 0.0
    central = fourth / count - 4 * mean * third / count + 6 * mean**2 * second / count - 3 * mean**4
    return central / variance**2 - 3
