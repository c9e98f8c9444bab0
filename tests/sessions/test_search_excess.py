"""A search tells of the layers that a float type or an accumulator did not hold, resumed or not."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import search_jobs
from onnx import TensorProto, helper, numpy_helper
from quantdeck.engine.plan import Mode, Plan
from quantdeck.engine.run.score import Excess
from quantdeck.sessions.search_excess import search_notes
from quantdeck.sessions.store import open_session
from search_jobs import Desk


def large_values(path: Path) -> Path:
    """A convolution whose results no F16 holds, behind it one that brings them back."""
    random = np.random.default_rng(1)
    weights = {
        "w0": random.normal(0, 3e4, (6, 3, 3, 3)),
        "w1": random.normal(0, 1e-2, (5, 6, 1, 1)),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w0"], ["large"], pads=[1] * 4),
        helper.make_node("Relu", ["large"], ["kept"]),
        helper.make_node("Conv", ["kept", "w1"], ["small"]),
        helper.make_node("GlobalAveragePool", ["small"], ["p"]),
        helper.make_node("Flatten", ["p"], ["y"]),
    ]
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)]
        for name, shape in (("x", [1, 3, 8, 8]), ("y", [1, 5]))
    ]
    held = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "large", *ends, held)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(search_jobs, "network", large_values)
    (tmp_path / "desk").mkdir()
    return Desk(tmp_path / "desk")


def test_an_overflow_is_told_at_the_end_and_again_where_the_journal_answers(desk: Desk):
    path, out = desk.session("one"), desk.folder / "out"
    spec = desk.spec(
        "run_sensitive_layer", out, reference="float32", methods=("max",), expected_cos=0.9999999
    )
    number = desk.add(path, spec)
    job = desk.run(path, number)
    assert job.state == "done", job.message
    with open_session(path, readonly=True) as session:
        lines = session.row("SELECT lines FROM search WHERE job = ?", number)[0]
        failed = session.rows("SELECT cos FROM trial WHERE cos < 0.8")
    assert "beyond F16" in lines
    assert "F32" in lines
    assert failed  # a plan whose values overflowed is worth nothing, and no error
    again = desk.add(path, spec)
    desk.run(path, again)
    with open_session(path, readonly=True) as session:
        assert session.row("SELECT lines FROM search WHERE job = ?", again)[0] == lines
        assert session.row("SELECT count(*) FROM trial WHERE job = ?", again)[0] == 0


def test_sentences_name_the_result_first_and_then_what_was_only_tried():
    plan = Plan("bm1684x", "F16", modes={"a": Mode.F16})
    others = [plan.with_mode(name, Mode.F16) for name in "bc"]
    found = {
        plan.digest: (Excess("a", "sum", 3),),
        others[0].digest: (Excess("b", "F16", 1), Excess("r", "F16", 1, reference=True)),
        others[1].digest: (Excess("b", "F16", 2),),
    }
    first, second = search_notes(found, plan)
    assert first.startswith("layer a: 3 sums beyond 2^24")
    assert second.startswith("2 other plans went beyond F16 in b;")
    assert search_notes({}, plan) == []
