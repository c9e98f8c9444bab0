"""Searches show what rules would leave in float, start from it where asked, and leave it where refused."""

import io
from pathlib import Path

import numpy as np
import onnx
import pytest
import search_jobs
from onnx import TensorProto, helper, numpy_helper
from quantdeck.engine.calib.qtable import read_qtable
from search_jobs import Desk

DECODING = {"s0_Sigmoid", "r0_Reshape", "s1_Sigmoid", "r1_Reshape", "y_Concat"}


def detector(path: Path) -> Path:
    """Heads on maps of 8x8 and 4x4, joined to one list of anchors."""
    random = np.random.default_rng(2)
    shapes = {"w": (6, 3, 3, 3), "h0": (5, 6, 1, 1), "h1": (5, 6, 1, 1)}
    held = [
        numpy_helper.from_array(random.normal(0, 0.4, s).astype(np.float32), n) for n, s in shapes.items()
    ]
    held += [numpy_helper.from_array(np.array([1, 5, -1]), "shape")]
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["trunk"], pads=[1] * 4),
        helper.make_node("MaxPool", ["trunk"], ["small"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["trunk", "h0"], ["c0"]),
        helper.make_node("Conv", ["small", "h1"], ["c1"]),
    ]
    for place in "01":
        nodes.append(helper.make_node("Sigmoid", [f"c{place}"], [f"s{place}"]))
        nodes.append(helper.make_node("Reshape", [f"s{place}", "shape"], [f"r{place}"]))
    nodes.append(helper.make_node("Concat", ["r0", "r1"], ["y"], axis=2))
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)]
        for name, shape in (("x", [1, 3, 8, 8]), ("y", [1, 5, 80]))
    ]
    graph = helper.make_graph(nodes, "detector", *ends, held)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search_jobs, "network", detector)
        yield Desk(tmp_path_factory.mktemp("desk"))


def run(desk: Desk, kind: str, rules: str) -> tuple[set[str], str]:
    """The float layers that a search wrote, and what it said."""
    out, log = desk.folder / f"{kind}-{rules}", io.StringIO()
    path = desk.session(f"{kind}-{rules}")
    job = desk.run(path, desk.add(path, desk.spec(kind, out, start_rules=rules, expected_cos=1.0)), log)
    assert job.state == "done", job.message
    return set(read_qtable(out / "qtable")), log.getvalue()


@pytest.mark.parametrize("kind", ["search_qtable", "run_sensitive_layer", "run_qtable"])
def test_rules_are_shown_taken_or_refused(desk: Desk, kind: str):
    shown, said = run(desk, kind, "show")
    assert "2 detector heads on 2 maps" in said
    assert "--start_rules auto" in said
    taken, told = run(desk, kind, "auto")
    assert taken >= DECODING
    assert "--start_rules none refuses" in told
    refused, silent = run(desk, kind, "none")
    assert "detector" not in silent
    assert refused == shown
