"""Session files for the tests, made through the store alone."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from quantdeck.engine.plan import Plan, Threshold
from quantdeck.sessions.records import put_plan
from quantdeck.sessions.store import create_session


def make(path: Path, *, layers: int = 3) -> Path:
    """A finished session with some layers and a plan."""
    with create_session(path, title="test", chip="bm1684x", fp_type="F16") as session:
        with session.write() as writer:
            writer.insert(
                "model",
                [
                    {
                        "id": 1,
                        "path": "/models/m.onnx",
                        "digest": "a" * 64,
                        "graph_digest": "b" * 64,
                        "name": "m",
                        "size": 1,
                        "inputs": "[]",
                        "outputs": "[]",
                        "notes": "[]",
                    }
                ],
            )
            writer.insert("layer", [_layer(number, writer.rev) for number in range(layers)])
        rows = {f"t{number}": Threshold(1.5 + number, -1.0, 2.0, "kl") for number in range(layers)}
        put_plan(session, Plan("bm1684x", "F16", rows), "kl calibration")
    return path


def _layer(number: int, rev: int) -> dict[str, object]:
    return {
        "position": number,
        "name": f"layer{number}",
        "op": "Conv",
        "shape": "1x8x4x4",
        "macs": 100 * (number + 1),
        "params": 7,
        "inputs": json.dumps(["x"]),
        "outputs": json.dumps([f"t{number}"]),
        "detail": "",
        "rev": rev,
    }


def as_ordinary_user(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command for whom permissions mean something, which they do not to root."""
    prefix: list[str] = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("tests run as root and there is no setpriv to give its power away")
        prefix = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    return subprocess.run(
        [*prefix, *map(str, command)], capture_output=True, encoding="utf-8", check=False, cwd="/"
    )


def python_as_ordinary_user(code: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Python code so."""
    return as_ordinary_user(sys.executable, "-c", code, *arguments)
