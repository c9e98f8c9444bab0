"""Jobs in real processes; the bodies are replaced by ones that wait where a test wants them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quantdeck.engine.errors import QuantdeckError
from quantdeck.sessions import heart
from quantdeck.sessions.heart import JobReport
from quantdeck.sessions.jobs import (
    STOPPED,
    add_job,
    claim,
    close_dead,
    finish,
    get_job,
    list_jobs,
    request_cancel,
    start_job,
)
from quantdeck.sessions.lease import SILENCE, Holder, boot_name, is_alive, myself
from quantdeck.sessions.report import Both, Cancelled, Meter, Silent
from quantdeck.sessions.store import open_session
from session_files import make

BODIES = """
import os, sys, quantdeck.sessions.heart as heart, quantdeck.sessions.work as work
heart.BEAT = 0.02

def tell(text):
    with open(os.environ["TOLD"], "w") as fifo:
        fifo.write(text)

def wait(session, spec, report):
    "Works until it is cancelled or killed."
    advance = report.stage("waiting")
    tell(f"{os.getpid()} {os.getsid(0)} {os.nice(0)} {os.readlink('/proc/self/fd/0')}")
    while True:
        advance(1, 2)

def fail(session, spec, report):
    report.say("warned \\x1b[2J")
    os.write(2, b"chatter \\x1b]0;t\\x07 of a library\\n")
    raise KeyError("bad \\x1b]52;c;AAAA\\x07\\nname")

