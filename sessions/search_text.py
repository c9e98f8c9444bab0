"""The chapter's lines and logs of a finished search (spec A.5 to A.7); nothing in them depends on the clock."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..engine.calib.names import escape_name
from ..engine.mix.pareto import ParetoOutcome
from ..engine.mix.trial import Outcome, Ranked, StopReason
from ..engine.plan import Plan
from ..engine.text import counted, visible
from .no_figure import Reasons, of_layer, of_plan
from .search_spec import SearchSpec

if TYPE_CHECKING:
    from .driver import Driver

SHOWN = {
    "kl": "KL", "max": "MAX", "percentile9999": "Percentile9999",
    "percentile9999_abs": "Percentile9999", "mse": "MSE", "aciq_gauss": "ACIQ_GAUSS",
    "aciq_laplace": "ACIQ_LAPLACE", "observer": "OBSERVER",
}  # fmt: skip
"""Methods as the chapter's quantize_method_list spells them."""

LOGS = {
    "search_qtable": "Search_Qtable",
    "run_sensitive_layer": "SensitiveLayerSearcher",
    "run_qtable": "MixPrecSearcher",
    "search_threshold": "Search_Threshold",
    "calibrate": "Bias_Correction",
}
"""Names of the logs (spec A.6)."""


def early_line(cos: float, target: float) -> str:
    """The chapter's words for a target that int8 meets at once."""
    return (
        f"job success, current int8 cos:{cos} is higher than expected_cos:{target},no need for mix precsion"
    )


def _figure(value: float, words: str, form: str = ".6f") -> str:
    """A figure; *words* in its place where it is none."""
    return format(value, form) if math.isfinite(value) else words


def ranking_lines(ranking: Sequence[Ranked], reasons: Reasons) -> list[str]:
    """One line a layer, most sensitive first."""
    return [
        f"the layer {visible(row.layer)} is {rank} sensitive layer, loss is {of_layer(reasons, row) or row.loss}, "
        f"type is top.{row.op}"
        for rank, row in enumerate(ranking)
    ]


def listed(plan: Plan) -> str:
    """The float layers as a list."""
    return "[" + ", ".join(f"'{visible(name)}'" for name in plan.modes) + "]"


def probe_lines(outcome: Outcome, reasons: Reasons) -> list[str]:
    """What search_qtable prints of every number of float layers that it tried."""
    return [
        f"float layer number: {point.float_layers}, mix model outputs_cos: "
        f"{_figure(point.cos, of_plan(reasons, point.plan), '')}"
        for point in outcome.curve[1:]
    ]


def result_lines(spec: SearchSpec, outcome: Outcome, reasons: Reasons) -> list[str]:
    """The result block; it ends with how far the target is away where it was missed."""
    typed = spec.outputs.get("quantize_table", ("", ""))[1]
    int8 = outcome.curve[0].plan if outcome.curve else outcome.plan
    return [
        *interval_lines(outcome),
        *_time_lines(spec, outcome),
        f"int8 outputs_cos:{_figure(outcome.int8_cos, of_plan(reasons, int8))} old",
        f"mix model outputs_cos:{_figure(outcome.cos, of_plan(reasons, outcome.plan))}",
        f"Output mix quantization table to {visible(typed)}",
    ]


def loss_rows(ranking: Sequence[Ranked], reasons: Reasons) -> list[str]:
    """The rows of the loss table, lowest cos first (spec A.5); noise that drowns the outputs leaves a cos of 0."""
    return [
        f"No.{index:<4}: Layer: {escape_name(row.layer):<50}\t\t\t"
        f"Cos: {of_layer(reasons, row) or f'{max(1 - row.loss, 0.0):.6f}'}"
        for index, row in enumerate(ranking)
    ]


def loss_table(spec: SearchSpec, samples: int, ranking: Sequence[Ranked], reasons: Reasons) -> str:
    """The loss table's text."""
    head = [
        f"# sample number: {samples}",
        f"# chip: {spec.chip}  mix_mode: {spec.fp_type}",
        "###",
    ]
    return "\n".join([*head, *loss_rows(ranking, reasons)]) + "\n"


def interval_lines(outcome: Outcome) -> list[str]:
    """Figures of pareto on the samples that were searched on and on fresh ones, with 95 % intervals."""
    if not isinstance(outcome, ParetoOutcome):
        return []
    named = (("searched on", outcome.searched), ("fresh", outcome.fresh))
    lines = [
        f"cos on {figure.samples} samples {word}: {figure.value:.6f} +- {figure.half:.6f}"
        for word, figure in named
        if figure is not None
    ]
    if outcome.fresh is not None:
        if outcome.reached and outcome.fresh.low < outcome.target <= outcome.fresh.value:
            lines.append(
                "the mean of the fresh samples meets the target, their 95 % interval reaches below it"
            )
    elif outcome.reason is StopReason.CONFIRMED and outcome.plan.modes:
        lines.append("no sample was left to confirm on: all were searched on")
    if outcome.int8_cos >= outcome.target and outcome.plan.modes:
        lines.append(
            "all int8 meets the target on the samples first searched on, but not on fresh ones, or a part of an "
            "output is constant there"
        )
    return lines


def _time_lines(spec: SearchSpec, outcome: Outcome) -> list[str]:
    """The predicted time of a plan, where that is what was to be low."""
    if spec.cost != "chip" or not isinstance(outcome, ParetoOutcome):
        return []
    return [f"time by the model of {spec.chip}: {outcome.cost / outcome.int8_cost:.3f} times all int8's"]


