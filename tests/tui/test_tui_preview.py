"""The form of a new session shows what the first sample becomes, and what is wrong beside its field, while typing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from decks import MakeDeck
from quantdeck.engine.data.samples import select_samples
from quantdeck.sessions.work import load_model
from quantdeck.tui.answering import answered
from quantdeck.tui.beside import Beside
from quantdeck.tui.widgets.form import Form
from quantdeck.tui.workbench import Workbench
from resting import until
from rich.cells import cell_len
from test_tui_layers import S, press, said

DIGITS = Path(__file__).parents[2] / "examples" / "digits"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, Any]]:
    """What the process beside the screen is asked; nothing runs."""
    found: list[Mapping[str, Any]] = []
    monkeypatch.setattr(Beside, "ask", lambda self, question: found.append(question))
    monkeypatch.setattr("quantdeck.tui.screens.new_session.REST", 3600.0)
    return found


def sample_order(folder: Path) -> list[Path]:
    """The samples of a folder in the order in which a calibration takes them."""
    graph = load_model(DIGITS / "digits.onnx")
    return [Path(entry[0]) for entry in select_samples(graph, dataset=folder, number=0).entries]


def preview(app: Workbench) -> str:
    return said(app, "preview")


async def test_the_first_sample_is_shown_and_follows_the_fields(
    deck: MakeDeck, asked: list[Mapping[str, Any]]
) -> None:
    app = deck(model=DIGITS / "digits.onnx")
    async with app.run_test(size=S) as pilot:
        form, screen = app.screen.query_one(Form), app.screen
        screen._look()  # type: ignore[attr-defined]
        assert not asked  # no samples yet
        assert "!" not in form.row("dataset").said
        form.set_value("dataset", str(DIGITS / "calibration"))
        await pilot.pause()
        screen._look()  # type: ignore[attr-defined]
        screen._show_preview(answered(asked[-1]))  # type: ignore[attr-defined]
        answer = answered(asked[-1])
        first = sample_order(DIGITS / "calibration")[0]
        assert Path(answer["sample"]).name == first.name
        assert "first sample of the calibration" in preview(app)
        assert preview(app).splitlines()[0].endswith(first.name)  # however long the way to it is
        assert all(cell_len(line) <= S[0] for line in preview(app).splitlines())
        assert "1x1x" in preview(app)
        assert "float32  0 to 255" in preview(app)
        form.set_value("pixel_format", "gray")
        form.set_value("mean", "0")
        form.set_value("scale", "0.0039216")
        await pilot.pause()
        old = asked[-1]
        screen._look()  # type: ignore[attr-defined]
        screen._show_preview(answered(old))  # type: ignore[attr-defined]
        assert "looking at the first sample" in preview(app)  # a late answer is no answer
        screen._show_preview(answered(asked[-1]))  # type: ignore[attr-defined]
        assert "float32  0 to 1" in preview(app)


async def test_what_is_wrong_stands_beside_its_field_while_it_is_typed(
    deck: MakeDeck, asked: list[Mapping[str, Any]]
) -> None:
    app = deck(model=DIGITS / "digits.onnx")
    async with app.run_test(size=S) as pilot:
        form, screen = app.screen.query_one(Form), app.screen
        form.set_value("dataset", str(DIGITS / "calibration"))
        form.set_value("mean", "1;2")
        form.set_value("pad_value", "300")
        await pilot.pause()
        screen._look()  # type: ignore[attr-defined]
        assert "numbers and commas" in form.row("mean").said
        assert "a whole number to 255" in form.row("pad_value").said
        assert form.row("dataset").control.has_focus  # nothing takes the focus from who types
        assert not asked
        form.set_value("mean", "1,2,3")
        form.set_value("pad_value", "")
        form.set_value("pixel_format", "rgb")
        await pilot.pause()
        screen._look()  # type: ignore[attr-defined]
        screen._show_preview(answered(asked[-1]))  # type: ignore[attr-defined]
        wrong = form.row("pixel_format").said
        assert wrong.startswith("! rgb gives 3 channels")
        await until(pilot, lambda: form.row("pixel_format").size.height > 1)
        assert not preview(app)
        form.set_value("title", "mine")
        screen._look()  # type: ignore[attr-defined]
        assert form.row("pixel_format").said == wrong  # nothing of the preview has changed
        form.set_value("mean", "")
        screen._look()  # type: ignore[attr-defined]
        assert "!" not in form.row("pixel_format").said  # another sample is looked at
        await press(pilot, "escape")
