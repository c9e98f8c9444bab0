"""``quantdeck conformance``: the simulation against stored runs of the original tool."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click


@click.command(short_help="Compare the int8 simulation with dumps of the original tool.")
@click.argument("cases", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="CASE...")
@click.option(
    "--onnx",
    "model",
    type=click.Path(path_type=Path),
    help="ONNX model that a case's float weights come from, where its folder stores none.",
)
@click.option("--convert", is_flag=True, help="Read the network from the ONNX model, not from top.mlir.")
@click.option("--all", "every", is_flag=True, help="Print every tensor, not only those that differ.")
@click.option("--json", "as_json", is_flag=True, help="Print the reports as JSON.")
def conformance(
    cases: tuple[Path, ...], model: Path | None, convert: bool, every: bool, as_json: bool
) -> None:
    """Compare the int8 simulation with dumps of the original tool, byte by byte.

    Each CASE is a folder NET/CHIP_int8 with dump.npz, beside NET/top.mlir and its table. The network is
    lowered with that table, the case's input is run, and every tensor is compared: layer by layer from the
    dump's own tensors, and the whole network from the input.

    Exit status 3 means here that some integers differ.
    """
    from ..engine.run.conformance import check_case, render

    equal = True
    reports: list[dict[str, object]] = []
    for case in cases:
        report = check_case(case, model, convert=convert)
        equal = equal and report.equal
        if as_json:
            reports.append(asdict(report))
        else:
            click.echo(render(report, every=every))
    if as_json:
        click.echo(json.dumps(reports, indent=1))
    sys.exit(0 if equal else 3)