def end_line(outcome: Outcome, stop: str = "") -> str:
    """The last line: the best figure, and how far the target is away."""
    reason = stop or str(outcome.reason)
    if outcome.cos == -math.inf and outcome.reason is StopReason.BUDGET and not outcome.curve:
        return f"target not reached: the budget ended before the first plan was scored; {reason}"
    if outcome.cos == -math.inf:
        return (
            f"target not reached: no plan that was tried has a figure for every output and sample "
            f"(trials failed, or values are NaN or beyond what the chip's types hold); {reason}"
        )
    raw = 2 * outcome.cos - 1
    floats = f"{counted(len(outcome.plan.modes), 'float layer')}"
    if outcome.reached:
        return f"target reached: cos {_six(outcome.cos)} (cosine {_six(raw)}) with {floats}; {reason}"
    return (
        f"target not reached: best cos {_six(outcome.cos)} (cosine {_six(raw)}) with {floats}, "
        f"{outcome.target - outcome.cos:.3g} below {outcome.target:.10g}; {reason}"
    )


def _six(value: float) -> str:
    """Six digits, or nine where they would say 1; 1 only where it is that."""
    near = 0.9999995 <= value < 1
    return f"{min(value, 0.999999999):.9f}" if near else f"{value:.6f}"


def screen_lines(spec: SearchSpec, outcome: Outcome, reasons: Reasons) -> list[str]:
    """What the command prints."""
    if spec.kind == "search_threshold":
        return threshold_lines(spec, outcome, reasons)
    early = outcome.reached and not outcome.plan.modes and not outcome.ranking
    if early:
        return [early_line(outcome.int8_cos, outcome.target)]
    if spec.kind == "run_qtable":
        return [
            ">>>run result:",
            *loss_rows(outcome.ranking, reasons),
            *result_lines(spec, outcome, reasons),
            end_line(outcome),
        ]
    lines = [*ranking_lines(outcome.ranking, reasons), f"set_fp_layer_list = {listed(outcome.plan)}"]
    if spec.kind == "search_qtable":
        lines += probe_lines(outcome, reasons)
    word = "success search qtable" if spec.kind == "search_qtable" else "success sensitive layer search"
    return [
        *lines,
        ">>>run result:",
        *result_lines(spec, outcome, reasons),
        *([word] if outcome.reached else []),
        end_line(outcome),
    ]


def threshold_lines(spec: SearchSpec, outcome: Outcome, reasons: Reasons) -> list[str]:
    """search_threshold's lines, which the original keeps to its log (original_measured 24)."""
    names = [SHOWN.get(row.method, row.method) for row in outcome.ranking]
    figures = [1 - row.loss for row in outcome.ranking]
    shown = [of_layer(reasons, row) or str(1 - row.loss) for row in outcome.ranking]
    scores = ", ".join(f"'{name}': {figure}" for name, figure in zip(names, shown, strict=True))
    winner = max(range(len(figures)), key=figures.__getitem__)
    lines = [
        f"Quantization threshold calculation method: {names}",
        f"{spec.benchmark} similarity scores: {{{scores}}}",
    ]
    if not math.isfinite(figures[winner]):
        return [*lines, end_line(outcome)]
    lines += [
        f"optimal_method_name: {names[winner]}, optimal_value: {figures[winner]}",
        "success",
    ]
    return lines if outcome.reached else [*lines, end_line(outcome)]


def log_text(
    spec: SearchSpec,
    outcome: Outcome,
    driver: "Driver",
    trials: Sequence[tuple[str, str, Sequence[tuple[str, float]]]],
) -> str:
    """The log as the original writes it, without its clock.

    trials: (layer, op, [(method, threshold), ...]) in the order in which layers were tried; the driver has
    the figures of every set of trials, the all-int8 score first.
    """
    lines = [f"run float mode: {visible(spec.model_name)}", f"run int8 mode: {visible(spec.model_name)}"]
    if spec.kind == "search_threshold":
        lines = [*lines[:1], *lines[1:] * len(outcome.ranking)]
    if spec.kind in ("search_qtable", "run_sensitive_layer"):
        names = [SHOWN.get(name, name) for name in spec.methods]
        lines.insert(0, f"quantize_method_list={names}")
        int8 = outcome.curve[0].plan if outcome.curve else outcome.plan
        lines.append(f"all_int8_cos={_figure(outcome.int8_cos, of_plan(driver.reasons, int8), '')}")
        chosen = {row.layer: row for row in outcome.ranking}
        for (layer, op, tried), figures in zip(trials, driver.history[1:], strict=False):
            lines += _layer_log(layer, op, tried, figures, chosen.get(layer), driver.reasons)
    lines += screen_lines(spec, outcome, driver.reasons)
    return "".join(f"INFO:root:{line}\n" for line in lines)


def _layer_log(
    layer: str,
    op: str,
    tried: Sequence[tuple[str, float]],
    figures: Sequence[float],
    row: Ranked | None,
    reasons: Reasons,
) -> list[str]:
    shown = visible(layer)
    lines = [f"start to handle layer: {shown}, type: top.{op}"]
    for (method, threshold), figure in zip(tried, figures, strict=False):
        word = SHOWN.get(method, method)
        lines.append(f"adjust layer {shown} th, with method {word}, and threshlod {threshold}")
        lines.append(f"outputs_cos_los = {reasons.get((layer, method)) or 1 - figure}")
    if row is not None:
        lines.append(
            f"layer {shown}, layer type is top.{op}, best_th = {row.threshold}, "
            f"best_method = {SHOWN.get(row.method, row.method)}, best_cos_loss = {of_layer(reasons, row) or row.loss}"
        )
    return lines
