"""What was filled into a form that is left stands there again; Escape loses nothing."""

from pathlib import Path

import pytest
from decks import MakeDeck
from quantdeck.tui import workbench
from quantdeck.tui.drafts import TOLD, Drafts
from quantdeck.tui.screens.new_session import NewSessionScreen
from quantdeck.tui.screens.search_form import SearchFormScreen
from quantdeck.tui.widgets.form import Field
from sample_session import add_job
from test_tui_forms import S, form, press, said


def test_only_what_was_changed_is_kept_and_only_choices_that_are_offered() -> None:
    drafts = Drafts()
    fields = (Field("a", "a", "1"), Field("b", "b", "x", choices=("x", "y")), Field("c", "c"))
    drafts.keep("one", fields, {"a": "1", "b": "y", "c": ""})
    assert [field.value for field in drafts.fill("one", fields)] == ["1", "y", ""]
    assert drafts.fill("two", fields) == fields
    others = (Field("a", "a", "2"), Field("b", "b", "x", choices=("x", "z")))
    assert drafts.fill("one", others) == others
    drafts.keep("one", fields, {"a": "1", "b": "x", "c": ""})
    assert not drafts.has("one")


async def test_a_new_session_that_is_left_is_filled_in_again(
    tmp_path: Path, deck: MakeDeck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quantdeck.tui.screens.new_session.REST", 3600.0)
    app = deck(folder=tmp_path / "sessions")
    async with app.run_test(size=S) as pilot:
        await press(pilot, "n")
        assert TOLD not in said(app)
        await press(pilot, *"/nets/a.onnx", "tab", *"/images", "tab", "tab", "right", "escape")
        assert not isinstance(app.screen, NewSessionScreen)
        await press(pilot, "n")
        values = form(app).values()
        assert (values["model"], values["dataset"]) == ("/nets/a.onnx", "/images")
        assert values["chip"] != "bm1684x"
        assert TOLD in said(app)
        await press(pilot, "escape", "n")
        assert form(app).values() == values


@pytest.mark.parametrize("kind", ["", "run_qtable"])
async def test_a_search_that_is_left_is_filled_in_again_and_only_that_one(
    session: Path, deck: MakeDeck, kind: str
) -> None:
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        app.show_search_form(kind)
        await pilot.pause()
        came = form(app).values()
        form(app).set_value("max_float_layers", "3")
        await press(pilot, "escape")
        assert not isinstance(app.screen, SearchFormScreen)
        app.show_search_form("run_sensitive_layer")
        await pilot.pause()
        assert form(app).values()["max_float_layers"] == came["max_float_layers"]
        assert TOLD not in said(app)
        await press(pilot, "escape")
        app.show_search_form(kind)
        await pilot.pause()
        assert form(app).values() == {**came, "max_float_layers": "3"}
        assert TOLD in said(app)


async def test_a_calibration_that_is_left_is_filled_in_again_until_it_was_started(
    session: Path, deck: MakeDeck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbench, "start", lambda path, kind, spec: add_job(path, heartbeat=4e9))
    app = deck(session)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "c")
        came = form(app).values()
        form(app).set_value("bins", "4096")
        await press(pilot, "escape", "c")
        assert form(app).values() == {**came, "bins": "4096"}
        assert TOLD in said(app)
        await press(pilot, "f5")
        assert not app.drafts.has(f"calibrate {session}")
