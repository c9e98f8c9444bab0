"""Trials on a Dask cluster: the session's own bytes come out, whatever happens to the workers."""

import io
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quantdeck.engine.errors import QuantdeckError
from quantdeck.engine.graph.onnx_reader import model_digest
from quantdeck.engine.plan import Plan, Threshold
from quantdeck.engine.run.trial import Source, Trial
from quantdeck.engine.text import visible
from quantdeck.sessions import cluster, work
from quantdeck.sessions.cluster_worker import (
    Digests,
    Recipe,
    floats_digest,
    plain,
    read_inputs,
    trial_from,
    trial_text,
    versions,
)
from quantdeck.sessions.heart import JobReport
from quantdeck.sessions.journal import Journal
from quantdeck.sessions.post_process import file_digest
from quantdeck.sessions.search_spec import SearchSpec
from quantdeck.sessions.store import open_session
from search_jobs import Desk, left

from quantdeck.cli import diagnostics
from quantdeck.cli.main import group

distributed = pytest.importorskip("distributed", reason="Dask (quantdeck[cluster]) is not installed")

OTHER = """
import quantdeck.sessions.cluster_worker as worker
here = {**dict(worker.versions()), "numpy": "0.1"}
worker.versions = lambda: tuple(here.items())
"""


FATAL = """
import os, quantdeck.sessions.cluster_worker as worker
worker.score = lambda *_: os._exit(9)
"""
BARE = """
import sys

class Without:
    "Finds everything but quantdeck."
    def __init__(self, finders):
        self.finders = finders

    def find_spec(self, name, *more):
        if name.split(".")[0] == "quantdeck":
            return None
        return next(filter(None, (one.find_spec(name, *more) for one in self.finders)), None)

    def find_distributions(self, context):
        "What is installed beside it is still known by its version."
        for one in self.finders:
            yield from getattr(one, "find_distributions", lambda _: ())(context)

sys.meta_path[:] = [Without(list(sys.meta_path))]
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def local(desk: Desk) -> dict[str, object]:
    """What the search leaves on this machine alone."""
    path, out = desk.session("local"), desk.folder / "local"
    number = desk.add(path, desk.spec("search_qtable", out))
    assert desk.run(path, number).state == "done"
    return left(path, number, out)


class Cluster:
    """A scheduler in this process and workers in processes of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._cluster = distributed.LocalCluster(
            n_workers=0, processes=True, dashboard_address=":0", protocol="tcp", host="127.0.0.1"
        )
        self.address = self._cluster.scheduler_address
        self.scheduler = self._cluster.scheduler
        self.workers: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str, site: Path | None = None) -> None:
        """Start workers and see them arrive; one that ends before that is told of with what it said."""
        path = os.pathsep.join(filter(None, [str(site) if site else "", os.environ.get("PYTHONPATH", "")]))
        for name in names:
            with (self.folder / f"{name}.log").open("wb") as log:
                self.workers[name] = subprocess.Popen(
                    [
                        sys.executable, "-P", "-m", "distributed.cli.dask_worker", self.address, "--name", name,
                        "--no-nanny", "--no-dashboard", "--nthreads", "1", "--local-directory", str(self.folder),
                    ],
                    env={**os.environ, "PYTHONPATH": path},
                    cwd=self.folder,
                    stdout=log,
                    stderr=log,
                )  # fmt: skip
        with distributed.Client(self.address, set_as_default=False) as client:
            try:
                client.wait_for_workers(len(self.workers), timeout=120)
            except TimeoutError:
                said = [(self.folder / f"{name}.log").read_text() for name in names]
                raise AssertionError("\n".join(said)) from None

    def busy(self, name: str) -> bool:
        """Whether a worker has trials."""
        return any(state.name == name and state.processing for state in self.scheduler.workers.values())

    def kill(self, *names: str) -> None:
        for name in names:
            process = self.workers.pop(name)
            process.kill()
            process.wait()

    def close(self) -> None:
        self._cluster.close()
        self.kill(*self.workers)


@pytest.fixture
def dask(tmp_path: Path) -> Generator[Cluster]:
    found = Cluster(tmp_path)
    yield found
    found.close()


def start(desk: Desk, tmp_path: Path, address: str) -> tuple[Path, int]:
    path = desk.session(tmp_path.name)
    return path, desk.add(path, desk.spec("search_qtable", tmp_path / "out", scheduler=address))


