"""Figures of a sample stand beside the sample that they were measured on, whichever samples a score is of."""

import hashlib
import json
import sqlite3
from pathlib import Path

import pytest
from decks import MakeDeck
from quantdeck.sessions.report import Silent
from quantdeck.sessions.store import open_session
from quantdeck.sessions.work import evaluate
from quantdeck.tui.answering import outputs
from quantdeck.tui.queries import sample_figures, samples, samples_role
from quantdeck.tui.reader import SessionReader
from real_session import current, digits
from test_tui_layers import L, press, said
from test_tui_places import rows


@pytest.fixture
def example(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    """Calibrated on pictures of one folder, evaluated on those of another."""
    return digits(tmp_path_factory.getbasetemp(), tmp_path)


def entries(path: Path, role: str) -> list[str]:
    with SessionReader(path) as reader:
        return list(json.loads(reader.one("SELECT entries FROM samples WHERE role = ?", role)[0]))


def score_on(path: Path, digest: str, noise: list[float]) -> None:
    """Another score of the plan that stands, as the process beside the screen stores it."""
    connection = sqlite3.connect(path)
    count = len(noise)
    similarity = {"cosine": [0.5] * count, "signal": [1.0] * count, "noise": noise}
    body = json.dumps({"outputs": [{"name": "p", "similarity": similarity}]})
    with connection:
        connection.execute(
            "INSERT INTO score(plan, samples_digest, created, cos, sqnr, dead, body) VALUES(?, ?, 4e9, 0.5, 1, 0, ?)",
            (current(path), digest, body),
        )
    connection.close()


def digest_of(path: Path, role: str) -> str:
    with SessionReader(path) as reader:
        return str(reader.one("SELECT digest FROM samples WHERE role = ?", role)[0])


def test_an_edit_that_was_scored_on_calibration_samples_says_nothing_of_those_of_the_evaluation(
    example: Path,
) -> None:
    plan = current(example)
    with SessionReader(example) as reader:
        assert samples_role(reader, plan) == "evaluation"
        known = before = sample_figures(reader, plan)
        assert [one.entry for one in samples(reader, plan)] == entries(example, "evaluation")
    first = hashlib.sha256(f"{digest_of(example, 'calibration')}:2".encode()).hexdigest()
    score_on(example, first, [0.1, 0.01])
    with SessionReader(example) as reader:
        assert samples_role(reader, plan) == "calibration"
        found = samples(reader, plan)
        assert [one.entry for one in found] == entries(example, "calibration")
        assert [round(one.sqnr or 0) for one in found[:2]] == [10, 20]
        assert [one.sqnr for one in found[2:]] == [before[one.entry][1] for one in found[2:]]
        both = sample_figures(reader, plan)  # what the evaluation saw is known still
    assert all(both[entry] == known[entry] for entry in entries(example, "evaluation"))
    score_on(example, "f" * 64, [0.5])  # of samples that the session does not hold any more
    with SessionReader(example) as reader:
        assert round(samples(reader, plan)[0].sqnr or 0) == 10


async def test_a_sample_of_another_session_is_found_by_its_name_not_by_its_place(
    example: Path, deck: MakeDeck, tmp_path: Path
) -> None:
    (tmp_path / "b").mkdir()
    other = tmp_path / "b" / "other.qdeck"
    other.write_bytes(example.read_bytes())
    names = entries(example, "evaluation")
    turned = [*names[:0:-1], "/elsewhere/none.png"]  # the first sample is not there
    connection = sqlite3.connect(other)
    with connection:
        connection.execute("UPDATE samples SET entries = ? WHERE role = 'evaluation'", (json.dumps(turned),))
        connection.execute("UPDATE state SET current_plan = (SELECT min(id) FROM plan)")
    connection.close()
    with SessionReader(other) as reader:
        there = sample_figures(reader, current(other))
    app = deck(example)
    async with app.run_test(size=L) as pilot:
        await press(pilot, "4")
        app.screen._picked(other)  # type: ignore[attr-defined]
        await pilot.pause()
        await press(pilot, "v")
        shown = dict(zip(rows(app, "name"), rows(app, "sqnr_a"), strict=True))
        assert set(shown) == set(names)
        assert shown[names[0]] is None
        assert {name: shown[name] for name in names[1:]} == {name: there[name][1] for name in names[1:]}
        assert "A other: " in said(app, "scores")


def test_a_plan_whose_session_lacks_the_sample_is_told_and_the_other_is_shown(
    example: Path, tmp_path: Path
) -> None:
    (tmp_path / "b").mkdir()
    other = tmp_path / "b" / "other.qdeck"
    other.write_bytes(example.read_bytes())
    connection = sqlite3.connect(other)
    with connection:
        connection.execute("DELETE FROM samples WHERE role = 'evaluation'")
    connection.close()
    plans = {"A": [str(other), current(other)], "B": [str(example), current(example)]}
    question = {"role": "evaluation", "plans": plans, "entry": entries(example, "evaluation")[0]}
    found = outputs(question)
    assert list(found["answers"]) == ["B"]
    assert len(found["missing"]) == 1
    assert found["missing"][0].startswith("A: ")
    question["entry"] = entries(example, "calibration")[0]  # in both, as samples of the other role
    assert list(outputs(question)["answers"]) == ["A", "B"]


def test_outputs_of_samples_that_a_list_named_are_found_though_the_calibration_had_a_folder(
    example: Path, tmp_path: Path
) -> None:
    chosen = entries(example, "evaluation")[3:6]
    (tmp_path / "list.txt").write_text("\n".join(chosen))
    with open_session(example) as session:
        evaluate(session, {"data_list": str(tmp_path / "list.txt"), "layers": -1}, Silent())
    assert len(entries(example, "evaluation")) == 3
    plans = {"A": [str(example), current(example)]}
    found = outputs({"role": "evaluation", "plans": plans, "entry": entries(example, "evaluation")[1]})
    assert list(found["answers"]) == ["A"]
