"""What searches do with NaN, failed trials, odd post_process files, and samples that were exchanged."""

import io
import json
import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import search_jobs
from nan_network import quotient
from quantdeck.engine.errors import QuantdeckError
from quantdeck.engine.mix.confirming import check
from quantdeck.engine.mix.trial import Failure, Objective, Outcome, Point, Ranked, StopReason
from quantdeck.engine.plan import Plan
from quantdeck.engine.run.score import OutputScore, Score, Similarity
from quantdeck.engine.run.trials import TrialEvaluator
from quantdeck.sessions.jobs import get_job, reopen, request_cancel
from quantdeck.sessions.journal import Journal
from quantdeck.sessions.no_figure import reason
from quantdeck.sessions.outcomes import outcome_body, reasons_from
from quantdeck.sessions.post_process import PostProcessor
from quantdeck.sessions.search_excess import search_notes
from quantdeck.sessions.search_text import end_line, loss_rows
from quantdeck.sessions.store import open_session
from search_jobs import Desk

from quantdeck.cli.control import go_on

PLAN = Plan("bm1684x", "F16")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / "desk").mkdir()
    return Desk(tmp_path / "desk")


def small_and_large(folder: Path) -> Path:
    folder.mkdir()
    for index in range(6):
        value = np.random.default_rng(index).uniform(0.5, 1, (1, 3, 8, 8)) * (1e-4 if index == 4 else 1)
        np.savez(folder / f"s{index}.npz", value.astype(np.float32))
    return folder


def nan_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk whose network gives NaN in int8 for one sample."""
    monkeypatch.setattr(search_jobs, "network", quotient)
    monkeypatch.setattr(search_jobs, "sample_folder", small_and_large)
    (tmp_path / "desk").mkdir()
    return Desk(tmp_path / "desk")


def rest(desk: Desk, path: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do a job up to its third trial."""
    real, seen = Journal.put, iter(range(1, 10_000))

    def put(journal, *what):
        if next(seen) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        real(journal, *what)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "put", put)
        assert desk.run(path, number).state == "paused"


def score(noise: Sequence[float]) -> Score:
    """Samples of cosine 1; 0 where the noise is infinite, as a comparison with NaN gives it."""
    cosine = tuple(1.0 if np.isfinite(one) else 0.0 for one in noise)
    figures = Similarity(cosine, cosine, (1.0,) * len(noise), tuple(noise))
    return Score((OutputScore("y", figures),), len(noise))


def test_one_sample_with_nan_is_not_hidden_by_the_others():
    objective = Objective(0.9, {})
    spoilt = score([0.0] * 19 + [np.inf])
    assert objective.met(objective.value(score([0.0] * 20)))
    assert not objective.met(objective.value(spoilt))
    assert objective.value(spoilt) == -np.inf
    assert Objective(0.9, {"z": 1.0, "y": 0.0}).value(spoilt) == -np.inf  # no compared output has a figure


def test_a_plan_with_nan_on_a_fresh_sample_is_not_confirmed():
    objective, point = Objective(0.6, {}), Point(0, 1.0, PLAN)
    assert check(point, score([0.0] * 4), score([0.0] * 4), objective).confirmed
    assert not check(point, score([0.0] * 4), score([0.0] * 3 + [np.inf]), objective).confirmed


@pytest.mark.parametrize("strategy", ["chapter", "pareto"])
def test_a_plan_that_gives_nan_is_never_taken_for_a_low_target(tmp_path, monkeypatch, strategy):
    desk = nan_desk(tmp_path, monkeypatch)
    path, out = desk.session("one"), tmp_path / "out"
    spec = desk.spec("run_qtable", out, expected_cos=0.6, input_num=0, strategy=strategy, confirm_num=3)
    job = desk.run(path, desk.add(path, spec))
    assert job.state == "done", job.message
    rows = [line for line in (out / "qtable").read_text().splitlines() if line[:1] not in ("#", "")]
    reached = job.status == 0
    assert rows or not reached  # all int8 gives NaN, so it is no answer
    if not reached:
        assert "not reached" in job.message


