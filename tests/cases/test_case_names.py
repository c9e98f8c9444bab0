"""Control sequences in names, outside the full screen (case 51)."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from case_models import floats, model, node, quantdeck, samples, save

import quantdeck as qd

HOSTILE = (
    "osc52\x1b]52;c;cm0gLXJm\x07",
    "osc8\x1b]8;;http://example.org\x1b\\text\x1b]8;;\x1b\\",
    "title\x1b]0;owned\x07",
    "up\x1b[5A\x1b[2K",
    "clear\x1b[2J\x1b[H",
    "report\x1b[6n\x1b[c",
    "dcs\x1bPq#0\x1b\\",
    "c1\x9b31m\x90\x9d",
    "reset\x1bc",
    "return\rforged",
    "newline\nforged row 1.0 2.0",
    "bidi\u202egnp.exe\u2066",
    "open\x1b]0;never closed",
    "[bold red]markup[/]",
    "\u5c42\u540d\u5b57",
    "family\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "long" * 1250,
    "zero\u200bwidth\ufeff",
    "<script>alert(1)</script>",
    "tab\tand blank",
    "# leading",
)
INPUT = "in\x1b[31mput"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A chain of 300 small layers, some with hostile names, and samples of one value."""
    folder = tmp_path_factory.mktemp("case51")
    names = [INPUT]
    for index in range(300):
        place, rest = divmod(index, 14)
        names.append(HOSTILE[place] if rest == 0 and place < len(HOSTILE) else f"layer{index}")
    nodes = []
    for source, target in pairwise(names):
        made = node("Sigmoid", "a", "b")
        made.input[:], made.output[:] = [source], [target]
        made.name = f"{target} node"
        nodes.append(made)
    path = save(model(nodes, {INPUT: [1, 1]}, [names[-1]], name="graph\x1b]0;t\x07"), folder)
    return path, samples(folder / "samples", [{"v": floats(1, 1, seed=index)} for index in range(2)])


def _assert_harmless(text: str) -> None:
    """Newlines are the product's own; nothing else that a terminal acts on. The joiner holds families together."""
    assert all(line.replace("\u200d", "").isprintable() for line in text.split("\n"))


def test_51_streams_of_the_commands_hold_no_control_byte(hostile: tuple[Path, Path], tmp_path: Path) -> None:
    path, dataset = hostile
    table = tmp_path / "table"
    made = quantdeck(
        "run_calibration", path, "--dataset", dataset, "--cali_method", "use_max", "-o", table, cwd=tmp_path
    )
    assert made.returncode == 0, made.stderr
    _assert_harmless(made.stdout + made.stderr)
    _assert_harmless(table.read_text(encoding="utf-8"))
    shown = quantdeck("layers", path, cwd=tmp_path)
    _assert_harmless(shown.stdout + shown.stderr)
    scored = quantdeck("evaluate", path, "--calibration_table", table, "--dataset", dataset, cwd=tmp_path)
    assert scored.returncode == 0, scored.stderr
    _assert_harmless(scored.stdout + scored.stderr)


def test_51_json_gives_names_back_exactly(hostile: tuple[Path, Path], tmp_path: Path) -> None:
    path, _ = hostile
    done = quantdeck("layers", path, "--json", cwd=tmp_path)
    assert done.stdout.isascii()
    names = {row["name"] for row in json.loads(done.stdout)}
    assert {f"{name}_Sigmoid" for name in HOSTILE} <= names


def test_51_tables_hold_a_row_a_layer_and_read_back_exactly(
    hostile: tuple[Path, Path], tmp_path: Path
) -> None:
    path, dataset = hostile
    graph = qd.read_onnx(path)
    chosen = qd.select_samples(graph, dataset=dataset, number=0)
    found = qd.calibrate(graph, chosen, method="max", tune_num=0)
    qd.write_table(tmp_path / "table", qd.CalibrationTable(rows=found.thresholds, header=()))
    rows = qd.read_table(tmp_path / "table").rows
    assert list(rows) == [INPUT, *(layer.name for layer in graph.layers)]
    for name, row in found.thresholds.items():
        assert rows[name].value == pytest.approx(row.value, rel=1e-6)
    modes = {layer.name: qd.Mode.F16 for layer in graph.layers}
    qd.write_qtable(tmp_path / "qtable", modes, chip="bm1684x", fp_type="F16", samples=2)
    assert dict(qd.read_qtable(tmp_path / "qtable")) == modes


def test_51_errors_show_a_hostile_name_harmlessly(tmp_path: Path) -> None:
    folder = tmp_path / "bad\x1b]0;t\x07"
    folder.mkdir()
    (folder / "m.onnx").write_bytes(b"nothing")
    done = quantdeck("layers", folder / "m.onnx", cwd=tmp_path)
    assert done.returncode == 2
    _assert_harmless(done.stderr)
