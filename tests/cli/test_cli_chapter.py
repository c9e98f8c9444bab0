"""The command lines that the chapter prints, word by word; model, layers and folders are ours, bm1684 is bm1684x."""

from pathlib import Path

import pytest
from command_line import DIGITS
from quantdeck.engine.calib.qtable import read_qtable
from quantdeck.engine.calib.table import read_table
from shell import Shell, open_shell

CALIBRATIONS = {
    "plain": "run_calibration.py NET --dataset DATA --input_num 100 -o cali",
    "a method": "run_calibration NET --dataset DATA --input_num 100 --cali_method use_mse -o cali",
    "observer": "run_calibration NET --dataset DATA --input_num 100 --debug_cmd use_torch_observer_for_cali -o cali",
    "no search": "run_calibration NET --dataset DATA --input_num 100 --chip bm1684x --search false -o cali",
    "equalized": "run_calibration NET --dataset DATA --we --input_num 1 --processor bm1684x -o cali",
    "corrected": "run_calibration NET --dataset DATA --bc --input_num 1 --processor bm1684x --bc_inference_num 200 "
    "-o cali",
    "both": "run_calibration NET --we --bc --dataset DATA --input_num 1 --chip bm1684x --bc_inference_num 4 -o cali",
    "search_threshold": "run_calibration NET --dataset DATA --input_num 100 --chip bm1684x --search "
    "search_threshold --inference_num 30 -o cali",
    "search_qtable": "run_calibration NET --dataset DATA --input_num 100 --processor bm1684x --max_float_layers 5 "
    "--expected_cos 0.99 --transformer False --quantize_method_list KL,MSE --search search_qtable "
    "--quantize_table qtable --calibration_table cali",
    "search_qtable, other cases": "run_calibration NET --dataset DATA --input_num 4 --inference_num 2 --tune_num 0 "
    "--processor bm1684x --max_float_layers 2 --expected_cos 0.999999 --transformer TRUE --quantize_method_list "
    "kl,Percentile9999 --search search_qtable --quantize_table qtable --calibration_table cali",
}  # fmt: skip
QTABLES = {
    "run_qtable": "run_qtable NET --dataset DATA --calibration_table start --processor bm1684x --min_layer_cos 0.999 "
    "--expected_cos 0.9999 -o qtable",
    "run_qtable, outputs that are compared": "run_qtable NET --dataset DATA --input_num 10 --calibration_table start "
    "--chip bm1684x --global_compare_layers head_Clip:0.3,logits_Gemm:0.7 --loss_table loss -o qtable",
    "run_sensitive_layer": "run_sensitive_layer NET --dataset DATA --input_num 100 --inference_num 30 "
    "--max_float_layers 5 --expected_cos 0.99 --post_process post_process_func.py --calibration_table start "
    "--processor bm1684x -o qtable",
    "fp_forward": "fp_forward NET --quantize INT8 --processor bm1684x --fpfwd_outputs head_Clip,logits_Gemm -o qtable",
    "fp_forward, inputs": "fp_forward.py NET --quantize int8 --chip bm1684x --fpfwd_inputs stem_Clip -o qtable",
    "fp_forward, blocks": "fp_forward NET --processor bm1684x --fpfwd_blocks stem_Clip:enter_Clip "
    "block1_widen_Clip:down_Clip --quantize_free_table qtable",
}  # fmt: skip


@pytest.fixture
def shell(
    start: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    """Pictures are told how they become arrays, what the .mlir file held."""
    words = {**DIGITS, "DATA": (*DIGITS["FOLDER"], *DIGITS["PICTURES"])}
    (tmp_path / "post_process_func.py").write_text("def PostProcess(data):\n    return data\n")
    return open_shell(tmp_path, capfdbinary, monkeypatch, words, start)


@pytest.mark.parametrize("example", CALIBRATIONS)
def test_tables_of_the_chapters_calibrations(shell: Shell, example: str) -> None:
    before = Path(DIGITS["NET"][0]).read_bytes()
    status, out, err = shell(CALIBRATIONS[example])
    assert status == 0, err
    assert out
    rows = read_table(Path("cali")).rows
    assert len(rows) == 38
    assert all(row.value >= 1e-5 for row in rows.values())
    if "search_qtable" in example:
        assert list(read_qtable(Path("qtable"))) == [
            line.split()[0] for line in Path("qtable").read_text().splitlines() if line[0] != "#"
        ]
    assert Path(DIGITS["NET"][0]).read_bytes() == before


@pytest.mark.parametrize("example", QTABLES)
def test_quantize_tables_of_the_chapters_commands(shell: Shell, example: str) -> None:
    status, out, err = shell(QTABLES[example])
    assert status == 0, err
    assert out
    modes = read_qtable(Path("qtable"))
    assert modes or not example.startswith("fp_forward")
    assert {str(mode) for mode in modes.values()} <= {"F16"}


@pytest.mark.parametrize(
    "line", [CALIBRATIONS["search_threshold"], QTABLES["run_qtable"], QTABLES["fp_forward"]]
)
def test_options_answer_to_every_spelling(shell: Shell, line: str) -> None:
    """Dashes for underscores, --chip for --processor, small letters: the same files."""
    files = []
    swapped = {"--processor": "--chip", "--chip": "--processor", "INT8": "Int8"}
    for words in (
        line.split(),
        [
            swapped.get(word) or (word.replace("_", "-") if word.startswith("--") else word)
            for word in line.replace("run_", "run-").replace("fp_", "fp-").split()
        ],
    ):
        assert shell(" ".join(words))[0] == 0
        name = "cali" if "search_threshold" in line else "qtable"
        files.append([text for text in Path(name).read_text().splitlines() if "genetated time" not in text])
    assert files[0] == files[1]
