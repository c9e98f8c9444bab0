"""The calibration table that a command is given."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.errors import QuantdeckError
from ..engine.text import counted, one_of, visible

if TYPE_CHECKING:
    from ..engine.graph.model import Graph
    from ..engine.plan import Threshold


def given_thresholds(graph: "Graph", path: Path, say: Callable[[str], None]) -> "dict[str, Threshold]":
    """The rows of a table that name tensors of the graph; *say* hears of rows and tensors without the other.

    Errors: QuantdeckError when no row is the model's.
    """
    from ..engine.calib.table import read_table

    rows = read_table(path).rows
    known = {name: rows[name] for name in graph.calibrated if name in rows}
    shown = visible(str(path))
    if not known:
        raise QuantdeckError(
            f"--calibration_table {shown} has no row for any tensor of {visible(graph.name)}; "
            "give the table of this model"
        )
    if len(known) < len(rows):
        say(
            f"{shown}: {len(rows) - len(known)} of {len(rows)} rows name no tensor of the model and are not used"
        )
    if len(known) < len(graph.calibrated):
        without = [name for name in graph.calibrated if name not in known]
        have = "has" if len(without) == 1 else "have"
        say(f"{shown}: {counted(len(without), 'tensor')} of the model {have} no row: {one_of(without)}")
    return known
