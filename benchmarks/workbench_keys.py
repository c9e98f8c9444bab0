"""How soon the workbench answers a key while every core is busy at nice 10, and how much it writes at rest.

Prints, for 60 keys on a table of 2,000 layers: median, 90th percentile and maximum of the time from the key to the
first byte of the answer (style 2.6 and 2.9 give the limits: 20 and 50 ms). Run: python benchmarks/workbench_keys.py
"""

import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "tui"))

from pty_terminal import Terminal
from sample_session import make_session

KEYS = 60
BURN = "import os; os.nice(10)\nwhile True: sum(range(100000))"


def answers(terminal: Terminal) -> list[float]:
    """Milliseconds from each key to the first byte of its answer."""
    found: list[float] = []
    for step in range(KEYS):
        terminal.read(quiet=0.12, limit=0.4)
        start = time.perf_counter()
        terminal.send("\x1b[B" if step % 20 < 15 else "\x1b[A")
        select.select([terminal.fd], [], [], 2.0)
        found.append((time.perf_counter() - start) * 1000)
    return found


def main() -> None:
    """Measure at rest, then with every core busy."""
    with tempfile.TemporaryDirectory() as folder:
        session = make_session(Path(folder) / "large.qdeck", layers=2000)
        with Terminal(session, (120, 40)) as terminal:
            terminal.read_until("1 of 2000")
            for title, count in (("idle", 0), ("every core busy", os.cpu_count() or 1)):
                burning = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(count)]
                times = sorted(answers(terminal))
                for process in burning:
                    process.kill()
                    process.wait()
                print(
                    f"{title:16} median {statistics.median(times):5.1f} ms  p90 {times[KEYS * 9 // 10]:5.1f} ms"
                    f"  max {times[-1]:5.1f} ms"
                )
            terminal.read(quiet=0.5)
            print(f"bytes in 10 s at rest: {len(terminal.read(quiet=10.0, limit=10.0))}")


if __name__ == "__main__":
    main()
