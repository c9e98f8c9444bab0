"""Options of the chapter's searches, and the spec that they make (spec A.1.1 to A.1.3)."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..engine.errors import QuantdeckError
from ..engine.text import visible
from ..sessions.typed import bytes_typed
from .given import given_thresholds
from .options import CHIP_HELP, FILE, FP_TYPES, Between, Kind, together, under

if TYPE_CHECKING:
    from ..engine.graph.model import Graph
F = TypeVar("F", bound=Callable[..., Any])
NO_EFFECT = "No effect, as in the original."


class Target(Kind):
    """A cosine between 0 and 1 in the chapter's measure."""

    name = "cos"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A float that a figure can reach."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not 0 <= number <= 1:
            self.fail(
                f"'{visible(str(value))}' is no figure that the chapter's cos can have: give a number from 0 "
                "to 1 with a point, such as 0.99",
                param,
                ctx,
            )
        return number


class Truth(Kind):
    """True or False in any case; perhaps other words. true: whether True is one of them."""

    name = "truth"

    def __init__(self, *others: str, true: bool = True) -> None:
        self._words = ("True", "False", *others) if true else ("False", *others)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The word in its usual case."""
        for word in self._words:
            if str(value).strip().lower() == word.lower():
                return word
        self.fail(f"'{visible(str(value))}' is none of {', '.join(self._words)}", param, ctx)


class Memory(Kind):
    """Bytes, with K, M, G or T behind."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A number of bytes."""
        number = bytes_typed(str(value))
        if number is None:
            self.fail(f"'{visible(str(value))}' is no amount of memory, such as 800M or 4G", param, ctx)
        return number


def running(function: F) -> F:
    """How and where the job runs."""
    add = under("Job")
    return together(
        add("--session", type=FILE, help="Session file that keeps the work: a new one, or one of the "
               "same model. [for a search: one of the model's name in the default folder]"),
        add("--detach", is_flag=True, help="Start the job, print its name, and return."),
        add("--jobs", type=click.IntRange(1, 256), help="Threads that score trials. [all cores but one]"),
        add("--scheduler", metavar="ADDRESS", help="Dask scheduler whose workers score the trials, as "
               "tcp://10.0.0.5:8786; they must see the same files. [this machine scores them]"),
        add("--memory", type=Memory(), help="Memory for activations, as 2G. [a quarter of the machine's]"),
        add("--reference", type=click.Choice(["chip", "float32"]), default="chip", help="What is compared "
               "with: the network in the chip's float type, as the original does, or in float32. [chip]"),
    )(function)  # fmt: skip


def strategies(function: F) -> F:
    """How float layers are looked for."""
    add = under("Float layers")
    return together(
        add("--strategy", type=click.Choice(["chapter", "pareto"]), default="chapter", help="chapter: the "
               "original's search; pareto: the fewest float layers, by a ledger of noise and few trials. [chapter]"),
        add("--start_rules", type=click.Choice(["show", "auto", "none"]), default="show", help="Layers that rules "
               "for transformers, detector heads and shape arithmetic leave in float. show: they are named; auto: the "
               "chapter's search starts with them in float; none: no rules. [show]"),
        add("--confirm_num", type=click.IntRange(min=0), help="Samples beyond those searched on that confirm "
               "pareto's end. [as many as are searched on]"),
        add("--cost", type=click.Choice(["layers", "chip"]), help="What pareto keeps low: layers, the number of "
               "float layers; chip, the time by a model of the chip (rates, bytes, casts between types). [layers]"),
        add("--budget_trials", type=click.IntRange(min=1), help="Trials that pareto may take. [no limit]"),
        add("--budget_forwards", type=click.IntRange(min=1), help="Layer-forwards that pareto may take: layers "
               "executed, times samples. [no limit]"),
        add("--budget_minutes", type=Between(min=0, min_open=True),
            help="Time that pareto may take. [no limit]"),
    )(function)  # fmt: skip


def targets(*, min_layer_cos: str, max_float_layers: str) -> Callable[[F], F]:
    """What is to be reached; the texts say what a command does with the options that not all of them use."""
    add = under("Target")
    return together(
        add("--expected_cos", type=Target(), help="Wanted (1 + cosine) / 2 of the outputs: the larger, the "
               "more float layers. [0.99]"),
        add("--min_layer_cos", type=Target(), default=0.99, help=f"{min_layer_cos} [0.99]"),
        add("--max_float_layers", type=click.IntRange(min=0), default=5, help=f"{max_float_layers} [5]"),
        add("--global_compare_layers", default="", help="Layers compared in place of the outputs, a,b or "
               "a:0.3,b:0.7; a weight is what follows the last colon. Names may hold any sign; put one that can "
               "be read in two ways in double quotes."),
    )  # fmt: skip


