"""The chapter's command lines as printed, with the digits model in place of theirs; and how they end."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from command_line import DIGITS, command
from quantdeck.engine.calib.qtable import read_qtable
from quantdeck.engine.calib.table import read_table
from quantdeck.sessions.jobs import get_job
from quantdeck.sessions.store import open_session
from shell import Shell

import quantdeck as qd


def test_run_sensitive_layer(shell: Shell) -> None:
    """Its example of the chapter, post_process included."""
    (shell.folder / "post_process_func.py").write_text(
        "def PostProcess(data):\n    return {name: value * 2 for name, value in data.items()}\n"
    )
    status, out, err = shell(
        "run_sensitive_layer MODEL DATA --input_num 16 --inference_num 4 --max_float_layers 3 "
        "--expected_cos 1 --post_process post_process_func.py --calibration_table start "
        "--processor bm1684x -o mobilenet_v2_qtable"
    )
    assert status == 3, err
    assert " is 0 sensitive layer, loss is " in out
    assert ">>>run result:\nint8 outputs_cos:0.9999" in out
    assert "Output mix quantization table to mobilenet_v2_qtable\n" in out
    assert out.splitlines()[-1].startswith("target not reached: best cos ")
    assert "chapter's cos 1," in err
    modes = read_qtable(Path("mobilenet_v2_qtable"))
    assert 1 <= len(modes) <= 4
    log = Path("SensitiveLayerSearcher").read_text()
    assert log.startswith("INFO:root:quantize_method_list=['MAX', 'Percentile9999', 'KL']\n")
    assert "all_int8_cos=" in log
    assert len(read_table(Path("new_cali_table.txt")).rows) == len(read_table(Path("start")).rows)


def test_search_qtable(shell: Shell) -> None:
    status, out, err = shell(
        "run_calibration MODEL DATA --input_num 16 --processor bm1684x --max_float_layers 3 "
        "--expected_cos 0.999995 --transformer false --quantize_method_list KL,MSE --search search_qtable "
        "--inference_num 4 --tune_num 2 --quantize_table qtable -o table"
    )
    assert status == 0, err
    assert "float layer number: " in out
    assert "success search qtable\n" in out
    assert "4 of the 4 samples that score candidates are calibration samples too" in err
    rows = read_table(Path("table")).rows
    assert rows == read_table(Path("new_cali_table.txt")).rows
    assert Path("Search_Qtable").read_text().count("adjust layer ") == 2 * out.count(" sensitive layer, loss")


def test_search_threshold(shell: Shell) -> None:
    status, out, err = shell(
        "run_calibration MODEL DATA --input_num 1 --inference_num 1 --chip bm1684x --search search_threshold "
        "--benchmark_method snr --tune_num 0 -o table"
    )
    assert status == 0, err
    assert "snr similarity scores: {'KL': " in out
    assert "optimal_method_name: " in out
    assert "success" in Path("Search_Threshold").read_text()
    assert read_table(Path("table")).rows == read_table(Path("new_cali_table.txt")).rows


def test_corrections_never_touch_the_model_and_stop_nothing(shell: Shell) -> None:
    """Spec B.19 #40 and #43: bias correction that is good enough at once does not end the command."""
    before = Path(DIGITS["NET"][0]).read_bytes()
    status, out, err = shell(
        "run_calibration MODEL DATA --input_num 8 --we --bc --bc_inference_num 4 --search False "
        "--expected_cos 0.1 -o table"
    )
    assert status == 0, err
    assert "Cross Layer WE: " in out
    assert "no need for bias correction" in out
    assert Path("table").exists()
    assert Path(DIGITS["NET"][0]).read_bytes() == before


