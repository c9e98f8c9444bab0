"""A target that cannot be reached, one that is met at once, and figures that are no targets (case 39)."""

from pathlib import Path

import numpy as np
import pytest
from case_models import floats, model, node, samples, save
from quantdeck.engine.calib.qtable import read_qtable
from quantdeck.engine.calib.table import read_table
from shell import Shell, open_shell

import quantdeck as qd

QTABLE = "NET --calibration_table start --chip bm1684x -o q"
COMMANDS = {
    "run_qtable": f"run_qtable {QTABLE} --input_num 3",
    "run_sensitive_layer": f"run_sensitive_layer {QTABLE} --input_num 3 --inference_num 2 --tune_num 0 "
    "--max_float_layers 1000",
    "search_qtable": "run_calibration NET --chip bm1684x --search search_qtable --input_num 3 --inference_num 2 "
    "--tune_num 0 --max_float_layers 1000 --quantize_table q -o t",
    "search_threshold": "run_calibration NET --chip bm1684x --search search_threshold --bc --input_num 3 "
    "--inference_num 2 --bc_inference_num 2 --tune_num 0 -o t",
    "pareto": f"run_qtable {QTABLE} --input_num 2 --strategy pareto",
}
REASONS = ("target confirmed", "budget spent", "nothing left to gain", "user")


def _blocks(folder: Path) -> Path:
    """Four blocks of Conv and SiLU with channels of unlike sizes, then a pool."""
    weights, nodes, last = {}, [], "x"
    for index, given in enumerate((3, 6, 6, 6)):
        size = np.random.default_rng(index).uniform(0.1, 3, (6, 1, 1, 1)).astype(np.float32)
        weights |= {
            f"w{index}": floats(6, given, 3, 3, seed=index, scale=0.2) * size,
            f"b{index}": floats(6, seed=index, scale=0.1),
        }
        nodes += [
            node("Conv", f"{last} w{index} b{index}", f"c{index}", pads=[1] * 4),
            node("Sigmoid", f"c{index}", f"g{index}"),
            node("Mul", f"c{index} g{index}", f"m{index}"),
        ]
        last = f"m{index}"
    nodes.append(node("GlobalAveragePool", last, "y"))
    return save(model(nodes, {"x": [1, 3, 8, 8]}, ["y"], weights), folder, "net.onnx")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model, samples and a calibration table."""
    folder = tmp_path_factory.mktemp("case39")
    graph = qd.read_onnx(_blocks(folder))
    samples(folder / "samples", [{"x": floats(1, 3, 8, 8, seed=index)} for index in range(4)])
    chosen = qd.select_samples(graph, dataset=folder / "samples", number=0)
    rows = qd.calibrate(graph, chosen, method="max", tune_num=0).thresholds
    qd.write_table(folder / "start", qd.CalibrationTable(rows=rows, header=()))
    return folder


@pytest.fixture
def shell(
    home: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    words = {"NET": (str(home / "net.onnx"), "--dataset", str(home / "samples"))}
    return open_shell(tmp_path, capfdbinary, monkeypatch, words, home / "start")


def _assert_written(command: str, home: Path) -> None:
    """A quantize table with at most every layer, none twice; a calibration table of every tensor."""
    graph = qd.read_onnx(home / "net.onnx")
    if command != "search_threshold":
        names = [row.split()[0] for row in Path("q").read_text().splitlines() if row and row[0] != "#"]
        assert len(set(names)) == len(names) <= len(graph.layers)
        assert names == list(read_qtable(Path("q")))
    if command in ("search_qtable", "search_threshold"):
        assert list(read_table(Path("t")).rows) == list(graph.calibrated)


@pytest.mark.parametrize(
    ("command", "target"),
    [*((command, "1.0") for command in COMMANDS), ("run_qtable", "0.999999999"), ("pareto", "0.999999999")],
)
def test_39_out_of_reach_ends_with_the_best_plan(shell: Shell, home: Path, command: str, target: str) -> None:
    status, out, err = shell(f"{COMMANDS[command]} --expected_cos {target}")
    assert status in (0, 3), err
    last = out.splitlines()[-1]
    assert last.startswith("target reached: cos " if status == 0 else "target not reached: best cos ")
    assert status == 0 or f" below {float(target):.10g}; " in last
    assert last.rpartition("; ")[2] in REASONS
    assert f"target: raw cosine {2 * float(target) - 1:.10g}, chapter's cos {float(target):.10g}, " in err
    if command in ("run_qtable", "search_threshold"):  # at most a quarter of the layers, or none at all
        assert status == 3
    _assert_written(command, home)


@pytest.mark.parametrize("command", COMMANDS)
def test_39_met_at_once_writes_empty_valid_tables(shell: Shell, home: Path, command: str) -> None:
    status, out, err = shell(f"{COMMANDS[command]} --expected_cos 0.1")
    assert status == 0, err
    _assert_written(command, home)
    if command == "search_threshold":  # its remaining stages run all the same (B.19 #43)
        assert "no need for bias correction" in out
        assert out.endswith("\nsuccess\n")
        return
    assert out.count("\n") == 1
    assert out.startswith("job success, current int8 cos:0.9")
    assert out.endswith("is higher than expected_cos:0.1,no need for mix precsion\n")
    assert read_qtable(Path("q")) == {}
    assert "# number of F16 layer: 0\n###\n" in Path("q").read_text()


@pytest.mark.parametrize("target", ["1.5", "-1", "nan", "99%", "0,99", "inf", "1.0000001", "0.99x", "''"])
@pytest.mark.parametrize("command", COMMANDS)
def test_39_what_is_no_target_is_refused_by_name(shell: Shell, command: str, target: str) -> None:
    status, out, err = shell(f"{COMMANDS[command]} --expected_cos={target}")
    assert (status, out) == (2, "")
    assert "--expected_cos" in err
    assert target in err
    assert not Path("home").exists()
    assert not Path("q").exists()
    assert not Path("t").exists()


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("0.99", "raw cosine 0.98, chapter's cos 0.99, 14 dB"),
        ("0.995", "raw cosine 0.99, chapter's cos 0.995, 17 dB"),
        ("0.9995", "raw cosine 0.999, chapter's cos 0.9995, 27 dB"),
        ("1", "raw cosine 1, chapter's cos 1, no noise at all"),
    ],
)
def test_39_the_target_in_words(target: str, words: str) -> None:
    """1 - raw cosine is half of noise over signal: raw 0.99 is 17 dB, 0.999 is 27 dB."""
    from quantdeck.sessions.typed import target_words

    assert target_words(float(target)) == words
