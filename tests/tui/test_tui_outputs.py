"""Outputs on samples under two plans, asked of the process beside the screen."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from decks import MakeDeck
from quantdeck.sessions.whole_name import whole_name
from quantdeck.tui.answering import answered
from quantdeck.tui.beside import Beside
from quantdeck.tui.compare_view import sample_rows
from quantdeck.tui.glyphs import GLYPHS
from quantdeck.tui.queries import sample_figures, samples
from quantdeck.tui.reader import SessionReader
from quantdeck.tui.sample_answers import answer_lines
from real_session import answers, current, digits, do_search
from test_tui_layers import L, press, said
from test_tui_places import rows

from quantdeck.cli import diagnostics
from quantdeck.cli.main import group
from quantdeck.demo import example_folder


@pytest.fixture
def example(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    return digits(tmp_path_factory.getbasetemp(), tmp_path)


def text(lines: list[list[tuple[str, str]]]) -> str:
    return "\n".join("".join(part for part, _ in line) for line in lines)


def test_the_process_answers_the_newest_question_and_ends_with_its_input(example: Path) -> None:
    with SessionReader(example) as reader:
        entries = json.loads(reader.one("SELECT entries FROM samples WHERE role = 'evaluation'")[0])
    plan = {"B": [str(example), current(example)]}
    asked = {"what": "outputs", "role": "evaluation", "plans": plan}
    lines = [json.dumps({**asked, "id": number, "entry": entries[number]}) for number in (0, 1)]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "quantdeck.tui.answering"],
        input="\n".join([*lines, json.dumps({**asked, "id": 2, "entry": "nothing"})]) + "\n",
        capture_output=True, encoding="utf-8", check=True, timeout=120,
    )  # fmt: skip
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert found[-1]["id"] == 2
    assert "has no sample nothing" in found[-1]["said"]
    both = answered({**asked, "entry": "nothing", "plans": {"A": plan["B"], "B": plan["B"]}})
    assert both["said"] == found[-1]["said"], "one reason is said once"
    known = answered(json.loads(lines[0]))
    tops = known["answers"]["B"]["tops"]
    assert known["answers"]["B"]["kind"] == "classes"
    assert len(tops["float"]) == len(tops["B"]) == 5
    assert tops["float"][0][0] == tops["B"][0][0]
    assert 0.5 < sum(share for _, share in tops["float"]) <= 1.000001


def test_samples_are_found_by_the_names_that_a_command_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder named from where the command ran is opened by its whole path later."""
    example = example_folder()
    (tmp_path / "pictures").mkdir()
    for one in sorted((example / "calibration").iterdir())[:3]:
        shutil.copy(one, tmp_path / "pictures")
    monkeypatch.chdir(tmp_path)
    path, other = tmp_path / "s.qdeck", tmp_path / "other.qdeck"
    for file, folder in ((path, "pictures"), (other, str(tmp_path / "pictures"))):
        words = ["--dataset", folder, "--tune_num", "0", "-o", "table", "--session", str(file)]
        assert diagnostics.run(group, ["run_calibration", str(example / "digits.onnx"), *words]) == 0
    monkeypatch.chdir("/")
    with SessionReader(path) as reader:
        found = samples(reader, 1)
    assert all(one.entry.startswith("pictures/") for one in found)
    entries = [one.file for one in found]
    with SessionReader(other) as reader:  # which names the same files otherwise
        assert set(sample_figures(reader, 1)) == set(entries)
        compared = sample_rows(
            samples(reader, 1), {one.file: (one.cos or 0.0, one.sqnr or 0.0) for one in found}
        )
    assert [row["sqnr_a"] for row in compared] == [row["sqnr_b"] for row in compared]
    asked = {"what": "outputs", "role": "evaluation", "plans": {"B": [str(path), current(path)]}}
    tops = [answered({**asked, "entry": entry})["answers"]["B"]["tops"]["float"] for entry in entries]
    assert len({json.dumps(one) for one in tops}) == 3


@pytest.mark.parametrize(
    ("entry", "place", "whole"),
    [
        ("pictures/a.png", "/data/pictures", "/data/pictures/a.png"),
        ("/data/pictures/a.png", "/data/pictures", "/data/pictures/a.png"),
        ("a.png", "/data/pictures", "/data/pictures/a.png"),
        ("../data/pictures/sub/a.png", "/data/pictures", "/data/pictures/sub/a.png"),
        ("/elsewhere/a.png", "/data/pictures", "/elsewhere/a.png"),
        ("pictures/a.npy,pictures/b.npy", "/data/pictures", "/data/pictures/a.npy,/data/pictures/b.npy"),
        ("pictures", "/data/pictures", "/data/pictures/pictures"),
        ("", "", "."),
    ],
)
def test_the_whole_name_of_a_sample(entry: str, place: str, whole: str) -> None:
    assert whole_name(entry, place) == whole


