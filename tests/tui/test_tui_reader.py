"""Reading a session: figures, neighbours, changes since a revision, files that are none."""

import json
import shutil
import sqlite3
import time
from pathlib import Path

import pytest
from quantdeck.engine.errors import QuantdeckError
from quantdeck.sessions.schema import VERSION
from quantdeck.tui.feed import BUSY, QUIET, Feed
from quantdeck.tui.glyphs import GLYPHS
from quantdeck.tui.listing import list_folder
from quantdeck.tui.reader import SessionReader
from quantdeck.tui.snapshots import SessionView
from quantdeck.tui.widgets.bars import header_lines
from sample_session import add_job, layer_names, make_session, set_job, set_layer_score


def test_the_head_names_session_plan_and_score(stored: Path) -> None:
    with SessionReader(stored) as reader:
        view = reader.head()
    assert (view.title, view.chip, view.fp_type, view.plan_label) == (
        "mobilenet",
        "bm1684x",
        "F16",
        "kl calibration",
    )
    assert view.score is not None
    assert view.score.top1_int8 == 0.711
    assert (view.samples_path, view.samples, view.settings["method"]) == ("/data/imagenet", 100, "kl")


def test_layers_come_as_columns_of_equal_length(stored: Path) -> None:
    with SessionReader(stored) as reader:
        layers = reader.layers(1)
        bare = reader.layers(None)
    assert {len(column) for column in layers.columns.values()} == {64}
    assert layers.columns["method"][0] == "kl_tune"
    assert layers.columns["mode"][-1] == "F16"
    assert layers.columns["local_sqnr"][-1] is None
    assert set(bare.columns["threshold"]) == {None}


def test_a_layer_knows_its_neighbours_and_its_activation(stored: Path) -> None:
    names = layer_names(stored)
    with SessionReader(stored) as reader:
        first, added = reader.layer(names[0]), reader.layer(names[7])
        assert reader.layer("no such layer") is None
    assert first is not None
    assert first.inputs == (("input", "input"),)
    assert first.outputs == ((names[1], "Conv"),)
    assert first.tensor is not None
    assert len(first.tensor.counts) == 256
    assert [method for method, _ in first.tensor.thresholds][-1] == "max"
    assert added is not None
    assert added.inputs == ((names[6], "Conv"), (names[3], "Add"))


def test_hostile_names_are_read_as_they_are(hostile: Path) -> None:
    with SessionReader(hostile) as reader:
        for name in layer_names(hostile)[:20]:
            layer = reader.layer(name)
            assert layer is not None
            assert layer.name == name


def test_a_feed_tells_what_changed_and_nothing_else(session: Path) -> None:
    feed = Feed(SessionReader(session))
    assert feed.delay == QUIET
    assert feed.look() is None
    before = feed.view
    name = layer_names(session)[5]
    set_layer_score(session, name, sqnr=3.25)
    view = feed.look()
    assert view is not None
    assert view.rev == before.rev + 1
    changes = feed.reader.figures_since(view.plan, before.rev)
    assert [(layer, figures["sqnr"]) for layer, figures in changes] == [(name, 3.25)]
    assert feed.look() is None
    feed.close()


def test_a_running_job_is_followed_faster_and_a_silent_one_counts_as_lost(session: Path) -> None:
    feed = Feed(SessionReader(session))
    job = add_job(session, heartbeat=4e9)
    view = feed.look()
    assert view is not None
    assert view.job is not None
    assert (view.job.id, view.job.lost, feed.delay) == (job, False, BUSY)
    set_job(session, job, heartbeat=1000.0)
    view = feed.look()
    assert view is not None
    assert view.job is not None
    assert view.job.lost
    assert feed.delay == QUIET
    feed.close()


@pytest.mark.parametrize("content", [b"", b"hello", b"SQLite format 3\0" + bytes(200)])
def test_a_file_that_is_no_session_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "no\x1b[31m.qdeck"
    path.write_bytes(content)
    with pytest.raises(QuantdeckError, match="no"):
        SessionReader(path)


