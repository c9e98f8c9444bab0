"""Options of pictures that are forgotten, or not those of the table, are told and not only felt in the figures."""

from pathlib import Path

import pytest
from command_line import DIGITS, quantdeck
from shell import Shell

NET = DIGITS["NET"]
FOLDER = ("--dataset", *DIGITS["FOLDER"], "--input_num", "4")
TOLD = b"give the options of pictures (--mean, --scale ...) that the table was made with"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (DIGITS["PICTURES"], False),
        (("--pixel_format", "gray"), True),
        (("--pixel_format", "gray", "--mean", "127.5", "--scale", "0.0078431"), True),
        (("--pixel_format", "gray", "--scale", "0.0000153"), True),
    ],
)
def test_other_options_than_the_table_had_are_told(start: Path, options: tuple[str, ...], told: bool) -> None:
    done = quantdeck("evaluate", *NET, *FOLDER, *options, "--calibration_table", start)
    assert done.returncode == 0, done.stderr
    assert (TOLD in done.stderr) is told, done.stderr


def test_a_search_from_a_table_tells_it_too(shell: Shell) -> None:
    line = (
        "run_qtable NET DATA --input_num 2 --calibration_table start --chip bm1684x --pixel_format gray -o q"
    )
    _, _, err = shell(line)
    assert TOLD.decode() in err
