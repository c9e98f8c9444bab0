"""The kernel tests again, on a build with the address and undefined-behaviour sanitizers."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from quantdeck.engine.ops_c import build

ROOT = Path(__file__).parents[2]
FLAGS = ["-g", "-O1", "-ffp-contract=off", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]

# The extension of this build stands in for the installed one before anything imports it.
START = """
import importlib.util, sys
import quantdeck.engine.ops_c
spec = importlib.util.spec_from_file_location("quantdeck.engine.ops_c._kernels", {library!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
sys.modules[spec.name] = module
quantdeck.engine.ops_c._kernels = module
import pytest
from quantdeck.engine.ops_c import native
assert native.lib is module.lib
sys.exit(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-m", "not slow and not sanitizer", *{tests!r}]))
"""


def _runtime(name):
    found = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def _build(folder):
    """Every C file and the glue in one shared object."""
    glue, library = folder / "_kernels.c", folder / "_kernels.abi3.so"
    build.ffibuilder.emit_c_code(str(glue))
    sources = sorted(build.source_folder().glob("*.c"))
    places = ["-I", str(build.source_folder()), "-I", sysconfig.get_paths()["include"]]
    subprocess.run(
        ["gcc", "-shared", "-fPIC", *FLAGS, *places, glue, *sources, "-lm", "-o", library], check=True
    )
    return library


@pytest.mark.sanitizer
def test_kernels_under_sanitizers(tmp_path):
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not here")
    library = _build(tmp_path)
    tests = [str(p) for p in sorted(Path(__file__).parent.glob("test_*.py")) if p.name not in _NOT_AGAIN]
    environment = {
        **os.environ,
        "LD_PRELOAD": f"{_runtime('libasan.so')} {_runtime('libubsan.so')}",
        "ASAN_OPTIONS": "detect_leaks=0",
        "PYTHONMALLOC": "malloc",
    }
    run = START.format(library=str(library), tests=tests)
    result = subprocess.run(
        [sys.executable, "-c", run], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, (result.stdout + result.stderr)[-8000:]


_NOT_AGAIN = {"test_sanitizer.py", "test_build.py", "test_levels.py"}
