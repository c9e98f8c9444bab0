import shutil
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quantdeck.engine.errors import QuantdeckError
from quantdeck.engine.plan import Plan
from quantdeck.sessions import session as session_module
from quantdeck.sessions import store
from quantdeck.sessions.filesystem import type_of
from quantdeck.sessions.locations import default_folder, path_of, path_text
from quantdeck.sessions.migrate import migrate, statements
from quantdeck.sessions.moved import remove_left_behind
from quantdeck.sessions.records import get_plan, put_plan
from quantdeck.sessions.schema import APPLICATION_ID, VERSION
from quantdeck.sessions.store import Session, backup, create_session, list_sessions, open_session
from session_files import make, python_as_ordinary_user


def wal(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def test_a_new_session_is_one_complete_file(tmp_path: Path) -> None:
    path = make(tmp_path / "a.qdeck")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.qdeck"]
    head = path.read_bytes()[:100]
    assert int.from_bytes(head[68:72], "big") == APPLICATION_ID
    assert int.from_bytes(head[60:64], "big") == VERSION


def test_an_existing_file_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.qdeck"
    path.write_text("precious")
    with pytest.raises(QuantdeckError, match="exists already"):
        create_session(path, title="t", chip="bm1684x", fp_type="F16")
    assert path.read_text() == "precious"
    assert len(list(tmp_path.iterdir())) == 1


def empty_and_fail(session: Session) -> None:
    with session.write() as writer:
        writer.delete("layer")
        raise QuantdeckError("no layer")


def test_each_commit_raises_rev_and_a_failed_one_leaves_nothing(tmp_path: Path) -> None:
    with open_session(make(tmp_path / "a.qdeck")) as session:
        before = session.rev
        with session.write() as writer:
            writer.update("layer", "layer0", {"op": "Add", "rev": writer.rev}, column="name")
        assert session.rev == before + 1
        changed = session.rows("SELECT name FROM layer WHERE rev > ?", before)
        assert [row["name"] for row in changed] == ["layer0"]
        with pytest.raises(QuantdeckError, match="no layer"):
            empty_and_fail(session)
        assert session.rev == before + 1
        assert len(session.rows("SELECT 1 FROM layer")) == 3


def test_reading_leaves_no_file_behind(tmp_path: Path) -> None:
    path = make(tmp_path / "a.qdeck")
    with open_session(path, readonly=True) as session:
        assert session.rev
        with pytest.raises(QuantdeckError, match="reading only"), session.write():
            pass
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.qdeck"]


def test_a_lone_copy_of_a_busy_session_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Case 44: what was written before the last checkpoint is in the main file."""
    now = [0.0]
    monkeypatch.setattr(session_module.time, "monotonic", lambda: now[0])
    path = make(tmp_path / "a.qdeck")
    with open_session(path) as session:
        for number in range(20):
            now[0] += session_module.CHECKPOINT + 1
            put_plan(session, Plan("bm1684x", "F16", {}, {f"l{number}": "F32"}), f"trial {number}")
        with session.write() as writer:  # not checkpointed: no time has passed
            writer.update("state", 1, {"title": "newest"})
        assert wal(path).stat().st_size > 0
        copy = tmp_path / "other" / "copy.qdeck"
        copy.parent.mkdir()
        shutil.copy(path, copy)
        with open_session(copy, readonly=True) as lone:
            assert len(lone.rows("SELECT 1 FROM plan")) == 21
            assert lone.row("SELECT title FROM state")[0] == "test"
        backup(path, tmp_path / "other" / "backup.qdeck")
    assert not wal(path).exists() or not wal(path).stat().st_size
    with open_session(tmp_path / "other" / "backup.qdeck", readonly=True) as saved:
        assert saved.row("SELECT title FROM state")[0] == "newest"
        assert saved.row("PRAGMA integrity_check")[0] == "ok"
    shutil.copy(path, copy)
    with open_session(copy, readonly=True) as lone:
        assert lone.row("SELECT title FROM state")[0] == "newest"


@pytest.mark.parametrize("removed", [False, True])
def test_a_file_that_moves_under_a_writer_is_followed(tmp_path: Path, removed: bool) -> None:
    """Case 44 (c): nothing is written into an unlinked file until the end."""
    path, new = make(tmp_path / "a.qdeck"), tmp_path / "b.qdeck"
    with open_session(path) as session:
        with session.write() as writer:
            writer.update("state", 1, {"title": "before"})
        assert session.follow() is None
        path.unlink() if removed else path.rename(new)
        sentence = session.follow()
        assert sentence is not None
        assert session.path.name in sentence
        assert removed or session.path == new
        with session.write() as writer:
            writer.update("state", 1, {"chip": "bm1688"})
        found = session.path
    with open_session(found, readonly=True) as again:
        assert tuple(again.row("SELECT title, chip FROM state")) == ("before", "bm1688")
    assert [file.name for file in tmp_path.glob("*qdeck*")] == [found.name]  # SQLite leaves its log behind


def test_a_log_with_bytes_or_of_a_new_session_stays_where_it_is(tmp_path: Path) -> None:
    """It may be the only copy of what stands in it."""
    path = tmp_path / "a.qdeck"
    wal(path).write_bytes(b"somebody's")
    remove_left_behind(path)
    assert wal(path).read_bytes() == b"somebody's"
    wal(path).write_bytes(b"")
    path.write_bytes(b"another session")
    remove_left_behind(path)
    assert wal(path).exists()
    path.unlink()
    remove_left_behind(path)
    assert not wal(path).exists()


def damage_pages(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096 : len(content) - 4096] = bytes(len(content) - 8192)
    path.write_bytes(content)


def set_version(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()


def foreign(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE state (x)")
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda path: path.unlink(), "cannot be opened"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(b"PK\3\4" * 100), "no quantdeck session"),
        (lambda path: path.write_bytes(path.read_bytes()[:50]), "no quantdeck session"),
        (lambda path: path.write_bytes(path.read_bytes()[:40000]), "damaged"),
        (damage_pages, "damaged"),
        (set_version, "newer quantdeck"),
        (foreign, "another program"),
        (lambda path: (path.unlink(), path.mkdir()), "is a folder"),
    ],
)
@pytest.mark.parametrize("readonly", [True, False])
def test_what_is_no_session_is_named_and_left_alone(tmp_path: Path, spoil, word: str, readonly: bool) -> None:
    path = make(tmp_path / "a.qdeck", layers=400)
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(QuantdeckError, match=word) as caught:
        open_session(path, readonly=readonly)
    assert "\n" not in str(caught.value)
    assert before is None or path.read_bytes() == before
    assert {entry.name for entry in tmp_path.iterdir()} <= {"a.qdeck"}


READ = """
import sys, os
from pathlib import Path
from quantdeck.engine.errors import QuantdeckError
from quantdeck.sessions.store import open_session, backup, list_sessions
path = Path(sys.argv[1])
try:
    with open_session(path, readonly=True) as session:
        print(session.row("SELECT title FROM state")[0], session.frozen, sorted(os.listdir(path.parent)))
        try:
            session.write().__enter__()
        except QuantdeckError as error:
            print("refused:", error)
    print(len(list_sessions(path.parent)))
except QuantdeckError as error:
    print("error:", error)
try:
    open_session(path)
except QuantdeckError as error:
    print("error:", error)
"""


def test_a_session_in_a_read_only_folder_is_shown(tmp_path: Path) -> None:
    """Case 46 (a)."""
    folder = tmp_path / "frozen"
    folder.mkdir()
    path = make(folder / "a.qdeck")
    path.chmod(0o444)
    folder.chmod(0o555)
    try:
        done = python_as_ordinary_user(READ, path)
    finally:
        folder.chmod(0o755)
    lines = done.stdout.splitlines()
    assert lines[0] == "test True ['a.qdeck']", done.stderr
    assert lines[1].startswith("refused:")
    assert "quantdeck backup" in lines[1]
    assert lines[2] == "1"
    assert "can only be read" in lines[3]
    assert sorted(entry.name for entry in folder.iterdir()) == ["a.qdeck"]


def test_a_left_over_log_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    """Case 46 (b): the older state is never shown as if it were all."""
    folder = tmp_path / "frozen"
    folder.mkdir()
    path = make(tmp_path / "a.qdeck")
    with open_session(path) as session:
        with session.write() as writer:
            writer.update("state", 1, {"title": "newest"})
        for name in ("a.qdeck", "a.qdeck-wal"):
            shutil.copy(tmp_path / name, folder / name)
    size = (folder / "a.qdeck-wal").stat().st_size
    for entry in folder.iterdir():
        entry.chmod(0o444)
    folder.chmod(0o555)
    try:
        done = python_as_ordinary_user(READ, folder / "a.qdeck")
    finally:
        folder.chmod(0o755)
    assert size > 0
    assert f"{size} bytes" in done.stdout or "newest" in done.stdout.splitlines()[0]
    assert "test True" not in done.stdout


def test_a_folder_that_cannot_be_written_is_named_before_any_work(tmp_path: Path) -> None:
    """Case 46 (c)."""
    folder = tmp_path / "closed"
    folder.mkdir()
    code = """
import sys
from pathlib import Path
from quantdeck.engine.errors import QuantdeckError
from quantdeck.sessions.store import create_session
try:
    create_session(Path(sys.argv[1]), title="t", chip="bm1684x", fp_type="F16")
except QuantdeckError as error:
    print(error)
"""
    folder.chmod(0o555)
    done = python_as_ordinary_user(code, folder / "deep" / "a.qdeck")
    assert "cannot hold a session" in done.stdout, done.stderr
    assert "--session" in done.stdout
    assert "QUANTDECK_HOME" in done.stdout


def test_without_home_the_default_folder_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Case 46 (d)."""
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("QUANTDECK_HOME", raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda text: text)
    with pytest.raises(QuantdeckError, match="no home folder"):
        default_folder()
    monkeypatch.setenv("QUANTDECK_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "sessions"


def test_the_list_shows_what_cannot_be_read_with_its_reason(tmp_path: Path) -> None:
    make(tmp_path / "a.qdeck")
    set_version(make(tmp_path / "b.qdeck"))
    (tmp_path / "c.qdeck").write_text("no database")
    entries = {entry.path.name: entry for entry in list_sessions(tmp_path)}
    assert set(entries) == {"a.qdeck", "b.qdeck"}
    assert entries["a.qdeck"].model == "m"
    assert "newer" in entries["b.qdeck"].problem
    assert list_sessions(tmp_path / "missing") == ()


def test_network_file_systems_are_known_by_the_longest_mount() -> None:
    mounts = [("/", "ext4"), ("/mnt", "nfs4"), ("/mnt/local", "xfs"), ("/mnt/local", "CIFS")]
    assert type_of(Path("/home/x"), mounts) == "ext4"
    assert type_of(Path("/mnt/a"), mounts) == "nfs4"
    assert type_of(Path("/mnt/local/a"), mounts) == "cifs"
    assert type_of(Path("/mntx"), mounts) == "ext4"


def test_a_network_folder_is_refused_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path / "a.qdeck")
    monkeypatch.setattr("quantdeck.sessions.store.network_type", lambda path: "nfs4")
    with pytest.raises(QuantdeckError, match="network file system"):
        open_session(path)
    with pytest.raises(QuantdeckError, match="network file system"):
        create_session(tmp_path / "b.qdeck", title="t", chip="bm1684x", fp_type="F16")
    with open_session(path, readonly=True) as session:
        assert session.frozen


def test_a_migration_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(connection) -> None:
        connection.executescript("CREATE TABLE more (x); DROP TABLE plan; CREATE TABLE state (x);")

    path = make(tmp_path / "a.qdeck")
    monkeypatch.setattr("quantdeck.sessions.migrate.MIGRATIONS", (*[None] * VERSION, broken))
    monkeypatch.setattr("quantdeck.sessions.migrate.VERSION", VERSION + 1)
    connection = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == VERSION
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    assert "plan" in names
    assert "more" not in names
    connection.close()


def test_statements_are_split_outside_comments_and_strings() -> None:
    script = "CREATE TABLE a (x); -- one; two\nSELECT\n';';SELECT 2;\n"
    found = list(statements(script))
    assert found == ["CREATE TABLE a (x);", "-- one; two\nSELECT\n';';", "SELECT 2;"]


@given(st.binary(min_size=1, max_size=40).filter(lambda raw: b"\0" not in raw and b"/" not in raw))
def test_any_path_survives_its_row(raw: bytes) -> None:
    path = Path("/data") / raw.decode("utf-8", "surrogateescape")
    text = path_text(path)
    text.encode()
    assert path_of(text) == path


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
        st.sampled_from(["F16", "F32", "BF16"]),
        max_size=5,
    )
)
def test_any_plan_survives_its_row(tmp_path: Path, modes: dict[str, str]) -> None:
    path = tmp_path / "a.qdeck"
    with open_session(path) if path.exists() else open_session(make(path)) as session:
        plan = Plan("bm1684x", "F16", {}, modes)
        number = put_plan(session, plan, "any")
        assert put_plan(session, plan, "again") == number
        assert get_plan(session) == (number, plan)


