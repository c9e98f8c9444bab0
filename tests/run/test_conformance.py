"""Our simulation against the original tool's dumps, byte by byte."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from quantdeck.engine.errors import QuantdeckError
from quantdeck.engine.run.backend import TWINS
from quantdeck.engine.run.conformance import check_case, render

from quantdeck.cli.conformance import conformance

INTEGERS = {
    "mini_act/bm1684x_int8": 315_072,
    "mini_bin/bm1684x_int8": 517_888,
    "mini_conv/bm1684x_int8": 150_632,
    "mini_conv/bm1684x_int8_mixf16": 150_632,
    "mini_conv/bm1684x_int8_mixbf16": 150_632,
    "mini_misc/bm1684x_int8": 474_912,
    "mini_mm/bm1684x_int8": 12_074,
    "mini_mm/bm1688_int8": 17_706,
    "mini_trig/bm1684x_int8": 103_104,
    "synth_ops/bm1684x_int8": 296_452,
    "synth_ops/bm1688_int8": 339_460,
}
"""Integer elements of each dump."""

ZOO = {
    "mobilenet_v2/bm1684x_int8": 6_832_200,
    "tiny_darknet/bm1684x_int8": 6_419_824,
    "ppocrv4_rec/bm1684x_int8": 21_018_060,
}


@pytest.mark.parametrize("case", INTEGERS)
def test_every_integer_of_the_small_networks_is_equal(shared: Path, case: str) -> None:
    report = check_case(shared / "reference" / case)
    assert report.integers() == (INTEGERS[case], 0, 0), render(report)
    assert report.missing == ()
    assert max(item.largest for item in report.tensors) < 1e-5


def test_the_twins_are_equal_too(shared: Path) -> None:
    assert check_case(shared / "reference/mini_conv/bm1684x_int8", backend=TWINS).equal


@pytest.mark.parametrize(("case", "most"), [("f32", 1e-5), ("f16", 1e-3), ("bf16", 1e-2)])
def test_float_networks_differ_by_roundings_only(shared: Path, case: str, most: float) -> None:
    report = check_case(shared / f"reference/mini_conv/bm1684x_{case}")
    assert max(item.largest for item in report.tensors) < most
    if case != "f32":
        elements, rule, _ = report.floats()
        assert rule < elements / 1000


@pytest.mark.slow
@pytest.mark.parametrize("case", ZOO)
def test_every_integer_of_the_zoo_networks_is_equal(shared: Path, case: str) -> None:
    model = shared / "zoo/models" / f"{case.split('/', maxsplit=1)[0]}.onnx"
    report = check_case(shared / "reference" / case, model)
    assert report.integers() == (ZOO[case], 0, 0), render(report)


def test_a_changed_dump_is_found_where_it_was_changed(shared: Path, tmp_path: Path) -> None:
    source = shared / "reference/mini_conv"
    for name in ("top.mlir", "top_weights.npz", "input.npz"):
        shutil.copy(source / name, tmp_path / name)
    shutil.copytree(source / "tables", tmp_path / "tables")
    folder = tmp_path / "bm1684x_int8"
    folder.mkdir()
    with np.load(source / "bm1684x_int8/dump.npz") as archive:
        dump = {name: archive[name].copy() for name in archive.files}
    dump["c2_Conv"].reshape(-1)[5] ^= 1
    np.savez(folder / "dump.npz", **dump)
    report = check_case(folder)
    named = {item.name: (item.rule, item.network) for item in report.tensors}
    assert named["c2_Conv"] == (1, 1)
    assert named["r6_Clip"] == (0, 0)
    assert named["add1_Add"][1] == 0
    assert "c2_Conv" in render(report)
    run = CliRunner().invoke(conformance, [str(folder)])
    assert run.exit_code == 3
    assert "1 differ by layer" in run.output or "differ by layer" in run.output


def test_the_command_reports_equal_cases(shared: Path) -> None:
    case = str(shared / "reference/mini_conv/bm1684x_int8")
    run = CliRunner().invoke(conformance, [case])
    assert run.exit_code == 0
    assert "150632 elements, 0 differ by layer, 0 in the whole network" in run.output
    rows = json.loads(CliRunner().invoke(conformance, [case, "--json"]).output)
    assert rows[0]["chip"] == "bm1684x"
    assert len(CliRunner().invoke(conformance, [case, "--all"]).output.splitlines()) > 20


def test_what_is_missing_is_named(shared: Path, tmp_path: Path) -> None:
    with pytest.raises(QuantdeckError, match="no conformance case"):
        check_case(tmp_path)
    with pytest.raises(QuantdeckError, match="--onnx"):
        check_case(shared / "reference/mobilenet_v2/bm1684x_int8")
    (tmp_path / "broken.onnx").write_bytes(b"\x08\x09nothing")
    with pytest.raises(QuantdeckError, match=r"broken\.onnx"):
        check_case(shared / "reference/mobilenet_v2/bm1684x_int8", tmp_path / "broken.onnx")
