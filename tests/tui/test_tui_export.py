"""What the workbench exports and what its command, run, exports: the same bytes; and a search's own files."""

import csv
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from decks import MakeDeck
from quantdeck.sessions.export import ALL_FORMS, usual_name
from quantdeck.tui.screens.export import WHAT
from quantdeck.tui.shell_word import shell_word
from quantdeck.tui.widgets.line_table import LineTable
from real_session import answers, digits, do_search
from resting import settle
from test_tui_layers import L, S, press, said
from test_tui_layers import table as layer_table
from test_tui_what_if import Ear


@pytest.fixture
def example(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    return digits(tmp_path_factory.getbasetemp(), tmp_path)


async def test_every_command_that_is_shown_writes_the_same_bytes(
    example: Path, deck: MakeDeck, tmp_path: Path
) -> None:
    do_search(
        example, answers(kind="run_qtable", strategy="chapter", expected_cos="0.9999999", min_layer_cos="1")
    )
    assert list(WHAT) == list(ALL_FORMS)
    app = deck(example)
    commands: list[str] = []
    async with app.run_test(size=L) as pilot:
        await press(pilot, "6")
        table = app.screen.query_one(LineTable)
        for place in range(len(WHAT)):
            table.go(place)
            assert not app.screen.command().endswith("--force")  # type: ignore[attr-defined]
            await press(pilot, "enter")
            await settle(pilot)
            assert "written" in said(app)
            commands.append(app.screen.command())  # type: ignore[attr-defined]  # over the file that is there now
    written = {form: usual_name(example, form).read_bytes() for form in ALL_FORMS}
    assert all(written.values())
    quantdeck = str(Path(sys.executable).with_name("quantdeck"))
    for command in commands:
        words = shlex.split(command)
        assert words[0] == "quantdeck"
        subprocess.run([quantdeck, *words[1:]], check=True, capture_output=True, cwd=tmp_path)
    assert {form: usual_name(example, form).read_bytes() for form in ALL_FORMS} == written
    assert b"No.0 " in written["loss_table"]


async def test_what_no_search_has_left_is_said(example: Path, deck: MakeDeck) -> None:
    app = deck(example)
    async with app.run_test(size=S) as pilot:
        await press(pilot, "6", "end", "enter")
        await settle(pilot)
        assert "no run_qtable has ended" in " ".join(said(app).split())
    assert not usual_name(example, "loss_table").exists()


@pytest.mark.parametrize(
    "name", ["-x.qdeck", "a b'\\.qdeck", "e\x1b[31m\n.qdeck", "\u5c42.qdeck", "\udcff.qdeck"]
)
def test_the_command_is_safe_to_look_at_and_names_the_same_file(name: str) -> None:
    word = shell_word(Path(name))
    assert word.isprintable()
    found = subprocess.run(
        ["bash", "-c", f"printf %s {word}"], check=True, capture_output=True, text=False
    ).stdout
    assert os.fsdecode(found).removeprefix("./") == name
    assert not found.startswith(b"-")


async def test_the_exported_figures_are_those_of_the_layer_table(example: Path, deck: MakeDeck) -> None:
    app = deck(example, assess=True)
    async with app.run_test(size=L) as pilot:
        await press(pilot)
        ear = Ear(app, pilot)
        await press(pilot, "b")
        await ear.until(lambda: bool(app.outlook.gains and app.outlook.shares))
        await press(pilot, "i", "space")
        plan = app.view.plan if app.view else None
        await ear.until(lambda: app.outlook.plan == plan and app.outlook.state == "checked")
        await ear.until(lambda: bool(app.outlook.gains and app.outlook.shares))
        shown = {key: list(values) for key, values in layer_table(app).model.values.items()}
        await press(pilot, "6", "down", "down", "enter")
        await settle(pilot)
        await press(pilot, "down", "enter")
        await settle(pilot)
        outlook = app.outlook
    figures = json.loads(usual_name(example, "json").read_text())
    layers = figures["layers"]
    assert [row["name"] for row in layers] == shown["name"]
    for row, output, gain in zip(layers, shown["output"], shown["gain"], strict=True):
        keys = ("output_sqnr", "output_noise_share", "predicted_gain", "predicted_gain_error")
        told = [None if row[key] is None else float(row[key]) for key in keys]  # "inf" without any noise
        both = [*(output or (None, None)), *(gain or (None, None))]
        assert told == [None if one is None else pytest.approx(one, abs=1e-6) for one in both]
    for key, column in (
        ("rank", "rank"),
        ("predicted_cost_share", "cost"),
        ("mode", "mode"),
        ("sqnr", "sqnr"),
    ):
        assert [row[key] for row in layers] == pytest.approx(shown[column]), key
    assert any(row["output_noise_share"] for row in layers)
    assert figures["predicted"]["seconds"] == pytest.approx(outlook.cost)
    assert figures["predicted"]["seconds_over_int8"] == pytest.approx(outlook.ratio)
    assert figures["notes"] == []
    with usual_name(example, "csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(layers[0])
    assert [float(row["predicted_gain"]) for row in rows if row["predicted_gain"]] == [
        row["predicted_gain"] for row in layers if row["predicted_gain"] is not None
    ]