def test_run_qtable(shell: Shell) -> None:
    status, out, err = shell(
        "run_qtable MODEL DATA --input_num 8 --calibration_table start --processor bm1684x "
        "--min_layer_cos 0.9999 --expected_cos 0.99999999 -o qtable"
    )
    assert status == 3, err
    rows = [row for row in Path("full_loss_table.txt").read_text().splitlines() if row.startswith("No.")]
    assert rows
    assert rows[0].startswith("No.0   : Layer: ")
    assert "\t\t\tCos: 0.9" in rows[0]
    assert rows[0] in out
    names = [row.split()[0] for row in Path("qtable").read_text().splitlines() if row[0] != "#"]
    assert len(names) == len(set(names))


def test_pareto_instead_of_the_chapters_search(shell: Shell) -> None:
    status, out, err = shell(
        "run_qtable MODEL DATA --input_num 8 --calibration_table start --chip bm1684x --strategy pareto "
        "--expected_cos 0.999999 -o qtable"
    )
    assert status == 0, err
    assert "cos on 8 samples searched on: " in out
    assert "cos on 8 samples fresh: " in out
    assert 1 <= len(read_qtable(Path("qtable"))) <= 6


def test_pareto_by_the_chips_time_and_within_a_budget_of_forwards(shell: Shell) -> None:
    line = (
        "run_qtable MODEL DATA --input_num 8 --calibration_table start --chip bm1684x --strategy pareto "
        "--expected_cos 0.999999 -o qtable"
    )
    status, out, err = shell(f"{line} --cost chip")
    assert status == 0, err
    (time,) = [row for row in out.splitlines() if row.startswith("time by the model of bm1684x: ")]
    assert 1 <= float(time.split()[6]) < 2
    status, out, err = shell(f"{line} --budget_forwards 900")
    assert status == 3, err
    assert "time by the model" not in out
    assert out.splitlines()[-1].endswith("; budget spent")
    _, _, err = shell(line.replace("pareto", "chapter") + " --cost chip")
    assert "--cost belongs to --strategy pareto and has no effect here" in err


def test_paretos_quantize_table_goes_together_with_the_table_that_was_given(shell: Shell) -> None:
    """run_qtable keeps its rows: it writes no other table, and evaluate finds the cosine that was printed."""
    before = Path("start").read_bytes()
    tables = "--calibration_table start --chip bm1684x"
    status, out, err = shell(
        f"run_qtable MODEL DATA {tables} --input_num 8 --strategy pareto --reference float32 "
        "--expected_cos 0.99999 -o q"
    )
    assert status == 0, err
    assert read_qtable(Path("q"))
    assert Path("start").read_bytes() == before
    assert {path.name for path in Path().iterdir()} == {
        "start", "home", "q", "full_loss_table.txt", "MixPrecSearcher",
    }  # fmt: skip
    _, found, _ = shell(f"evaluate MODEL DATA {tables} --input_num 8 --quantize_table q --json")
    cos = json.loads(found)["outputs"][0]["chapter_cos"]
    assert f"cos on 8 samples searched on: {cos:.6f} " in out
    assert f"mix model outputs_cos:{cos:.6f}\n" in out
    assert cos < 0.999995  # figures that are not all nines


