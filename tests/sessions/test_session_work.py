"""The bodies of jobs on a small real model, and what they leave in the session."""

import io
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from quantdeck.engine.errors import QuantdeckError
from quantdeck.engine.run.score import Accuracy, OutputScore, Score, Similarity, Slice
from quantdeck.sessions import records
from quantdeck.sessions.here import calibrate_here
from quantdeck.sessions.jobs import add_job, get_job
from quantdeck.sessions.report import Silent
from quantdeck.sessions.session import Session
from quantdeck.sessions.store import open_session
from quantdeck.sessions.work import (
    Settings,
    Source,
    calibrate,
    evaluate,
    free_name,
    load_model,
    load_samples,
    new_session,
)
from quantdeck.sessions.worker import run_job

METHODS = {"kl", "mse", "max", "percentile9999", "aciq_gauss", "aciq_laplace", "observer"}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    random = np.random.default_rng(5)
    weights = [
        numpy_helper.from_array(random.standard_normal(shape).astype(np.float32), name)
        for name, shape in (("w1", (8, 12)), ("w2", (12, 6)))
    ]
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MatMul", ["b", "w2"], ["y"]),
    ]
    ends = [
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s)] for n, s in (("x", [1, 8]), ("y", [1, 6]))
    ]
    graph = helper.make_graph(nodes, "small", *ends, weights)
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), folder / "m.onnx")
    (folder / "data").mkdir()
    for index in range(6):
        np.savez(folder / "data" / f"{index}.npz", random.standard_normal((1, 8)).astype(np.float32))
    return folder


@pytest.fixture
def session(inputs: Path, tmp_path: Path) -> Iterator[Session]:
    source = Source(dataset=inputs / "data", number=5)
    path = new_session(tmp_path, inputs / "m.onnx", source, Settings(method="kl", tune_num=2), "My model")
    assert path == tmp_path / "My_model.qdeck"
    with open_session(path) as opened:
        yield opened


def test_a_new_session_knows_model_layers_and_samples(session: Session, inputs: Path) -> None:
    model = session.row("SELECT * FROM model")
    assert (Path(model["path"]), model["name"]) == (inputs / "m.onnx", "m")
    assert json.loads(model["inputs"]) == [["x", [1, 8], "float32"]]
    layers = session.rows("SELECT * FROM layer ORDER BY position")
    assert [(row["name"], row["shape"], row["macs"]) for row in layers] == [
        ("b_Relu", "1x12", 96),
        ("y_MatMul", "1x6", 72),
    ]
    tensors = session.rows("SELECT name, producer FROM tensor ORDER BY position")
    assert [tuple(row) for row in tensors] == [("x", None), ("b_Relu", "b_Relu"), ("y_MatMul", "y_MatMul")]
    samples = session.row("SELECT * FROM samples WHERE role = 'calibration'")
    assert (samples["requested"], samples["used"], samples["formed"]) == (5, 5, 5)
    assert len(json.loads(samples["entries"])) == 5


def test_calibrating_stores_statistics_thresholds_plan_and_scores(session: Session) -> None:
    before = session.rev
    message = calibrate(session, {"input_num": 4}, Silent())
    assert "3 thresholds with kl from 4 samples" in message
    methods = {row[0] for row in session.rows("SELECT DISTINCT method FROM threshold")}
    assert methods == METHODS | {"kl_tune"}
    number, plan = records.get_plan(session)
    stored = {
        row["tensor"]: row["value"]
        for row in session.rows("SELECT * FROM threshold WHERE method = 'kl_tune'")
    }
    assert {name: row.value for name, row in plan.thresholds.items()} == stored
    tensor = session.row("SELECT * FROM tensor WHERE name = 'b_Relu'")
    counts = np.frombuffer(tensor["histogram"], "<f4")
    assert len(counts) == 256
    assert counts.sum() == pytest.approx(
        4 * 12 * (1 - tensor["zero_share"]), abs=4 * 12 * tensor["zero_share"] + 1
    )
    assert tensor["rev"] > before
    figures = session.rows("SELECT * FROM layer_score WHERE plan = ?", number)
    assert {row["layer"] for row in figures} == {"b_Relu", "y_MatMul"}
    assert all(row["cos"] > 0.9 and row["rev"] > before for row in figures)
    score = records.get_score(session, number)
    assert f"cosine {score.cosine:.6f}" in message
    assert session.row("SELECT requested FROM samples WHERE role = 'calibration'")[0] == 4


