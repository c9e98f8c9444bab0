"""What a run with --we or --bc kept is what evaluate uses: its figure is the run's own."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from quantdeck.engine.errors import QuantdeckError
from quantdeck.engine.plan import Mode
from quantdeck.sessions import work
from quantdeck.sessions.corrections import corrected_graph
from quantdeck.sessions.records import get_plan, get_score
from quantdeck.sessions.report import Silent
from quantdeck.sessions.store import open_session
from search_jobs import Desk

BIAS = {"kind": "calibrate", "bias": True, "equalize": True, "expected_cos": 1.0, "min_layer_cos": 1.0}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def corrected(desk: Desk) -> tuple[Path, Path, float]:
    """Session, table and cos of a run with both corrections."""
    path, out = desk.folder / "corrected.qdeck", desk.folder / "corrected"
    work.new_session(path, desk.model, work.Source(dataset=desk.samples), work.Settings())
    job = desk.run(path, desk.add(path, desk.spec(out=out, **BIAS)))
    assert job.state == "done", job.message
    with open_session(path, readonly=True) as session:
        cos = session.row("SELECT cos FROM search")[0]
    return path, out / "table", cos


def evaluated(desk: Desk, table: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["evaluate", desk.model, "--calibration_table", table, "--dataset", desk.samples, "--json"]
    return subprocess.run(
        [sys.executable, "-m", "quantdeck", *map(str, [*command, *options])],
        capture_output=True,
        text=True,
        check=False,
    )


def test_evaluate_gives_the_figure_with_which_the_run_ended(desk: Desk, corrected: tuple[Path, Path, float]):
    path, table, cos = corrected
    done = evaluated(desk, table, "--we", "--bc", "--session", path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["chapter_cos"]
    plain = json.loads(evaluated(desk, table).stdout)["chapter_cos"]
    assert found == pytest.approx(cos, abs=1e-6)
    assert abs(plain - found) > 1e-6


def test_the_job_evaluate_takes_the_same_corrections(desk: Desk, corrected: tuple[Path, Path, float]):
    path, _, cos = corrected
    with open_session(path) as session:
        number = (get_plan(session) or (0, None))[0]
        work.evaluate(session, {"we": True, "bc": True, "layers": -1}, Silent())
        score = get_score(session, number)
    assert score is not None
    assert 0.5 + 0.5 * score.cosine == pytest.approx(cos, abs=1e-6)


def test_a_layer_in_float_keeps_its_own_bias(desk: Desk, corrected: tuple[Path, Path, float]):
    path, *_ = corrected
    with open_session(path, readonly=True) as session:
        whole = corrected_graph(desk.graph, session, equalized=True, bias=True)
        equal = corrected_graph(desk.graph, session, equalized=True, bias=False)
        moved = [layer.name for layer in whole.layers if layer.inputs != equal.by_name[layer.name].inputs]
        assert moved
        kept = corrected_graph(
            desk.graph, session, equalized=True, bias=True, floats=dict.fromkeys(moved[:1], Mode.F16)
        )
    layer = kept.by_name[moved[0]]
    assert np.array_equal(kept.weights[layer.inputs[2]], equal.weights[equal.by_name[moved[0]].inputs[2]])


def test_corrections_that_are_not_there_or_of_other_weights_are_refused(
    desk: Desk, corrected: tuple[Path, Path, float]
):
    path, table, _ = corrected
    with pytest.raises(QuantdeckError, match="--session"):
        corrected_graph(desk.graph, None, equalized=False, bias=True)
    refused = evaluated(desk, table, "--bc", "--session", path)
    assert refused.returncode == 2
    assert "add --we" in refused.stderr
    with (
        open_session(desk.session("plain"), readonly=True) as session,
        pytest.raises(QuantdeckError, match="keeps no corrected biases"),
    ):
        corrected_graph(desk.graph, session, equalized=False, bias=True)