@pytest.mark.parametrize("kind", ["run_qtable", "run_sensitive_layer", "search_qtable", "search_threshold"])
def test_what_has_no_figure_is_told_with_the_number_of_samples(tmp_path, monkeypatch, kind):
    """No inf or -inf stands in lines, logs and loss tables in place of a figure; and NaN is no success."""
    desk = nan_desk(tmp_path, monkeypatch)
    path, out = desk.session("one"), tmp_path / "out"
    spec = desk.spec(
        kind, out, expected_cos=None if kind == "search_threshold" else 0.6, input_num=0, inference_num=6, tune_num=0
    )  # fmt: skip
    job = desk.run(path, desk.add(path, spec))
    assert (job.state, job.status) == ("done", 3 if kind == "search_threshold" else 0), job.message
    with open_session(path, readonly=True) as session:
        lines = session.row("SELECT lines FROM search WHERE job = ?", job.id)[0]
    told = lines + "".join(file.read_text() for file in out.iterdir())
    assert "nan in 1 of 6 samples" in lines
    assert not re.search(r"\binf\b", told)


def test_the_loss_table_gives_the_reason_of_a_layer_without_figure():
    """Exported from the session it is the same."""
    rows = (Ranked("a", "Div", np.inf), Ranked("b", "Conv", 62500.0), Ranked("c", "Conv", 0.25))
    outcome = Outcome(PLAN, 0.9, -np.inf, 0.99, StopReason.NOTHING_LEFT, rows)
    reasons = {("a", ""): reason(score([0.0, np.inf, 0.0]), {}), ("gone", ""): "nan, the trial failed"}
    words = [line.split("Cos: ")[1] for line in loss_rows(rows, reasons)]
    assert words == ["nan in 1 of 3 samples", "0.000000", "0.750000"]
    assert loss_rows(rows, reasons_from(outcome_body(outcome, reasons))) == loss_rows(rows, reasons)
    assert reason(Failure("no room"), {}) == "nan, the trial failed"


def test_the_last_line_says_how_the_search_ended_whatever_is_told_before(desk, tmp_path):
    file = tmp_path / "moody.py"
    file.write_text(
        "calls = 0\ndef PostProcess(data):\n    global calls\n    calls += 1\n"
        "    if calls > 30: raise ValueError('tired')\n    return data\n"
    )
    from quantdeck.sessions.locations import path_text
    from quantdeck.sessions.post_process import file_digest

    path, out = desk.session("one"), tmp_path / "out"
    spec = desk.spec(
        "run_sensitive_layer", out, methods=("max",), post_process=path_text(file),
        post_process_digest=file_digest(file),
    )  # fmt: skip
    job = desk.run(path, desk.add(path, spec))
    with open_session(path, readonly=True) as session:
        lines = session.row("SELECT lines FROM search WHERE job = ?", job.id)[0].splitlines()
    assert lines[-1].startswith("target ")
    assert lines[-1].split("; ")[-1] in set(StopReason)
    (told,) = [line for line in lines if "failed and count for nothing" in line]
    assert told.endswith("post_process failed with ValueError: tired")


def test_failed_trials_are_counted_and_the_first_reason_is_told():
    assert search_notes({}, PLAN, ["no room", "no time"]) == [
        "2 trials failed and count for nothing; the first: no room"
    ]


def test_a_search_without_any_figure_ends_as_others_that_missed():
    line = end_line(Outcome(PLAN, -np.inf, -np.inf, 0.99, StopReason.NOTHING_LEFT))
    assert line.startswith("target not reached: no plan")
    assert line.endswith("; nothing left to gain")
    early = Outcome(PLAN, -np.inf, -np.inf, 0.99, StopReason.BUDGET)
    assert (
        end_line(early)
        == "target not reached: the budget ended before the first plan was scored; budget spent"
    )