def test_calibrating_again_is_the_same_and_needs_no_new_plan(session: Session) -> None:
    calibrate(session, {"score_num": -1}, Silent())
    first = [tuple(row) for row in session.rows("SELECT tensor, method, value FROM threshold ORDER BY 1, 2")]
    assert session.row("SELECT count(*) FROM score")[0] == 0
    calibrate(session, {"score_num": -1}, Silent())
    assert first == [
        tuple(row) for row in session.rows("SELECT tensor, method, value FROM threshold ORDER BY 1, 2")
    ]
    assert session.row("SELECT count(*) FROM plan")[0] == 1
    calibrate(session, {"score_num": -1, "method": "use_mse", "tune_num": 0}, Silent())
    assert session.row("SELECT count(*) FROM plan")[0] == 2
    assert {row.method for row in records.get_plan(session)[1].thresholds.values()} == {"mse"}
    assert records.get_settings(session)["method"] == "mse"


def test_evaluating_on_other_samples_with_labels(session: Session, inputs: Path, tmp_path: Path) -> None:
    with pytest.raises(QuantdeckError, match="calibrate it first"):
        evaluate(session, {}, Silent())
    calibrate(session, {"score_num": -1}, Silent())
    labels = tmp_path / "labels.csv"
    labels.write_text("file,label\n" + "".join(f"{index}.npz,{index % 6}\n" for index in range(6)))
    spec = {"dataset": str(inputs / "data"), "labels": str(labels), "layers": 2}
    evaluate(session, spec, Silent())
    row = session.row("SELECT * FROM score")
    assert row["labelled"] == 6
    assert 0 <= row["top1_float"] <= row["top5_float"] <= 1
    assert session.row("SELECT used FROM samples WHERE role = 'evaluation'")[0] == 6
    assert session.row("SELECT count(*) FROM layer_score")[0] == 2


def test_a_chip_without_simulation_keeps_its_thresholds(session: Session) -> None:
    message = calibrate(session, {"chip": "bm1684", "fp_type": "auto"}, Silent())
    assert "not scored" in message
    assert session.row("SELECT chip, fp_type FROM state")[0] == "bm1684"
    assert len(records.get_plan(session)[1].thresholds) == 3


def test_a_model_that_changed_is_refused(inputs: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes((inputs / "m.onnx").read_bytes())
    path = new_session(tmp_path / "s.qdeck", model, Source(dataset=inputs / "data"), Settings())
    proto = onnx.load(model)
    proto.graph.node[0].name = "renamed"
    onnx.save(proto, model)
    with open_session(path) as opened, pytest.raises(QuantdeckError, match="not the one"):
        calibrate(opened, {}, Silent())
    whole = (inputs / "m.onnx").read_bytes()
    for content, said in (
        (whole[:-9], "cut off, so it is not"),
        (b"", "is empty"),
        (None, "is gone; put it back"),
    ):
        model.unlink()
        if content is not None:
            model.write_bytes(content)
        with open_session(path) as opened, pytest.raises(QuantdeckError, match=said) as caught:
            calibrate(opened, {}, Silent())
        assert str(model) in str(caught.value)
        assert str(caught.value).endswith("or make a new session")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bins", None), ("bins", "x"), ("tune_num", [1]), ("tune_list", 3), ("tune_steps", {}), ("methods", 7),
        ("input_shapes", 3), ("input_shapes", "12"), ("input_shapes", [1]), ("input_shapes", [["x"]]),
        ("input_shapes", {"a": 1}), ("input_shapes", {"a": [None]}),
    ],
)  # fmt: skip
def test_settings_that_are_none_are_told_by_jobs(session: Session, name: str, value: object) -> None:
    records.put_settings(session, {**records.get_settings(session), name: value})
    for kind in ("calibrate", "evaluate"):
        number = add_job(session, kind, {})
        log = io.StringIO()
        run_job(session, number, log)
        job = get_job(session, number)
        if kind == "calibrate":
            assert job.state == "failed"
            assert f"{session.path} is damaged" in job.message
            assert "calibrate again with" in job.message
        assert "fault" not in job.message, log.getvalue()


