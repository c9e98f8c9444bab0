"""Exit statuses, streams and sentences: the same for every command."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from command_line import HOSTILE, command, dense_model, forbidden_bytes, hostile_model, quantdeck, samples

from quantdeck.cli import diagnostics
from quantdeck.cli.main import COMMANDS, OPEN, group


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, its samples and its table."""
    folder = tmp_path_factory.mktemp("work")
    dense_model(folder / "m.onnx")
    samples(folder / "data")
    done = quantdeck(
        "run_calibration", folder / "m.onnx", "--dataset", folder / "data", "-o", folder / "table",
        "--session", folder / "s.qdeck",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


class Here:
    """Runs the command line in this process: the engine is loaded once."""

    def __init__(self, capture: pytest.CaptureFixture[bytes], patch: pytest.MonkeyPatch) -> None:
        self._capture = capture
        self._patch = patch

    def __call__(
        self, *arguments: str | Path, cwd: Path | None = None
    ) -> "subprocess.CompletedProcess[bytes]":
        if cwd is not None:
            self._patch.chdir(cwd)
        status = diagnostics.run(group, [str(argument) for argument in arguments])
        out, err = self._capture.readouterr()
        return subprocess.CompletedProcess(arguments, status, out, err)


@pytest.fixture
def here(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Here:
    """The command line in this process."""
    return Here(capfdbinary, monkeypatch)


def sentence(done: subprocess.CompletedProcess[bytes]) -> str:
    """The one line on stderr of a run that the user can mend."""
    text = done.stderr.decode("utf-8")
    assert done.returncode == 2, text
    assert done.stdout == b""
    assert "Traceback" not in text
    assert text.count("\n") == 1
    return text


MENDABLE = {
    "no such option": (["layers", "m.onnx", "--nix"], "No such option"),
    "no value": (["layers"], "Missing argument"),
    "bad choice": (["layers", "m.onnx", "--sort", "q"], "--sort"),
    "no such model": (["layers", "nix.onnx"], "nix.onnx"),
    "a folder": (["layers", "."], "is a folder"),
    "not a model": (["layers", "data/0.npz"], "0.npz"),
    "no output": (["run_calibration", "m.onnx", "--dataset", "data"], "--calibration_table"),
    "bad output": (["run_calibration", "nix", "--dataset", "data", "-o", "no/such/t"], "-o no/such/t"),
    "output is a folder": (["run_calibration", "nix", "--dataset", "data", "-o", "data"], "is a folder"),
    "no samples": (["run_calibration", "m.onnx", "-o", "t"], "--dataset"),
    "no such samples": (["run_calibration", "m.onnx", "-o", "t", "--dataset", "nix"], "nix"),
    "no such method": (
        ["run_calibration", "m.onnx", "-o", "t", "--dataset", "data", "--cali_method", "kll"], "kll",
    ),
    "no such chip": (["run_calibration", "m.onnx", "-o", "t", "--dataset", "data", "--chip", "x1"], "x1"),
    "no such float type of the chip": (
        ["run_calibration", "m.onnx", "-o", "t", "--dataset", "data", "--processor", "bm1684", "--fp_type", "F16"],
        "--fp_type",
    ),
    "no such key": (
        ["run_calibration", "m.onnx", "-o", "t", "--dataset", "data", "--debug_cmd", "fp9"], "--debug_cmd",
    ),
    "bad numbers": (["evaluate", "m.onnx", "--calibration_table", "table", "--mean", "1,x"], "--mean"),
    "bad shapes": (["layers", "m.onnx", "--input_shapes", "[[1,-3]]"], "--input_shapes"),
    "no table": (["evaluate", "m.onnx", "--calibration_table", "nix", "--dataset", "data"], "nix"),
    "a foreign table": (["evaluate", "m.onnx", "--calibration_table", "foreign", "--dataset", "data"], "table"),
    "no simulation": (
        ["evaluate", "m.onnx", "--calibration_table", "table", "--dataset", "data", "--chip", "bm1684"], "bm1684",
    ),
    "no session": (["backup", "m.onnx", "copy"], "m.onnx"),
    "no such job": (["jobs", "s.qdeck", "--cancel", "99"], "99"),
    "no terminal": ([], "terminal"),
}  # fmt: skip


@pytest.mark.parametrize("name", MENDABLE)
def test_what_the_user_can_mend_is_one_sentence_and_2(work: Path, name: str, here: Here) -> None:
    arguments, word = MENDABLE[name]
    (work / "foreign").write_text("other 1.0 -1.0 1.0\n")
    assert word in sentence(here(*arguments, cwd=work))


def test_hostile_arguments_are_shown_by_signs(work: Path, here: Here) -> None:
    for name in ("\x1b]52;c;AAAA\x07", "--\x1b[2J", "a\rb\nc", "\u202e"):
        done = here("layers", name, cwd=work)
        assert not forbidden_bytes(done.stderr)
        sentence(done)
    assert "\\u{dcff}" in sentence(quantdeck("layers", b"no\xff.onnx", cwd=work))


def test_options_answer_to_both_spellings(work: Path, here: Here) -> None:
    plain = here(
        "run_calibration", work / "m.onnx", "--dataset", work / "data", "--input_num", "3", "--cali_method", "use_max",
        "--tune_num", "0", "-o", work / "t1",
    )  # fmt: skip
    dashed = here(
        "run-calibration", work / "m.onnx", "--dataset", work / "data", "--input-num", "3", "--cali-method", "max",
        "--tune-num", "0", "--calibration-table", work / "t2",
    )  # fmt: skip
    assert (plain.returncode, dashed.returncode) == (0, 0)
    first, second = ((work / name).read_text().splitlines() for name in ("t1", "t2"))
    assert [row for row in first if "genetated" not in row] == [
        row for row in second if "genetated" not in row
    ]
    assert plain.stdout == f"{work}/t1: 3 thresholds with max from 3 samples\n".encode()


def test_a_mean_may_begin_with_a_minus_sign() -> None:
    found = group.get_command(click.Context(group), "run_calibration")
    assert found is not None
    context = found.make_context(
        "run_calibration", ["m", "-o", "t", "--mean", "-1,-2.5,3", "--resize_dims", "256,256"]
    )
    assert context.params["mean"] == (-1.0, -2.5, 3.0)
    assert context.params["resize_dims"] == (256, 256)


def test_evaluate_gives_the_same_figures_in_text_and_json(work: Path, here: Here) -> None:
    common = ("evaluate", work / "m.onnx", "--calibration_table", work / "table", "--dataset", work / "data")
    text, found = here(*common), here(*common, "--json")
    assert (text.returncode, found.returncode) == (0, 0)
    assert text.stderr.startswith(b"4 of the 4 samples are among those that ")
    assert text.stderr.count(b"\n") == 1
    body = json.loads(found.stdout)
    assert found.stdout.isascii()
    assert body["samples"] == 4
    output = body["outputs"][0]
    assert output["name"] == "y"
    assert output["chapter_cos"] == pytest.approx((1 + output["cosine"]) / 2)
    row = next(line for line in text.stdout.decode().splitlines() if line.startswith("y "))
    assert f"{output['cosine']:.6f}" in row.split()
    assert f"{output['sqnr']:.2f}" in row.split()
    assert output["cosine"] > 0.99


def test_a_target_that_is_not_reached_ends_with_3(work: Path, here: Here) -> None:
    common = ("evaluate", work / "m.onnx", "--calibration_table", work / "table", "--dataset", work / "data")
    assert here(*common, "--expected_cos", "0.5").returncode == 0
    missed = here(*common, "--expected_cos", "1")
    assert missed.returncode == 3
    assert b"not reached" in missed.stderr
    assert b"cosine" in missed.stdout


def test_accuracies_come_with_their_intervals(work: Path, here: Here) -> None:
    labels = work / "labels.csv"
    labels.write_text("file,label\n" + "".join(f"{index}.npz,{index}\n" for index in range(4)))
    done = here(
        "evaluate", work / "m.onnx", "--calibration_table", work / "table", "--dataset", work / "data", "--labels",
        labels, "--json",
    )  # fmt: skip
    body = json.loads(done.stdout)
    for kind in ("float", "int8"):
        low, high = body[kind]["top1"]["interval"]
        assert low <= body[kind]["top1"]["share"] <= high
        assert body[kind]["labelled"] == 4


def test_a_table_that_no_layer_name_fits_is_refused_with_the_nearest_names(work: Path, here: Here) -> None:
    qtable = work / "qtable"
    qtable.write_text("y_MatMull F32\n")
    done = here(
        "evaluate", work / "m.onnx", "--calibration_table", work / "table", "--quantize_table", qtable, "--dataset",
        work / "data",
    )  # fmt: skip
    assert "y_MatMul" in sentence(done)
    qtable.write_text("y_MatMul F32\nactive_Relu F32\n")
    done = here(
        "evaluate", work / "m.onnx", "--calibration_table", work / "table", "--quantize_table", qtable, "--dataset",
        work / "data", "--json",
    )  # fmt: skip
    assert json.loads(done.stdout)["outputs"][0]["cosine"] == pytest.approx(1, abs=1e-6)


def test_a_session_on_the_command_line_shows_what_the_table_holds(work: Path, here: Here) -> None:
    rows = json.loads(here("layers", work / "s.qdeck", "--json").stdout)
    table = {
        line.split()[0]: float(line.split()[1])
        for line in (work / "table").read_text().splitlines()
        if not line.startswith("#")
    }
    assert {row["outputs"][0]: row["threshold"] for row in rows}.items() <= table.items()
    assert all(row["cos"] > 0.9 and row["local_cos"] > 0.9 for row in rows)
    assert [row["mode"] for row in rows] == ["INT8", "INT8"]
    ordered = json.loads(here("layers", work / "s.qdeck", "--json", "--sort", "sqnr").stdout)
    assert [row["sqnr"] for row in ordered] == sorted(row["sqnr"] for row in rows)
    figures = work / "all.json"
    here("export", work / "s.qdeck", "--json", figures)
    for row, exported in zip(rows, json.loads(figures.read_text())["layers"], strict=True):
        assert row.items() >= exported.items()  # the same figures, cost and noise at the outputs included
        assert exported["predicted_cost_share"] > 0
    job = json.loads(here("jobs", work / "s.qdeck", "--json").stdout)[0]
    assert job["state"] == "done"


def test_another_model_is_refused_by_a_session(work: Path, tmp_path: Path, here: Here) -> None:
    other = hostile_model(tmp_path / "other.onnx")
    done = here(
        "run_calibration", other, "--dataset", samples(tmp_path / "d", 4), "-o", tmp_path / "t", "--session",
        work / "s.qdeck",
    )  # fmt: skip
    assert "another model" in sentence(done)


def test_backup_says_what_it_wrote_and_never_replaces(work: Path, tmp_path: Path, here: Here) -> None:
    done = here("backup", work / "s.qdeck", tmp_path / "copy.qdeck")
    assert done.returncode == 0
    assert str(tmp_path / "copy.qdeck").encode() in done.stdout
    first = here("layers", work / "s.qdeck")
    assert here("layers", tmp_path / "copy.qdeck").stdout == first.stdout
    assert "exists already" in sentence(here("backup", work / "s.qdeck", tmp_path / "copy.qdeck"))


def test_the_list_of_sessions_and_a_place_that_is_set(work: Path, tmp_path: Path) -> None:
    here = {"QUANTDECK_HOME": str(tmp_path)}
    assert quantdeck("sessions", environment=here).stdout == b""
    (tmp_path / "sessions").mkdir()
    quantdeck("backup", work / "s.qdeck", tmp_path / "sessions" / "a.qdeck")
    assert b"a.qdeck" in quantdeck("sessions", environment=here).stdout
    entries = json.loads(quantdeck("sessions", "--sessions-folder", work, "--json").stdout)
    assert [Path(entry["path"]).name for entry in entries] == ["s.qdeck"]


def test_without_a_home_reading_and_help_still_work(work: Path) -> None:
    nowhere = {"HOME": "relative", "XDG_DATA_HOME": "", "QUANTDECK_HOME": "", "PATH": os.environ["PATH"]}
    assert quantdeck("--help", environment=nowhere).returncode == 0
    assert quantdeck("layers", work / "s.qdeck", environment=nowhere).returncode == 0


def test_samples_with_a_nan_never_reach_a_table(work: Path, tmp_path: Path, here: Here) -> None:
    model = dense_model(tmp_path / "wild.onnx", wild=True)
    done = here("run_calibration", model, "--dataset", work / "data", "-o", tmp_path / "t")
    assert done.returncode == 2
    assert not (tmp_path / "t").exists()


def test_lists_of_samples_are_dumped_where_the_original_puts_them(
    work: Path, tmp_path: Path, here: Here
) -> None:
    done = here(
        "run_calibration", work / "m.onnx", "--dataset", work / "data", "--tune_num", "2", "-o", "t", "--debug_cmd",
        "dump_list;use_max", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0
    listed = (tmp_path / "selected_image_list.txt").read_text().splitlines()
    assert sorted(listed) == sorted(str(path) for path in (work / "data").iterdir())
    assert (tmp_path / "selected_tune_image_list.txt").read_text().splitlines() == listed[:2]
    again = here(
        "run_calibration", work / "m.onnx", "--data_list", "selected_image_list.txt", "--tune_num", "2", "-o", "t2",
        "--cali_method", "max", cwd=tmp_path,
    )  # fmt: skip
    assert again.returncode == 0
    first, second = ((tmp_path / name).read_text().splitlines()[-3:] for name in ("t", "t2"))
    assert first == second


# ------------------------------------------------------------ hostile names (cases 41 and 51)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    hostile_model(folder / "h.onnx")
    samples(folder / "data", 4)
    return folder


def test_no_control_byte_of_a_name_reaches_a_stream(hostile: Path, here: Here) -> None:
    calls = [
        ("layers", "h.onnx"),
        ("layers", "h.onnx", "--wide"),
        ("run_calibration", "h.onnx", "--dataset", "data", "--session", "h.qdeck", "-o", "t"),
        ("evaluate", "h.onnx", "--dataset", "data", "--calibration_table", "t"),
        ("evaluate", "h.onnx", "--dataset", "data", "--calibration_table", "t", "--json"),
        ("layers", "h.qdeck"),
        ("jobs", "h.qdeck"),
    ]
    for arguments in calls:
        done = here(*arguments, cwd=hostile)
        assert done.returncode == 0, done.stderr
        assert not forbidden_bytes(done.stdout), arguments
        assert not forbidden_bytes(done.stderr), arguments
        assert done.stdout


def test_json_gives_hostile_names_back_exactly(hostile: Path, here: Here) -> None:
    done = here("layers", "h.onnx", "--json", cwd=hostile)
    names = [row["name"] for row in json.loads(done.stdout)]
    assert done.stdout.isascii()
    assert names == [f"{name}_Sigmoid" for name in (*HOSTILE, "y")]
    table = here("layers", "h.onnx", cwd=hostile).stdout.decode().splitlines()
    assert len(table) == len(names) + 2


LOCALES = (
    {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    {"LC_ALL": "POSIX"},
    {"LC_ALL": "en_US.ISO-8859-1", "PYTHONUTF8": "0"},
    {"LC_ALL": "", "LANG": ""},
    {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
)


@pytest.fixture(scope="module")
def wide_table(hostile: Path) -> bytes:
    return quantdeck("layers", "h.onnx", "--wide", cwd=hostile, environment={"LC_ALL": "C.UTF-8"}).stdout


@pytest.mark.parametrize("environment", LOCALES)
def test_standard_output_is_the_same_in_every_locale(
    hostile: Path, wide_table: bytes, environment: dict[str, str]
) -> None:
    """Case 50."""
    assert "\u5c42" in wide_table.decode("utf-8")
    found = quantdeck("layers", "h.onnx", "--wide", cwd=hostile, environment=environment)
    assert (found.stdout, found.returncode) == (wide_table, 0)


# ------------------------------------------------------------ faults, signals, pipes


@pytest.fixture
def broken(tmp_path: Path) -> dict[str, str]:
    """An environment in which reading a model meets a bug whose message is hostile."""
    (tmp_path / "sitecustomize.py").write_text(
        "import quantdeck.sessions.work as work\n"
        "def load(*_):\n"
        "    import os; os.write(2, b'chatter \\x1b[2J\\n')\n"
        "    raise KeyError('bad \\x1b]52;c;AAAA\\x07\\nname')\n"
        "work.load_model = load\n"
    )
    return {"PYTHONPATH": str(tmp_path), "QUANTDECK_HOME": str(tmp_path / "home")}


def test_a_fault_is_one_line_and_a_log(work: Path, tmp_path: Path, broken: dict[str, str]) -> None:
    done = quantdeck("layers", work / "m.onnx", environment=broken)
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert b"KeyError" in done.stderr
    logs = list((tmp_path / "home" / "logs").iterdir())
    assert len(logs) == 1
    assert str(logs[0]).encode() in done.stderr
    text = logs[0].read_bytes()
    assert not forbidden_bytes(text)
    assert b"layers.py" in text
    assert b"chatter" in text


def test_a_reader_that_leaves_is_no_error(work: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    process = subprocess.Popen(
        [*command(), "layers", str(work / "m.onnx")],
        stdin=subprocess.DEVNULL,
        stdout=write,
        stderr=subprocess.PIPE,
    )
    os.close(write)
    assert process.communicate()[1] == b""
    assert process.returncode == diagnostics.NO_READER


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_behind_standard_output_is_said(work: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*command(), "layers", str(work / "m.onnx")], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 2
    assert b"standard output cannot be written" in done.stderr


def test_ctrl_c_ends_with_130(work: Path, tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from quantdeck.sessions import work\n"
        "work.load_model = lambda *_: os.kill(os.getpid(), signal.SIGINT)\n"
        "from quantdeck.cli.main import cli\n"
        "cli(['layers', sys.argv[1]])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(work / "m.onnx")], capture_output=True, check=False
    )
    assert done.returncode == 128 + signal.SIGINT
    assert b"Traceback" not in done.stderr


def test_closed_streams_are_no_fault(work: Path) -> None:
    shell = f"{' '.join(command())} layers {work / 'm.onnx'} >&- 2>&-"
    assert subprocess.run(["sh", "-c", shell], check=False).returncode in (0, 2)


# ------------------------------------------------------------ help and imports


@pytest.mark.parametrize("name", [*COMMANDS, OPEN.module])
def test_every_help_states_the_exit_status(name: str) -> None:
    found = group.get_command(click.Context(group), name)
    assert found is not None
    with click.Context(found, info_name=name) as context:
        text = found.get_help(context)
    assert "Exit status" in text
    assert "3  " in text


HEAVY = ("numpy", "onnx", "onnxruntime", "cv2", "textual", "sqlite_utils", "rich", "psutil", "quantdeck.tui")
LIGHT = {
    "--help": HEAVY,
    "--version": HEAVY,
    "run_calibration --help": HEAVY,
    "evaluate --help": tuple(name for name in HEAVY if name != "rich"),
    "open --help": HEAVY,
    "backup --help": HEAVY,
    "layers SESSION": ("numpy", "onnx", "onnxruntime", "cv2", "textual", "sqlite_utils", "psutil"),
    "jobs SESSION": ("numpy", "onnx", "onnxruntime", "cv2", "textual", "sqlite_utils"),
    "sessions --sessions_folder .": ("numpy", "onnx", "onnxruntime", "cv2", "textual", "sqlite_utils"),
}


@pytest.mark.parametrize("arguments", LIGHT)
def test_a_command_imports_only_what_it_needs(work: Path, arguments: str) -> None:
    words = arguments.replace("SESSION", str(work / "s.qdeck")).split()
    code = (
        "import sys\n"
        "from quantdeck.cli.main import cli\n"
        "try:\n    cli(sys.argv[1:])\n"
        "except SystemExit as end:\n"
        "    print('MODULES', *sys.modules, file=sys.stderr)\n    raise\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, encoding="utf-8", check=False, cwd=work
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stderr.rpartition("MODULES")[2].split())
    assert not loaded & set(LIGHT[arguments])