work.calibrate, work.evaluate = wait, fail
"""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A pipe by which a body says that it has begun; workers of this test have the bodies above."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(BODIES)
    fifo = tmp_path / "told"
    os.mkfifo(fifo)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("TOLD", str(fifo))
    return fifo


def worker(path: Path, number: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "quantdeck.sessions.worker", str(path), str(number)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def new_job(path: Path, kind: str = "calibrate") -> int:
    with open_session(path) as session:
        return add_job(session, kind, {"method": "kl"})


def left_by_a_killed_worker(folder: Path, told: Path) -> tuple[Path, int]:
    """A session, and the number of its job that was running."""
    path = make(folder / "a.qdeck")
    number = new_job(path)
    process = worker(path, number)
    told.read_text()
    process.kill()
    process.wait()
    return path, number


def test_a_job_outlives_its_starter_at_lower_priority(tmp_path: Path, told: Path) -> None:
    path = make(tmp_path / "a.qdeck")
    number = start_job(path, "calibrate", {"method": "kl"})
    pid, group, nice, stdin = told.read_text().split()
    try:
        assert (pid, int(nice), stdin) == (group, min(19, os.nice(0) + 10), "/dev/null")
        with open_session(path, readonly=True) as session:
            job = get_job(session, number)
        assert (job.state, job.title, job.holder.pid) == ("running", "calibrate with kl", int(pid))
        assert job.alive(time.time())
        with pytest.raises(QuantdeckError, match="wait until it has ended"):
            start_job(path, "evaluate", {})
    finally:
        os.kill(int(pid), signal.SIGKILL)


def test_a_killed_worker_is_noticed_and_the_file_alone_is_good(tmp_path: Path, told: Path) -> None:
    """Case 44 (b)."""
    path, number = left_by_a_killed_worker(tmp_path, told)
    copy = tmp_path / "elsewhere.qdeck"
    copy.write_bytes(path.read_bytes())
    with open_session(copy, readonly=True) as session:
        assert session.row("SELECT name FROM model")[0] == "m"
    with open_session(path) as session:
        job = get_job(session, number)
        assert job.state == "running"
        assert not job.alive(time.time())
        assert add_job(session, "evaluate", {}) == number + 1
        closed = get_job(session, number)
        assert closed.state == "failed"
        assert "ended without a word" in closed.message
    assert path.with_name(path.name + "-wal").exists() is False


def test_a_process_that_found_no_room_to_say_why_is_heard_in_its_log(tmp_path: Path, told: Path) -> None:
    path, number = left_by_a_killed_worker(tmp_path, told)
    log = tmp_path / "log"
    log.write_text(f"checking\n{STOPPED}there is no space left on its disk\n")
    with open_session(path) as session:
        with session.write() as writer:
            writer.update("job", number, {"log": str(log)})
        close_dead(session)
        job = get_job(session, number)
    assert (job.state, job.message) == ("failed", "there is no space left on its disk; then start it again")


@pytest.mark.parametrize("how", ["row", "signal"])
def test_a_job_stops_when_asked(tmp_path: Path, told: Path, how: str) -> None:
    path = make(tmp_path / "a.qdeck")
    number = new_job(path)
    process = worker(path, number)
    told.read_text()
    if how == "row":
        request_cancel(path, number)
    else:
        process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 1
    with open_session(path, readonly=True) as session:
        job = get_job(session, number)
    assert (job.state, job.message) == ("cancelled", "stopped as asked")


def test_a_job_that_moves_is_followed(tmp_path: Path, told: Path) -> None:
    """Case 44 (c)."""
    path, new = make(tmp_path / "a.qdeck"), tmp_path / "b.qdeck"
    number = new_job(path)
    process = worker(path, number)
    told.read_text()
    path.rename(new)
    for _ in iter(lambda: process.poll() is None and b"goes on in" not in process.stdout.readline(), False):
        pass
    request_cancel(new, number)
    assert process.wait(120) == 1
    with open_session(new, readonly=True) as session:
        assert get_job(session, number).state == "cancelled"
    assert not path.exists()


def test_a_fault_is_in_the_log_without_control_bytes(tmp_path: Path, told: Path) -> None:
    path = make(tmp_path / "a.qdeck")
    number = new_job(path, "evaluate")
    process = worker(path, number)
    log = process.communicate()[0]
    assert process.returncode == 1
    with open_session(path, readonly=True) as session:
        job = get_job(session, number)
    assert job.state == "failed"
    assert "KeyError" in job.message
    assert b"chatter" in log
    assert b"Traceback" in log
    assert not set(log) & (set(range(32)) - {10} | {0x7F})
    assert b"\nname" not in log


def test_a_job_is_done_by_one_worker_only(tmp_path: Path) -> None:
    path = make(tmp_path / "a.qdeck")
    number = new_job(path)
    with open_session(path) as session:
        claim(session, number)
        process = worker(path, number)
        assert b"cannot start" in process.communicate()[0]
        assert process.returncode == 1
        finish(session, number, "done", "well")
        with pytest.raises(QuantdeckError, match="it is done"):
            claim(session, number)
        assert [job.state for job in list_jobs(session)] == ["done"]


def test_a_worker_whose_job_was_taken_over_ends_and_writes_nothing(tmp_path: Path, told: Path) -> None:
    """One that stood still, on another machine, counts as dead by its silence; then it goes on."""
    path = make(tmp_path / "a.qdeck")
    number = new_job(path)
    process = worker(path, number)
    told.read_text()
    with open_session(path) as session:
        finish(session, number, "failed", "silent for long")
        other = add_job(session, "evaluate", {})
        claim(session, other)
        assert process.communicate(timeout=60)[0] == b""
        assert process.returncode == 1
        left = get_job(session, number)
        assert (left.state, left.message) == ("failed", "silent for long")
        assert get_job(session, other).state == "running"


def test_a_dead_job_that_was_to_be_stopped_is_stopped_as_asked(tmp_path: Path) -> None:
    path = make(tmp_path / "a.qdeck")
    number = new_job(path, "search")
    with open_session(path) as session:
        claim(session, number)
        with session.write() as writer:
            writer.update("job", number, {"pid_started": 1.0})
    request_cancel(path, number)
    with open_session(path) as session:
        job = get_job(session, number)
        assert (job.state, job.message) == ("cancelled", "stopped as asked")


def test_an_unknown_kind_or_number_is_a_sentence(tmp_path: Path) -> None:
    path = make(tmp_path / "a.qdeck")
    with open_session(path) as session:
        with pytest.raises(QuantdeckError, match="calibrate, evaluate"):
            add_job(session, "dance", {})
        assert list_jobs(session) == ()
    with pytest.raises(QuantdeckError, match="no job 7"):
        request_cancel(path, 7)


def test_a_job_whose_process_never_came_is_closed(tmp_path: Path) -> None:
    path = make(tmp_path / "a.qdeck")
    number = new_job(path)
    with open_session(path) as session:
        close_dead(session)
        assert get_job(session, number).state == "waiting"
        with session.write() as writer:
            writer.update("job", number, {"created": time.time() - 3600})
        close_dead(session)
        assert get_job(session, number).state == "failed"


def test_who_is_alive() -> None:
    me = myself()
    assert is_alive(me, None, 0.0)
    assert not is_alive(Holder(me.pid, me.started - 100, me.boot), 1000.0, 1000.0)  # the number is used again
    assert not is_alive(Holder(2**22 + 1, me.started, boot_name()), 1000.0, 1000.0)
    other = Holder(me.pid, me.started, "another boot")
    assert is_alive(other, 1000.0, 1000.0 + SILENCE / 2)
    assert not is_alive(other, 1000.0, 1000.0 + SILENCE)
    assert not is_alive(other, None, 1000.0)


def test_progress_commits_at_most_four_times_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(heart.time, "monotonic", lambda: now[0])
    path = make(tmp_path / "a.qdeck")
    with open_session(path) as session:
        number = add_job(session, "calibrate", {})
        report = JobReport(session, number)
        advance = report.stage("statistics")
        before = session.rev
        for step in range(100):
            now[0] += 0.01
            advance(step + 1, 1000)
        assert session.rev - before <= 4
        advance(1000, 1000)
        job = get_job(session, number)
        assert (job.stage, job.done, job.total) == ("statistics", 1000, 1000)
        report.stop()
        with pytest.raises(Cancelled):
            advance(1, 2)


@given(st.integers(0, 1000), st.integers(1, 1000), st.floats(0.001, 1e6))
def test_rate_and_time_left_agree(done: int, total: int, passed: float) -> None:
    now = [5.0]
    meter = Meter(lambda: now[0])
    now[0] += passed
    rate, left = meter.measure(done, total)
    if done == 0:
        assert (rate, left) == (None, None)
    else:
        assert rate > 0
        assert left >= 0
        assert left * rate == pytest.approx(max(0, total - done))


def test_two_listeners_hear_the_same() -> None:
    heard: list[object] = []

    class Ear:
        def stage(self, name: str):
            heard.append(name)
            return lambda done, total: heard.append((done, total))

        def say(self, sentence: str) -> None:
            heard.append(sentence)

    both = Both(Ear(), Both(Silent(), Ear()))
    both.stage("s")(1, 2)
    both.say("note")
    assert heard == ["s", "s", (1, 2), (1, 2), "note", "note"]
