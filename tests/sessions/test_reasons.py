"""Why layers hurt, on a real network: the words follow the figures, and repairs gain about what was predicted."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from quantdeck.engine.data.preprocess import Preprocess
from quantdeck.engine.errors import QuantdeckError
from quantdeck.engine.mix.ledger_measure import Measuring, measure
from quantdeck.engine.mix.repairs import SCATTER, Action
from quantdeck.engine.mix.trial import Trial
from quantdeck.engine.plan import Mode
from quantdeck.engine.run.trials import TrialEvaluator
from quantdeck.sessions.journal import Journal, Scope, trial_key
from quantdeck.sessions.reasons import Reasons, reasons
from quantdeck.sessions.records import get_plan, put_score
from quantdeck.sessions.report import Silent
from quantdeck.sessions.session import Session
from quantdeck.sessions.store import backup, open_session
from quantdeck.sessions.work import (
    Settings,
    Source,
    calibrate,
    load_samples,
    new_session,
    session_graph,
    session_source,
)

DIGITS = Path(__file__).parents[2] / "examples" / "digits"
SAMPLES = 8


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits, calibrated with max and scored at every layer."""
    gray = Preprocess(mean=(0.0,), scale=(0.0039216,), pixel_format="gray")
    file = tmp_path_factory.mktemp("reasons") / "digits.qdeck"
    source = Source(dataset=DIGITS / "calibration", number=SAMPLES, preprocess=gray)
    new_session(file, DIGITS / "digits.onnx", source, Settings(method="max", tune_num=0))
    with open_session(file) as session:
        calibrate(session, {"score_num": SAMPLES}, Silent())
    return file


@pytest.fixture
def session(path: Path) -> Iterator[Session]:
    with open_session(path) as found:
        yield found


@pytest.fixture
def evaluate(session: Session) -> Iterator[TrialEvaluator]:
    graph = session_graph(session)
    with TrialEvaluator(
        graph, load_samples(graph, session_source(session), Silent()), reference="float32"
    ) as found:
        yield found


def measured(session: Session, evaluate: TrialEvaluator) -> None:
    """Journal a ledger as the workbench does."""
    graph, (number, plan) = session_graph(session), get_plan(session) or (0, None)
    assert plan is not None
    samples = load_samples(graph, session_source(session), Silent())
    journal, scope = Journal(session, 0), Scope(graph.digest, samples.digest, reference="float32")
    steps = measure(graph, plan, mode=Mode(plan.fp_type), measuring=Measuring(4, 0))
    try:
        trials = next(steps)
        while True:
            results = evaluate(trials)
            for trial, result in zip(trials, results, strict=True):
                journal.put(trial_key(scope, trial), trial, result, 0.0)
            trials = steps.send(results)
    except StopIteration:
        (score,) = evaluate([Trial(plan)])
        put_score(session, number, samples.digest, score)


def test_words_are_said_where_the_figures_carry_them(session: Session):
    found = Reasons.of(session).of_all()
    assert len(found) == len(session.rows("SELECT name FROM layer"))
    for one in found:
        text = " ".join(one.reasons)
        assert ("come" in text and "rounding its weights" in text) == (one.parts.share("weights") > 0.5)
        assert ("99.9 %" in text) == (one.outlier > 4)
        assert ("range of the median" in text) == (one.channel_spread > 16)
        assert ("came from layers before" in text) == (one.arrived > 0.5)
        assert one.reasons
    assert any(one.parts.share("weights") > 0.5 for one in found)
    assert any(one.arrived > 0.5 for one in found)


FIGURES = {
    "tensor": ("min", "max", "mean", "std", "zero_share", "histogram_lo", "histogram_hi"),
    "layer_score": ("sqnr",),
    "threshold": ("value", "min", "max"),
}


@pytest.mark.parametrize("value", [None, 9e307, float("-inf")])
@pytest.mark.parametrize(("table", "column"), [(t, c) for t, columns in FIGURES.items() for c in columns])
def test_figures_that_are_no_numbers_are_not_counted_on(
    path: Path, tmp_path: Path, table: str, column: str, value: float | None
):
    if value is None and table == "threshold":
        value = float("inf")  # a column that holds no NULL
    copy = tmp_path / "odd.qdeck"
    backup(path, copy)
    with sqlite3.connect(copy) as connection:
        connection.execute(f"UPDATE {table} SET {column} = ?", (value,))
    with open_session(copy) as session:
        found = Reasons.of(session).of_all()
        assert len(found) == len(session.rows("SELECT name FROM layer"))
        assert reasons(session, found[2].layer).layer == found[2].layer