async def test_the_sample_under_the_cursor_shows_what_both_plans_say(
    example: Path, deck: MakeDeck, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    do_search(example, answers(strategy="chapter", expected_cos="0.9999999"))
    asked: list[Mapping[str, Any]] = []

    class AtOnce(Beside):
        def __init__(self, module: str, tell: Callable[[dict[str, Any]], None]) -> None:
            super().__init__(module, tell)

        def ask(self, question: Mapping[str, Any]) -> None:
            asked.append(question)

    monkeypatch.setattr("quantdeck.tui.screens.compare.Beside", AtOnce)
    app = deck(example)
    monkeypatch.setattr(type(app), "assesses", True)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "4", "v")
        figures = [float(str(value)) for value in rows(app, "sqnr_a") if value is not None]
        assert len(figures) == 200
        app.screen._ask()  # type: ignore[attr-defined]
        cost, outputs = asked[0], asked[-1]
        app.screen._show_outputs(answered(cost))  # type: ignore[attr-defined]
        assert re.search(r"\d us", said(app, "scores").splitlines()[1])  # A's time on its chip
        assert outputs["entry"] == rows(app, "name")[0]
        assert outputs["plans"].keys() == {"A", "B"}
        app.screen._show_outputs(answered(outputs))  # type: ignore[attr-defined]
        assert "class" in said(app, "outputs")
        names = tmp_path / "names.txt"
        names.write_text("".join(f"digit [/{number}]\n" for number in range(10)))
        app.screen._named(names)  # type: ignore[attr-defined]
        assert "digit [/" in said(app, "outputs")
        app.screen._show_outputs({"id": "of another row", "answers": {}})  # type: ignore[attr-defined]
        assert "digit [/" in said(app, "outputs")


def test_boxes_and_plain_outputs_in_words() -> None:
    glyphs = GLYPHS["ascii"]
    boxes = {
        "kind": "boxes",
        "counts": {"float": 2, "A": 2},
        "boxes": [[1, 0.9, 0, 0, 9, 9], [0, 0.5, 0, 0, 4, 4]],
    }
    answer = {"answers": {"A": {**boxes, "matches": {"A": [0.8, 0.0]}}}, "names": [], "figures": {}}
    lines = text(answer_lines(answer, glyphs, 80, ["cat", "dog"])).splitlines()
    assert "A 2 boxes, 1 same, IoU 0.80" in lines[0]
    assert "0 cat" in lines[1]
    assert "lost" in lines[1]
    assert "1 dog" in lines[2]
    plain = {
        "answers": {"A": {"kind": "plain"}}, "names": ["one", "two"],
        "figures": {"A": [[0.99999, 1.0, 0.0], [0.9, 100.0, 1.0]]},
    }  # fmt: skip
    lines = text(answer_lines(plain, glyphs, 80)).splitlines()
    assert "two" in lines[1]
    assert "20.0 dB" in lines[1]
    assert "exact" in lines[2]


def test_each_plan_costs_what_its_own_chip_takes_for_it(example: Path, tmp_path: Path) -> None:
    from quantdeck.sessions.store import backup, open_session
    from quantdeck.tui.editor import Editor
    from sample_session import layer_names

    other, mixed = tmp_path / "other.qdeck", tmp_path / "mixed.qdeck"
    backup(example, other)
    backup(example, mixed)
    with open_session(other) as session, session.write() as writer:
        body = json.loads(session.row("SELECT body FROM plan WHERE id = ?", current(other))["body"])
        writer.update("plan", current(other), {"body": json.dumps({**body, "chip": "bm1688"})})
    editor = Editor(mixed)
    editor.set_modes(layer_names(mixed), "F16")
    editor.close()
    asked = [[str(path), current(path)] for path in (example, other, mixed)]
    found = [row[2] for row in answered({"what": "cost", "plans": asked})["costs"]]
    assert found[0] < found[1]  # the smaller chip
    assert found[0] < found[2]  # float layers


def test_outputs_are_those_of_the_weights_of_which_a_plan_was_found(
    example: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from quantdeck.sessions import corrections
    from quantdeck.tui import answering

    seen: list[tuple[bool, bool]] = []
    plain = corrections.corrected_graph

    def watched(graph: Any, session: Any, *, equalized: bool, bias: bool, floats: Any) -> Any:
        seen.append((equalized, bias))
        return plain(graph, session, equalized=equalized, bias=bias, floats=floats)

    do_search(example, answers(strategy="chapter", expected_cos="0.9999999", equalize="yes"))
    monkeypatch.setattr(corrections, "corrected_graph", watched)
    answering.executor.cache_clear()
    answering.executor(str(example), current(example))
    assert seen == [(True, False)]