def chip_needed(function: F) -> F:
    """The chip, as the chapter's other commands want it."""
    add = under("Chip")
    return together(
        add("--chip", "--processor", "chip", required=True, help=CHIP_HELP),
        add("--fp_type", type=click.Choice(FP_TYPES, case_sensitive=False),
               default="auto", help="Float type of the layers that are not int8. [auto: the chip's own]"),
        add("--quantize", "quantize", default="INT8", help="INT8; accepted as the chapter prints it."),
    )(function)  # fmt: skip


def check_quantize(text: str) -> None:
    """--quantize INT8 is the only one there is here."""
    if text.strip().upper() != "INT8":
        raise QuantdeckError(f"--quantize {visible(text)}: only INT8 is searched here; leave the option out")


def compared_names(graph: "Graph", text: str) -> tuple[tuple[str, float], ...]:
    """--global_compare_layers as names and weights (spec A.9)."""
    from ..engine.mix.names import split_weighted

    if not text.strip():
        return ()
    return split_weighted(text, list(graph.by_name), "--global_compare_layers", graph.merged)


def start_rows(graph: "Graph", path: Path, say: Callable[[str], None]) -> list[list[Any]]:
    """The rows of a calibration table that the graph knows; *say* hears of the others."""
    rows = given_thresholds(graph, path, say)
    return [[name, row.value, row.min, row.max, "table"] for name, row in rows.items()]


def method_list(text: str) -> tuple[str, ...]:
    """--quantize_method_list: KL, MAX, Percentile9999, MSE in any case, each once."""
    from ..engine.calib.methods import resolve_method

    try:
        names = tuple(dict.fromkeys(resolve_method(part) for part in text.split(",") if part.strip()))
    except QuantdeckError as error:
        raise QuantdeckError(f"--quantize_method_list: {error}") from error
    if not names:
        raise QuantdeckError("--quantize_method_list is empty; give methods with commas between, as KL,MSE")
    return names


def output(path: Path) -> tuple[str, str]:
    """An output as the spec keeps it."""
    from ..sessions.locations import path_text

    return path_text(path), str(path).encode("utf-8", "backslashreplace").decode()


def base_spec(values: dict[str, Any], graph: "Graph", kind: str) -> "dict[str, Any]":
    """The part of a spec that all searches share; samples' options are taken out of *values*."""
    import json

    from ..engine.hw.chip import get_chip, resolve_fp_type
    from ..sessions.locations import path_text
    from ..sessions.work import threads
    from .options import source_of

    source = source_of(dict(values))
    preprocess = {"*": json.loads(source.preprocess.to_json())} if source.preprocess is not None else None
    chip = get_chip(values["chip"])
    if chip.lowering is None:
        from ..engine.plan import Plan

        chip.lower(graph, Plan(chip.name, chip.auto_float))  # says which chips there are
    post = values.get("post_process")
    return {
        "kind": kind,
        "chip": chip.name,
        "fp_type": resolve_fp_type(values["chip"], values["fp_type"]),
        "folder": os.getcwd(),
        "dataset": path_text(source.dataset) if source.dataset else None,
        "data_list": path_text(source.data_list) if source.data_list else None,
        "preprocess": preprocess,
        "skip_bad": source.skip_bad,
        "input_shapes": values["input_shapes"],
        "input_num": values["input_num"],
        "compared": [list(pair) for pair in compared_names(graph, values["global_compare_layers"])],
        "strategy": values["strategy"],
        "start_rules": values["start_rules"],
        "confirm_num": _fresh(values) if values["confirm_num"] is None else values["confirm_num"],
        "cost": values["cost"] or "layers",
        "budget_trials": values["budget_trials"] or 0,
        "budget_forwards": values["budget_forwards"] or 0,
        "budget_minutes": values["budget_minutes"] or 0.0,
        "reference": values["reference"],
        "memory": values["memory"],
        "jobs": values["jobs"] or threads(),
        "scheduler": values["scheduler"] or "",
        "model_name": str(values["model"].name),
        "post_process": path_text(post) if post else None,
        "post_process_digest": _digest(post),
    }


def _fresh(values: dict[str, Any]) -> int:
    return int(values.get("inference_num", values["input_num"]))


def _digest(post: Path | None) -> str:
    if post is None:
        return ""
    from ..sessions.post_process import file_digest

    return file_digest(post)
