"""What is exported of a session is what the commands themselves would have written, with what its head says."""

from pathlib import Path

from command_line import DIGITS, quantdeck

WORDS = [*DIGITS["MODEL"], "--dataset", *DIGITS["FOLDER"]]


def _done(*words: str | Path, cwd: Path) -> bytes:
    done = quantdeck(*words, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_an_exported_table_still_names_its_samples(tmp_path: Path) -> None:
    number = ("--input_num", "8")
    _done(
        "run_calibration", *WORDS, *number, "--tune_num", "0", "--session", "s.qdeck", "-o", "t", cwd=tmp_path
    )
    _done("export", "s.qdeck", "--calibration_table", "exported", cwd=tmp_path)
    told = _done("evaluate", *WORDS, *number, "--calibration_table", "exported", cwd=tmp_path)
    assert b"8 of the 8 samples are among those that exported was made with" in told


def test_a_search_and_its_export_write_the_same_tables(tmp_path: Path) -> None:
    _done(
        "run_calibration", *WORDS, "--input_num", "8", "--inference_num", "4", "--tune_num", "2",
        "--search", "search_qtable", "--strategy", "pareto", "--expected_cos", "0.999995",
        "--session", "s.qdeck", "-o", "t", "--quantize_table", "q", cwd=tmp_path,
    )  # fmt: skip
    for last, more in (("2", ()), ("3", ("--search", "1"))):
        files = ("--calibration_table", f"t{last}", "--quantize_table", f"q{last}")
        _done("export", "s.qdeck", *files, *more, cwd=tmp_path)
    rows = (tmp_path / "q").read_bytes().splitlines()
    assert len([row for row in rows if not row.startswith(b"#")]) > 1  # else no order was seen
    for own, exported in (("t", "t2"), ("t", "t3"), ("q", "q2"), ("q", "q3")):
        assert (tmp_path / exported).read_bytes() == (tmp_path / own).read_bytes()
