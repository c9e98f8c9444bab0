"""Typing into fields: the keys that edit a line in a shell edit it here."""

from pathlib import Path

import pytest
from decks import MakeDeck
from quantdeck.tui.widgets.form import Form
from quantdeck.tui.widgets.prompt import Prompt
from test_tui_layers import S, press

EDITS = (  # keys, and what the field then holds
    (("ctrl+w",), "one two/"),
    (("ctrl+u",), ""),
    (("ctrl+a", "X", "ctrl+e", "Y"), "Xone two/threeY"),
    (("home", "ctrl+d", "ctrl+f", "ctrl+k"), "n"),
    (("ctrl+b", "backspace", "end", "ctrl+h"), "one two/thr"),
    (("ctrl+a", "ctrl+k"), ""),
    (("ctrl+u", "a", "b", "ctrl+u", "c"), "c"),
)


@pytest.mark.parametrize(("keys", "left"), EDITS)
async def test_a_field_of_a_form_is_edited_as_a_line_of_a_shell(
    deck: MakeDeck, keys: tuple[str, ...], left: str
) -> None:
    app = deck(None)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "n")
        form = app.screen.query_one(Form)
        form.set_value("dataset", "one two/three")
        form.row("dataset").control.focus()
        await press(pilot, *keys)
        assert form.values()["dataset"] == left
        assert form.values()["model"] == ""


async def test_the_filter_is_edited_so_too_and_follows(stored: Path, deck: MakeDeck) -> None:
    app = deck(stored)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "slash", *"conv nothing", "ctrl+w")
        assert app.screen.query_one(Prompt).input.value == "conv "
        await press(pilot, "ctrl+u", *"depth", "enter")
        assert app.screen.query_one(Prompt).input.value == "depth"
