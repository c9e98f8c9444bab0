"""``quantdeck evaluate``: what a calibration table is worth on samples."""

import json
from typing import TYPE_CHECKING, Any

import click

from ..engine.text import counted, visible
from .console import Console, console
from .diagnostics import DONE, MISSED
from .given import given_thresholds
from .options import FILE, SESSION, Between, Command, option, preprocessing, samples, source_of, target
from .tables import figure, plain, render, shorten

if TYPE_CHECKING:
    from ..engine.data.samples import Samples
    from ..engine.graph.model import Graph
    from ..engine.plan import Plan
    from ..engine.run.score import Accuracy, OutputScore, Score
    from ..sessions.report import Report


@click.command("evaluate", cls=Command)
@click.argument("model", type=FILE)
@option("--calibration_table", required=True, type=FILE, help="Thresholds, as run_calibration writes them.")
@option("--quantize_table", type=FILE, help="Layers that stay in a float type.")
@samples
@option("--labels", type=FILE, help="CSV with the columns file and label: gives top-1 and top-5.")
@option("--expected_cos", type=Between(0, 1), help="Exit with 3 when the chapter's cos is below this, or "
        "when a part of an output has died.")  # fmt: skip
@option("--we", is_flag=True, help="Equalize weights first, as run_calibration --we did for the table.")
@option("--bc", is_flag=True, help="Use the biases that run_calibration --bc corrected and kept in --session; layers "
        "that the quantize table keeps in float have their own.")  # fmt: skip
@option("--session", type=SESSION, help="Session of that run_calibration.")
@option("--json", "as_json", is_flag=True, help="JSON in ASCII; an infinite SQNR is the text inf.")
@target
@preprocessing
def evaluate(**values: Any) -> int:
    """Score MODEL with a calibration table: the chip's integer arithmetic against the float network.

    cosine is the mean over samples of the raw cosine, chapter's cos is (1 + cosine) / 2, as TPU-MLIR's searches
    print it. A part of an output that varies in float and is constant in int8 is dead, whatever the cosine says.
    """
    with console() as out:
        return _run(out, values)


def _run(out: Console, values: dict[str, Any]) -> int:
    from ..sessions import work
    from ..sessions.unlike import unlike_table

    with out.progress() as report:
        source = source_of(values)
        graph = work.load_model(values["model"], values["input_shapes"])
        plan = read_plan(graph, values, report)
        found = work.load_samples(graph, source, report)
        labels = work.sample_labels(values["labels"], found) if values["labels"] else None
        corrected = _corrected(graph, plan, values)
        score = work.evaluate_plan(
            corrected, found, plan, report, labels=labels, layers=None, original=graph
        ).score
    text = (
        json.dumps(plain(as_json(graph, plan, score)), indent=1)
        if values["as_json"]
        else as_text(graph, plan, score)
    )
    out.result(text)
    if score.dead_slices:
        have = "has" if score.dead_slices == 1 else "have"
        dead = counted(score.dead_slices, "part")
        out.say(f"{dead} of the outputs {have} died: varying in float, constant in int8")
    for sentence in (*unlike_table(found, plan.thresholds), *_overlap(values, found), *_spoilt(score, found)):
        out.say(sentence)
    return _status(out, score, values["expected_cos"])


def _overlap(values: dict[str, Any], found: "Samples") -> list[str]:
    """A sentence on samples that the table was made with: they flatter it."""
    from ..engine.calib.table import read_table
    from ..engine.calib.used import used_prints

    shared = used_prints(read_table(values["calibration_table"]).header) & set(found.prints)
    if not shared:
        return []
    return [
        f"{len(shared)} of the {len(set(found.prints))} samples are among those that "
        f"{visible(str(values['calibration_table']))} was made with; evaluate on others to know what it is worth"
    ]


def _corrected(graph: "Graph", plan: "Plan", values: dict[str, Any]) -> "Graph":
    """The graph with the corrections that are asked for."""
    from ..sessions.corrections import corrected_graph
    from ..sessions.store import open_session

    wanted = {"equalized": values["we"], "bias": values["bc"]}
    if values["session"] is None or not values["bc"]:
        return corrected_graph(graph, None, **wanted, floats=plan.modes)
    with open_session(values["session"], readonly=True) as session:
        return corrected_graph(graph, session, **wanted, floats=plan.modes)


def _spoilt(score: "Score", found: "Samples") -> list[str]:
    """Sentences on outputs that hold NaN, which no mean over the other samples may hide."""
    from ..engine.run.score import broken_references, spoilt_samples
    from ..sessions.search_excess import broken_note

    broken = broken_references(output.similarity for output in score.outputs)
    return [
        *([broken_note([found.label(index) for index in broken])] if broken else []),
        *[
            f"{visible(output.name)}: nan, or infinite where the float network is not, in {count} of {score.samples} "
            "samples, so it has no figure"
            for output in score.outputs
            if (count := spoilt_samples([output.similarity]))
        ],
    ]


