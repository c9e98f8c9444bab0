"""What evaluate says of outputs that hold NaN."""

import json
from pathlib import Path

import numpy as np
from nan_network import quotient
from shell import Shell


def inputs(folder: Path) -> None:
    """The network that gives NaN for small samples, and four samples of which one is small."""
    quotient(folder / "q.onnx")
    (folder / "s").mkdir()
    for index in range(4):
        value = np.random.default_rng(index).uniform(0.5, 1, (1, 3, 8, 8)) * (1e-4 if index == 2 else 1)
        np.savez(folder / "s" / f"{index}.npz", value.astype(np.float32))


def test_an_output_with_nan_has_no_figure_and_reaches_no_target(shell: Shell) -> None:
    """The mean over the other samples would be 0.875 in the chapter's cos."""
    inputs(shell.folder)
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
