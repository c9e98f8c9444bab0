"""The quantize table in TPU-MLIR's text form (spec A.4): layers and their modes."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from ..errors import QuantdeckError
from ..plan import Mode
from ..text import visible
from .names import check_names, escape_name, unescape_name
from .textfile import read_lines, write_text

_OTHER_MODES = {"INT4", "W8F16", "W8BF16", "W4F16", "W4BF16", "F8E4M3", "F8E5M2"}
_MODES = {mode.value: mode for mode in Mode}
_CHOICES = ", ".join(Mode)


def read_qtable(path: Path | str) -> dict[str, Mode]:
    """Modes by layer name, in the order of the rows; a later row of the same name wins.

    Modes are case-insensitive; empty lines, comments and lines with only a name are skipped, as TPU-MLIR
    does. Whether the names exist is for :func:`check_names` to say. Errors: QuantdeckError with file and
    line.
    """
    return parse_qtable(read_lines(path, "quantize table"), visible(str(path)))


def parse_qtable(lines: Iterable[str], source: str) -> dict[str, Mode]:
    """The modes that *lines* hold; *source* names the file in messages."""
    modes: dict[str, Mode] = {}
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        where = f"{source} line {number}"
        if len(fields) > 2:
            raise QuantdeckError(f"{where}: '{visible(line[:80])}' is not of the form 'name mode'; mend it.")
        if len(fields) == 2:
            name = _name(fields[0], where)
            modes.pop(name, None)
            modes[name] = _mode(fields[1], where)
    return modes


def _mode(text: str, where: str) -> Mode:
    word = text.upper()
    if word in _MODES:
        return _MODES[word]
    if word in _OTHER_MODES:
        raise QuantdeckError(f"{where}: the mode {word} is not simulated here; the modes are {_CHOICES}.")
    raise QuantdeckError(f"{where}: '{visible(text[:40])}' is no mode; the modes are {_CHOICES}.")


def _name(text: str, where: str) -> str:
    try:
        return unescape_name(text)
    except (ValueError, OverflowError) as error:
        raise QuantdeckError(
            f"{where}: '{visible(text[:80])}' has an escape that is no character; mend the row."
        ) from error


def write_qtable(
    path: Path | str,
    modes: Mapping[str, Mode],
    *,
    chip: str,
    fp_type: str,
    samples: int | None = None,
    dated: bool = True,
) -> None:
    """Write *modes* in their order, whole or not at all.

    fp_type: resolved float type ("F16"). samples: number of samples that the decision stands on, None where
    it stands on none (fp_forward's tables). dated: with the time of writing; without it equal decisions
    give equal files. Errors: QuantdeckError for a place that cannot be written.
    """
    text = format_qtable(modes, chip=chip, fp_type=fp_type, samples=samples, dated=dated)
    write_text(path, text, "quantize table")


def format_qtable(
    modes: Mapping[str, Mode], *, chip: str, fp_type: str, samples: int | None = None, dated: bool = True
) -> str:
    """The text of a quantize table."""
    counted = sum(mode.value == fp_type for mode in modes.values())
    lines = [f"# genetated time: {datetime.now()}"] if dated else []
    if samples is not None:
        lines.append(f"# sample number: {samples}")
    lines += [
        f"# chip: {chip}  mix_mode: {fp_type}",
        f"# number of {fp_type} layer: {counted}",
        "###",
        "# op_name   quantize_mode",
    ]
    lines += [f"{escape_name(name)} {mode}" for name, mode in modes.items()]
    return "\n".join(lines) + "\n"


__all__ = ["check_names", "format_qtable", "parse_qtable", "read_qtable", "write_qtable"]
