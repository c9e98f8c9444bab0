"""How soon the workbench answers a key while every core is busy and on a slow line; what it writes at rest.

Prints, for keys on a table of 2,000 layers: median, 90th percentile and maximum of the time from the key to the first
byte of the answer (limits: 20 and 50 ms); the same at 160x48 with the detail beside the table and a running search, on
a line that passes 8 KB a second on, until the moved cursor's place stands there (limit: 150 ms for the 90th
percentile). The terminal behind that line answers where the cursor is asked for, or stays silent.
Run: python benchmarks/workbench_keys.py
"""

import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "tui"))

from key_times import LAYERS, answers, busy, late, slow_answers
from pty_terminal import Terminal
from sample_session import add_search, make_session


def report(title: str, times: list[float]) -> None:
    """One line of figures."""
    middle = statistics.median(times)
    print(
        f"{title:34} median {middle:5.1f} ms  p90 {late(times):5.1f} ms  max {max(times):5.1f} ms", flush=True
    )


def main() -> None:
    """Measure at rest, with every core busy, and on a slow line with every core busy."""
    with tempfile.TemporaryDirectory() as folder:
        session = make_session(Path(folder) / "large.qdeck", layers=LAYERS)
        with Terminal(session, (120, 40)) as terminal:
            terminal.read_until(f"1 of {LAYERS}")
            for title, count in (("idle", 0), ("every core busy", None)):
                report(title, busy(lambda: answers(terminal), count))
            terminal.read(quiet=0.5)
            print(f"bytes in 10 s at rest: {len(terminal.read(quiet=10.0, limit=10.0))}", flush=True)
        job = add_search(session)
        for title, silent in (
            ("8 KB/s, busy, terminal answers", False),
            ("8 KB/s, busy, silent terminal", True),
        ):
            report(title, busy(lambda silent=silent: slow_answers(session, job, silent=silent)))


if __name__ == "__main__":
    main()