def _status(out: Console, score: "Score", wanted: float | None) -> int:
    spoilt = [output for output in score.outputs if not output.similarity.finite]
    if wanted is None:
        return DONE
    if spoilt:
        out.say(f"the target was not reached: {counted(len(spoilt), 'output')} without a figure")
        return MISSED
    reached = min((output.similarity.chapter_cos for output in score.outputs), default=0.0)
    if reached >= wanted and not score.dead_slices:
        return DONE
    out.say(
        f"the target was not reached: cos {reached:.9g}, wanted {wanted:.9g}, "
        f"{counted(score.dead_slices, 'dead part')}"
    )
    return MISSED


def read_plan(graph: "Graph", values: dict[str, Any], report: "Report") -> "Plan":
    """The plan that table, quantize table, chip and float type make.

    Errors: QuantdeckError when the tables name what the model does not have.
    """
    from ..engine.calib.names import check_names
    from ..engine.calib.qtable import read_qtable
    from ..engine.hw.chip import get_chip, resolve_fp_type
    from ..engine.plan import Plan

    thresholds = given_thresholds(graph, values["calibration_table"], report.say)
    modes = {}
    if values["quantize_table"] is not None:
        modes = read_qtable(values["quantize_table"])
        check_names(graph, modes, f"The quantize table {visible(str(values['quantize_table']))}")
    return Plan(
        chip=get_chip(values["chip"]).name,
        fp_type=resolve_fp_type(values["chip"], values["fp_type"]),
        thresholds=thresholds,
        modes=modes,
    )


def as_json(graph: "Graph", plan: "Plan", score: "Score") -> dict[str, Any]:
    """Everything that is known, names as they are; null for figures of outputs that hold NaN."""
    whole = all(output.similarity.finite for output in score.outputs)
    return {
        "model": graph.name,
        "layers": len(graph.layers),
        "chip": plan.chip,
        "fp_type": plan.fp_type,
        "samples": score.samples,
        "cosine": score.cosine if whole else None,
        "chapter_cos": 0.5 + 0.5 * score.cosine if whole else None,
        "sqnr": score.sqnr if whole else None,
        "dead": score.dead_slices,
        "excesses": [[one.layer, one.kind, one.count] for one in score.excesses],
        "outputs": [_output_json(output) for output in score.outputs],
        "float": _accuracy_json(score.float_accuracy),
        "int8": _accuracy_json(score.accuracy),
    }


def _output_json(output: "OutputScore") -> dict[str, Any]:
    from ..engine.run.score import spoilt_samples

    found = output.similarity
    figures = {
        "cosine": found.mean_cosine,
        "worst_cosine": found.worst_cosine,
        "chapter_cos": found.chapter_cos,
        "sqnr": found.sqnr,
        "euclid": found.mean_euclid,
    }
    return {
        "name": output.name,
        **(figures if found.finite else dict.fromkeys(figures)),
        "nan_samples": spoilt_samples([found]),
        "slices": output.rows,
        "dead": [[part.axis, part.start, part.stop] for part in output.dead],
    }


def _accuracy_json(found: "Accuracy | None") -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        name: {"hits": hits, "share": hits / max(1, found.total), "interval": list(found.interval(hits))}
        for name, hits in (("top1", found.top1), ("top5", found.top5))
    } | {"labelled": found.total}


def as_text(graph: "Graph", plan: "Plan", score: "Score") -> str:
    """The same as tables."""
    lines = [
        f"{shorten(graph.name)}: {counted(len(graph.layers), 'layer')}, {plan.chip}, {plan.fp_type}, "
        f"{counted(score.samples, 'sample')}",
        "",
        _outputs_text(score),
    ]
    if score.float_accuracy and score.accuracy:
        lines += ["", _accuracy_text(score.float_accuracy, score.accuracy)]
    return "\n".join(lines)


def _outputs_text(score: "Score") -> str:
    heads = ("output", "cosine", "worst", "chapter's cos", "SQNR dB", "euclid", "dead")
    rows = [
        (
            shorten(output.name),
            *_figures(output),
            f"{len(output.dead)} of {output.rows}" if output.rows > 1 else "-",
        )
        for output in score.outputs
    ]
    return render(heads, rows, (False, True, True, True, True, True, True))


def _figures(output: "OutputScore") -> tuple[str, ...]:
    found = output.similarity
    if not found.finite:
        return ("nan",) * 5
    return (
        figure(found.mean_cosine, 6),
        figure(found.worst_cosine, 6),
        figure(found.chapter_cos, 6),
        figure(found.sqnr, 2),
        figure(found.mean_euclid, 6),
    )


def _accuracy_text(exact: "Accuracy", quantized: "Accuracy") -> str:
    rows = [
        (name, *_share(exact, getattr(exact, key)), *_share(quantized, getattr(quantized, key)))
        for name, key in (("top-1", "top1"), ("top-5", "top5"))
    ]
    heads = (f"{exact.total} labels", "float", "95 % interval", "int8", "95 % interval")
    return render(heads, rows, (False, True, True, True, True))


def _share(found: "Accuracy", hits: int) -> tuple[str, str]:
    low, high = found.interval(hits)
    return f"{100 * hits / max(1, found.total):.2f} %", f"{100 * low:.2f} to {100 * high:.2f} %"
