"""Edits are judged on samples that stand for all, also where one that comes late carries the loss."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from quantdeck.engine.plan import Mode
from quantdeck.engine.run.score import OutputScore, Score, Similarity
from quantdeck.sessions import judged
from quantdeck.sessions.judged import FIRST, KEPT, Chosen, judged_samples, telling_places
from quantdeck.sessions.records import get_plan, get_settings, put_plan, put_settings
from quantdeck.sessions.report import Silent
from quantdeck.sessions.same_samples import session_samples
from quantdeck.sessions.session import Session
from quantdeck.sessions.store import open_session
from quantdeck.sessions.work import Settings, Source, calibrate, evaluate, new_session, session_graph
from quantdeck.tui import assessor
from quantdeck.tui.asked import Asked, Question
from quantdeck.tui.queries import samples
from quantdeck.tui.reader import SessionReader

from quantdeck.demo import example_folder

COUNT = 20
LATE = 18


def score(noise: Sequence[float]) -> Score:
    ones = (1.0,) * len(noise)
    return Score((OutputScore("p", Similarity(ones, ones, ones, tuple(noise))),), len(noise))


@pytest.mark.parametrize(
    ("noise", "places"),
    [
        ([1.0] * 40, ()),
        ([1.0] * 3, ()),
        ([0.0] * 40, ()),
        ([], ()),
        ([float("nan"), *[1.0] * 39], ()),
        ([*[1.0] * 4, *[1.2] * 36], ()),
        ([*[9.0] * 4, *[0.1] * 36], ()),  # where the first are the loudest nothing is missed
        ([*[1.0] * 39, 99.0], ()),
        ([*[1.0] * 39, 999.0], (39, 11, 24, 38)),
        ([*[0.0] * 39, 1.0], (39, 12, 25, 38)),
        ([0.0, 0.0, 0.0, 0.0, 1.0], (4, 0, 1, 3)),
    ],
)
def test_samples_are_taken_evenly_by_their_loss_where_the_first_say_nothing(
    noise: list[float], places: tuple[int, ...]
) -> None:
    found = telling_places(score(noise), 4, 4)
    assert bool(found) == bool(places)
    assert found[:1] == places[:1]
    assert len(set(found)) == len(found) == len(places)
    assert [noise[place] for place in found] == [noise[place] for place in places]


def test_a_small_number_of_samples_is_taken_whole() -> None:
    assert sorted(telling_places(score([0.0, 0.0, 1.0]), 2, 100)) == [0, 1, 2]


def made(folder: Path, late: float) -> Path:
    """A session of 20 samples; all are dark but one of the last, of values up to *late*."""
    shutil.copy(example_folder() / "digits.onnx", folder)
    random = np.random.default_rng(3)
    names = [f"{index}.npz" for index in range(COUNT)]
    for index, name in enumerate(names):
        sample = random.random((1, 1, 32, 32)).astype(np.float32)
        np.savez(folder / name, sample * (late if index == LATE else 0.1))
    (folder / "list.txt").write_text("\n".join(names) + "\n")
    settings = Settings(method="kl", tune_num=0)
    path = new_session(folder, folder / "digits.onnx", Source(data_list=folder / "list.txt"), settings, "d")
    with open_session(path) as session:
        calibrate(session, {"methods": []}, Silent())
    return path


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network counts as one whose edits can be judged on few samples only."""
    monkeypatch.setattr(judged, "WORK", 0.0)


def digests(session: Session) -> list[str]:
    return [row[0] for row in session.rows("SELECT samples_digest FROM score ORDER BY id")]


@pytest.mark.usefixtures("large")
def test_a_late_sample_that_carries_the_loss_is_among_them(tmp_path: Path) -> None:
    path = made(tmp_path, 3.0)
    with open_session(path) as session:
        every = session_samples(session, session_graph(session), Silent())
        chosen = Chosen.of(get_settings(session))
        assert chosen is not None
        assert chosen.places[0] == LATE
        few = judged_samples(session, every)
        assert len(few) == FIRST
        assert few.label(0).endswith(f"{LATE}.npz")
        assert digests(session) == [every.digest, few.digest]
        sqnr = [row[0] for row in session.rows("SELECT sqnr FROM score ORDER BY id")]
        assert abs(sqnr[0] - sqnr[1]) < 10 * np.log10(COUNT / FIRST) + 0.1
        evaluate(session, {}, Silent())
        assert judged_samples(session, every).digest == few.digest
    with SessionReader(path) as reader:
        found = samples(reader, 1)
        assert all(one.sqnr is not None for one in found)
        assert min(found, key=lambda one: one.sqnr or 0.0).number == LATE
        kept = reader.one("SELECT settings FROM state")
        assert json.loads(kept[0])["judged"]["places"] == list(chosen.places)


