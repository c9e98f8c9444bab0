"""Locales that are not UTF-8 (case 50), and streams that case 51 names beyond tables and layers."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from case_models import floats, model, node, samples, save

import quantdeck as qd

NAMES = ("\u5c42[0]/\u540d", "caf\xe9\x1b]52;c;AAAA\x07", "\u03b2\x9b31m:x", "plain")
LOCALES: tuple[Mapping[str, str], ...] = (
    {"LC_ALL": "C.UTF-8"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "en_US.ISO-8859-1"},
    {"LC_ALL": "", "LANG": "", "PYTHONIOENCODING": "ascii"},
)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A chain of four layers with names beyond ASCII, and samples."""
    folder = tmp_path_factory.mktemp("case50")
    nodes, source = [], "in\xe9"
    for target in NAMES:
        made = node("Sigmoid", "a", "b")
        made.input[:], made.output[:] = [source], [target]
        nodes.append(made)
        source = target
    path = save(model(nodes, {"in\xe9": [1, 3]}, [source], name="graph"), folder)
    return path, samples(folder / "samples", [{"v": floats(1, 3, seed=index)} for index in range(2)])


def run(
    folder: Path, locale: Mapping[str, str], *arguments: str | Path
) -> subprocess.CompletedProcess[bytes]:
    """The command under a locale, its streams as bytes."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LC_", "LANG")) and name not in ("PYTHONUTF8", "PYTHONIOENCODING")
    }
    return subprocess.run(
        [sys.executable, "-m", "quantdeck", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=folder,
        env={**kept, **locale, "QUANTDECK_HOME": str(folder / "home")},
        check=False,
    )


def test_50_every_locale_gives_the_same_bytes_and_reads_the_others_table(
    work: tuple[Path, Path], tmp_path: Path
) -> None:
    path, dataset = work
    found: set[tuple[bytes, ...]] = set()
    for place, locale in enumerate(LOCALES):
        table = tmp_path / "table"  # of the locale before, read by this one
        streams = [run(tmp_path, locale, "layers", path), run(tmp_path, locale, "layers", path, "--json")]
        if place:
            scored = run(
                tmp_path, locale,
                "evaluate", path, "--calibration_table", table, "--dataset", dataset, "--json",
            )  # fmt: skip
            assert scored.returncode == 0, scored.stderr
            assert scored.stdout.isascii()
        made = run(
            tmp_path, locale,
            "run_calibration", path, "--dataset", dataset, "--cali_method", "use_max", "-o", table,
        )  # fmt: skip
        streams.append(made)
        assert all(one.returncode == 0 for one in streams), [one.stderr for one in streams]
        assert not any(b"Unicode" in one.stderr for one in streams)
        rows = [line for line in table.read_bytes().splitlines() if not line.startswith(b"# ")]  # no date
        found.add((*(one.stdout for one in streams), *rows))
        assert f"{NAMES[0]}_Sigmoid" in qd.read_table(table).rows
    assert len(found) == 1
    assert not [log for log in tmp_path.rglob("*.log") if b"UnicodeEncodeError" in log.read_bytes()]


def harmless(data: bytes) -> bool:
    """Whether nothing in it is acted on by a terminal; newlines are the product's own."""
    return all(line.isprintable() for line in data.decode("utf-8").split("\n"))


def test_51_regions_jobs_and_logs_hold_no_control_byte(work: tuple[Path, Path], tmp_path: Path) -> None:
    path, dataset = work
    locale = LOCALES[0]
    name = f"{NAMES[1]}_Sigmoid"
    common = ("fp_forward", path, "--chip", "bm1684x", "-o", tmp_path / "qtable", "--fpfwd_outputs")
    done = run(tmp_path, locale, *common, name)
    assert done.returncode == 0, done.stderr
    assert name in qd.read_qtable(tmp_path / "qtable")
    lost = run(tmp_path, locale, *common, "nobody\x1b]0;t\x07\x9b")
    assert lost.returncode == 2
    assert lost.stderr.count(b"\n") == 1
    session = tmp_path / "s\x1b[2J.qdeck"
    made = run(
        tmp_path, locale,
        "run_calibration", path, "--dataset", dataset, "--session", session, "-o", tmp_path / "t",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    listed, known = run(tmp_path, locale, "jobs", session), run(tmp_path, locale, "sessions")
    why = run(tmp_path, locale, "layers", session, "--why", name)
    for one in (done, lost, made, listed, known, why):
        assert harmless(one.stdout + one.stderr), one.args
        assert b"Traceback" not in one.stderr
    assert all(harmless(log.read_bytes()) for log in tmp_path.rglob("*.log"))