def test_a_figure_just_below_one_is_not_said_to_be_one():
    line = end_line(Outcome(PLAN, 1 - 6.7e-8, 0.9, 0.999999, StopReason.CONFIRMED))
    assert "cos 0.999999933 (cosine 0.999999866)" in line
    assert "cos 1.000000 (cosine 1.000000)" in end_line(
        Outcome(PLAN, 1.0, 0.9, 0.999999, StopReason.CONFIRMED)
    )
    assert "cos 0.998204 " in end_line(Outcome(PLAN, 0.9982037, 0.9, 0.998, StopReason.CONFIRMED))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return {}", "returned nothing"),
        ("return {'a': np.zeros((0, 4))}", "without values"),
        ("return {'a': np.full(3, np.nan)}", "returned NaN for a"),
    ],
)
def test_a_post_process_that_leaves_nothing_to_compare_is_refused_on_the_first_sample(
    desk, tmp_path, body, said
):
    from quantdeck.sessions.locations import path_text
    from quantdeck.sessions.post_process import file_digest

    file = tmp_path / "empty.py"
    file.write_text(f"import numpy as np\ndef PostProcess(data):\n    {body}\n")
    spec = desk.spec(
        "run_sensitive_layer", tmp_path / "out", methods=("max",), post_process=path_text(file),
        post_process_digest=file_digest(file),
    )  # fmt: skip
    path = desk.session("one")
    job = desk.run(path, desk.add(path, spec))
    assert said in job.message
    assert (job.state, job.status) == ("paused", 2), job.message
    assert "does not work on the first sample" in job.message


@pytest.mark.parametrize(
    "closing",
    ["sys.stdout.close()", "os.close(1); os.close(2)", "sys.stdin.close(); os.closerange(0, 3)", "os.fork()"],
)
def test_a_function_that_closes_streams_or_forks_gives_its_figures_again_and_again(tmp_path, closing):
    file = tmp_path / "closing.py"
    file.write_text(f"import os, sys\ndef PostProcess(data):\n    {closing}\n    return data\n")
    post = PostProcessor(file)
    try:
        for turn in range(3):
            assert post({"y": np.full(2, turn, np.float32)})["y"].tolist() == [turn, turn]
    finally:
        post.close()


