"""``quantdeck export``: the tables and figures of a session's current plan as files."""

from pathlib import Path

import click

from ..engine.errors import QuantdeckError
from .console import console
from .options import FILE, SESSION, option


@click.command("export")
@click.argument("session", type=SESSION)
@option("--calibration_table", type=FILE, help="Thresholds, as run_calibration writes them.")
@option("--quantize_table", type=FILE, help="Float layers, as the searches write them.")
@option("--json", "json_", type=FILE, help="Model, plan, score and layers as JSON.")
@option("--csv", "csv_", type=FILE, help="The layers as CSV.")
@option("--new_table", type=FILE, help="Thresholds that the newest search chose, as its new_cali_table.txt.")
@option("--loss_table", type=FILE, help="Loss table of the newest run_qtable.")
@option(
    "--search",
    type=click.IntRange(1),
    metavar="JOB",
    help="The plan that this search came to, while it runs the best so far, in place of the session's.",
)
@option("--force", is_flag=True, help="Write over files that are there.")
def export(
    session: Path,
    calibration_table: Path | None,
    quantize_table: Path | None,
    json_: Path | None,
    csv_: Path | None,
    new_table: Path | None,
    loss_table: Path | None,
    search: int | None,
    force: bool,
) -> None:
    """Write what SESSION stands on now, edits of the workbench included.

    A file that is there already is not written over without --force.
    """
    from ..engine.text import visible
    from ..sessions.export import ALL_FORMS
    from ..sessions.export import export as write

    paths = (calibration_table, quantize_table, json_, csv_, new_table, loss_table)
    given = dict(zip(ALL_FORMS, paths, strict=True))
    wanted = {form: path for form, path in given.items() if path is not None}
    if not wanted:
        raise QuantdeckError(f"there is nothing to write; name a file with --{', --'.join(ALL_FORMS)}")
    with console() as out:
        notes = write(session, wanted, replace=force, search=search)
        for path in wanted.values():
            out.say(f"written: {visible(str(path))}")
        for note in notes:
            out.say(note)
