r"""The calibration table in TPU-MLIR's text form (spec A.3).

A row is ``name threshold min max`` with single blanks and ``%.7f``; names go through
:func:`~quantdeck.engine.calib.names.escape_name`, whose rule is: what the text form cannot hold (blanks,
tabs, controls, a leading ``#``) is written ``\u{HEX}``, reversibly. Numbers keep 7 decimals, so a
threshold *is* what the text says and reading back is exact.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from ..errors import QuantdeckError
from ..plan import Threshold
from ..text import one_of, visible
from .names import escape_name, unescape_name
from .textfile import read_lines, write_text

LARGEST = 1e30
"""Magnitudes from here on are mask values, not data; no table holds one."""

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_NO_NUMBER = re.compile(r"[-+]?(nan|inf|infinity)", re.IGNORECASE)
_INT4, _ASYMMETRIC = "#int4_th", "#asym_op"
_SECTIONS = (_INT4, _ASYMMETRIC, "#weight_scale", "#weight_scale_fp8")
_COLUMNS = "# op_name    threshold    min    max"
_NOTE = "# names written with \\u{HEX} are escaped, TPU-MLIR would not find: "


def _no_rows() -> Mapping[str, Threshold]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class CalibrationTable:
    """Rows in model order; ``header`` are the comment lines in front of them, without line ends.

    int4: rows of the section ``#int4_th``, asym: names of ``#asym_op`` (None where the table has no such
    section). weight_scales: the lines of ``#weight_scale`` sections, kept as they are.
    """

    rows: Mapping[str, Threshold]
    header: tuple[str, ...] = ()
    int4: Mapping[str, Threshold] = field(default_factory=_no_rows)
    asym: tuple[str, ...] | None = None
    weight_scales: tuple[str, ...] = ()

    @property
    def escaped(self) -> tuple[str, ...]:
        """Names that the text form cannot hold as they are."""
        return tuple(name for name in self.rows if escape_name(name) != name)

    @property
    def notice(self) -> str | None:
        """The sentence about escaped names that a user must be told; None without any."""
        if not self.escaped:
            return None
        return (
            f"{len(self.escaped)} names do not fit into a row of the table and are written with \\u{{HEX}}, "
            f"where TPU-MLIR would not find them: {one_of(list(self.escaped), 3)}."
        )


def rounded(row: Threshold) -> Threshold:
    """The row as the table keeps it: 7 decimals."""
    value, low, high = (float(f"{number:.7f}") for number in (row.value, row.min, row.max))
    return Threshold(value, low, high, row.method)


def table_header(
    model: str,
    *,
    version: str,
    bins: int,
    samples: int,
    tune_num: int = 0,
    notes: Iterable[str] = (),
    dated: bool = True,
) -> tuple[str, ...]:
    """Comment lines of a new table, as TPU-MLIR writes them (its spelling of "genetated" included).

    model: file name of the network. samples: number of samples after batching. notes: further comment lines.
    dated: with the time of writing; without it equal thresholds give equal files.
    """
    lines = [
        f"quantdeck version: {version}",
        f"mlir: {visible(model)}",
        *([f"genetated time: {datetime.now()}"] if dated else []),
        f"histogram number: {bins}",
        f"sample number: {samples}",
    ]
    if tune_num:
        lines.append(f"tune number: {tune_num}")
    lines += [visible(note) for note in notes]
    return (*(f"# {line}" for line in lines), "###", _COLUMNS)


# ---------------------------------------------------------------- writing


def write_table(path: Path | str, table: CalibrationTable) -> None:
    """Write *table*, whole or not at all.

    Errors: QuantdeckError for a place that cannot be written and for a row that no table can hold.
    """
    write_text(path, format_table(table), "calibration table")


def format_table(table: CalibrationTable) -> str:
    """The text of a table.

    Errors: QuantdeckError when a row holds NaN, an infinity or a mask value (spec A.3: the compiler would
    ignore the row).
    """
    lines = list(table.header)
    if table.escaped:
        at = lines.index("###") if "###" in lines else len(lines)
        lines.insert(at, f"{_NOTE}{len(table.escaped)} rows")
    lines += _formatted(table.rows)
    if table.int4:
        lines += ["", _INT4, *_formatted(table.int4)]
    if table.asym is not None:
        lines += ["", _ASYMMETRIC, *(escape_name(name) for name in table.asym)]
    lines += table.weight_scales
    return "\n".join(lines) + "\n"


def _formatted(rows: Mapping[str, Threshold]) -> list[str]:
    return [_row(name, row) for name, row in rows.items()]


def _row(name: str, row: Threshold) -> str:
    numbers = (row.value, row.min, row.max)
    if not all(math.isfinite(number) and abs(number) < LARGEST for number in numbers):
        raise QuantdeckError(
            f"The threshold of '{visible(name)}' is {row.value:g} in the range {row.min:g} to {row.max:g}, "
            "which no table can hold; calibrate this tensor again or give it a finite threshold."
        )
    return f"{escape_name(name)} {row.value:.7f} {row.min:.7f} {row.max:.7f}"


# ---------------------------------------------------------------- reading


def read_table(path: Path | str) -> CalibrationTable:
    """Read a table of ours or of TPU-MLIR, with all its sections.

    Errors: QuantdeckError naming the file and line of a row that is not ``name number number number``, that
    holds NaN or an infinity, or that has a negative threshold; and for a file without any row, unless its header
    says that it is the table of a model without float tensors.
    """
    table = parse_table(read_lines(path, "calibration table"), visible(str(path)))
    if not table.rows and _COLUMNS not in table.header:
        raise QuantdeckError(
            f"{visible(str(path))}: no row of the form 'name threshold min max'; give a calibration table."
        )
    return table


def parse_table(lines: Iterable[str], source: str) -> CalibrationTable:
    """The table that *lines* hold; *source* names the file in messages."""
    header: list[str] = []
    weight_scales: list[str] = []
    rows: dict[str, Threshold] = {}
    int4: dict[str, Threshold] = {}
    asym: list[str] | None = None
    section = ""
    for number, raw in enumerate(lines, 1):
        line, where = raw.strip(" \t"), f"{source} line {number}"
        if line in _SECTIONS:
            section = line
            asym = [] if section == _ASYMMETRIC and asym is None else asym
        if section.startswith("#weight_scale"):
            weight_scales.append(line)
        elif line.startswith("#"):
            if not section and not line.startswith(_NOTE):
                header.append(line)
        elif not line:
            continue
        elif section == _ASYMMETRIC and asym is not None:
            asym.append(_name(line, where))
        else:
            name, row = _parsed(line, where)
            table = int4 if section == _INT4 else rows
            if table.setdefault(name, row) != row:
                raise QuantdeckError(
                    f"{where}: '{_start(name)}' has another row with other numbers above; keep one of them."
                )
    while weight_scales and not weight_scales[-1]:
        weight_scales.pop()
    kept = None if asym is None else tuple(asym)
    return CalibrationTable(
        MappingProxyType(rows), tuple(header), MappingProxyType(int4), kept, tuple(weight_scales)
    )


def _parsed(line: str, where: str) -> tuple[str, Threshold]:
    fields = re.split(r"[ \t]+", line)
    if len(fields) != 4:
        raise QuantdeckError(
            f"{where}: '{_start(line)}' is not of the form 'name threshold min max'; mend it."
        )
    name = _name(fields[0], where)
    value, low, high = (_number(text, name, where) for text in fields[1:])
    if value < 0:
        raise QuantdeckError(f"{where}: the threshold of '{_start(name)}' is negative; calibrate it again.")
    return name, Threshold(value, low, high)


def _number(text: str, name: str, where: str) -> float:
    if _NO_NUMBER.fullmatch(text) or (_NUMBER.fullmatch(text) and not math.isfinite(float(text))):
        raise QuantdeckError(
            f"{where}: the row of '{_start(name)}' holds {visible(text)}, which the compiler would ignore; "
            "calibrate this tensor again or write a finite number."
        )
    if not _NUMBER.fullmatch(text):
        raise QuantdeckError(
            f"{where}: '{_start(text)}' in the row of '{_start(name)}' is no number; mend it."
        )
    return float(text)


def _name(text: str, where: str) -> str:
    try:
        return unescape_name(text)
    except (ValueError, OverflowError) as error:
        raise QuantdeckError(
            f"{where}: '{_start(text)}' has an escape that is no character; mend the row."
        ) from error


def _start(text: str) -> str:
    """The beginning of a hostile text, fit to be shown."""
    return visible(text[:80]) + ("..." if len(text) > 80 else "")


__all__ = [
    "LARGEST",
    "CalibrationTable",
    "escape_name",
    "format_table",
    "parse_table",
    "read_table",
    "rounded",
    "table_header",
    "unescape_name",
    "write_table",
]
