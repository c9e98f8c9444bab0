"""Every plan that a search proposes can be read again from the journal, while it runs and after."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from quantdeck.engine.plan import Mode, Plan, Threshold
from quantdeck.sessions.export import export
from quantdeck.sessions.packing import unpack
from quantdeck.sessions.proposals import Proposals, plan_text
from quantdeck.sessions.store import open_session
from search_jobs import Desk

KINDS = ("search_qtable", "run_sensitive_layer", "run_qtable", "search_threshold", "pareto")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"))


def plans() -> list[Plan]:
    first = Plan("bm1684x", "F16", {name: Threshold(1.0, -1.0, 1.0, "kl") for name in ("b", "a", "in")})
    return [
        first,
        first.with_modes({"b": Mode.F16}),
        first.with_threshold("a", 0.5).with_modes({"a": Mode.F32, "b": Mode.F16}),
        Plan("bm1684x", "F16", {"b": Threshold(2.0, -1.0, 1.0)}),
    ]


def test_a_plan_is_read_as_it_was_written() -> None:
    writer = Proposals()
    blobs = {f"key {number}": writer.packed(f"key {number}", plan) for number, plan in enumerate(plans())}
    for blob, plan in zip(blobs.values(), plans(), strict=True):
        assert plan_text(blob, blobs.get) == plan.to_json()
    assert "whole" not in unpack(blobs["key 1"])
    assert plan_text(blobs["key 1"], lambda key: None) == ""


@pytest.mark.parametrize("kind", KINDS)
def test_a_search_leaves_what_it_tried(desk: Desk, tmp_path: Path, kind: str) -> None:
    path = desk.session(kind)
    spec = desk.spec("search_qtable" if kind == "pareto" else kind, tmp_path)
    if kind == "pareto":
        spec = replace(spec, strategy="pareto")
    number = desk.add(path, spec)
    assert desk.run(path, number).state == "done"
    with open_session(path, readonly=True) as session:
        rows = session.rows("SELECT * FROM tried JOIN trial USING (key) ORDER BY position")
        blobs = {row["key"]: row["body"] for row in session.rows("SELECT key, tried.body FROM tried")}
        outcome = unpack(session.row("SELECT outcome FROM search")[0])
    judged = {row["layer"]: 1 - row["cos"] for row in rows if row["layer"]}
    found = {
        (row["float_layers"], row["cos"]): plan_text(blobs[row["key"]], blobs.get)
        for row in rows
        if row["layer"] is None
    }
    wanted = {"new_table": "new_cali_table.txt"} | ({"loss_table": "loss"} if kind == "run_qtable" else {})
    export(path, {form: tmp_path / form for form in wanted})
    for form, written in wanted.items():
        assert (tmp_path / form).read_bytes() == (tmp_path / written).read_bytes()
    layers = {row[0] for row in outcome["ranking"]}
    if kind == "search_threshold":  # two methods may have the same thresholds, and then share a trial
        assert judged.keys() <= layers
        assert all(blobs[row["key"]] for row in rows)
        return
    assert layers <= judged.keys()
    assert len(outcome["costs"]) == len(outcome["curve"])
    for (floats, cos, text), cost in zip(outcome["curve"], outcome["costs"], strict=True):
        assert found[floats, cos] == text
        assert cost == 1 if not floats else cost > 1
    if kind != "pareto":  # its ranking is by the ledger
        for layer, _, loss, *_ in outcome["ranking"]:
            assert loss <= judged[layer] or kind == "run_qtable"


def test_a_list_of_bad_cases_is_what_candidates_are_scored_on(desk: Desk, tmp_path: Path) -> None:
    files = sorted(desk.samples.iterdir())[3:5]
    listed = tmp_path / "bad.txt"
    listed.write_text("".join(f"{file}\n" for file in files))
    path = desk.session("listed")
    spec = replace(desk.spec("search_qtable", tmp_path), scored_list=str(listed))
    assert desk.run(path, desk.add(path, spec)).state == "done"
    with open_session(path, readonly=True) as session:
        used = json.loads(session.row("SELECT samples FROM search")[0])
        body = unpack(session.row("SELECT body FROM trial WHERE float_layers = 0")[0])
    assert used["scored"]["entries"] == [str(file) for file in files]
    assert len(used["calibration"]["entries"]) == 6
    assert body["samples"] == 2
