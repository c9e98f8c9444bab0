"""Searches that are killed, paused, or that lose what they stand on; each ends as if nothing had happened."""

import os
import random
import signal
import sqlite3
from pathlib import Path

import pytest
from quantdeck.engine.data.samples import Samples
from quantdeck.engine.errors import QuantdeckError
from quantdeck.sessions import driver
from quantdeck.sessions.jobs import close_dead, get_job, list_jobs, reopen, request_cancel, request_pause
from quantdeck.sessions.journal import Journal
from quantdeck.sessions.session import Session, Writer
from quantdeck.sessions.store import open_session
from search_jobs import Desk, left, worker

KINDS = ("search_qtable", "run_sensitive_layer", "run_qtable", "search_threshold", "pareto", "bias")
WISHES: dict[str, dict[str, object]] = {
    "pareto": {"kind": "search_qtable", "strategy": "pareto", "confirm_num": 2, "inference_num": 2},
    "bias": {"kind": "calibrate", "bias": True, "equalize": True, "expected_cos": 1.0, "min_layer_cos": 1.0},
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def unbroken(desk: Desk) -> dict[str, dict[str, object]]:
    """What each search leaves when nothing happens to it."""
    found = {}
    for kind in KINDS:
        path, out = desk.session(f"unbroken-{kind}"), desk.folder / f"unbroken-{kind}"
        number = desk.add(path, wished(desk, kind, out))
        assert desk.run(path, number).state == "done"
        found[kind] = left(path, number, out)
    return found


def start(desk: Desk, tmp_path: Path, kind: str = "search_qtable", **changes: object) -> tuple[Path, int]:
    path = desk.session(tmp_path.name)
    return path, desk.add(path, wished(desk, kind, tmp_path / "out", **changes))


def wished(desk: Desk, kind: str, out: Path, **changes: object):
    return desk.spec(**{"kind": kind, "out": out, **WISHES.get(kind, {}), **changes})


@pytest.mark.parametrize(
    ("kind", "at", "inside"),
    [("search_qtable", 1, "0"), ("search_qtable", 9, "1"), ("pareto", 12, "0"), ("bias", 3, "1")],
)
def test_a_killed_search_ends_in_the_same_bytes(desk, unbroken, tmp_path, kind, at, inside):
    path, number = start(desk, tmp_path, kind)
    status = worker(path, number, tmp_path, KILL_AT=str(at), KILL_INSIDE=inside)
    assert status == -signal.SIGKILL
    with open_session(path) as session:
        close_dead(session)
        job = get_job(session, number)
        paid = session.row("SELECT count(*) FROM trial")[0]
    assert (job.state, paid) == ("paused", at - 1)
    assert "resume" in job.message
    assert desk.again(path, number).state == "done"
    assert left(path, number, tmp_path / "out") == unbroken[kind]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_killed_at_random_moments(desk, unbroken, tmp_path, seed):
    chance = random.Random(seed)
    kind = chance.choice(KINDS)
    path, number = start(desk, tmp_path, kind)
    for _ in range(3):
        status = worker(path, number, tmp_path, KILL_AFTER=str(chance.uniform(0.3, 2.5)))
        if status == 0:
            break
        with open_session(path) as session:
            close_dead(session)
            if get_job(session, number).state == "done":
                break
            reopen(session, number)
    else:
        assert desk.run(path, number).state == "done"
    assert left(path, number, tmp_path / "out") == unbroken[kind]


class Interrupting:
    """Does something when the journal is about to take its nth trial."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, what) -> None:
        real, seen = Journal.put, iter(range(1, 10_000))

        def put(journal, key, trial, result, *figures):
            if next(seen) == at:
                what()
            real(journal, key, trial, result, *figures)

        monkeypatch.setattr(Journal, "put", put)


def test_pause_and_resume(desk, unbroken, tmp_path, monkeypatch):
    path, number = start(desk, tmp_path)

    def pause() -> None:
        request_pause(path, number)
        os.kill(os.getpid(), signal.SIGTERM)  # the worker's own pulse is slower than this search

    Interrupting(monkeypatch, 5, pause)
    job = desk.run(path, number)
    assert (job.state, job.message) == ("paused", "paused as asked; quantdeck resume goes on with it")
    assert desk.again(path, number).state == "done"
    assert left(path, number, tmp_path / "out") == unbroken["search_qtable"]


def test_cancel_leaves_the_best_plan_so_far(desk, tmp_path, monkeypatch):
    path, number = start(desk, tmp_path)

    def cancel() -> None:
        request_cancel(path, number)

    Interrupting(monkeypatch, 6, cancel)
    monkeypatch.setattr("quantdeck.sessions.heart.STEP", 0.0)  # the wish is looked for at every step
    job = desk.run(path, number)
    assert job.state == "cancelled"
    assert "best plan so far is written" in job.message
    assert (tmp_path / "out" / "qtable").exists()


def test_a_finished_search_costs_nothing_the_second_time(desk, unbroken, tmp_path):
    path, number = start(desk, tmp_path)
    assert desk.run(path, number).state == "done"
    before = left(path, number, tmp_path / "out")
    second = desk.add(path, desk.spec("search_qtable", tmp_path / "out"))
    assert desk.run(path, second).state == "done"
    after = left(path, second, tmp_path / "out")
    assert after == before


def test_a_sample_that_goes_missing_lets_the_search_rest(desk, unbroken, tmp_path, monkeypatch):
    path, number = start(desk, tmp_path)
    real, pay, paying, calls = Samples.feed, driver.Driver._pay, [], iter(range(10_000))

    def feed(self, group):
        if paying and next(calls) == 2:
            raise FileNotFoundError(2, "No such file or directory", "samples/s3.npz")
        return real(self, group)

    def noted(self, key, trial):
        paying.append(key)
        return pay(self, key, trial)

    with monkeypatch.context() as patch:
        patch.setattr(Samples, "feed", feed)
        patch.setattr(driver.Driver, "_pay", noted)
        job = desk.run(path, number)
    assert (job.state, job.status) == ("paused", 2)
    assert job.message == (
        "samples/s3.npz cannot be read (No such file or directory); put it back and resume the job"
    )
    with open_session(path, readonly=True) as session:
        assert session.row("SELECT count(*) FROM trial WHERE error IS NOT NULL")[0] == 0
    assert desk.again(path, number).state == "done"
    assert left(path, number, tmp_path / "out") == unbroken["search_qtable"]


def test_other_samples_than_it_began_with_are_refused(desk, unbroken, tmp_path, monkeypatch):
    path, number = start(desk, tmp_path)
    Interrupting(monkeypatch, 3, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert desk.run(path, number).state == "paused"
    gone = desk.samples / "s1.npz"
    body = gone.read_bytes()
    gone.unlink()
    try:
        job = desk.again(path, number)
        assert job.state == "paused"
        assert "s1.npz is missing" in job.message
    finally:
        gone.write_bytes(body)
    assert desk.again(path, number).state == "done"
    assert left(path, number, tmp_path / "out") == unbroken["search_qtable"]


def test_a_full_disk_lets_the_search_rest(desk, unbroken, tmp_path, monkeypatch):
    path, number = start(desk, tmp_path)
    real, calls = Writer.add, iter(range(10_000))

    def add(self, table, row, **more):
        if table == "trial" and next(calls) == 7:
            raise sqlite3.OperationalError("database or disk is full")
        return real(self, table, row, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "add", add)
        job = desk.run(path, number)
    assert job.state == "paused"
    assert "no space left" in job.message
    assert desk.again(path, number).state == "done"
    assert left(path, number, tmp_path / "out") == unbroken["search_qtable"]


def test_an_output_that_cannot_be_written_loses_nothing(desk, unbroken, tmp_path):
    path, number = start(desk, tmp_path)
    out = tmp_path / "out"
    out.rmdir()
    job = desk.run(path, number)
    assert job.state == "paused"
    assert "cannot be written" in job.message
    out.mkdir()
    assert desk.again(path, number).state == "done"
    assert left(path, number, out) == unbroken["search_qtable"]


MISDEEDS = {
    "raises": "raise KeyError('bad \\x1b[2J name')",
    "exits": "raise SystemExit(3)",
    "ends its process": "os._exit(4)",
    "closes stdout": "sys.stdout.close()",
    "returns nothing": "return None",
}


@pytest.mark.parametrize("deed", MISDEEDS)
def test_a_post_process_that_misbehaves_fails_its_trial_alone(desk, tmp_path, deed):
    """Spec A.8: it is imported once, and the tenth call goes wrong."""
    path = tmp_path / "post.py"
    path.write_text(
        "import os, sys\nfrom pathlib import Path\n"
        f"CALLS = Path({str(tmp_path / 'calls')!r})\n"
        "def PostProcess(data):\n"
        "    CALLS.write_text((CALLS.read_text() if CALLS.exists() else '') + 'x')\n"
        "    if len(CALLS.read_text()) == 13:\n"
        f"        {MISDEEDS[deed]}\n"
        "    print('chatter \\x1b[2J')\n"
        "    os.chdir('/')\n"
        "    return {'half': data['y'][..., :3]}\n"
    )
    from quantdeck.sessions.post_process import file_digest

    spec = {"post_process": str(path), "post_process_digest": file_digest(path), "inference_num": 2}
    session_path, number = start(desk, tmp_path, "search_threshold", **spec)
    job = desk.run(session_path, number)
    assert job.state == "done", job.message
    with open_session(session_path, readonly=True) as session:
        errors = [row[0] for row in session.rows("SELECT error FROM trial WHERE error IS NOT NULL")]
        assert session.row("SELECT count(*) FROM trial WHERE error IS NULL")[0] >= 2
    assert len(errors) == 1
    assert "post_process" in errors[0]
    assert "\x1b" not in errors[0]


@pytest.mark.parametrize("body", ["raise ValueError('no')", "return 5", "import no_such_module"])
def test_a_post_process_that_never_works_is_refused_before_the_search(desk, tmp_path, body):
    from quantdeck.sessions.post_process import file_digest

    path = tmp_path / "post.py"
    path.write_text(f"def PostProcess(data):\n    {body}\n")
    spec = {"post_process": str(path), "post_process_digest": file_digest(path)}
    session_path, number = start(desk, tmp_path, "run_sensitive_layer", **spec)
    job = desk.run(session_path, number)
    assert job.state in ("failed", "paused")
    assert "does not work on the first sample" in job.message
    with open_session(session_path, readonly=True) as session:
        assert session.row("SELECT count(*) FROM trial")[0] == 0


def test_a_copy_in_mid_search_opens_and_has_the_trials(desk, tmp_path, monkeypatch):
    """Case 44: a plain copy lacks at most the last checkpoint interval, a backup nothing."""
    from quantdeck.sessions.store import backup

    path, number = start(desk, tmp_path)
    copies = []

    def copy() -> None:
        target = tmp_path / "copy.qdeck"
        target.write_bytes(path.read_bytes())
        backup(path, tmp_path / "backup.qdeck")
        copies.append(target)

    Interrupting(monkeypatch, 8, copy)
    assert desk.run(path, number).state == "done"
    with open_session(copies[0], readonly=True) as session:
        assert session.row("SELECT name FROM model")[0] == "net"
        assert session.row("SELECT count(*) FROM trial")[0] <= 7
    with open_session(tmp_path / "backup.qdeck", readonly=True) as session:
        assert session.row("SELECT count(*) FROM trial")[0] == 7
        assert session.row("PRAGMA integrity_check")[0] == "ok"
        assert list_jobs(session)[0].state == "running"
    assert not path.with_name(path.name + "-wal").exists()


def test_a_session_of_many_trials_opens_without_reading_them(desk, tmp_path):
    path = desk.session(tmp_path.name)
    with open_session(path) as session:
        session.connection.execute("BEGIN")
        session.connection.executemany(
            "INSERT INTO trial VALUES (?, 1, ?, 0.0, 1, 0.9, 20.0, ?, NULL)",
            ((f"{index:064x}", index, bytes(200)) for index in range(20_000)),
        )
        session.connection.execute("COMMIT")
    size = path.stat().st_size
    read = bytes_read(lambda: open_session(path, readonly=True).close())
    assert read < size / 4


def bytes_read(work) -> int:
    """Bytes that this process asked the system for meanwhile."""

    def counted() -> int:
        with open("/proc/self/io") as file:
            return int(next(line for line in file if line.startswith("rchar")).split()[1])

    before = counted()
    work()
    return counted() - before


def test_resume_of_what_cannot_be_resumed_is_refused(desk, tmp_path):
    path, number = start(desk, tmp_path, "search_threshold")
    assert desk.run(path, number).state == "done"
    with pytest.raises(QuantdeckError, match="has ended already"):
        desk.again(path, number)


def test_an_old_session_gets_the_new_tables(tmp_path):
    from quantdeck.sessions import migrate as migration
    from quantdeck.sessions.schema import MIGRATIONS

    path = tmp_path / "old.qdeck"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN")
    MIGRATIONS[0](migration._Statements(connection))
    connection.execute("PRAGMA application_id = 1363428675")
    connection.execute("PRAGMA user_version = 1")
    connection.execute("INSERT INTO state VALUES (1, 1, 0, 't', '', 'bm1684x', 'F16', NULL, '{}')")
    connection.execute("COMMIT")
    connection.close()
    with open_session(path, readonly=True) as session:
        assert list_jobs(session) == ()
    with open_session(path) as session:
        assert isinstance(session, Session)
        assert session.row("SELECT count(*) FROM trial")[0] == 0