def test_a_session_that_cannot_be_made_leaves_no_file(inputs: Path, tmp_path: Path) -> None:
    with pytest.raises(QuantdeckError):
        new_session(tmp_path, inputs / "m.onnx", Source(dataset=tmp_path / "nix"), Settings())
    with pytest.raises(QuantdeckError, match="chip"):
        new_session(tmp_path, inputs / "m.onnx", Source(dataset=inputs / "data"), Settings(chip="nix"))
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_and_the_job_find_the_same(session: Session, inputs: Path, tmp_path: Path) -> None:
    calibrate(session, {}, Silent())
    source, settings = Source(dataset=inputs / "data", number=5), Settings(method="kl", tune_num=2)
    graph = load_model(inputs / "m.onnx")
    samples = load_samples(graph, source, Silent())
    path = tmp_path / "here.qdeck"
    done = calibrate_here(path, inputs / "m.onnx", graph, samples, source, settings, Silent())
    with open_session(path, readonly=True) as here:
        assert records.get_plan(here)[1] == records.get_plan(session)[1] == done.plan
        assert here.row("SELECT state FROM job")[0] == "done"
        query = "SELECT layer, cos, local_cos FROM layer_score ORDER BY layer"
        assert list(map(tuple, here.rows(query))) == list(map(tuple, session.rows(query)))


def test_a_failed_calibration_is_a_failed_job(inputs: Path, tmp_path: Path) -> None:
    source, settings = Source(dataset=inputs / "data"), Settings(bins=1)
    graph = load_model(inputs / "m.onnx")
    samples = load_samples(graph, source, Silent())
    path = tmp_path / "here.qdeck"
    with pytest.raises(QuantdeckError, match="bin"):
        calibrate_here(path, inputs / "m.onnx", graph, samples, source, settings, Silent())
    with open_session(path, readonly=True) as here:
        assert here.row("SELECT state FROM job")[0] == "failed"

    class Stopped(Silent):
        def stage(self, name: str):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate_here(
            path, inputs / "m.onnx", graph, samples, source, replace(settings, bins=2048), Stopped()
        )
    with open_session(path, readonly=True) as here:
        states = [row[0] for row in here.rows("SELECT state FROM job ORDER BY id")]
    assert states == ["failed", "cancelled"]


def test_names_of_files_hold_nothing_that_a_shell_minds(tmp_path: Path) -> None:
    assert free_name(tmp_path, "../a b\x1b[2J/\u5c42").parent == tmp_path
    assert free_name(tmp_path, "..").name == "session.qdeck"
    (tmp_path / "m.qdeck").touch()
    assert free_name(tmp_path, "m").name == "m-2.qdeck"


NUMBERS = st.floats(allow_nan=False)
SIMILARITY = st.integers(0, 3).flatmap(
    lambda count: st.builds(Similarity, *(st.tuples(*[NUMBERS] * count) for _ in range(4)))
)
OUTPUT = st.builds(
    OutputScore,
    st.text(),
    SIMILARITY,
    st.lists(
        st.builds(Slice, st.integers(0, 3), st.integers(), st.integers(), SIMILARITY, st.booleans())
    ).map(tuple),
)
ACCURACY = st.none() | st.builds(Accuracy, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))


@given(st.builds(Score, st.lists(OUTPUT, max_size=2).map(tuple), st.integers(0, 9), ACCURACY, ACCURACY))
def test_any_score_survives_its_json(score: Score) -> None:
    from dataclasses import asdict

    assert records.score_from(json.loads(json.dumps(asdict(score)))) == score


def test_figures_that_are_no_numbers_are_stored_as_none(session: Session) -> None:
    calibrate(session, {"score_num": -1}, Silent())
    number, _ = records.get_plan(session)
    empty = Score((OutputScore("y", Similarity((), (), (), ())),), 0)
    records.put_score(session, number, "d", empty)
    assert math.isnan(empty.cosine)
    assert session.row("SELECT cos FROM score")[0] is None
    exact = Score((OutputScore("y", Similarity((1.0,), (1.0,), (2.0,), (0.0,))),), 1)
    records.put_score(session, number, "d", exact)
    assert session.row("SELECT count(*), max(sqnr) FROM score")[1] == math.inf


def test_a_worker_does_a_real_job_from_its_row(session: Session) -> None:
    number = add_job(session, "calibrate", {"input_num": 3})
    command = [sys.executable, "-P", "-m", "quantdeck.sessions.worker", str(session.path), str(number)]
    done = subprocess.run(command, capture_output=True, check=False)
    job = get_job(session, number)
    assert (done.returncode, job.state) == (0, "done"), done.stdout
    assert job.done == job.total > 0
    assert job.message.startswith("3 thresholds with kl from 3 samples; cosine ")
    assert f"done: {job.message}" in done.stdout.decode()
    assert records.get_score(session, 1).cosine > 0.9