def test_files_of_other_runs_are_not_used_and_no_program_is_needed(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spec B.19 #24 and #27: a stale table of that name, and no Graphviz anywhere."""
    line = (
        "run_calibration MODEL DATA --input_num 4 --inference_num 2 --search search_qtable --tune_num 0 "
        "--quantize_method_list MSE --expected_cos 0.5 --quantize_table q -o table"
    )
    monkeypatch.setenv("PATH", "")
    assert shell(line)[0] == 0
    first = Path("table").read_bytes()
    for name in ("table_MSE_tune", "table_MSE.1", "tmp_mix_table.txt"):
        Path(name).write_text("stem_Clip 1 -1 1\n")
    assert shell(line)[0] == 0
    assert Path("table").read_bytes() == first
    assert read_qtable(Path("q")) == {}


def test_a_target_met_at_once_writes_an_empty_table(shell: Shell) -> None:
    """Case 39, spec B.19 #29."""
    status, out, err = shell(
        "run_qtable MODEL DATA --calibration_table start --chip bm1684x --expected_cos 0.1 -o qtable"
    )
    assert status == 0, err
    assert out.count("\n") == 1
    assert out.startswith("job success, current int8 cos:0.99")
    assert read_qtable(Path("qtable")) == {}
    assert "# number of F16 layer: 0" in Path("qtable").read_text()


@pytest.mark.parametrize("target", ["1.5", "-1", "nan", "99%", "0,99", "inf"])
def test_a_target_that_no_figure_can_have_is_refused(shell: Shell, target: str) -> None:
    for tail in ("run_qtable", "run_sensitive_layer"):
        status, out, err = shell(
            f"{tail} MODEL DATA --calibration_table start --chip bm1684x --expected_cos {target} -o q"
        )
        assert (status, out) == (2, "")
        assert "--expected_cos" in err
        assert target in err


def test_fp_forward(shell: Shell) -> None:
    """--quantize INT8 as the chapter prints it."""
    status, _, err = shell(
        "fp_forward NET --quantize INT8 --processor bm1684x --fpfwd_outputs logits_Gemm "
        "--fpfwd_blocks stem_Clip:enter_Clip -o qtable"
    )
    assert status == 0, err
    modes = list(read_qtable(Path("qtable")))
    assert modes[0] == "stem_Clip"
    assert modes[-2:] == ["logits_Gemm", "probabilities_Softmax"]
    status, _, err = shell("fp_forward NET --chip bm1684x --fpfwd_inputs logits_Gem -o qtable")
    assert status == 2
    assert "the nearest are logits_Gemm" in err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run_qtable MODEL DATA --calibration_table none --chip bm1684x -o q", "calibration table"),
        ("run_qtable MODEL DATA --calibration_table start --chip bm1684x -o no/q", "no folder"),
        ("run_qtable MODEL DATA --calibration_table start --chip bm9 -o q", "no such chip"),
        ("run_qtable MODEL DATA --calibration_table start --chip cv181x -o q", "integer simulation"),
        ("run_qtable MODEL DATA --calibration_table start --chip bm1684x --fp_type BF16 -o q", "BF16"),
        (
            "run_qtable MODEL DATA --calibration_table start --chip bm1684x --global_compare_layers "
            "logits_Gemm:0.5 -o q",
            "they must sum to 1",
        ),
        ("run_qtable MODEL --calibration_table start --chip bm1684x -o q", "--dataset"),
        ("run_qtable MODEL --data_list none --calibration_table start --chip bm1684x -o q", "--data_list"),
        ("run_qtable MODEL --dataset none --calibration_table start --chip bm1684x -o q", "none"),
        ("run_calibration MODEL DATA --search search_qtable -o t", "--quantize_table"),
        (
            "run_calibration MODEL DATA --search search_qtable --quantize_method_list KL,MES "
            "--quantize_table q -o t",
            "MES",
        ),
        ("run_calibration MODEL DATA --search search_qtable --bc --quantize_table q -o t", "--bc"),
        ("run_calibration MODEL DATA --search both -o t", "search_threshold"),
        ("run_calibration MODEL DATA --search TRUE -o t", "search_threshold"),
        ("run_calibration MODEL DATA --part_asymmtric -o t", "--part_asymmtric"),
        ("run_sensitive_layer MODEL DATA --calibration_table start --chip bm1684x --debug_cmd int4 -o q",
         "int4"),
        ("fp_forward NET --chip bm1684x --quantize F16 -o q", "only INT8"),
        ("fp_forward NET --chip bm1684x -o q", "--fpfwd_inputs"),
    ],
)  # fmt: skip
def test_what_the_user_can_mend_is_one_sentence(shell: Shell, line: str, words: str) -> None:
    status, out, err = shell(line)
    assert (status, out) == (2, ""), err
    last = err.splitlines()[-1]
    assert last.startswith("quantdeck: ")
    assert words in last
    assert not Path("q").exists()


