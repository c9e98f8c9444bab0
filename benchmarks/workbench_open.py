"""How long the workbench takes to open a session of 2,000 layers and 100,000 trials.

Prints seconds from the start of the program to the first full picture of the layers, and from there to the search
screen, with the processor time of each (which a busy machine does not change much); then how soon keys are answered
while the trials are read: the first byte of what arrow keys and Help write. Style 2.9 and the workbench's requirements
give the limits: 0.5 s for any session, 1 s for this one, 50 ms for the 90th percentile of keys.
Run: python benchmarks/workbench_open.py
"""

import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "tui"))

from key_times import late
from open_times import LAYERS, TRIALS, large_session, meanwhile, shown
from pty_terminal import Terminal
from sample_session import make_session

RUNS = 5


def main() -> None:
    """Measure."""
    with tempfile.TemporaryDirectory() as folder:
        small = make_session(Path(folder) / "small.qdeck")
        large = large_session(Path(folder) / "large.qdeck")
        print(f"{large.stat().st_size / 1e6:.0f} MB, {LAYERS} layers, {TRIALS} trials; best of {RUNS}")
        for path, count, search in (
            (small, "of 64", "no search yet"),
            (large, f"of {LAYERS}", f"{TRIALS + 14} trials"),
        ):
            opened: list[tuple[float, float]] = []
            searched: list[tuple[float, float]] = []
            for _ in range(RUNS):
                with Terminal(path, (160, 48)) as terminal:
                    opened.append(shown(terminal, count))
                    terminal.send("3")
                    wall, used = shown(terminal, search)
                    searched.append((wall, used - opened[-1][1]))
                    terminal.send("q")
                    terminal.wait()
            for what, times in (("open", opened), ("search screen", searched)):
                wall, used = (min(column) for column in zip(*times, strict=True))
                print(f"{path.stem:6} {what:14} {wall:5.2f} s  processor {used:5.2f} s")
        for what, keys in (("arrows", ("\x1b[B", "\x1b[B", "\x1b[A")), ("Help and back", ("?", "\x1b"))):
            times = meanwhile(large, keys, RUNS)
            middle = statistics.median(times)
            print(f"{what:14} meanwhile: {len(times)} keys, median {middle:.0f} ms, p90 {late(times):.0f} ms")


if __name__ == "__main__":
    main()
