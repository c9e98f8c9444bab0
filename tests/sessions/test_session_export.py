"""Exports: tables that read back as the plan, figures in JSON and CSV, and nothing written over in silence."""

import csv
import json
from pathlib import Path

import pytest
from quantdeck.engine.calib.qtable import read_qtable
from quantdeck.engine.calib.table import read_table
from quantdeck.engine.errors import QuantdeckError
from quantdeck.engine.mix.trial import Outcome, StopReason
from quantdeck.engine.plan import Mode, Plan, Threshold
from quantdeck.sessions import edits, records
from quantdeck.sessions.export import FORMS, export, usual_name
from quantdeck.sessions.outcomes import outcome_body
from quantdeck.sessions.packing import pack
from quantdeck.sessions.store import create_session, open_session

NAMES = ("b/conv", "=1+1", "a b\tc", "层")
PLAN = Plan(
    "bm1684x",
    "F16",
    {name: Threshold(1.5 + place, -1.0, 2.0, "kl") for place, name in enumerate(NAMES)},
    {"层": Mode.F16, "b/conv": Mode.F32},
)


@pytest.fixture
def session(tmp_path: Path) -> Path:
    path = tmp_path / "net.qdeck"
    with create_session(path, title="net", chip="bm1684x", fp_type="F16") as session:
        with session.write() as writer:
            for position, name in enumerate(NAMES):
                row = {"position": position, "name": name, "rev": writer.rev, "shape": "1x4"}
                writer.add("tensor", row)
                more = {"op": "Conv", "macs": 1, "params": 1, "inputs": "[]", "detail": ""}
                writer.add("layer", {**row, **more, "outputs": json.dumps([name])})
        records.put_plan(session, PLAN, "kl calibration")
    return path


def test_the_tables_read_back_as_the_plan(session: Path, tmp_path: Path) -> None:
    export(session, {form: usual_name(session, form) for form in FORMS})
    rows = read_table(tmp_path / "net_cali_table").rows
    assert list(rows) == list(NAMES)
    assert {name: row.value for name, row in rows.items()} == {n: t.value for n, t in PLAN.thresholds.items()}
    assert list(read_qtable(tmp_path / "net_qtable").items()) == [("b/conv", Mode.F32), ("层", Mode.F16)]
    figures = json.loads((tmp_path / "net_figures.json").read_bytes().decode("ascii"))
    assert [layer["name"] for layer in figures["layers"]] == list(NAMES)
    assert figures["plan"]["digest"] == PLAN.digest
    assert figures["score"] is None
    with (tmp_path / "net_layers.csv").open(newline="", encoding="utf-8") as file:
        layers = list(csv.DictReader(file))
    assert [layer["mode"] for layer in layers] == ["F32", "INT8", "INT8", "F16"]
    assert layers[1]["name"] == "'=1+1"
    assert list(layers[0]) == list(figures["layers"][0])
    assert set(figures["units"]) < set(layers[0])
    assert "nothing is predicted" in figures["notes"][0]  # there is no model


def test_figures_of_the_plan_before_are_marked(session: Path, tmp_path: Path) -> None:
    with open_session(session) as opened:
        with opened.write() as writer:
            figures = {"local_cos": 0.5, "local_sqnr": 20.5, "cos": 0.25, "sqnr": 10.5, "saturation": 0.125}
            rows = [
                {"plan": 1, "layer": name, "mode": "INT8", **figures, "rev": writer.rev} for name in NAMES
            ]
            writer.insert("layer_score", rows)
            row = {"plan": 1, "samples_digest": "c", "created": 1.0, "cos": 0.9, "sqnr": 8.0, "dead": 0}
            writer.insert("score", [{**row, "body": '{"samples": 16}'}])
        edits.edit(opened, PLAN.with_mode("a b\tc", Mode.F16), "another")
    export(session, {form: usual_name(session, form) for form in ("json", "csv")})
    figures = json.loads((tmp_path / "net_figures.json").read_text())
    assert (figures["score"]["stale"], figures["score"]["samples"], figures["score"]["sqnr"]) == (
        True,
        16,
        8.0,
    )
    changed = figures["layers"][NAMES.index("a b\tc")]
    assert changed["stale"] == ["local_cos", "local_sqnr", "cos", "sqnr", "saturation"]
    assert (changed["sqnr"], changed["mode"]) == (10.5, "F16")
    assert figures["layers"][0]["stale"] == []
    with (tmp_path / "net_layers.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[NAMES.index("a b\tc")]["stale"] == "local_cos local_sqnr cos sqnr saturation"
    assert rows[0]["stale"] == ""


def test_a_file_that_is_there_is_kept(session: Path, tmp_path: Path) -> None:
    target = tmp_path / "table"
    target.write_text("mine")
    other = tmp_path / "new.json"
    with pytest.raises(QuantdeckError, match="exists already"):
        export(session, {"json": other, "calibration_table": target})
    assert target.read_text() == "mine"
    assert not other.exists()
    export(session, {"calibration_table": target}, replace=True)
    assert len(read_table(target).rows) == 4


def test_without_a_plan_there_is_nothing_to_export(tmp_path: Path) -> None:
    path = tmp_path / "new.qdeck"
    create_session(path, title="t", chip="bm1684x", fp_type="F16").close()
    with pytest.raises(QuantdeckError, match="no plan yet"):
        export(path, {"json": tmp_path / "x"})
    with open_session(path, readonly=True) as session:
        assert session.rev == 1


def test_the_best_plan_of_a_search_so_far(session: Path, tmp_path: Path) -> None:
    better = Plan(PLAN.chip, PLAN.fp_type, PLAN.thresholds, {"a b\tc": Mode.F16, "层": Mode.F16})
    row = {"job": 7, "kind": "run_qtable", "samples": "{}"}
    with open_session(session) as opened, opened.write() as writer:
        writer.add("search", row)
    with pytest.raises(QuantdeckError, match="scored no plan yet"):
        export(session, {"quantize_table": tmp_path / "early"}, search=7)
    with open_session(session) as opened, opened.write() as writer:
        best = pack({"plan": better.to_json(), "cos": 0.99, "layers": ["层"]})
        writer.update("search", 7, {"best": best}, column="job")
    export(session, {"quantize_table": tmp_path / "running", "json": tmp_path / "json"}, search=7)
    assert read_qtable(tmp_path / "running") == {"层": Mode.F16}
    with open_session(session) as opened, opened.write() as writer:
        outcome = Outcome(better, 1.0, 0.9, 0.99, StopReason.CONFIRMED)
        writer.update("search", 7, {"outcome": pack(outcome_body(outcome)), "best": None}, column="job")
    export(session, {"quantize_table": tmp_path / "ended"}, search=7)
    assert read_qtable(tmp_path / "ended") == better.modes
    with pytest.raises(QuantdeckError, match="no search 8"):
        export(session, {"quantize_table": tmp_path / "other"}, search=8)
