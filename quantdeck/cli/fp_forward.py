"""``quantdeck fp_forward``: a quantize table of float regions by name, as TPU-MLIR's command of that name."""

from typing import TYPE_CHECKING, Any

import click

from ..engine.errors import QuantdeckError
from ..engine.text import visible
from .console import Console, console
from .options import FILE, Shapes, check_output, option
from .search_options import check_quantize, chip_needed

if TYPE_CHECKING:
    from ..engine.graph.model import Graph


@click.command("fp_forward")
@click.argument("model", type=FILE)
@option("--fpfwd_inputs", default="", help="Layers a,b: they and everything before them.")
@option("--fpfwd_outputs", default="", help="Layers a,b: they and everything behind them.")
@option("--fpfwd_blocks", multiple=True, help="start,start:end,end: what lies between, ends included; may be given "
        "several times, or several with blanks between.")  # fmt: skip
@chip_needed
@option(
    "--input_shapes", type=Shapes(), help="Shapes of inputs that the model leaves open, as [[1,3,224,224]]."
)
@click.argument("more_blocks", nargs=-1, metavar="[MORE_BLOCKS]...")
@option("-o", "--quantize_free_table", "--quantize_table", "table", required=True, type=FILE,
        help="The quantize table to write.")  # fmt: skip
def fp_forward(**values: Any) -> None:
    """Write a quantize table that keeps regions of MODEL in float; no data is needed.

    Names are those of quantdeck layers. They may hold any sign and are matched exactly; one that can be read in
    two ways is put in double quotes.
    """
    check_quantize(values["quantize"])
    check_output(values["table"], "-o")
    with console() as out:
        _run(out, values)


def _run(out: Console, values: dict[str, Any]) -> None:
    from ..engine.calib.qtable import write_qtable
    from ..engine.hw.chip import get_chip, resolve_fp_type
    from ..engine.mix.fp_forward import float_layers
    from ..engine.mix.names import split_names
    from ..engine.plan import Mode
    from ..sessions.work import load_model

    chip, fp_type = get_chip(values["chip"]), resolve_fp_type(values["chip"], values["fp_type"])
    graph = load_model(values["model"], values["input_shapes"])
    known = list(graph.by_name)
    inputs, outputs = (
        split_names(values[name], known, f"--{name}", graph.merged) if values[name] else ()
        for name in ("fpfwd_inputs", "fpfwd_outputs")
    )
    blocks = _blocks(graph, [*values["fpfwd_blocks"], *values["more_blocks"]])
    if not (inputs or outputs or blocks):
        raise QuantdeckError(
            "nothing to keep in float: give --fpfwd_inputs, --fpfwd_outputs or --fpfwd_blocks"
        )
    layers = float_layers(graph, inputs=inputs, outputs=outputs, blocks=blocks)
    modes = dict.fromkeys(layers, Mode(fp_type))
    write_qtable(values["table"], modes, chip=chip.name, fp_type=fp_type)
    out.result(f"{visible(str(values['table']))}: {len(layers)} of {len(known)} layers in {fp_type}")


def _blocks(graph: "Graph", texts: list[str]) -> list[Any]:
    """Each text as one block, or as several with blanks between where it is none as a whole."""
    from ..engine.mix.fp_forward import Block
    from ..engine.mix.names import split_block

    known = list(graph.by_name)
    found: list[Block] = []
    for text in texts:
        try:
            found.append(Block(*split_block(text, known, "--fpfwd_blocks", graph.merged)))
        except QuantdeckError:
            parts = text.split()
            if len(parts) < 2 or not all(":" in part for part in parts):
                raise
            found += [Block(*split_block(part, known, "--fpfwd_blocks", graph.merged)) for part in parts]
    return found
