"""Looking at a session's header must not take away the locks of the connections that are open on it."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

from quantdeck.sessions.handles import Handles
from quantdeck.sessions.recognise import read_header
from quantdeck.sessions.store import create_session, open_session

WRITER = """
import sys
from pathlib import Path
from quantdeck.sessions.store import open_session
with open_session(Path(sys.argv[1])) as session, session.write() as writer:
    writer.update("state", 1, {"title": "written"})
"""


def test_the_log_stays_while_somebody_reads_who_looked_at_the_header_too(tmp_path: Path) -> None:
    path = tmp_path / "s.qdeck"
    create_session(path, title="t", chip="bm1684x", fp_type="F16").close()
    with open_session(path, readonly=True) as reader:
        assert reader.row("SELECT title FROM state")[0] == "t"
        for _ in range(3):
            read_header(path)
            with open_session(path) as writer, writer.write() as commit:
                commit.update("state", 1, {"fp_type": "F32"})
            read_header(path)
            subprocess.run([sys.executable, "-c", WRITER, str(path)], check=True)
            assert path.with_name("s.qdeck-wal").exists()  # the other one was not the last
            assert reader.row("SELECT title FROM state")[0] == "written"
    plain = sqlite3.connect(path)
    assert plain.execute("PRAGMA quick_check").fetchone()[0] == "ok"
    plain.close()


def test_kept_handles_are_closed_with_the_last_connection(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    handles = Handles()
    identity = (path.stat().st_dev, path.stat().st_ino)

    def held() -> int:
        return sum(os.path.realpath(f"/proc/self/fd/{fd}") == str(path) for fd in os.listdir("/proc/self/fd"))

    assert handles.read_start(path, 4) == b"0123"
    assert held() == 0
    handles.opened(identity)
    handles.opened(identity)
    assert [handles.read_start(path, 4) for _ in range(5)] == [b"0123"] * 5
    assert held() == 1
    handles.closed(identity)
    assert held() == 1
    handles.closed(identity)
    assert held() == 0