def test_own_error_is_what_the_layer_shows_alone_where_its_inputs_cost_little(session: Session):
    """The measured local error holds the rounding of the inputs, too: it is no smaller than the layer's own."""
    known = {
        row["layer"]: row["local_sqnr"] for row in session.rows("SELECT layer, local_sqnr FROM layer_score")
    }
    all_known = Reasons.of(session)
    ratios: list[float] = []
    for one in all_known.of_all():
        found = all_known.evidence.statistics.get(one.layer)
        if one.op == "Conv" and one.mode == "INT8" and found is not None and known[one.layer] is not None:
            ratios.append(one.parts.total / ((found.std**2 + found.mean**2) / 10 ** (known[one.layer] / 10)))
    assert len(ratios) > 5
    assert max(ratios) < 2
    assert sum(ratios) / len(ratios) > 0.25


def test_without_a_ledger_gains_are_of_the_layer_and_with_one_of_the_outputs(
    session: Session, evaluate: TrialEvaluator
):
    worst = max(Reasons.of(session).of_all(), key=lambda one: one.parts.total if one.arrived < 0.5 else 0.0)
    alone = reasons(session, worst.layer)
    assert alone.repairs
    assert not any(repair.at_outputs for repair in alone.repairs)
    measured(session, evaluate)
    known = reasons(session, worst.layer)
    assert known.repairs
    assert all(repair.at_outputs for repair in known.repairs)
    assert 0 < known.share <= 1


def test_floating_gains_about_what_was_predicted(session: Session, evaluate: TrialEvaluator):
    measured(session, evaluate)
    known = Reasons.of(session)
    plan = known.evidence.plan
    (before,) = evaluate([Trial(plan)])
    loudest = sorted(known.of_all(), key=lambda one: -one.share)[:5]
    tried = [
        repair
        for one in loudest
        for repair in known.of_layer(one.layer).repairs
        if repair.action is Action.FLOAT
    ]
    results = evaluate([Trial(repair.plan or plan) for repair in tried])
    for repair, after in zip(tried, results, strict=True):
        assert after.sqnr - before.sqnr == pytest.approx(repair.gain, rel=0.5, abs=1.0)
    assert any(repair.sure for repair in tried)


def test_a_threshold_that_was_made_too_small_is_seen_and_the_repair_brings_the_loss_back(
    session: Session, evaluate: TrialEvaluator
):
    _, plan = get_plan(session) or (0, None)
    assert plan is not None
    layer = next(
        row["name"] for row in session.rows("SELECT name FROM layer WHERE op = 'Conv' LIMIT 1 OFFSET 2")
    )
    small = plan.with_threshold(layer, plan.thresholds[layer].value / 4)
    found = reasons(session, layer, small)
    assert found.saturated > 0.001
    assert found.parts.share("clipping") > 0.5
    assert any("beyond the threshold" in sentence for sentence in found.reasons)
    assert found.suggested is not None
    assert found.suggested.action in (Action.METHOD, Action.THRESHOLD)
    assert found.suggested.own > 3
    assert found.suggested.plan is not None
    bad, mended = evaluate([Trial(small), Trial(found.suggested.plan)])
    assert mended.sqnr > bad.sqnr + SCATTER


def test_an_unknown_layer_and_an_uncalibrated_session_are_told(session: Session, path: Path, tmp_path: Path):
    with pytest.raises(QuantdeckError, match="no layer nix"):
        reasons(session, "nix")
    empty = tmp_path / "empty.qdeck"
    gray = Preprocess(mean=(0.0,), scale=(0.0039216,), pixel_format="gray")
    source = Source(dataset=DIGITS / "calibration", number=2, preprocess=gray)
    new_session(empty, DIGITS / "digits.onnx", source, Settings())
    with open_session(empty) as fresh, pytest.raises(QuantdeckError, match="calibrate"):
        reasons(fresh, "nix")


def test_the_command_prints_figures_words_and_repairs(path: Path):
    with open_session(path, readonly=True) as session:
        found = reasons(session, session.rows("SELECT name FROM layer WHERE op = 'Conv' LIMIT 1")[0]["name"])
    done = run("layers", path, "--why", found.layer)
    assert done.returncode == 0
    for text in ("its own error", "channel spread", "outlier ratio", "beyond the threshold", *found.reasons):
        assert text in done.stdout
    body = json.loads(run("layers", path, "--why", found.layer, "--json").stdout)
    assert [one["words"] for one in body["repairs"]] == [one.words for one in found.repairs]
    assert body["parts"]["total"] == pytest.approx(found.parts.total)
    refused = run("layers", DIGITS / "digits.onnx", "--why", found.layer)
    assert refused.returncode == 2
    assert "--why" in refused.stderr


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "quantdeck", *map(str, arguments)], capture_output=True, text=True, check=False
    )