def test_a_session_appears_with_its_rows_or_not_at_all(tmp_path: Path) -> None:
    """A kill between the file and its rows left a session that no command could use."""
    path = tmp_path / "s.qdeck"

    def fill(session: Session) -> None:
        assert not path.exists()
        with session.write() as writer:
            writer.update("state", 1, {"title": "filled"})

    def fail(session: Session) -> None:
        fill(session)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        create_session(path, title="t", chip="bm1684x", fp_type="F16", fill=fail)
    assert not any(tmp_path.iterdir())
    create_session(path, title="t", chip="bm1684x", fp_type="F16", fill=fill).close()
    alone = tmp_path / "copy.qdeck"
    alone.write_bytes(path.read_bytes())
    with open_session(alone, readonly=True) as session:
        assert tuple(session.row("SELECT title FROM state") or ()) == ("filled",)


def test_a_session_that_is_cut_while_it_is_open_still_closes(tmp_path: Path) -> None:
    """What closing says of a damaged file must not cover what the failed write said."""
    path = tmp_path / "s.qdeck"
    create_session(path, title="t", chip="bm1684x", fp_type="F16").close()
    session = open_session(path)
    for _ in range(3):
        put_plan(session, Plan("bm1684x", "F16", {}), "early")
    path.write_bytes(b"")
    path.with_name(path.name + "-wal").write_bytes(b"")
    with pytest.raises(QuantdeckError):
        session.rows("SELECT * FROM layer_score")
    session.close()


@pytest.mark.parametrize("readonly", [True, False])
def test_what_looks_like_damage_while_another_writes_is_looked_at_again_under_its_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, readonly: bool
) -> None:
    """A look without locks may meet half of a checkpoint; a test of a running job met one on a busy machine."""
    path, half = make(tmp_path / "s.qdeck"), tmp_path / "half.qdeck"
    half.write_bytes(path.read_bytes())
    damage_pages(half)
    look = store._open_frozen
    with open_session(path) as other:
        other.checkpoint()
        assert wal(path).stat().st_size == 0
        monkeypatch.setattr(store, "_open_frozen", lambda path: look(half))
        with open_session(path, readonly=readonly) as session:
            assert session.row("SELECT count(*) FROM state")[0] == 1
    with pytest.raises(QuantdeckError, match="damaged"):
        open_session(path, readonly=readonly)  # nobody writes: what was seen counts
