"""What the original does wrong on its command line (spec B.19 and the list of what was measured), done right."""

from pathlib import Path

import pytest
from quantdeck.engine.calib.qtable import read_qtable
from shell import Shell


@pytest.mark.parametrize(
    "search", ["search_threshold", "search_qtable --quantize_table q --expected_cos 0.999999"]
)
def test_32_the_method_of_a_calibration_does_not_leak_into_a_search(shell: Shell, search: str) -> None:
    line = f"--search {search} --input_num 2 --inference_num 1 --tune_num 0 -o t"
    assert (
        shell("run_calibration MODEL DATA", line)[1]
        == shell("run_calibration MODEL DATA", f"{line} --cali_method use_mse")[1]
    )


def test_19_kurtosis_is_written_without_tuning(shell: Shell) -> None:
    assert shell("run_calibration MODEL DATA", "--input_num 2 --tune_num 0 --kurtosis_analysis -o t")[0] == 0
    head, *rows = Path("kurtosis_analysis").read_text().splitlines()
    assert head == "# op_name   kurtosis   op_type"
    figures = [float(row.split()[1]) for row in rows]
    assert figures == sorted(figures, reverse=True)
    assert not any("Softmax" in row for row in rows)


@pytest.mark.parametrize(
    ("command", "missing"),
    [("run_calibration", "-o"), ("run_qtable", "-o"), ("run_sensitive_layer", "-o")],
)
def test_20_an_output_that_is_not_named_is_missed_before_any_work(
    shell: Shell, command: str, missing: str
) -> None:
    more = "" if command == "run_calibration" else "--calibration_table start --chip bm1684x"
    status, out, err = shell(f"{command} MODEL DATA", more)
    assert (status, out) == (2, "")
    assert missing in err
    assert not Path("home").exists()


def test_22_the_reference_may_be_float32(shell: Shell) -> None:
    line = "--calibration_table start --chip bm1684x --input_num 2 --expected_cos 0.1 -o q"
    figures = {
        shell("run_qtable MODEL DATA", f"{line} --reference {kind}")[1] for kind in ("chip", "float32")
    }
    assert len(figures) == 2


def test_36_post_process_is_loaded_once(shell: Shell) -> None:
    Path("post.py").write_text(
        "from pathlib import Path\n"
        f"log = Path({str(Path('loads').absolute())!r})\n"
        "log.write_text((log.read_text() if log.exists() else '') + 'x')\n"
        "calls = 0\n"
        "def PostProcess(data):\n"
        "    global calls\n"
        "    calls += 1\n"
        "    return {'b': data['probabilities_Softmax'], 'a': data['probabilities_Softmax'][:, :calls and 2]}\n"
    )
    line = (
        "--search search_threshold --input_num 2 --inference_num 2 --tune_num 0 --post_process post.py -o t"
    )
    status, _, err = shell("run_calibration MODEL DATA", line)
    assert status == 0, err
    assert Path("loads").read_text() == "x"


@pytest.mark.parametrize("chip", ["bm1690", "cv186x"])
def test_45_a_chip_that_the_original_forgot_takes_its_own_types(shell: Shell, chip: str) -> None:
    """original_measured 11, spec A.13: KeyError there."""
    line = f"--calibration_table start --input_num 1 --chip {chip} --fp_type F16 --expected_cos 0.1 -o q"
    assert shell("run_qtable MODEL DATA", line)[0] == 0
    for fp_type in ("auto", "F16", "F32"):
        line = f"fp_forward NET --chip {chip} --fp_type {fp_type} --fpfwd_outputs logits_Gemm -o f"
        assert shell(line)[0] == 0
        wanted = "F16" if fp_type == "auto" else fp_type
        assert {str(mode) for mode in read_qtable(Path("f")).values()} == {wanted}


def test_47_a_wrong_type_is_named(shell: Shell) -> None:
    status, _, err = shell(
        "run_qtable MODEL DATA", "--calibration_table start --chip bm1684x --fp_type BF16 -o q"
    )
    assert status == 2
    assert "BF16" in err
    assert "bm1684x" in err
    assert "{" not in err


def test_the_network_input_is_not_ranked_and_movers_come_last(shell: Shell) -> None:
    """original_measured 7; and the figure of every number of float layers is told (4)."""
    line = "--calibration_table start --chip bm1684x --input_num 2 --inference_num 1 --tune_num 0 --expected_cos 1 -o q"
    _, out, _ = shell("run_sensitive_layer MODEL DATA", line)
    ranked = [row.split()[2] for row in out.splitlines() if " sensitive layer, loss is " in row]
    assert "image" not in ranked
    assert len(ranked) == 37
    assert ranked[-1] == "features_Flatten"


def test_a_search_without_samples_of_its_own_needs_one_only(shell: Shell) -> None:
    """#31: the original wants two; new_cali_table.txt is the winner's."""
    status, _, err = shell(
        "run_calibration MODEL DATA",
        "--search search_threshold --input_num 1 --inference_num 1 --tune_num 1 -o t",
    )
    assert status == 0, err
    tables = [
        [row for row in Path(name).read_text().splitlines() if row[0] != "#"]
        for name in ("t", "new_cali_table.txt")
    ]
    assert tables[0] == tables[1]


def test_46_rows_that_name_nothing_are_told(shell: Shell, start: Path) -> None:
    Path("more").write_text(start.read_text() + "no_such_Conv 1.0 -1.0 1.0\n")
    line = "--calibration_table more --chip bm1684x --input_num 1 --expected_cos 0.1 -o q"
    status, _, err = shell("run_qtable MODEL DATA", line)
    assert status == 0
    assert "more: 1 of 39 rows name no tensor of the model and are not used" in err