def test_a_machine_that_starts_no_process_now_lets_the_search_rest(desk, tmp_path, monkeypatch):
    from quantdeck.sessions import post_process
    from quantdeck.sessions.locations import path_text

    file = tmp_path / "plain.py"
    file.write_text("def PostProcess(data):\n    return data\n")
    spec = desk.spec(
        "run_sensitive_layer", tmp_path / "out", methods=("max",), post_process=path_text(file),
        post_process_digest=post_process.file_digest(file),
    )  # fmt: skip
    path = desk.session("one")
    number = desk.add(path, spec)

    def none_left(*_: object, **more: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(post_process.subprocess, "Popen", none_left)
        job = desk.run(path, number)
    assert (job.state, job.status) == ("paused", 2), job.message
    assert "no process could be started for post_process (Resource temporarily unavailable)" in job.message
    assert desk.again(path, number).state == "done"


def test_the_way_out_of_exchanged_samples_is_named_and_works(desk, tmp_path, monkeypatch):
    """The same command would go on with the paused job for ever."""
    path, out = desk.session("one"), tmp_path / "out"
    spec = desk.spec("search_qtable", out, methods=("max",))
    number = desk.add(path, spec)
    rest(desk, path, number, monkeypatch)
    (desk.samples / "s1.npz").unlink()
    job = desk.again(path, number)
    assert job.state == "paused"
    assert f"give it up with quantdeck cancel {path} {number} and start a new search" in job.message
    request_cancel(path, number)
    assert desk.run(path, desk.add(path, spec)).state == "done"


def spoil(path: Path) -> None:
    """One NaN in a sample."""
    with np.load(path) as stored:
        ((name, value),) = stored.items()
    value[0, 0, 0, 0] = np.nan
    np.savez(path, **{name: value})


@pytest.mark.parametrize("resumed", [True, False])
def test_a_sample_that_gives_nan_is_taken_out_and_the_search_goes_on(desk, tmp_path, resumed):
    """As the sentence asks: the paused job takes the samples that are left, resumed or by the same command."""
    spoil(desk.samples / "s2.npz")
    path, out = desk.session("one"), tmp_path / "out"
    spec = desk.spec("search_qtable", out, methods=("max",))
    job = desk.run(path, desk.add(path, spec))
    assert job.state == "paused"
    assert "becomes NaN with" in job.message
    assert "s2.npz; take this sample out" in job.message
    (desk.samples / "s2.npz").unlink()
    log = io.StringIO()
    job = desk.again(path, job.id, log) if resumed else desk.run(path, desk.add(path, spec), log)
    assert job.state == "done", job.message
    changed = "s2.npz is missing); nothing was scored before, so it begins with those that are there now"
    assert (changed in log.getvalue()) == resumed
    with open_session(path, readonly=True) as session:
        row = session.row("SELECT samples FROM search WHERE job = ?", job.id)
    assert len(json.loads(row[0])["calibration"]["entries"]) == 5


def test_a_scored_sample_with_which_the_float_network_gives_nan_is_named(desk, tmp_path):
    spoil(desk.samples / "s2.npz")
    path = desk.session("one")
    job = desk.run(path, desk.add(path, desk.spec("run_qtable", tmp_path / "out", input_num=0)))
    assert (job.state, job.status) == ("done", 3)
    with open_session(path, readonly=True) as session:
        lines = session.row("SELECT lines FROM search WHERE job = ?", job.id)[0]
    assert (
        f"the float network itself gives NaN or infinity with {desk.samples / 's2.npz'}; take it out" in lines
    )


def failing(monkeypatch: pytest.MonkeyPatch, judges: tuple[str, str]) -> None:
    """Let the trial fail that is about *judges*, as a post_process that raises now and then does."""
    real = TrialEvaluator.__call__

    def evaluate(self, trials):
        return [Failure("tired") if trial.judges == judges else real(self, [trial])[0] for trial in trials]

    monkeypatch.setattr(TrialEvaluator, "__call__", evaluate)


def test_pareto_goes_on_where_the_float_floor_fails(desk, tmp_path, monkeypatch):
    failing(monkeypatch, ("", "floor"))
    path = desk.session("one")
    job = desk.run(path, desk.add(path, desk.spec("run_qtable", tmp_path / "out", strategy="pareto")))
    assert job.state == "done", job.message


def test_a_failed_trial_that_ended_a_search_is_tried_again_when_it_is_resumed(desk, tmp_path, monkeypatch):
    """Else the job would end at it for ever."""
    path = desk.session("one")
    number = desk.add(path, desk.spec("run_qtable", tmp_path / "out", strategy="pareto"))
    with monkeypatch.context() as patch:
        failing(patch, ("", "floor"))
        job = desk.run(path, number)
    if job.state == "paused":
        assert "tired" in job.message
        job = desk.again(path, number)
    assert job.state == "done", job.message


def test_a_cancelled_job_that_rested_says_how_to_get_its_best_plan(desk, tmp_path, monkeypatch):
    path = desk.session("one")
    number = desk.add(path, desk.spec("search_qtable", tmp_path / "out", methods=("max",)))
    rest(desk, path, number, monkeypatch)
    request_cancel(path, number)
    with open_session(path, readonly=True) as session:
        job = get_job(session, number)
    assert job.state == "cancelled"
    assert (
        f"quantdeck export {path} --search {number} --quantize_table FILE writes its best plan" in job.message
    )


def test_of_two_resumes_at_once_both_stay_with_the_job(desk, tmp_path, monkeypatch):
    path = desk.session("one")
    number = desk.add(path, desk.spec("search_qtable", tmp_path / "out", methods=("max",)))
    rest(desk, path, number, monkeypatch)
    with open_session(path) as session:
        reopen(session, number)  # the other one was quicker
    go_on(path, number)
    with open_session(path, readonly=True) as session:
        assert get_job(session, number).state == "waiting"
    request_cancel(path, number)
    with pytest.raises(QuantdeckError, match="no job 7"):
        go_on(path, 7)
