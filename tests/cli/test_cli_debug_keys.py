"""Keys of --debug_cmd that still mean something (spec A.1.3), and lists of jobs over all sessions."""

import json
from pathlib import Path

import pytest
from command_line import dense_model, samples
from quantdeck.engine.calib.table import read_table

from quantdeck.cli import diagnostics
from quantdeck.cli.main import group
from quantdeck.demo import example_folder

EXAMPLE = example_folder()
DIGITS = (
    str(EXAMPLE / "digits.onnx"), "--dataset", str(EXAMPLE / "calibration"), "--input_num", "4", "--pixel_format",
    "gray", "--mean", "0", "--scale", "0.0039216",
)  # fmt: skip


class Shell:
    def __init__(self, capture: pytest.CaptureFixture[bytes]) -> None:
        self._capture = capture

    def __call__(self, *words: str | Path) -> tuple[int, str, str]:
        status = diagnostics.run(group, [str(word) for word in words])
        out, err = self._capture.readouterr()
        return status, out.decode(), err.decode()


@pytest.fixture
def shell(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUANTDECK_HOME", str(tmp_path / "home"))
    return Shell(capfdbinary)


def _thresholds(shell: Shell, *words: str) -> dict[str, float]:
    status, _, err = shell("run_calibration", *DIGITS, *words, "-o", "t")
    assert status == 0, err
    return {name: row.value for name, row in read_table(Path("t")).rows.items()}


def test_tuning_keys_change_what_is_tuned(shell: Shell) -> None:
    plain = _thresholds(shell, "--tune_num", "0")
    usual = _thresholds(shell, "--tune_num", "1")
    assert usual != plain
    assert _thresholds(shell, "--tune_num", "1", "--debug_cmd", "tune_steps=21") == usual
    coarse = _thresholds(shell, "--tune_num", "1", "--debug_cmd", "tune_steps=2")
    assert coarse not in (plain, usual)
    finer = _thresholds(shell, "--tune_num", "1", "--debug_cmd", "Find_Lower_Th ; debug_log")
    assert finer not in (plain, usual)
    assert all(finer[name] >= value for name, value in plain.items())
    assert _thresholds(shell, "--tune_num", "1", "--debug_cmd", "min_tuned_diff=1000") == plain


def test_the_keys_reach_searches_too(shell: Shell) -> None:
    scores = []
    for words in (("--tune_num", "0"), ("--tune_num", "1", "--debug_cmd", "min_tuned_diff=1000;dump_list")):
        status, out, err = shell(
            "run_calibration",
            *DIGITS,
            "--search",
            "search_threshold",
            "--inference_num",
            "1",
            *words,
            "-o",
            "t",
        )
        assert status == 0, err
        scores.append(out)
    assert scores[0] == scores[1]
    assert len(Path("selected_image_list.txt").read_text().splitlines()) == 4
    assert len(Path("selected_tune_image_list.txt").read_text().splitlines()) == 1


def test_a_method_by_its_key(shell: Shell) -> None:
    wanted = _thresholds(shell, "--cali_method", "use_max")
    assert _thresholds(shell, "--debug_cmd", "use_max") == wanted


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("use_mse;use_max", "use_mse and use_max"),
        ("tune_steps=0", "tune_steps=0"),
        ("tune_steps=many", "a whole number"),
        ("tune_steps=", "a whole number"),
        ("min_tuned_diff=nan", "a number from 0"),
        ("min_tuned_diff=-1", "a number from 0"),
        ("int4", "int4: no such key; there are dump_list"),
        ("input_calibration_table=t", "no such key"),
        ("fp8\x1b[2J", "fp8\u241b[2j"),
    ],
)
def test_keys_and_values_that_mean_nothing_are_refused(shell: Shell, keys: str, words: str) -> None:
    for more in ((), ("--search", "search_threshold")):
        status, out, err = shell("run_calibration", *DIGITS, *more, "--debug_cmd", keys, "-o", "t")
        assert (status, out) == (2, "")
        assert words in err
    assert not Path("t").exists()


@pytest.mark.parametrize(
    "word", ["observer", "use_observer", "torch_observer", "use_torch_observer_for_cali"]
)
def test_the_observer_answers_to_every_spelling(shell: Shell, word: str) -> None:
    model, data = dense_model(Path("m.onnx")), samples(Path("data"))
    status, out, err = shell("run_calibration", model, "--dataset", data, "--cali_method", word, "-o", "t")
    assert status == 0, err
    assert "with observer from" in out


def test_the_help_and_the_refusal_name_the_same_methods(shell: Shell) -> None:
    from quantdeck.engine.calib.methods import METHODS

    listed = " ".join(shell("run_calibration", "--help")[1].split())
    status, _, err = shell("run_calibration", *DIGITS, "--cali_method", "none", "-o", "t")
    assert status == 2
    for name in METHODS:
        assert name in listed
        assert name in err


def test_jobs_of_all_sessions(shell: Shell) -> None:
    assert shell("jobs")[:2] == (0, "")
    model, data = dense_model(Path("m.onnx")), samples(Path("data"))
    sessions = Path("home/sessions")
    sessions.mkdir(parents=True)
    for name in ("a", "b"):
        words = ("--session", sessions / f"{name}.qdeck", "-o", "t")
        assert shell("run_calibration", model, "--dataset", data, *words)[0] == 0
    (sessions / "broken.qdeck").write_bytes((sessions / "a.qdeck").read_bytes()[:9000])
    status, out, err = shell("jobs")
    assert status == 0
    assert out.count("calibrate with kl") == 2
    assert "b.qdeck" in out.splitlines()[1]  # the newest first
    assert "broken.qdeck" in err
    rows = json.loads(shell("jobs", "--json")[1])
    assert {Path(row["session"]).name for row in rows} == {"a.qdeck", "b.qdeck"}
    assert shell("jobs", "--sessions_folder", "data")[:2] == (0, "")
    status, _, err = shell("jobs", "--cancel", "1")
    assert status == 2
    assert "name the session too" in err


def test_backup_makes_no_folder_as_no_output_does(shell: Shell) -> None:
    model, data = dense_model(Path("m.onnx")), samples(Path("data"))
    assert shell("run_calibration", model, "--dataset", data, "--session", "s.qdeck", "-o", "t")[0] == 0
    status, _, err = shell("backup", "s.qdeck", "new/copy.qdeck")
    assert status == 2
    assert "there is no folder" in err
    assert "make it first" in err
    assert not Path("new").exists()