def test_the_list_holds_every_session_and_says_why_one_cannot_be_read(tmp_path: Path) -> None:
    good = make_session(tmp_path / "good.qdeck")
    add_job(good, heartbeat=time.time())
    silent = make_session(tmp_path / "silent.qdeck")
    add_job(silent)
    newer = tmp_path / "newer.qdeck"
    shutil.copy(make_session(tmp_path / "old.qdeck", scored=False, title="old"), newer)
    connection = sqlite3.connect(newer)
    connection.execute(f"PRAGMA user_version={VERSION + 1}")
    connection.close()
    (tmp_path / "notes.txt").write_text("no session")
    entries = {entry.path.name: entry for entry in list_folder(tmp_path)}
    assert set(entries) == {"good.qdeck", "newer.qdeck", "old.qdeck", "silent.qdeck"}
    assert entries["good.qdeck"].job == "calibrate running"
    assert entries["silent.qdeck"].job == "calibrate broken"
    assert entries["good.qdeck"].top1_int8 == 0.711
    assert "newer quantdeck" in entries["newer.qdeck"].problem
    assert entries["old.qdeck"].sqnr is None
    assert list_folder(tmp_path / "nowhere") == ()


def test_the_header_says_that_a_session_is_read_only() -> None:
    view = SessionView(
        path=Path("s"), rev=1, title="digits", chip="bm1684x", fp_type="F16", model="m", model_path="m.onnx",
        notes=(), samples_path="", samples=0, settings={}, plan=None, plan_label="", score=None, job=None,
        read_only=True,
    )  # fmt: skip
    first = "".join(text for text, _ in header_lines(view, "", GLYPHS["braille"], 80)[0])
    assert "read-only" in first


def test_a_layer_is_shown_as_the_chip_runs_it_also_after_it_was_read_again(session: Path) -> None:
    """The chip may widen what a plan sets (AvgPool in F16 runs in F32); a later plan may set it otherwise."""
    names = layer_names(session)
    _two_plans(session, {names[3]: "F16"}, {names[3]: "F32"})
    with SessionReader(session) as reader:
        assert reader.layers(2).columns["mode"][3] == "F32"
        assert (
            reader.layers(3).columns["mode"][3] == "INT8"
        )  # its plan takes it back, nothing is measured yet


def test_a_layer_that_only_follows_a_float_one_is_not_called_float_only(session: Path) -> None:
    names = layer_names(session)
    _two_plans(session, {names[3]: "F16"}, {names[3]: "F16", names[4]: "F16"})
    with SessionReader(session) as reader:
        known, next_one = reader.layers(2), reader.layers(3)
    assert names[4] in known.carried
    assert names[4] not in known.fixed
    assert known.columns["mode"][4] == "F16"
    assert next_one.columns["mode"][4] == "INT8"  # the layer before it is in int8 again
    assert not next_one.carried


def _two_plans(path: Path, modes: dict[str, str], lowered: dict[str, str]) -> None:
    """Plan 2 sets *modes* and was measured, with what the chip made of it; plan 3 comes from it and sets nothing."""
    connection = sqlite3.connect(path)
    body = json.loads(connection.execute("SELECT body FROM plan WHERE id = 1").fetchone()[0])
    with connection:
        for number, found in ((2, modes), (3, {})):
            connection.execute(
                "INSERT INTO plan VALUES(?,?,?,?,?,?)",
                (number, str(number) * 64, "edit", 0.0, number - 1, json.dumps({**body, "modes": found})),
            )
        connection.execute("UPDATE layer_score SET mode = 'INT8' WHERE plan = 1")
        connection.execute(
            "INSERT INTO layer_score SELECT 2, layer, mode, local_cos, local_sqnr, cos, sqnr, saturation, rev"
            " FROM layer_score WHERE plan = 1"
        )
        for name, mode in lowered.items():
            connection.execute("UPDATE layer_score SET mode = ? WHERE plan = 2 AND layer = ?", (mode, name))
    connection.close()
