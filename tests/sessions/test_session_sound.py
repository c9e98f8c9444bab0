"""A session whose rows hold what they never should is refused with one sentence, wherever it is opened."""

import json
import math
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from quantdeck.engine.errors import QuantdeckError
from quantdeck.engine.plan import Mode
from quantdeck.sessions import edits, records
from quantdeck.sessions.corrections import unpacked
from quantdeck.sessions.export import export, search_text
from quantdeck.sessions.journal import Journal
from quantdeck.sessions.ledgers import search_scopes
from quantdeck.sessions.outcomes import outcome_from, reasons_from
from quantdeck.sessions.packing import pack
from quantdeck.sessions.proposals import plan_text
from quantdeck.sessions.search_spec import SearchSpec
from quantdeck.sessions.store import list_sessions, open_session
from quantdeck.sessions.work import session_source
from quantdeck.tui.listing import list_folder
from quantdeck.tui.reader import SessionReader
from session_files import make

from quantdeck.cli.diagnostics import run
from quantdeck.cli.main import group

SPOILED = (
    ("layer", "macs", "many"),
    ("layer", "name", b"\xff\x00"),
    ("layer", "inputs", "-5"),
    ("layer", "outputs", "[1, [2]]"),
    ("layer", "inputs", "{"),
    ("model", "notes", "{}"),
    ("model", "inputs", ""),
    ("state", "title", b"x"),
    ("state", "settings", "[]"),
    ("state", "current_plan", "\x1b[2J"),
    ("plan", "created", "yesterday"),
    ("plan", "body", b"{}"),
    ("plan", "body", "running"),
    ("plan", "body", "[]"),
)


