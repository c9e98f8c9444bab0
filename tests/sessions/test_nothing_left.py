"""Of a session that was deleted nothing stays beside its place, and nothing of it gets into the next of that name."""

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from quantdeck.engine.plan import Mode
from quantdeck.sessions import edits
from quantdeck.sessions.session import Session
from quantdeck.sessions.store import backup, create_session, open_session
from quantdeck.tui.listing import list_folder
from quantdeck.tui.request import delete
from session_files import make


def float_layer(session: Session, layer: str) -> None:
    edits.change(session, lambda plan: plan.with_mode(layer, Mode.F16), "edit")


@pytest.mark.parametrize("reads", [False, True])
@pytest.mark.parametrize("by", ["outside", "start"])
def test_a_session_deleted_while_it_is_open_leaves_nothing(tmp_path: Path, by: str, reads: bool) -> None:
    path = make(tmp_path / "a.qdeck")
    reader, writer = open_session(path, readonly=True), open_session(path)
    reader.row("SELECT 1 FROM layer")
    float_layer(writer, "layer0")
    delete(path) if by == "start" else path.unlink()
    for one in (reader, writer) if reads else (writer, reader):
        one.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("way", ["create", "backup"])
def test_the_log_of_a_deleted_session_is_not_that_of_a_new_one(tmp_path: Path, way: str) -> None:
    path = make(tmp_path / "a.qdeck")
    other = make(tmp_path / "b.qdeck", layers=7)
    writer = open_session(path)
    float_layer(writer, "layer0")
    path.unlink()  # as a killed workbench leaves it: the log has bytes
    kept = {name: (tmp_path / name).read_bytes() for name in ("a.qdeck-wal", "a.qdeck-shm")}
    assert kept["a.qdeck-wal"]
    writer.close()
    for name, content in kept.items():
        (tmp_path / name).write_bytes(content)
    if way == "create":
        create_session(path, title="new", chip="bm1684x", fp_type="F16").close()
    else:
        backup(other, path)
    with open_session(path) as session:
        row = session.row("SELECT title, (SELECT count(*) FROM layer) FROM state")
        assert row is not None
        assert tuple(row) == (("new", 0) if way == "create" else ("test", 7))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.qdeck", "b.qdeck"]


def test_the_log_of_a_session_that_was_moved_is_kept(tmp_path: Path) -> None:
    path = make(tmp_path / "a.qdeck")
    reader, writer = open_session(path, readonly=True), open_session(path)
    reader.connection.execute("BEGIN")
    reader.row("SELECT 1 FROM layer")  # holds the log up
    float_layer(writer, "layer0")
    path.rename(tmp_path / "moved.qdeck")
    writer.abandon()
    assert (tmp_path / "a.qdeck-wal").stat().st_size
    (tmp_path / "moved.qdeck").rename(path)
    reader.close()
    with open_session(path) as session:
        assert len(edits.steps(session)) == 1


def test_the_list_of_sessions_takes_away_what_a_killed_process_left_of_one_that_was_removed(
    tmp_path: Path,
) -> None:
    """Only empty logs: one with bytes may be all that is left of a session that was moved elsewhere."""
    for name, size in (("gone", 0), ("moved", 32)):
        (tmp_path / f"{name}.qdeck-wal").write_bytes(bytes(size))
        (tmp_path / f"{name}.qdeck-shm").write_bytes(bytes(32))
    make(tmp_path / "here.qdeck")
    (tmp_path / "here.qdeck-wal").write_bytes(b"")
    assert [entry.path.name for entry in list_folder(tmp_path)] == ["here.qdeck"]
    left = sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("here"))
    assert left == ["moved.qdeck-shm", "moved.qdeck-wal"]


OPENER = """
import sys
from pathlib import Path
from quantdeck.sessions.store import open_session
session = open_session(Path(sys.argv[1]))
session.row("SELECT 1 FROM layer")
print("open", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("elsewhere", [True, False], ids=["another process", "this process"])
def test_the_log_of_a_session_that_lives_is_kept_where_it_was_moved_from(
    tmp_path: Path, elsewhere: bool
) -> None:
    path = make(tmp_path / "a.qdeck")
    log = tmp_path / "a.qdeck-wal"
    with ExitStack() as stack:
        if elsewhere:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", OPENER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
                )
            )
            assert process.stdout is not None
            assert process.stdout.readline()
            stack.callback(process.kill)
        else:
            session = open_session(path)
            session.row("SELECT 1 FROM layer")
            stack.callback(session.close)
        path.rename(tmp_path / "moved.qdeck")
        list_folder(tmp_path)
        assert log.exists()
        assert not log.stat().st_size
    list_folder(tmp_path)
    assert not log.exists()


def test_what_is_no_log_of_this_users_sessions_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "link.qdeck-wal").symlink_to(tmp_path / "empty")
    (tmp_path / "folder.qdeck-wal").mkdir()
    os.mkfifo(tmp_path / "pipe.qdeck-wal")
    (tmp_path / "away.qdeck").symlink_to(tmp_path / "unmounted.qdeck")
    (tmp_path / "away.qdeck-wal").write_bytes(b"")
    before = sorted(tmp_path.iterdir())
    list_folder(tmp_path)
    assert sorted(tmp_path.iterdir()) == before
