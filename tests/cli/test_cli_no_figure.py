"""What evaluate says of outputs that hold NaN."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from shell import Shell


def quotient(folder: Path) -> None:
    """c over Relu(c), beside c: a small c is 0 in eight bits, and the quotient NaN; one sample of four is small."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Div", ["c", "r"], ["q"]),
    ]
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in side]
        for side in ([("x", [1, 3, 8, 8])], [("c", [1, 2, 8, 8]), ("q", [1, 2, 8, 8])])
    ]
    weights = [numpy_helper.from_array(np.full((2, 3, 1, 1), 0.3, np.float32), "w")]
    graph = helper.make_graph(nodes, "quotient", *ends, weights)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "q.onnx"
    )
    (folder / "s").mkdir()
    for index in range(4):
        value = np.random.default_rng(index).uniform(0.5, 1, (1, 3, 8, 8)) * (1e-4 if index == 2 else 1)
        np.savez(folder / "s" / f"{index}.npz", value.astype(np.float32))


def test_an_output_with_nan_has_no_figure_and_reaches_no_target(shell: Shell) -> None:
    """The mean over the other samples would be 0.875 in the chapter's cos."""
    quotient(shell.folder)
    data = "q.onnx --dataset s"
    assert shell(f"run_calibration {data} --cali_method max --tune_num 0 -o t")[0] == 0
    status, out, err = shell(f"evaluate {data} --calibration_table t --expected_cos 0.6")
    assert status == 3
    assert out.splitlines()[-1].split()[:6] == ["q", "nan", "nan", "nan", "nan", "nan"]
    assert "q: nan, or infinite where the float network is not, in 1 of 4 samples" in err
    status, out, _ = shell(f"evaluate {data} --calibration_table t --json")
    assert status == 0
    found = json.loads(out)
    assert found["chapter_cos"] is None
    first, second = found["outputs"]
    assert (first["nan_samples"], second["nan_samples"], second["cosine"]) == (0, 1, None)
    assert 0.5 < first["chapter_cos"] < 1