def test_a_small_network_is_judged_on_all_of_them_the_loudest_first(tmp_path: Path) -> None:
    with open_session(made(tmp_path, 3.0)) as session:
        every = session_samples(session, session_graph(session), Silent())
        few = judged_samples(session, every)
        assert few.label(0).endswith(f"{LATE}.npz")
        assert sorted(map(few.label, range(COUNT))) == sorted(map(every.label, range(COUNT)))
        whole, loudest_first = (row[0] for row in session.rows("SELECT sqnr FROM score ORDER BY id"))
        assert loudest_first == pytest.approx(whole, abs=1e-9)


@pytest.mark.usefixtures("large")
def test_the_figures_of_chosen_samples_are_those_of_all(tmp_path: Path) -> None:
    path = made(tmp_path, 3.0)
    with open_session(path) as session:
        chosen = Chosen.of(get_settings(session))
        assert chosen is not None
        whole, few = (
            json.loads(row[0])["outputs"][0]["similarity"]
            for row in session.rows("SELECT body FROM score ORDER BY id")
        )
    for name in whole:
        assert few[name] == [whole[name][place] for place in chosen.places]


def test_like_samples_are_judged_on_the_first(tmp_path: Path) -> None:
    with open_session(made(tmp_path, 0.1)) as session:
        every = session_samples(session, session_graph(session), Silent())
        assert Chosen.of(get_settings(session)) is None
        assert judged_samples(session, every).digest == every.take(FIRST).digest


@pytest.mark.parametrize(
    "kept",
    [
        None, 3, [], {}, {"among": "a", "places": []}, {"among": "a", "places": [1, 1]},
        {"among": "a", "places": [True]}, {"among": "a", "places": [-1]},
        {"among": 1, "places": [1]}, {"among": "a", "places": "12"},
    ],
)  # fmt: skip
def test_what_is_damaged_chooses_nothing(kept: object) -> None:
    assert Chosen.of({"judged": kept}) is None


def test_a_place_that_is_not_there_chooses_nothing(tmp_path: Path) -> None:
    with open_session(made(tmp_path, 0.1)) as session:
        every = session_samples(session, session_graph(session), Silent())
        damaged = {"judged": {"among": every.digest, "places": [0, COUNT]}}
        with session.write() as writer:
            writer.update("state", 1, {"settings": json.dumps(damaged)})
        assert judged_samples(session, every).digest == every.take(FIRST).digest


@pytest.mark.usefixtures("large")
def test_figures_stand_beside_no_other_samples_than_their_own(tmp_path: Path) -> None:
    path = made(tmp_path, 3.0)
    with open_session(path) as session:
        kept = get_settings(session)
        kept[KEPT]["places"].reverse()
        put_settings(session, kept)
        with session.write() as writer:
            writer.delete("score", "id", 1)
    with SessionReader(path) as reader:
        assert all(one.sqnr is None for one in samples(reader, 1))


@pytest.mark.usefixtures("large")
def test_edits_are_judged_on_those_and_anew_when_others_are_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assessor, "tell", lambda *_told, **_values: None)
    path = made(tmp_path, 3.0)
    one = assessor.Assessor(path, Asked())
    with open_session(path) as session:
        chosen = Chosen.of(get_settings(session))
        assert chosen is not None
        found = get_plan(session)
        assert found is not None
        number = put_plan(
            session, found[1].with_modes({next(iter(found[1].thresholds)): Mode.F16}), "an edit"
        )
        one.answer(Question(number, None, ""))
        every = session_samples(session, session_graph(session), Silent())
        assert digests(session)[-1] == every.pick(chosen.places).digest
        assert not one.outdated
        put_settings(session, {**get_settings(session), KEPT: None})
        assert one.outdated
    one.close()
