"""The generated matrix kernels, and what the compiler made of them: accumulators must live in registers."""

import re
import runpy
import shutil
import subprocess

import pytest
from quantdeck.engine.ops_c import _kernels, build, kernels


def _functions() -> dict[str, list[str]]:
    text = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", _kernels.__file__], capture_output=True, text=True, check=True
    ).stdout
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        head = re.match(r"[0-9a-f]+ <(\w+)(\.\w+)*>:", line)
        if head:
            lines = found.setdefault(head.group(1), [])
        elif "\t" in line:
            lines.append(line.split("\t", 1)[1])
    return found


@pytest.mark.skipif(shutil.which("objdump") is None, reason="objdump is not installed")
def test_no_accumulator_goes_through_memory():
    """No vector meets the stack in the biggest tile of AVX512-VNNI, which has 24 accumulators."""
    if "avx2" not in kernels.levels():
        pytest.skip("not an x86 build")
    functions = _functions()
    if any("__asan_" in line for line in functions.get("tile_4x6", [])):
        pytest.skip("a build with sanitizers")
    if "tile_4x6" not in functions:
        pytest.skip("the extension was stripped of its names")
    body = functions["tile_4x6"]
    assert sum("vpdpbusd" in line for line in body) == 24
    assert not [line for line in body if "zmm" in line and re.search(r"\(%r[sb]p", line)]


def test_generated_files_are_current():
    folder = build.source_folder()
    for name, text in runpy.run_path(str(folder / "generate_gemm.py"))["texts"]().items():
        assert (folder / name).read_text(encoding="utf-8") == text, f"{name}: run generate_gemm.py"
