"""Files of settings that are none: the workbench opens with the defaults and says why."""

from pathlib import Path

import pytest
from quantdeck.tui.config import Config, read_config


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a=" + "[" * 100_000, "nested too deeply"),
        ("jobs=" + "9" * 5000, "cannot be read"),
        ("jobs=0x" + "f" * 20_000, "cannot be read"),
        ("theme=[", "cannot be read"),
        ("thema='dark'\n'[/b]\\u202e'=1", "there is no setting thema"),
        ("keys=5", "keys is a table"),
        ("[keys]\n'layers.undo'=5\n'layers.mark'=''", "layers.undo: a key is a text"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "workbench.toml"
    path.write_text(text)
    config, wrong = read_config(path)
    assert config == Config()
    assert str(path) in wrong
    assert said in wrong


def test_a_place_that_is_no_file_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "workbench.toml", tmp_path):
        config, wrong = read_config(path)
        assert config == Config()
        assert wrong.count(str(path)) == 1