def test_samples_that_a_table_was_made_with_are_told_by_evaluate(shell: Shell, tmp_path: Path) -> None:
    """By their bytes: another name in another folder hides nothing. Tables of searches say it, too."""
    assert shell("run_calibration MODEL DATA --input_num 3 --tune_num 0 -o t")[0] == 0
    told = "3 of the 5 samples are among those that t was made with"
    assert told in shell("evaluate MODEL DATA --calibration_table t --input_num 5")[2]
    order = qd.select_samples(qd.read_onnx(DIGITS["NET"][0]), dataset=DIGITS["FOLDER"][0], number=5).entries
    for folder, chosen in (("known", order[0]), ("fresh", order[4])):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "renamed.png").write_bytes(Path(chosen[0]).read_bytes())
    assert "1 of the 1 samples are among" in shell("evaluate MODEL --dataset known --calibration_table t")[2]
    assert "among" not in shell("evaluate MODEL --dataset fresh --calibration_table t")[2]
    line = "--search search_threshold --input_num 2 --inference_num 2 --tune_num 0 -o s"
    assert shell("run_calibration MODEL DATA", line)[0] == 0
    for name in ("s", "new_cali_table.txt"):
        _, _, err = shell(f"evaluate MODEL DATA --calibration_table {name} --input_num 5")
        assert f"2 of the 5 samples are among those that {name} was made with" in err


BAD_FILES = {
    "utf16.txt": "\ufeffsample.png".encode("utf-16-le").decode("latin-1"),
    "missing.py": None,
    "empty.py": "",
    "text.txt": "no sample, no Python",
    "gone.txt": "gone.png\n",
    "broken.py": "def PostProcess(data:",
    "nothing.py": "x = 1\n",
    "null.py": "\0\1",
}


@pytest.mark.parametrize("option", ["data_list", "tune_list", "post_process", "calibration_table"])
@pytest.mark.parametrize("name", [*BAD_FILES, "folder", "pipe"])
def test_files_that_are_no_use_are_refused_before_the_job_starts(
    shell: Shell, option: str, name: str
) -> None:
    text = BAD_FILES.get(name)
    if text is not None:
        Path(name).write_bytes(text.encode("latin-1"))
    elif name == "folder":
        Path(name).mkdir()
    elif name == "pipe":
        os.mkfifo(name)
    table = "" if option == "calibration_table" else "--calibration_table start"
    status, out, err = shell(f"run_sensitive_layer MODEL DATA {table} --{option} {name} --chip bm1684x -o q")
    assert (status, out) == (2, "")
    (last,) = err.splitlines()
    assert last.startswith("quantdeck: ")
    assert name in last
    assert option == "calibration_table" or f"--{option}" in last
    assert not list(Path("home").rglob("*.qdeck"))


def test_a_tune_list_with_byte_order_mark_and_crlf_is_read(shell: Shell) -> None:
    """And a missing one is no fault of the program where the lists are dumped."""
    first = sorted(Path(DIGITS["FOLDER"][0]).glob("*"))[:2]
    Path("list").write_text("\ufeff" + "".join(f"{path}\r\n" for path in first), newline="")
    line = "run_calibration MODEL DATA --search search_threshold --input_num 2 --inference_num 1 --tune_num 2 -o t"
    assert shell(f"{line} --tune_list list --debug_cmd dump_list")[0] == 0
    assert Path("selected_tune_image_list.txt").read_text().splitlines() == [str(path) for path in first]
    for search in ("search_threshold", "False"):
        status, _, err = shell(line, f"--search {search} --tune_list none --debug_cmd dump_list")
        assert (status, "--tune_list" in err.splitlines()[-1]) == (2, True)


