"""What --help says, where an option's text can become untrue without anybody seeing it."""

from pathlib import Path

import click
import pytest
from command_line import quantdeck
from quantdeck.engine.hw.chip import CHIPS, get_chip
from quantdeck.tui import session_form

from quantdeck.cli import diagnostics
from quantdeck.cli.main import COMMANDS, OPEN, group
from quantdeck.cli.options import CHIP_HELP
from quantdeck.demo import example_folder


def command_of(name: str) -> click.Command:
    found = group.get_command(click.Context(group), name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", [*COMMANDS, OPEN.module])
def test_every_option_of_a_command_is_explained_in_its_help(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert diagnostics.run(group, [name, "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for parameter in command_of(name).params:
        if isinstance(parameter, click.Option):
            text = parameter.help or ""
            assert len(text.split("[")[0].strip()) > 8, f"{name} {parameter.opts[0]}: {text!r}"
            assert f"{parameter.opts[0]}," in shown or f"{parameter.opts[0]} " in shown
            assert " ".join(text.split())[:20] in shown


def test_the_help_and_the_form_of_a_new_session_name_the_chips_that_are_simulated() -> None:
    simulated = [name for name in CHIPS if get_chip(name).lowering is not None]
    assert [
        name for name in CHIPS if name in CHIP_HELP.replace(",", "").replace(".", "").split()
    ] == simulated
    assert list(session_form.CHIPS) == simulated


def test_what_only_a_search_uses_is_named_by_a_plain_calibration(tmp_path: Path) -> None:
    example = example_folder()
    words = ["--input_num", "2", "--tune_num", "0", "--pixel_format", "gray", "-o", str(tmp_path / "table")]
    start = ["run_calibration", str(example / "digits.onnx"), "--dataset", str(example / "calibration")]
    quiet = quantdeck(*start, *words)
    told = quantdeck(*start, *words, "--detach", "--max_float_layers", "3")
    assert (quiet.returncode, told.returncode) == (0, 0)
    assert b"no use for" not in quiet.stderr
    assert b"no use for --max_float_layers, --detach" in told.stderr