def spoil(path: Path, statement: str, values: tuple[object, ...] = ()) -> None:
    """Change the file as no command would."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement, values)
    connection.close()


@pytest.mark.parametrize(("table", "column", "value"), SPOILED)
def test_a_row_of_a_wrong_type_is_told(tmp_path: Path, table: str, column: str, value: object) -> None:
    path = make(tmp_path / "a.qdeck")
    last = f"(SELECT max(rowid) FROM {table})"
    spoil(path, f"UPDATE {table} SET {column} = ? WHERE rowid = {last}", (value,))
    for readonly in (True, False):
        with pytest.raises(QuantdeckError, match=rf"is damaged \({table}\.{column} holds"):
            open_session(path, readonly=readonly)
    (one,) = list_sessions(tmp_path)
    (shown,) = list_folder(tmp_path)
    assert f"{table}.{column}" in one.problem
    assert one.problem == shown.problem


def test_a_text_that_is_not_utf8_and_a_missing_column_are_told_in_the_lists(tmp_path: Path) -> None:
    for name, statement in (
        ("a.qdeck", "UPDATE state SET title = CAST(x'ff41' AS TEXT)"),
        ("b.qdeck", "ALTER TABLE model RENAME COLUMN notes TO n"),
    ):
        spoil(make(tmp_path / name), statement)
    for entries in (list_sessions(tmp_path), list_folder(tmp_path)):
        assert all("damaged" in one.problem for one in entries), entries


def test_a_schema_that_is_not_utf8_is_damage(tmp_path: Path) -> None:
    """SQLite reports the texts of rows itself, but quotes the schema in its error as it is."""
    path = make(tmp_path / "a.qdeck")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"CREATE TABLE layer_score", b"CREATE TABL\xd9 layer_score"))
    assert path.read_bytes() != content
    for readonly in (True, False):
        with pytest.raises(QuantdeckError, match="damaged"):
            open_session(path, readonly=readonly)
    assert all("damaged" in one.problem for one in (*list_sessions(tmp_path), *list_folder(tmp_path)))


def test_figures_of_any_size_are_no_damage(tmp_path: Path) -> None:
    path = make(tmp_path / "a.qdeck")
    spoil(path, "UPDATE plan SET created = ?", (math.inf,))
    spoil(path, "UPDATE layer SET macs = ?", (2**62,))
    open_session(path).close()


@pytest.mark.parametrize("skipped", ["[[1]]", '["a.png"]', "[{}]"])
def test_a_sample_that_was_left_out_without_a_reason_is_told(tmp_path: Path, skipped: str) -> None:
    path = make(tmp_path / "a.qdeck")
    row = {"role": "evaluation", "path": "p", "digest": "d", "requested": 0, "used": 1, "formed": 1}
    with open_session(path) as session, session.write() as writer:
        writer.insert("samples", [{**row, "preprocess": "{}", "entries": "[]", "skipped": skipped}])
    with pytest.raises(QuantdeckError, match=r"is damaged \(samples\.skipped holds"):
        open_session(path)


def test_figures_of_layers_whose_names_are_no_text_are_told(tmp_path: Path) -> None:
    path = make(tmp_path / "a.qdeck")
    spoil(path, "UPDATE layer SET shape = CAST(x'31d9' AS TEXT) WHERE position = 2")
    for form in ("json", "csv"):
        with pytest.raises(QuantdeckError, match="a text is not UTF-8"):
            export(path, {form: tmp_path / form})


@pytest.mark.parametrize(
    "preprocess", ['{"a": null}', '{"a": [1]}', '{"a": {"pixel_format": null}}', '{"a": {"b": 1}}']
)
def test_preprocessing_that_is_none_names_the_session(tmp_path: Path, preprocess: str) -> None:
    path = make(tmp_path / "a.qdeck")
    row = {"role": "calibration", "path": "p", "digest": "d", "requested": 0, "used": 1, "formed": 1}
    with open_session(path) as session:
        with session.write() as writer:
            writer.delete("samples")
            writer.insert("samples", [{**row, "preprocess": preprocess, "entries": "[]", "skipped": "[]"}])
        with pytest.raises(QuantdeckError, match=r"a\.qdeck is damaged \(how its samples become arrays"):
            session_source(session)


def test_a_trial_without_a_place_is_told(tmp_path: Path) -> None:
    path = make(tmp_path / "a.qdeck")
    spoil(path, "INSERT INTO trial (key, job, position, created) VALUES ('k', 1, 'x', 0)")
    with open_session(path) as session, pytest.raises(QuantdeckError, match="is damaged"):
        Journal(session, 1)


HEAD = '"chip": "bm1684x", "fp_type": "F16"'
BODIES = (
    "{}",
    '{"thresholds": {}, "modes": {}}',
    '{"chip": 1, "fp_type": "F16", "thresholds": {}, "modes": {}}',
    '{"chip": "bm1684x", "fp_type": null, "thresholds": {}, "modes": {}}',
    f"{{{HEAD}}}",
    f'{{{HEAD}, "thresholds": [], "modes": {{}}}}',
    f'{{{HEAD}, "thresholds": {{"t0": [1.5]}}, "modes": {{}}}}',
    f'{{{HEAD}, "thresholds": {{"t0": ["1.5", 0, 1, "kl"]}}, "modes": {{}}}}',
    f'{{{HEAD}, "thresholds": {{}}, "modes": ["F16"]}}',
    f'{{{HEAD}, "thresholds": {{}}, "modes": {{"layer0": "Q4"}}}}',
)


@pytest.mark.parametrize("body", BODIES)
def test_a_plan_that_is_none_is_told_where_the_session_stands_on_it_and_where_it_is_read(
    tmp_path: Path, body: str
) -> None:
    path = make(tmp_path / "a.qdeck")
    with open_session(path) as session:
        first = session.row("SELECT current_plan FROM state")
        assert first is not None
        edits.change(session, lambda plan: plan.with_mode("layer0", Mode.F16), "edit")
    for wrong in (first[0], None):
        spoil(path, "UPDATE plan SET body = ? WHERE id = ? OR ? IS NULL", (body, wrong, wrong))
        if wrong is None:
            with pytest.raises(QuantdeckError, match=r"is damaged \(plan\.body holds"):
                open_session(path)
            return
        with open_session(path) as session:
            with pytest.raises(QuantdeckError, match="stored plan is damaged"):
                edits.undo(session)
            with pytest.raises(QuantdeckError, match="stored plan is damaged"):
                records.get_plan(session, wrong)
            assert records.get_plan(session) is not None
        with (
            SessionReader(path) as reader,
            pytest.raises(QuantdeckError, match=f"plan {wrong} of the session"),
        ):
            reader.layers(wrong)


def _itself(key: str) -> bytes:
    return pack({"base": "a"})


@pytest.mark.parametrize(
    "body", [{}, [], {"whole": 3}, {"whole": {"thresholds": []}}, {"base": 1}, {"base": "a"}]
)
def test_what_is_kept_of_a_search_is_damage_where_it_is_something_else(body: object) -> None:
    """Valid JSON in another shape is told with the sentence about cut bodies, never as a fault of the program."""
    with pytest.raises(QuantdeckError, match="keeps of a search or calibration is damaged"):
        plan_text(pack(body), _itself)
    with pytest.raises(QuantdeckError, match="damaged"):
        outcome_from({"plan": body})
    with pytest.raises(QuantdeckError, match="keeps of a search or calibration is damaged"):
        reasons_from({"reasons": [[body]]})


SEARCH = {"kind": "search_qtable", "chip": "bm1684x", "fp_type": "F16", "folder": "/"}


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"kind": 3},
        {**SEARCH, "compared": {"a": 1}},
        {**SEARCH, "start": 3},
        {**SEARCH, "expected_cos": "1"},
        {**SEARCH, "bins": None},
        {**SEARCH, "preprocess": []},
        {**SEARCH, "outputs": "x"},
    ],
)
@pytest.mark.parametrize("samples", ["{}", "null", "[[1]]", '{"scored": 1}'])
def test_settings_of_a_search_that_are_none_are_told_and_stop_nothing_else(
    tmp_path: Path, spec: dict[str, object], samples: str
) -> None:
    with pytest.raises(QuantdeckError, match="keeps of a search or calibration is damaged"):
        SearchSpec.from_dict(spec)
    path = make(tmp_path / "a.qdeck")
    with open_session(path) as session:
        with session.write() as writer:
            job = writer.add(
                "job",
                {
                    "kind": "search",
                    "title": "x",
                    "spec": json.dumps(spec),
                    "state": "done",
                    "wanted": "run",
                    "created": 0.0,
                    "rev": 1,
                },
            )
            writer.insert(
                "search", [{"job": job, "kind": "search_qtable", "samples": samples, "outcome": pack({})}]
            )
        with pytest.raises(QuantdeckError, match="damaged"):
            search_text(session, "new_table", job)
        assert search_scopes(session, "graph") == []


def test_settings_of_a_search_come_back_as_they_were() -> None:
    spec = SearchSpec(
        **SEARCH, compared=[["a", 1.0]], memory=3, outputs={"o": ["a", "b"]}, preprocess={"mean": [0]}
    )
    assert SearchSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == replace(
        spec, methods=[], start=[], without_ops=[]
    )


@pytest.mark.parametrize("body", [b"", b"\xff\x00", b"PK\x03\x04" + bytes(40), pack({})])
def test_corrections_that_are_none_are_told(body: bytes) -> None:
    with pytest.raises(QuantdeckError, match="keeps of a search or calibration is damaged"):
        unpacked(body)


@pytest.mark.parametrize("files", ["3", "{", "[[]]", '{"a": [1]}', "[3]"])
def test_files_of_a_search_that_are_none_are_told_where_it_is_attached_to(
    tmp_path: Path, files: str, capfd: pytest.CaptureFixture[str]
) -> None:
    path = make(tmp_path / "a.qdeck")
    row = {"kind": "search", "title": "x", "spec": "{}", "state": "done", "wanted": "run", "created": 0.0}
    with open_session(path) as session, session.write() as writer:
        job = writer.add("job", {**row, "status": 2**62, "rev": writer.rev})
        found = {"job": job, "kind": "search_qtable", "samples": "{}", "lines": "success"}
        writer.insert("search", [{**found, "files": files}])
    assert run(group, ["attach", str(path)]) == 2
    assert "damaged" in capfd.readouterr().err
    with open_session(path) as session, session.write() as writer:
        writer.update("search", job, {"files": "[]"}, column="job")
    assert run(group, ["attach", str(path)]) == 0