def test_detached_paused_resumed_and_attached(shell: Shell) -> None:
    """Another terminal than the one that started the job sees it through."""
    common = "--calibration_table start --chip bm1684x --expected_cos 1 --inference_num 6 -o qtable"
    status, out, err = shell(f"run-sensitive-layer MODEL DATA {common} --detach --session s.qdeck")
    assert (status, out) == (0, "s.qdeck 1\n"), err
    shell("pause s.qdeck 1")
    assert shell("attach s.qdeck")[0] in (2, 3)
    with open_session(Path("s.qdeck"), readonly=True) as session:
        state = get_job(session, 1).state
    assert state in ("paused", "done")
    if state == "paused":
        status, out, _ = shell("resume s.qdeck")
        assert status == 3
        assert out.splitlines()[-1].startswith("target not reached")
    assert "run_sensitive_layer to cos 1" in shell("jobs s.qdeck")[1]
    assert shell("resume s.qdeck")[0] == 2


def test_ctrl_c_without_a_terminal_lets_the_job_rest(start: Path, tmp_path: Path) -> None:
    """And the same command line goes on with it."""
    line = [
        *command(), "run_sensitive_layer", *DIGITS["MODEL"], *DIGITS["DATA"], "--input_num", "40",
        "--inference_num", "40", "--expected_cos", "1", "--chip", "bm1684x", "--calibration_table",
        str(start), "--session", str(tmp_path / "s.qdeck"), "-o", str(tmp_path / "qtable"),
    ]  # fmt: skip
    process = subprocess.Popen(
        line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ}
    )
    assert process.stderr is not None
    assert b"job 1 of the session" in process.stderr.readline()
    process.stderr.readline()  # the worker's first sentence: it has begun
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130, err
    assert b"job 1 pauses at its next step" in err
    followed = subprocess.run(
        [*command(), "attach", str(tmp_path / "s.qdeck")], capture_output=True, check=False
    )
    assert followed.returncode == 2
    again = subprocess.run(line, capture_output=True, check=False)
    assert b"goes on where it stopped" in again.stderr
    assert again.returncode == 3
    assert (tmp_path / "qtable").exists()


def test_a_read_only_session_folder_is_named_before_any_work(shell: Shell) -> None:
    """Case 46 (c) to (e)."""
    Path("file").write_text("")
    status, out, err = shell(
        "run_qtable MODEL DATA --calibration_table start --chip bm1684x --session file/s.qdeck -o q"
    )
    assert (status, out) == (2, "")
    assert "--session" in err


def test_options_with_values_that_mean_nothing_are_refused_by_name(shell):
    chip = "--chip bm1684x --calibration_table start"
    status, _, err = shell(f"run_qtable MODEL DATA {chip} -o q --strategy pareto --budget_minutes nan")
    assert (status, "--budget_minutes" in err) == (2, True)
    status, _, err = shell("run_calibration MODEL DATA -o c --search search_qtable --quantize_table q "
                           "--quantize_method_list KL,FOO")  # fmt: skip
    assert (status, "--quantize_method_list: 'FOO'" in err) == (2, True)


def test_a_block_named_from_its_end_is_refused(shell):
    first, last = "stem_Clip", "logits_Gemm"
    status, out, _ = shell(f"fp_forward NET --fpfwd_blocks {first}:{last} --chip bm1684x -o q")
    assert status == 0, out
    status, _, err = shell(f"fp_forward NET --fpfwd_blocks {last}:{first} --chip bm1684x -o turned")
    assert status == 2
    assert f"--fpfwd_blocks: no way leads from {last} to {first}" in err
    assert not (shell.folder / "turned").exists()


def test_a_budget_that_the_search_does_not_keep_is_said(shell):
    line = (
        "run_qtable MODEL DATA --chip bm1684x --calibration_table start --input_num 2 --expected_cos 0.5 -o q"
    )
    _, _, err = shell(f"{line} --budget_trials 3 --session s.qdeck")
    assert "--budget_trials belongs to --strategy pareto and has no effect here" in err
    _, _, err = shell(f"{line} --budget_trials 3 --strategy pareto --session s.qdeck")
    assert "has no effect" not in err
    _, _, err = shell("run_calibration MODEL DATA --search search_threshold --strategy pareto --input_num 2 "
                      "--tune_num 0 -o c --session s.qdeck")  # fmt: skip
    assert "--strategy pareto looks for float layers; search_threshold has none" in err