class AtTrial:
    """Does something when the journal takes its nth trial."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, what) -> None:
        real, seen = Journal.put, iter(range(1, 10_000))

        def put(journal, key, trial, result, *figures):
            if next(seen) == at:
                what()
            real(journal, key, trial, result, *figures)

        monkeypatch.setattr(Journal, "put", put)


def test_a_killed_worker_changes_nothing(desk, local, dask, tmp_path, monkeypatch):
    dask.start("one", "two")
    stopped, killed = [], []
    real = JobReport.check

    def stop() -> None:
        """From here on the worker takes trials and never answers."""
        dask.workers["one"].send_signal(signal.SIGSTOP)
        stopped.append("one")

    def check(report) -> None:
        """Called while the session waits: the stopped worker dies with the trials that it holds."""
        if stopped and not killed and dask.busy("one"):
            dask.kill("one")
            killed.append("one")
        real(report)

    AtTrial(monkeypatch, 5, stop)
    monkeypatch.setattr(JobReport, "check", check)
    path, number = start(desk, tmp_path, dask.address)
    assert desk.run(path, number).state == "done"
    assert killed == ["one"]
    assert left(path, number, tmp_path / "out") == local


def test_a_worker_that_has_other_versions_is_left_out(desk, local, dask, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(OTHER)
    dask.start("other", site=tmp_path)
    path, number = start(desk, tmp_path, dask.address)
    job = desk.run(path, number)
    sentence = f"it has numpy 0.1 where the session has {np.__version__}"
    assert (job.state, job.status) == ("paused", 2)
    assert sentence in job.message
    assert job.message.endswith("let the workers see what the session sees, and resume the job")
    dask.start("like")
    log = io.StringIO()
    assert desk.again(path, number, log).state == "done"
    assert log.getvalue().count(sentence) == 1
    assert left(path, number, tmp_path / "out") == local


@pytest.mark.parametrize(
    ("site", "sentence"),
    [
        (FATAL, "a trial ended every worker that took it; give the workers more memory, or less to the trials with "
         "--memory, and resume the job"),
        (BARE, "is left out: quantdeck is not installed there; install the session's version of it; let the workers "
         "see what the session sees, and resume the job"),
    ],
    ids=["a trial that kills", "without quantdeck"],
)  # fmt: skip
def test_workers_that_cannot_score_let_the_search_rest(desk, local, dask, tmp_path, site, sentence):
    (tmp_path / "sitecustomize.py").write_text(site)
    dask.scheduler.allowed_failures = 0  # Dask would try three workers more
    dask.start("bad", site=tmp_path)
    path, number = start(desk, tmp_path, dask.address)
    job = desk.run(path, number)
    assert (job.state, job.status) == ("paused", 2)
    assert sentence in job.message
    dask.kill("bad")
    dask.start("good")
    assert desk.again(path, number).state == "done"
    assert left(path, number, tmp_path / "out") == local


def test_a_search_without_workers_can_be_paused(desk, dask, tmp_path, monkeypatch):
    path, number = start(desk, tmp_path, dask.address)
    log, real = io.StringIO(), JobReport.check

    def check(report) -> None:
        if "has no worker; trials wait until one comes" in log.getvalue():
            report.pause()
        real(report)

    monkeypatch.setattr(JobReport, "check", check)
    assert desk.run(path, number, log).message == "paused as asked; quantdeck resume goes on with it"


def test_a_scheduler_that_goes_away_lets_the_search_rest(desk, local, dask, tmp_path, monkeypatch):
    dask.start("one")
    path, number = start(desk, tmp_path, dask.address)
    AtTrial(monkeypatch, 4, dask.close)
    job = desk.run(path, number)
    assert (job.state, job.status) == ("paused", 2)
    assert job.message.startswith(f"the Dask scheduler {dask.address} is gone; start it again")
    again = desk.add(path, desk.spec("search_qtable", tmp_path / "out"))
    assert desk.run(path, again).state == "done"
    with open_session(path, readonly=True) as session:
        counts = session.rows("SELECT job, count(*) FROM trial GROUP BY job ORDER BY job")
    assert [tuple(row) for row in counts] == [(number, 4), (again, len(local["trials"]) - 4)]
    assert files(tmp_path / "out") == local["files"]


def files(out: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(out.iterdir())}


def test_every_wish_that_a_worker_must_know(desk, dask, tmp_path):
    """Equalized weights, relative names in a list file, a post_process, and trials that are sources of noise."""
    (desk.folder / "list.txt").write_text("".join(f"samples/s{index}.npz\n" for index in range(6)))
    post = tmp_path / "post.py"
    post.write_text("def PostProcess(data):\n    return {'first': data['y'][:, :3] * 2.0}\n")
    wishes = {
        "strategy": "pareto", "confirm_num": 2, "inference_num": 2, "equalize": True, "dataset": None,
        "data_list": str(desk.folder / "list.txt"), "post_process": str(post),
        "post_process_digest": file_digest(post),
    }  # fmt: skip
    found = []
    dask.start("one")
    for name, address in (("here", ""), ("there", dask.address)):
        path, out = desk.session(f"wishes-{name}"), tmp_path / name
        number = desk.add(path, desk.spec("search_qtable", out, scheduler=address, **wishes))
        assert desk.run(path, number).state == "done"
        found.append(left(path, number, out))
    assert found[0] == found[1]
    assert not any(trial[-1] for trial in found[0]["trials"])


# ---------------------------------------------------------------- a worker looks at what it is given


@pytest.fixture
def shown(desk, tmp_path) -> tuple[Recipe, SearchSpec]:
    """A recipe over copies of the model and the samples."""
    model = Path(shutil.copy(desk.model, tmp_path / "net.onnx"))
    folder = Path(shutil.copytree(desk.samples, tmp_path / "samples"))
    spec = desk.spec("search_qtable", tmp_path / "out", dataset=str(folder))
    samples = work.load_samples(desk.graph, work.Source(dataset=folder, number=2), work.Silent())
    digests = Digests(
        model_digest(model), desk.graph.digest, samples.digest, floats_digest(desk.graph, samples)
    )
    return Recipe(plain(spec), str(model), 2, digests, versions()), spec


def test_a_worker_makes_the_graph_and_the_samples_of_the_session(desk, shown):
    graph, samples = read_inputs(*shown)
    assert (graph.digest, samples.digest) == (desk.graph.digest, shown[0].digests.samples)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("model", "the model {folder}/net.onnx is another one"),
        ("no model", "the model {folder}/net.onnx does not exist; give an ONNX file"),
        ("samples", "the samples of {folder}/samples are others"),
        ("floats", "its processor gives other last digits in float than the session's"),
    ],
)
def test_a_worker_that_sees_other_bytes_refuses(shown, tmp_path, change, sentence):
    recipe, spec = shown
    if change == "model":
        model = onnx.load(recipe.model)
        model.graph.name = "other"
        onnx.save(model, recipe.model)
    elif change == "no model":
        Path(recipe.model).unlink()
    elif change == "samples":
        for file in (tmp_path / "samples").iterdir():
            np.savez(file, np.ones((1, 3, 8, 8), np.float32))
    else:
        recipe = replace(recipe, digests=replace(recipe.digests, floats="0"))
    with pytest.raises(QuantdeckError) as caught:
        read_inputs(recipe, spec)
    assert str(caught.value) == sentence.format(folder=tmp_path)


@given(
    modes=st.dictionaries(st.text(), st.sampled_from(["F16", "F32"])),
    rows=st.dictionaries(st.text(), st.builds(Threshold, *[st.floats(allow_nan=False)] * 3, st.text())),
    at=st.lists(st.text()).map(tuple),
    samples=st.integers(0, 9),
    source=st.none() | st.builds(Source, st.text(), st.text(), st.text()),
    only=st.lists(st.integers(0, 9)).map(tuple),
)
def test_trials_travel_whole(modes, rows, at, samples, source, only):
    trial = Trial(Plan("bm1684x", "F16", rows, modes), at, samples, source, only)
    back = trial_from(trial_text(trial))
    assert (back, back.plan.to_json()) == (trial, trial.plan.to_json())


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    "address",
    ["", "127.0.0.1:1", "foo://x:1", "tcp://nowhere.invalid:8786", "tcp://127.0.0.1:8pp", "a\x1b[2Jb:1"],
)
def test_a_wrong_address_is_one_sentence(monkeypatch, address):
    monkeypatch.setattr(cluster, "PATIENCE", 1.2)
    with pytest.raises(QuantdeckError) as caught:
        cluster.check_scheduler(address)
    sentence = str(caught.value)
    assert sentence.startswith(f"--scheduler {visible(address)}: no Dask scheduler answers (")
    assert sentence.endswith("or leave the option out")
    assert sentence.isprintable()


def test_the_address_of_something_else(dask, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 1.2)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(QuantdeckError, match="something else listens there"),
    ):
        cluster.check_scheduler(f"127.0.0.1:{silent.getsockname()[1]}")
    dask.start("one")
    (worker,) = dask.scheduler.workers
    with pytest.raises(QuantdeckError, match="is the address of a Dask worker; give its scheduler's"):
        cluster.check_scheduler(worker)
    cluster.check_scheduler(dask.address)


def test_commands_end_with_status_2(desk, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(cluster, "PATIENCE", 1.2)
    monkeypatch.chdir(tmp_path)
    words = ["run_qtable", str(desk.model), "--dataset", str(desk.samples), "--chip", "bm1684x",
             "--calibration_table", "none", "--session", "s.qdeck", "-o", "q"]  # fmt: skip
    assert diagnostics.run(group, [*words, "--scheduler", "127.0.0.1:1"]) == 2
    out, err = capfd.readouterr()
    assert "no Dask scheduler answers" in err
    assert (out, len(err.splitlines()), list(tmp_path.iterdir())) == ("", 1, [])
    monkeypatch.setitem(sys.modules, "distributed.core", None)
    assert diagnostics.run(group, [*words, "--scheduler", "127.0.0.1:1"]) == 2
    assert "install it with: pip install 'quantdeck[cluster]'" in capfd.readouterr().err
